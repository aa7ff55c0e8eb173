"""The ClickHouse schema: numbered migrations, one SQL text for every ClickHouse."""
