"""Avro bytes <-> columns, in numpy and compiled."""
