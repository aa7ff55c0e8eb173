-- For a ClickHouse server (the engine in process has no users; there, the HTTP interface
-- of `adloom up` is read-only by itself). Run once as an administrator, with a password
-- of your own in place of the question marks:
--
--   clickhouse-client --multiquery < deploy/clickhouse/users/read_only.sql

CREATE ROLE IF NOT EXISTS adloom_read;

GRANT SELECT, SHOW ON adloom.* TO adloom_read;

CREATE SETTINGS PROFILE IF NOT EXISTS adloom_read SETTINGS
    readonly = 2,
    max_execution_time = 30 READONLY,
    max_result_bytes = 67108864 READONLY,
    max_memory_usage = 1000000000 READONLY,
    allow_ddl = 0 READONLY;

CREATE USER IF NOT EXISTS adloom_reader
    IDENTIFIED WITH sha256_password BY '???'
    SETTINGS PROFILE 'adloom_read';

GRANT adloom_read TO adloom_reader;

SET DEFAULT ROLE adloom_read TO adloom_reader;
