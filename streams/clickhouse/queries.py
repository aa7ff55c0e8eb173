"""A query -> its rows, from any clickhouse-connect client."""

from collections.abc import Sequence
from typing import Any, TypeVar

from clickhouse_connect.driver.client import Client

from streams.clickhouse.client import explained

T = TypeVar("T")


def rows(client: Client, sql: str, **parameters: Any) -> Sequence[Sequence[Any]]:
    """Return the rows of a query.

    Raises:
        UnavailableError: ClickHouse does not answer, or took too long.
        StateError: ClickHouse refused the query.
    """
    with explained():
        return client.query(sql, parameters=parameters or None).result_rows


def typed(client: Client, row: type[T], sql: str, **parameters: Any) -> list[T]:
    """Return the rows of a query as dataclasses, columns in the order of fields."""
    return [row(*values) for values in rows(client, sql, **parameters)]
