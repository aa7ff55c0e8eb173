-- The user of `adloom sink`: it makes and fills the tables of `adloom`, and removes people
-- who are forgotten; nothing else. Run once as an administrator, with a password of your
-- own in place of the question marks:
--
--   clickhouse-client --multiquery < deploy/clickhouse/users/writer.sql

CREATE ROLE IF NOT EXISTS adloom_write;

GRANT CREATE DATABASE, CREATE TABLE, ALTER ADD COLUMN ON adloom.* TO adloom_write;

GRANT SELECT, INSERT, ALTER DELETE, OPTIMIZE ON adloom.* TO adloom_write;

CREATE USER IF NOT EXISTS adloom_writer
    IDENTIFIED WITH sha256_password BY '???';

GRANT adloom_write TO adloom_writer;

SET DEFAULT ROLE adloom_write TO adloom_writer;
