"""Pure: takes SQL text apart into statements, as psql does at its semicolons."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

_LETTER, _NEXT = r"(?:[A-Za-z_]|[^\x00-\x7f])", r"(?:[\w$]|[^\x00-\x7f])"
"""What a name may begin with and go on with; written so, the pattern is compiled in no time."""

_TOKEN = re.compile(
    rf"""
    (?: \s+ | --[^\n]* )*
    (?:
        (?P<escape_string>[eE]'(?:[^'\\]|\\.|'')*')
      | (?P<word>{_LETTER}{_NEXT}*)
      | (?P<name>"(?:[^"]|"")*")
      | (?P<end>;)
      | (?P<string>'(?:[^']|'')*')
      | (?P<dollar>\$(?:{_LETTER}\w*)?\$)
      | (?P<number>\d[\w.]*)
      | (?P<cast>::)
      | (?P<comment>/\*)
      | (?P<open>['"])
      | (?P<other>.)
      | (?P<nothing>\Z)
    )
    """,
    re.VERBOSE | re.DOTALL,
)


class UnterminatedError(ValueError):
    """A string, name or comment is opened and never closed."""

    def __init__(self, line: int, what: str) -> None:
        """Take the line, counted from 1, and what was opened there."""
        super().__init__(f"line {line}: {what} is never closed")


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement without its semicolon."""

    text: str
    line: int
    """The line of the text it begins in, counted from 1."""
    tokens: tuple[str, ...]
    """Its tokens, without white space and comments; strings and quoted names as written."""

    @property
    def words(self) -> tuple[str, ...]:
        """Its first three tokens in lower case, enough to tell its kind."""
        return tuple(token.lower() for token in self.tokens[:3])


@functools.cache
def split(sql: str) -> tuple[Statement, ...]:
    """Return the statements of *sql*; comments between statements belong to none.

    Raises UnterminatedError. Understands quotes, dollar quotes and nested comments
    (https://www.postgresql.org/docs/current/sql-syntax-lexical.html), not `begin atomic` bodies.
    """
    found: list[Statement] = []
    tokens: list[str] = []
    start = position = 0
    while position < len(sql):
        match = _TOKEN.match(sql, position)
        assert match is not None and match.lastgroup is not None  # noqa: S101,PT018  `other` matches all
        kind = match.lastgroup
        token, place, position = match[kind], match.start(kind), match.end()
        if kind == "end":
            if tokens:
                found.append(_statement(sql, start, place, tokens))
            tokens = []
            continue
        if kind == "comment":
            position = _end_of_comment(sql, place)
            continue
        if kind == "open":
            raise UnterminatedError(_line(sql, place), f"the text that {token} opens")
        if kind == "dollar":
            closing = sql.find(token, position)
            if closing < 0:
                raise UnterminatedError(_line(sql, place), f"the text that {token} opens")
            position = closing + len(token)
            token = sql[place:position]
        if kind != "nothing":
            if not tokens:
                start = place
            tokens.append(token)
    if tokens:
        found.append(_statement(sql, start, len(sql), tokens))
    return tuple(found)


def _statement(sql: str, start: int, end: int, tokens: list[str]) -> Statement:
    return Statement(sql[start:end].rstrip(), _line(sql, start), tuple(tokens))


def _line(sql: str, position: int) -> int:
    return sql.count("\n", 0, position) + 1


def _end_of_comment(sql: str, position: int) -> int:
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(sql, position):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return match.end()
    raise UnterminatedError(_line(sql, position), "the comment")
