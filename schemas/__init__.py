"""The contracts of Adloom: Avro schemas, their records and their codec."""
