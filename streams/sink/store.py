"""Blocks, erasures -> ClickHouse; safe to repeat."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

import structlog
from clickhouse_connect.driver.client import Client

from streams.clickhouse.client import explained
from streams.errors import UnavailableError
from streams.sink.cuts import ArrowBlock
from streams.sink.erasures import Erasure
from streams.sink.tables import Block

LOG = structlog.get_logger(__name__)

GIVE_UP_S = 60.0
"""A ClickHouse that fails for so long ends the sink; offsets stay where they are."""

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0

_TABLES_ABOUT_PEOPLE = {
    "behavior": "user_id",
    "profile": "user_id",
    "text_signal": "user_id",
    "preference": "user_id",
    "creative_request": "user_id",
    "creative": "user_id",
    "feedback": "user_id",
    "dead_letter": "key",
}
"""Table -> the column that names the person."""

_USERS_PER_STATEMENT = 1_000

T = TypeVar("T")


class Store:
    """What the sink asks of ClickHouse; what may pass is tried again.

    Args:
        client: a client of the migrated database, used by one thread at a time.
        give_up_s: how long to try.
    """

    def __init__(self, client: Client, give_up_s: float = GIVE_UP_S) -> None:
        self._client = client
        self._give_up_s = give_up_s
        self._types: dict[str, dict[str, str]] = {}

    def insert(self, block: Block, token: str) -> None:
        """Insert a block once: the same token and table again changes nothing.

        Raises:
            UnavailableError: ClickHouse failed for too long.
            StateError: ClickHouse refused the block.
        """
        types = self._types_of(block.table)
        self._try(
            lambda: self._client.insert(
                block.table,
                block.columns,
                column_names=block.names,
                column_type_names=[types[name] for name in block.names],
                column_oriented=True,
                settings=_settings(token),
            )
        )

    def insert_arrow(self, block: ArrowBlock) -> None:
        """Insert a block of Arrow columns once, like `insert`.

        Raises:
            UnavailableError: ClickHouse failed for too long.
            StateError: ClickHouse refused the block.
        """
        self._try(
            lambda: self._client.raw_insert(
                block.table,
                block.names,
                cast(Any, block.content),  # any buffer will do, says the driver's code
                settings=_settings(block.token),
                fmt="ArrowStream",
            )
        )

    def erase(self, user_ids: Sequence[str]) -> None:
        """Remove every row about these people; the rows are gone when it returns.

        A mutation rewrites the parts: a lightweight DELETE would only hide the rows
        until some later merge.
        """
        for start in range(0, len(user_ids), _USERS_PER_STATEMENT):
            chunk = list(user_ids[start : start + _USERS_PER_STATEMENT])
            for table, column in _TABLES_ABOUT_PEOPLE.items():
                self._delete(table, column, chunk)

    def remember(self, erasures: Iterable[Erasure]) -> None:
        """Keep who is forgotten."""
        rows = [[erasure.user_digest, erasure.returned_at] for erasure in erasures]
        if rows:
            types = self._types_of("erasure")
            names = ("user_digest", "returned_at")
            self._try(
                lambda: self._client.insert(
                    "erasure",
                    rows,
                    column_names=names,
                    column_type_names=[types[name] for name in names],
                )
            )

    def erasures(self) -> list[Erasure]:
        """Return who is forgotten."""
        rows = self._try(
            lambda: (
                self._client.query(
                    "SELECT user_digest, toUnixTimestamp64Milli(returned_at) "
                    "FROM erasure FINAL"
                ).result_rows
            )
        )
        return [Erasure(digest, returned_at) for digest, returned_at in rows]

    def _delete(self, table: str, column: str, user_ids: list[str]) -> None:
        if not self._holds(table, column, user_ids):
            return  # a mutation rewrites parts: not for nothing
        self._try(
            lambda: self._client.command(
                f"ALTER TABLE {table} DELETE WHERE {column} IN %(users)s",
                parameters={"users": user_ids},
                settings={"mutations_sync": 2},
            )
        )

    def _holds(self, table: str, column: str, user_ids: list[str]) -> bool:
        rows = self._try(
            lambda: (
                self._client.query(
                    f"SELECT 1 FROM {table} WHERE {column} IN %(users)s LIMIT 1",  # noqa: S608  # names of our own
                    parameters={"users": user_ids},
                ).result_rows
            )
        )
        return bool(rows)

    def _types_of(self, table: str) -> dict[str, str]:
        if table not in self._types:
            rows = self._try(
                lambda: self._client.query(f"DESCRIBE TABLE {table}").result_rows
            )
            self._types[table] = {row[0]: " ".join(row[1].split()) for row in rows}
        return self._types[table]

    def _try(self, action: Callable[[], T]) -> T:
        """Return what `action` returns, repeating it while ClickHouse is away."""
        deadline = time.monotonic() + self._give_up_s
        pause = _FIRST_PAUSE_S
        while True:
            try:
                with explained():
                    return action()
            except UnavailableError as error:
                if time.monotonic() + pause > deadline:
                    raise
                LOG.warning("ClickHouse is away; trying again", why=str(error))
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)


def _settings(token: str) -> dict[str, str | int]:
    return {
        "insert_deduplication_token": token,
        "max_partitions_per_insert_block": 0,
        # Rows of one id in one block are left to the merges and to FINAL, as those of
        # two blocks are: merging here would take two thirds of the time.
        "optimize_on_insert": 0,
    }
