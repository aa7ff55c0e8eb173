"""ClickHouse's own rendering of a query -> its tokens."""

import re
from dataclasses import dataclass

from streams.errors import AdloomError

SYNTAX_ERROR = 62
READONLY = 164
ACCESS_DENIED = 497

_TOKEN = re.compile(
    r"""
      (?P<string>'(?:\\.|[^'\\])*')
    | (?P<quoted>`(?:\\.|[^`\\])*`)
    | (?P<parameter>\{\s*\w+\s*:[^{}]*\})
    | (?P<word>[^\W\d]\w*)
    | (?P<space>\s+)
    | (?P<number>\d[\w.]*)
    | (?P<sign>[^'"`{}\s\w])
    """,
    re.VERBOSE | re.DOTALL,
)


class QueryRefusedError(AdloomError):
    """A query that may not run here; `code` is ClickHouse's number for it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `kind` is a group of the pattern above."""

    kind: str
    text: str

    @property
    def is_name(self) -> bool:
        """Tell whether this may be an identifier."""
        return self.kind in ("word", "quoted")

    @property
    def name(self) -> str:
        """The identifier, or nothing when this token is none."""
        if self.kind == "quoted":
            return re.sub(r"\\(.)", r"\1", self.text[1:-1])
        return self.text if self.kind == "word" else ""

    def is_word(self, words: frozenset[str]) -> bool:
        """Tell whether this is one of these keywords, not quoted."""
        return self.kind == "word" and self.text in words


def tokens_of(canonical: str) -> list[Token]:
    """Return the tokens of a query that the engine has rendered, without spaces.

    Raises:
        QueryRefusedError: something in it is none of the tokens known here.
    """
    tokens, position = [], 0
    while position < len(canonical):
        match = _TOKEN.match(canonical, position)
        if match is None:
            raise QueryRefusedError(
                SYNTAX_ERROR, f"not understood: {canonical[position : position + 40]!r}"
            )
        if match.lastgroup not in (None, "space"):
            tokens.append(Token(str(match.lastgroup), match.group()))
        position = match.end()
    return tokens
