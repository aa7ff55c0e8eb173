"""Topics -> ClickHouse, each record once."""
