"""Pure: takes SQL text apart into statements, as psql does at its semicolons."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LETTER, _NEXT = r"(?:[A-Za-z_]|[^\x00-\x7f])", r"(?:[\w$]|[^\x00-\x7f])"
"""What a name may begin with and go on with; written so, the pattern is compiled in no time."""

_TOKEN = re.compile(
    rf"""
    (?: \s++ | --[^\n\r]*+ )*+
    (?:
        (?P<escape_string>[eE]'(?:[^'\\]++|\\.|'')*+')
      | (?P<open_escape>[eE]')
      | (?P<word>{_LETTER}{_NEXT}*+)
      | (?P<name>"(?:[^"]++|"")*+")
      | (?P<end>;)
      | (?P<string>'(?:[^']++|'')*+')
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
_COMMENT_ENDS = re.compile(r"/\*|\*/")

_LITERAL = r"(?:'(?:[^']++|'')*+'|[+-]?\d[\w.]*+|(?i:null|true|false|default)\b)(?:::\w++)?+"
_ROW = rf"\(\s*+{_LITERAL}\s*+(?:,\s*+{_LITERAL}\s*+)*+\)"
_ROWS = re.compile(rf"(?:\s*+{_ROW}\s*+,)++")
"""Rows of an insert that hold nothing but values, each with the comma behind it."""
_INSERT = re.compile(
    rf"\s*+((?i:insert\s++into)\s++[\w.\"]++\s*+(?:\([\w\s,\"]++\))?+\s*+(?i:values))\s*+{_ROW}"
    rf"(?:\s*+,\s*+{_ROW})*+\s*+;"
)
"""A whole insert of such rows: most of the statements of a large file."""

_AHEAD = 1024
"""Characters that must be known behind a token, so that it is no part of a longer one."""
_NEAR = 1 << 16
"""Characters that are known of a statement before it counts as none that is an insert of plain rows."""
_MANY = 2000
"""Tokens of a statement from which on rows of plain values are left out of them."""
_LONGEST_STRING, _LONGEST_BODY = 1000, 1 << 16
"""Characters of a string, and of one in dollar quotes, that are kept among the tokens."""


class UnterminatedError(ValueError):
    """A string, name or comment is opened and never closed."""

    def __init__(self, line: int, what: str) -> None:
        """Take the line, counted from 1, and what was opened there."""
        super().__init__(f"line {line}: {what} is never closed")


class Statement(NamedTuple):
    """One SQL statement without its semicolon."""

    text: str
    line: int
    """The line of the text it begins in, counted from 1."""
    tokens: tuple[str, ...]
    """Its tokens, without white space and comments; strings and quoted names as written.

    Very long strings are cut to `'...'`, and of thousands of rows of plain values the first are here.
    """

    variables: tuple[str, ...] = ()
    """What psql would put a variable's value for, `:name`; a slice (`a[1:n]`) is none."""
    start: int = 0
    """Where in the text it begins."""

    @property
    def words(self) -> tuple[str, ...]:
        """Its first three tokens in lower case, enough to tell its kind."""
        return tuple(token.lower() for token in self.tokens[:3])


class Comment(NamedTuple):
    """A comment that begins its line, `-- so` or `/* so */`."""

    text: str
    """On one line, without white space around."""
    line: int
    start: int
    """Where in the text its line begins."""
    end: int
    """Where it ends, without the character that ends its line."""


@functools.lru_cache(maxsize=8192)
def split(sql: str) -> tuple[Statement, ...]:
    r"""Return the statements of *sql*; comments between statements belong to none.

    Raises UnterminatedError. Understands quotes, dollar quotes, nested comments
    (https://www.postgresql.org/docs/current/sql-syntax-lexical.html), parentheses and `begin atomic`
    bodies. A command of psql, `\i file`, ends with its line and is a statement of one token.
    """
    return tuple(each(sql))


def unquoted(token: str) -> str:
    """Return what a *token* that is a name is called in the catalogs of PostgreSQL."""
    return token[1:-1].replace('""', '"') if token.startswith('"') else token.lower()


def each(sql: str) -> Iterator[Statement]:
    """Yield the statements of *sql*, each one before what follows it is looked at."""
    return _each(_Reader(sql))


