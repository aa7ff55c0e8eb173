"""ClickHouse: client, read-only HTTP interface, the questions asked of it."""
