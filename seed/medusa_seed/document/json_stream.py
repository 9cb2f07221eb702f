"""Reads a JSON document piece by piece, so that one larger than memory can be read."""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medusa_migrations.contract.errors import UsageError
from medusa_seed.document.findings import MOST_DEEP, MOST_DIGITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIECE = 1 << 20
"""Bytes that are read at once."""
LONGEST = 32 << 20
"""Characters of one piece, such as a product; a longer one is not a piece but a broken file."""
_SPACE = " \t\r\n"
_BRACKETS = re.compile(r'[\[\]{}]|"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_DEEPEST = MOST_DEEP - 2
"""Levels of one piece: it is in a list, and that in the document."""


def pieces(read: Callable[[int], bytes], name: str) -> Iterator[tuple[str, int | None, Any]]:
    """Yield the pieces of the object that *read* yields the bytes of: key, index, value.

    A list comes item by item, with the index of each; anything else as a whole, with None. An empty
    list yields nothing but its key with an index of -1. Raises UsageError, naming file and line,
    where it is not JSON.
    """
    text = _Text(read, name)
    start = text.next()
    if start != "{":
        raise text.wrong("an object belongs there: {...}", text.at)
    seen: set[str] = set()
    text.at += 1
    if text.next() == "}":
        text.at += 1
    else:
        while True:
            key = _key(text, seen)
            yield from _member(text, key)
            if text.after(",", "}") == "}":
                break
    if text.next():
        raise text.wrong("the document ended before this", text.at)


def _key(text: _Text, seen: set[str]) -> str:
    if text.next() != '"':
        raise text.wrong("a key in quotes belongs there", text.at)
    start = text.at
    key = str(text.value())
    if key in seen:
        raise text.wrong(f'the key "{key}" is given twice', start)
    seen.add(key)
    text.after(":")
    return key


def _member(text: _Text, key: str) -> Iterator[tuple[str, int | None, Any]]:
    if text.next() != "[":
        yield key, None, text.value()
        return
    text.at += 1
    if text.next() == "]":
        text.at += 1
        yield key, -1, None
        return
    index = 0
    while True:
        text.next()
        yield key, index, text.value()
        index += 1
        if text.after(",", "]") == "]":
            return


@dataclass(slots=True)
class _Text:
    """A window on the text, which moves over it."""

    read: Callable[[int], bytes]
    name: str
    window: str = ""
    at: int = 0
    """Where in the window it is read next."""
    lines: int = 1
    """The number of the window's first line."""
    columns: int = 0
    """How much of that line is before the window."""
    ended: bool = False
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=codecs.getincrementaldecoder("utf-8")
    )
    _json: json.JSONDecoder = field(
        default_factory=lambda: json.JSONDecoder(
            object_pairs_hook=_unique, parse_constant=_refuse_constant
        )
    )

    def next(self) -> str:
        """Skip space; return the character that follows, nothing at the end."""
        while True:
            while self.at < len(self.window) and self.window[self.at] in _SPACE:
                self.at += 1
            if self.at < len(self.window):
                return self.window[self.at]
            if self.ended:
                return ""
            self.more(PIECE)

    def after(self, *wanted: str) -> str:
        """Return which of *wanted* follows, having passed it."""
        found = self.next()
        if found not in wanted or not found:
            raise self.wrong(f"{' or '.join(wanted)} belongs there", self.at)
        self.at += 1
        return found

    def value(self) -> Any:
        """Return the value that follows, having passed it."""
        amount = PIECE
        while True:
            try:
                found, end = self._json.raw_decode(self.window, self.at)
            except json.JSONDecodeError as exc:
                if self.ended or len(self.window) - self.at > LONGEST:
                    raise self.wrong(exc.msg, exc.pos) from None
            except RecursionError:
                self._refuse_deep(len(self.window))
                raise self.wrong("it is nested too deeply", self.at) from None
            except ValueError as exc:
                long = "int_max_str_digits" in str(exc)
                what = f"it holds a number of more than {MOST_DIGITS} digits" if long else str(exc)
                raise self.wrong(what, self.at) from None
            else:
                if end < len(self.window) or self.ended:
                    self._refuse_deep(end)
                    self.at = end
                    return found
            self.more(amount)
            amount *= 2

    def _refuse_deep(self, end: int) -> None:
        """Raise where the value up to *end* is nested deeper than a document may be."""
        opens = self.window.count("[", self.at, end) + self.window.count("{", self.at, end)
        if opens <= _DEEPEST:
            return
        depth = 0
        for found in _BRACKETS.finditer(self.window, self.at, end):
            sign = found[0]
            depth += 1 if sign in "[{" else -1 if sign in "]}" else 0
            if depth > _DEEPEST:
                raise self.wrong(f"nested deeper than {MOST_DEEP} levels", found.start())

    def more(self, amount: int) -> None:
        """Move the window on by *amount* bytes."""
        raw = self.read(amount)
        self.ended = not raw
        try:
            text = self._decoder.decode(raw, final=self.ended)
        except UnicodeDecodeError as exc:
            raise UsageError(
                f"{self.name} is not UTF-8 (byte {exc.object[exc.start]:#04x}); save it as UTF-8",
                reason="InvalidDocument",
            ) from None
        self.lines, self.columns = self._position(self.at)
        self.window = self.window[self.at :] + text
        self.at = 0

    def wrong(self, what: str, at: int) -> UsageError:
        """Return the error for *what* at place *at* of the window."""
        line, column = self._position(at)
        end = self.window[at:] == "" and self.ended
        where = "at its end" if end else f"line {line}, column {column + 1}"
        return UsageError(f"{self.name} is not JSON, {where}: {what}", reason="InvalidDocument")

    def _position(self, at: int) -> tuple[int, int]:
        """Return the line of place *at* of the window, and how much of that line is before it."""
        lines = self.window.count("\n", 0, at)
        start = self.window.rfind("\n", 0, at) + 1
        return self.lines + lines, at - start + (0 if lines else self.columns)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'the key "{twice}" is given twice in one object')
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number that JSON knows")