def scan(
    read: Callable[[], str], note: Callable[[Comment], object] | None = None
) -> Iterator[Statement]:
    """Yield the statements of the text that *read* returns piece by piece, empty at its end.

    No more of the text is held than one statement and a piece. Each comment that begins its line
    is handed to *note*, before the statement that it stands before or in.
    """
    return _each(_Reader("", read, note), plain=True)


def comments(sql: str) -> tuple[Comment, ...]:
    """Return the comments of *sql* that begin their line, outside of quotes and bodies.

    Raises UnterminatedError.
    """
    found: list[Comment] = []
    for _ in _Reader(sql, note=found.append).tokens():
        pass
    return tuple(found)


def _each(text: _Reader, *, plain: bool = False) -> Iterator[Statement]:
    """Yield the statements of *text*; with *plain*, inserts of nothing but values in one go."""
    known: dict[str, tuple[str, ...]] = {}
    open_ = _Open(text)
    for kind, token, place in text.tokens():
        if kind == "nothing":
            continue
        if kind == "meta" or (kind == "end" and open_.depth == 0):
            if open_.tokens:
                yield open_.close(place)
            if kind == "meta":
                yield Statement(token.rstrip(), text.line(place), (token.rstrip(),), (), place)
            while plain and (insert := text.insert()):
                yield _insert(text, insert, known)
        else:
            open_.add(kind, token, place)
    if open_.tokens:
        yield open_.close(text.position)


@dataclass(slots=True)
class _Open:
    """A statement while its end is not reached."""

    text: _Reader
    tokens: list[str] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)
    start: int = 0
    line: int = 0
    depth: int = 0

    def add(self, kind: str, token: str, place: int) -> None:
        """Add a token that begins at *place*."""
        tokens = self.tokens
        if not tokens:
            self.start = self.text.held = place
            self.line = self.text.line(place)
        tokens.append(_shortened(kind, token))
        if kind == "other":
            self.depth = max(0, self.depth + _DEEPER.get(token, 0))
            if len(tokens) > _MANY and tokens[-1] == "," and tokens[0].lower() == "insert":
                self.text.skip(_ROWS)
        elif kind == "word":
            if token.lower() in _BODY:
                self.depth = max(0, self.depth + _deeper_body(tokens, self.depth))
        elif kind == "variable" and tokens.count("[") <= tokens.count("]"):
            self.variables.append(token)

    def close(self, end: int) -> Statement:
        """Return the statement, which ends at *end*, and be open for the next one."""
        found = Statement(
            self.text.cut(self.start, end), self.line, tuple(self.tokens), tuple(self.variables),
            self.start,
        )  # fmt: skip
        self.tokens, self.variables, self.depth = [], [], 0
        self.text.held = None
        return found


def _insert(
    text: _Reader, found: tuple[str, int, int], known: dict[str, tuple[str, ...]]
) -> Statement:
    """Return an insert of nothing but values; its tokens have none of them."""
    head, start, end = found
    if head not in known:
        known[head] = (*(token for statement in each(head) for token in statement.tokens), "(", ")")
    return Statement(text.cut(start, end), text.line(start), known[head], (), start)


def _shortened(kind: str, token: str) -> str:
    if len(token) <= _LONGEST_STRING:
        return token
    if kind in ("string", "escape_string"):
        return "'...'"
    return "$$...$$" if kind == "dollar" and len(token) > _LONGEST_BODY else token


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


