"""A query from outside -> the same query in ClickHouse's own words, proven harmless.

The engine in process has no users and no grants, and `readonly` alone is not enough
there: a SELECT may call `file()`, name a file as a table of the database `default`, or
write INTO OUTFILE. So the engine first says how it understands a text (`formatQuery`:
one statement, no comments, one kind of quotes); that form is checked against lists of
what is allowed, and that form is what runs. What is on no list is refused.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from streams.clickhouse.tokens import (
    ACCESS_DENIED,
    READONLY,
    SYNTAX_ERROR,
    QueryRefusedError,
    Token,
    tokens_of,
)

_LISTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_STATEMENTS = frozenset(_LISTS["statements"])
_SHOWN = frozenset(_LISTS["shown"])
_REFUSED_WORDS = frozenset(_LISTS["refused_words"])
_KEYWORDS = frozenset(_LISTS["keywords"])
_CATEGORIES = frozenset(_LISTS["function_categories"])
_OTHER_FUNCTIONS = frozenset(_LISTS["functions"])
_NOT_IN_CATALOGUE = frozenset(_LISTS["table_functions"] + _LISTS["window_functions"])
_SYSTEM_TABLES = frozenset(_LISTS["system_tables"])
_SETTINGS_APPLIED = frozenset(_LISTS["settings_applied"])
_SETTINGS_IGNORED = frozenset(_LISTS["settings_ignored"])
_SETTING_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Engine(Protocol):
    """What is asked of a chdb connection."""

    def query(self, sql: str, fmt: str, *, params: dict[str, str]) -> "Answer":
        """Run one query with parameters."""


class Answer(Protocol):
    """What is asked of a chdb result."""

    def bytes(self) -> bytes:
        """Return the result in the format asked for."""


class Gate:
    """Lets through what only reads the tables of one database.

    Args:
        engine: the engine that will run the queries.
        database: the one database whose tables may be read.
    """

    def __init__(self, engine: Engine, database: str) -> None:
        self._functions = _allowed_functions(engine)
        self._combinators = tuple(
            _column(engine, "SELECT name FROM system.aggregate_function_combinators")
        )
        self._aggregates = frozenset(
            _column(engine, "SELECT name FROM system.functions WHERE is_aggregate")
        )
        databases = _column(engine, "SELECT name FROM system.databases")
        self._databases = frozenset(
            name.lower() for name in databases if name not in (database, "system")
        )

    def admit(self, engine: Engine, sql: str) -> str:
        """Return the query to run instead of `sql`.

        Raises:
            QueryRefusedError: not one statement, or it does more than read.
        """
        canonical = in_its_own_words(engine, sql)
        tokens = tokens_of(canonical)
        self._check_statement(tokens)
        nothing = Token("sign", "")
        for before, token, after in zip(
            [nothing, *tokens], tokens, [*tokens[1:], nothing], strict=False
        ):
            self._check(before, token, after)
        for schema, dot, table in zip(tokens, tokens[1:], tokens[2:], strict=False):
            if schema.name == "system" and dot.text == ".":
                _check_system_table(table)
        return canonical

    @staticmethod
    def _check_statement(tokens: list[Token]) -> None:
        words = [token.text for token in tokens if token.kind == "word"]
        first, second = (*words, "", "")[:2]
        if first not in _STATEMENTS or (first == "SHOW" and second not in _SHOWN):
            raise QueryRefusedError(
                READONLY,
                f"Cannot execute query in readonly mode: expected SELECT, WITH, SHOW, "
                f"DESCRIBE, EXISTS or EXPLAIN, got {first} {second}",
            )

    def _check(self, before: Token, token: Token, after: Token) -> None:
        if token.kind == "parameter":
            _check_parameter(token)
        elif token.is_word(_REFUSED_WORDS):
            raise QueryRefusedError(
                READONLY, f"{token.text} is not allowed in readonly mode"
            )
        elif token.name.lower() in self._databases:
            raise QueryRefusedError(
                ACCESS_DENIED, f"database {token.name} cannot be read here"
            )
        elif token.is_name and after.text == "(" and not self._may_open(before, token):
            raise QueryRefusedError(
                ACCESS_DENIED, f"function {token.name} is not allowed here"
            )

    def _may_open(self, before: Token, token: Token) -> bool:
        """Tell whether a parenthesis may follow this name."""
        if token.is_word(_KEYWORDS) or before.is_word(frozenset({"AS"})):
            return True
        return token.name in self._functions or self._is_aggregate(token.name)

    def _is_aggregate(self, name: str) -> bool:
        if name in self._aggregates:
            return True
        return any(
            name.endswith(ending) and self._is_aggregate(name.removesuffix(ending))
            for ending in self._combinators
        )


def settings_to_apply(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the settings among an address's parameters that change a result.

    Raises:
        QueryRefusedError: a setting may not be changed here.
    """
    applied = {}
    for name, value in parameters.items():
        shows = name.startswith(_LISTS["settings_applied_prefix"])
        if (shows and _SETTING_NAME.fullmatch(name)) or name in _SETTINGS_APPLIED:
            applied[name] = value
        elif name not in _SETTINGS_IGNORED and not name.startswith("param_"):
            raise QueryRefusedError(
                READONLY, f"Cannot modify '{name}' setting in readonly mode"
            )
    return applied


