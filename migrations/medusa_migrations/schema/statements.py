"""Pure: takes SQL text apart into statements, as psql does at its semicolons."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LETTER, _NEXT = r"(?:[A-Za-z_]|[^\x00-\x7f])", r"(?:[\w$]|[^\x00-\x7f])"
"""What a name may begin with and go on with; written so, the pattern is compiled in no time."""

_TOKEN = re.compile(
    rf"""
    (?: \s+ | --[^\n\r]* )*
    (?:
        (?P<escape_string>[eE]'(?:[^'\\]|\\.|'')*')
      | (?P<word>{_LETTER}{_NEXT}*)
      | (?P<name>"(?:[^"]|"")*")
      | (?P<end>;)
      | (?P<string>'(?:[^']|'')*')
      | (?P<dollar>\$(?:{_LETTER}\w*)?\$)
      | (?P<number>\d[\w.]*)
      | (?P<cast>::)
      | (?P<variable>(?<![\w$'")\]]):(?:\w+|'\w+'|"\w+"))
      | (?P<comment>/\*)
      | (?P<meta>\\[^\n\r]*)
      | (?P<open>['"])
      | (?P<other>.)
      | (?P<nothing>\Z)
    )
    """,
    re.VERBOSE | re.DOTALL,
)

_LINE_COMMENT = re.compile(r"--[^\n\r]*")


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

    variables: tuple[str, ...] = ()
    """What psql would put a variable's value for, `:name`; a slice (`a[1:n]`) is none."""

    @property
    def words(self) -> tuple[str, ...]:
        """Its first three tokens in lower case, enough to tell its kind."""
        return tuple(token.lower() for token in self.tokens[:3])


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment that is alone on its line, `-- so`."""

    text: str
    """Without its white space around."""
    line: int
    start: int
    """Where in the text its line begins."""


@functools.cache
def split(sql: str) -> tuple[Statement, ...]:
    r"""Return the statements of *sql*; comments between statements belong to none.

    Raises UnterminatedError. Understands quotes, dollar quotes, nested comments
    (https://www.postgresql.org/docs/current/sql-syntax-lexical.html), parentheses and `begin atomic`
    bodies. A command of psql, `\i file`, ends with its line and is a statement of one token.
    """
    return tuple(each(sql))


def each(sql: str) -> Iterator[Statement]:
    """Yield the statements of *sql*, each one before what follows it is looked at."""
    tokens: list[str] = []
    variables: list[str] = []
    start = depth = 0
    for kind, token, _, place in _tokens(sql):
        if kind == "nothing":
            continue
        ends = kind == "meta" or (kind == "end" and depth == 0)
        if ends and tokens:
            yield _statement(sql, start, place, tokens, variables)
            tokens, variables, depth = [], [], 0
        if kind == "meta":
            yield _statement(sql, place, place + len(token), [token.rstrip()], [])
        if ends:
            continue
        if not tokens:
            start = place
        tokens.append(token)
        if kind == "other":
            depth = max(0, depth + _DEEPER.get(token, 0))
        elif kind == "word":
            if token.lower() in _BODY:
                depth = max(0, depth + _deeper_body(tokens, depth))
        elif kind == "variable" and tokens.count("[") <= tokens.count("]"):
            variables.append(token)
    if tokens:
        yield _statement(sql, start, len(sql), tokens, variables)


def comments(sql: str) -> tuple[Comment, ...]:
    """Return the comments of *sql* that are alone on their line, outside of quotes and bodies.

    Raises UnterminatedError.
    """
    found = []
    for _, _, gap, place in _tokens(sql):
        for match in _LINE_COMMENT.finditer(sql, gap, place):
            line_start = max(sql.rfind(end, 0, match.start()) for end in "\n\r") + 1
            if not sql[line_start : match.start()].strip():
                text = match.group().strip()
                found.append(Comment(text, _line(sql, match.start()), line_start))
    return tuple(found)


_DEEPER = {"(": 1, ")": -1}
_BODY = ("begin", "case", "end")


def _deeper_body(tokens: list[str], depth: int) -> int:
    """Return how much deeper the last of *tokens* leads, in the body of a routine, as psql counts."""
    words = [word.lower() for word in tokens[:4]]
    if words[1:3] == ["or", "replace"]:
        del words[1:3]
    if words[0] != "create" or words[1:2] not in (["function"], ["procedure"]):
        return 0
    match tokens[-1].lower():
        case "begin":
            return 1
        case "case":
            return 1 if depth else 0
        case _:
            return -1


def _tokens(sql: str) -> Iterator[tuple[str, str, int, int]]:
    """Yield kind, text, where the white space and line comments before it begin, and where it does."""
    position = 0
    while position < len(sql):
        gap = position
        match = _TOKEN.match(sql, position)
        assert match is not None and match.lastgroup is not None  # noqa: S101,PT018  `other` matches all
        kind = match.lastgroup
        token, place, position = match[kind], match.start(kind), match.end()
        if kind == "comment":
            position = _end_of_comment(sql, place)
            kind = "nothing"
        elif kind == "open":
            raise UnterminatedError(_line(sql, place), f"the text that {token} opens")
        elif kind == "dollar":
            closing = sql.find(token, position)
            if closing < 0:
                raise UnterminatedError(_line(sql, place), f"the text that {token} opens")
            position = closing + len(token)
            token = sql[place:position]
        yield kind, token, gap, place


def _statement(
    sql: str, start: int, end: int, tokens: list[str], variables: list[str]
) -> Statement:
    return Statement(sql[start:end].rstrip(), _line(sql, start), tuple(tokens), tuple(variables))


def _line(sql: str, position: int) -> int:
    return sql.count("\n", 0, position) + 1


def _end_of_comment(sql: str, position: int) -> int:
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(sql, position):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return match.end()
    raise UnterminatedError(_line(sql, position), "the comment")