@dataclass(slots=True)
class _Reader:
    """Takes a text apart into tokens, through a window that moves over it; places count from its start."""

    window: str
    read: Callable[[], str] | None = None
    """Returns the next piece of the text, empty at its end; None: the window is all of it."""
    note: Callable[[Comment], object] | None = None
    """What is called with each comment that begins its line."""
    position: int = 0
    """Where the next token is looked for."""
    held: int | None = None
    """From where on the window must stay, apart from the token that is read."""
    _base: int = field(default=0, init=False)
    """Where the window begins."""
    _line: int = field(default=1, init=False)
    """The line of the place up to which lines were counted."""
    _counted: int = field(default=0, init=False)

    def tokens(self) -> Iterator[tuple[str, str, int]]:
        """Yield kind and text of each token, and where it begins."""
        while True:
            if self.position - self._base >= len(self.window):
                if self.read is None:
                    return
                self._more()
                continue
            match = _TOKEN.match(self.window, self.position - self._base)
            assert match is not None and match.lastgroup is not None  # noqa: S101,PT018  `other` matches all
            kind, end = match.lastgroup, match.end()
            opens = kind in ("open", "open_escape")
            if self.read is not None and (opens or len(self.window) - end < _AHEAD):
                self._more()
                continue
            place = self._base + match.start(kind)
            if self.note is not None and place > self.position:
                for comment in _LINE_COMMENT.finditer(
                    self.window, self.position - self._base, place - self._base
                ):
                    self._note(self._base + comment.start(), self._base + comment.end())
            if opens:
                raise UnterminatedError(self.line(place), f"the text that {match[kind][-1]} opens")
            token = match[kind]
            if kind == "comment":
                kind, token = "nothing", ""
                end = self._end_of_comment(place)
                if self.note is not None:
                    self._note(place, end)
                self.position = end
            elif kind == "dollar":
                self.position = self._end_of_body(token, self._base + end)
                token = self.cut(place, self.position)
            else:
                self.position = self._base + end
            yield kind, token, place

    def line(self, place: int) -> int:
        """Return the line of *place*, counted from 1; asked for in ascending order it costs little."""
        if place < self._counted:
            return self._line - self.window.count(
                "\n", place - self._base, self._counted - self._base
            )
        self._line += self.window.count("\n", self._counted - self._base, place - self._base)
        self._counted = place
        return self._line

    def cut(self, start: int, end: int) -> str:
        """Return the text from *start* to *end*, without white space at its end."""
        return self.window[start - self._base : end - self._base].rstrip()

    def insert(self) -> tuple[str, int, int] | None:
        """Pass an insert of nothing but values; return its head and where it begins and ends."""
        found = _INSERT.match(self.window, self.position - self._base)
        if found is None and self.read and len(self.window) < self.position - self._base + _NEAR:
            self._more()
            found = _INSERT.match(self.window, self.position - self._base)
        if found is None:
            return None
        self.position = self._base + found.end()
        return found[1], self._base + found.start(1), self.position - 1

    def skip(self, pattern: re.Pattern[str]) -> None:
        """Pass what *pattern* matches next, if it does."""
        found = pattern.match(self.window, self.position - self._base)
        if found is not None:
            self.position = self._base + found.end()

    def _more(self) -> None:
        """Move the window on; the longer it must be, the more is read at once."""
        assert self.read is not None  # noqa: S101  asked by the callers
        first = self.position if self.held is None else min(self.held, self.position)
        self.line(max(first, self._counted))
        cut = max(0, first - self._base - 1)  # the character before tells a variable from a slice
        pieces, added = [self.window[cut:]], 0
        self.window = ""
        while added <= len(pieces[0]):
            piece = self.read()
            if not piece:
                self.read = None
                break
            pieces.append(piece)
            added += len(piece)
        self.window = "".join(pieces)
        self._base += cut

    def _note(self, begin: int, end: int) -> None:
        """Hand on the comment from *begin* to *end*, where it begins its line."""
        assert self.note is not None  # noqa: S101  asked by the caller
        at = begin - self._base
        start = self.window.rfind("\n", 0, at) + 1
        start = self.window.rfind("\r", start, at) + 1 or start
        if not self.window[start:at].strip():
            text = " ".join(self.cut(begin, end).split())
            self.note(Comment(text, self.line(begin), self._base + start, end))

    def _end_of_body(self, opening: str, position: int) -> int:
        place = position - len(opening)
        at = position
        while (closing := self.window.find(opening, at - self._base)) < 0:
            at = max(position, self._base + len(self.window) - len(opening) + 1)
            if self.read is None:
                raise UnterminatedError(self.line(place), f"the text that {opening} opens")
            self._more()
        return self._base + closing + len(opening)

    def _end_of_comment(self, position: int) -> int:
        depth, at = 0, position
        while True:
            for match in _COMMENT_ENDS.finditer(self.window, at - self._base):
                depth += 1 if match.group() == "/*" else -1
                at = self._base + match.end()
                if depth == 0:
                    return at
            if self.read is None:
                raise UnterminatedError(self.line(position), "the comment")
            at = max(at, self._base + len(self.window) - 1)
            self._more()