def in_its_own_words(engine: Engine, sql: str) -> str:
    """Return how the engine understands `sql`: one statement, on one line.

    Raises:
        QueryRefusedError: it is not exactly one statement of ClickHouse's SQL.
    """
    escaped = sql.translate(_TSV_ESCAPES)
    try:
        answer = engine.query(
            "SELECT formatQuerySingleLine({sql:String})",
            "TSVRaw",
            params={"sql": escaped},
        )
    except Exception as error:
        text = str(error).split(": In scope")[0]
        raise QueryRefusedError(SYNTAX_ERROR, text) from error
    return answer.bytes().decode().removesuffix("\n")


_TSV_ESCAPES = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"}
)
"""A query parameter is written as in a tab-separated file."""


def _check_parameter(token: Token) -> None:
    if "identifier" in token.text.lower():
        raise QueryRefusedError(
            ACCESS_DENIED, f"a parameter may not be a name here: {token.text}"
        )


def _check_system_table(table: Token) -> None:
    if table.name not in _SYSTEM_TABLES:
        raise QueryRefusedError(
            ACCESS_DENIED,
            f"system.{table.name} cannot be read here; can be read: "
            f"{', '.join(sorted(_SYSTEM_TABLES))}",
        )


def _allowed_functions(engine: Engine) -> frozenset[str]:
    rows = _column(
        engine,
        "SELECT concat(name, '\\n', if(empty(alias_to), name, alias_to), '\\n', "
        "categories, '\\n', toString(case_insensitive)) FROM system.functions",
    )
    categories: dict[str, str] = {}
    entries: list[tuple[str, str, bool]] = []
    for row in rows:
        name, target, category, case = row.split("\n")
        categories[name] = category
        entries.append((name, target, case == "1"))
    allowed = set(_NOT_IN_CATALOGUE)
    for name, target, any_case in entries:
        if not name.startswith("__") and _only_computes(target, categories):
            allowed |= {name, name.lower(), name.upper()} if any_case else {name}
    return frozenset(allowed)


def _only_computes(function: str, categories: dict[str, str]) -> bool:
    return function in _OTHER_FUNCTIONS or categories.get(function) in _CATEGORIES


def _column(engine: Engine, sql: str) -> list[str]:
    """Return the strings of a one-column query."""
    lines = engine.query(sql, "TSV", params={}).bytes().decode().splitlines()
    return [
        line.replace("\\n", "\n").replace("\\'", "'").replace("\\\\", "\\")
        for line in lines
    ]
