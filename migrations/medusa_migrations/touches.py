"""Pure: which tables the statements of a migration change, as far as their first words tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medusa_migrations import statements

if TYPE_CHECKING:
    from collections.abc import Iterable

_SKIPPED = {"if", "exists", "not", "only", "concurrently", "table", "lateral"}
_ROWS = {"insert", "update", "delete", "merge", "with"}
_HARMLESS = {"comment", "set", "reset", "show", "grant", "revoke", "analyze", "values", "lock"}
_MAKES = {
    "function", "procedure", "aggregate", "type", "domain", "schema", "sequence", "extension", "view",
    "or", "collation", "role", "cast", "operator", "event",
}  # fmt: skip


@dataclass(slots=True)
class Touched:
    """Names, without their schema, that texts of migrations mention as what they change."""

    altered: set[str] = field(default_factory=set)
    """Tables whose owner alone may do that."""
    referenced: set[str] = field(default_factory=set)
    """Tables that a new foreign key points to."""
    written: set[str] = field(default_factory=set)
    """Tables whose rows change."""
    inserted: set[str] = field(default_factory=set)
    """Those of them that get new rows."""
    read: set[str] = field(default_factory=set)
    """Tables whose rows are read by a statement that writes others, or a table, of them."""
    triggered: set[str] = field(default_factory=set)
    """Tables that get a trigger."""
    indexes: set[str] = field(default_factory=set)
    """Indexes that are dropped or altered: their table counts as altered."""
    types: set[str] = field(default_factory=set)
    """Types whose owner alone may do that."""
    unseen: list[str] = field(default_factory=list)
    """The first words of statements that may change whatever they like: `do`, a call of a function."""

    @property
    def tables(self) -> set[str]:
        """Every table that is locked against a part of the shop's own work."""
        return self.altered | self.referenced | self.written | self.read | self.triggered


def touched(texts: Iterable[str]) -> Touched:
    """Return what *texts* change; the inside of `do $$...$$` is not seen."""
    found = Touched()
    for text in texts:
        for statement in statements.split(text):
            _look(found, list(statement.tokens))
    return found


def _look(found: Touched, tokens: list[str]) -> None:
    words = [token.lower() for token in tokens]
    for place, word in enumerate(words):
        if word == "references":
            found.referenced.update(_names(tokens, place + 1)[:1])
    match words:
        case ["alter", "table", *_]:
            found.altered.update(_names(tokens, 2)[:1])
        case ["drop", "table", *_]:
            found.altered.update(_names(tokens, 2))
        case ["alter" | "drop", "index", *_]:
            found.indexes.update(_names(tokens, 2))
        case ["create", "index", *_] | ["create", "unique", "index", *_] if "on" in words:
            found.altered.update(_names(tokens, words.index("on") + 1)[:1])
        case ["create", *made] if "trigger" in made[:3] and "event" not in made and "on" in words:
            found.triggered.update(_names(tokens, words.index("on") + 1)[:1])
        case ["create" | "alter" | "drop", *kind] if {"trigger", "policy", "rule"} & set(kind[:3]):
            found.altered.update(_names(tokens, _place_of_table(words))[:1])
        case ["alter" | "drop", "type", *_]:
            found.types.update(_names(tokens, 2)[:1])
            _look_further(found, tokens, words)
        case ["truncate", *_]:
            found.written.update(_names(tokens, 1))
        case [first, *_] if first in _ROWS:
            _rows(found, tokens, words)
        case _:
            _look_further(found, tokens, words)


def _look_further(found: Touched, tokens: list[str], words: list[str]) -> None:
    match words:
        case ["copy", *_] if "from" in words:
            found.written.update(_names(tokens, 1)[:1])
            found.inserted.update(_names(tokens, 1)[:1])
        case ["create", *_] if _makes_a_table(words):
            if "as" in words:
                found.read |= _sources(tokens, words)
        case ["create" | "alter", kind, *_] if kind in _MAKES:
            pass
        case [first, *_] if first not in _HARMLESS:
            found.unseen.append(" ".join(words[: 2 if first in ("drop", "refresh") else 1]))
        case _:
            pass


def _makes_a_table(words: list[str]) -> bool:
    """Return whether the statement makes a table, by itself or of rows (`create table t as ...`)."""
    return words[0] == "create" and bool({"table", "materialized"} & set(words[1:4]))


def _place_of_table(words: list[str]) -> int:
    """Return where the table stands: `create policy p on t`, `create rule r as on insert to t`."""
    before = "to" if words[0] == "create" and "rule" in words[1:4] else "on"
    return words.index(before) + 1 if before in words else len(words)


def _rows(found: Touched, tokens: list[str], words: list[str]) -> None:
    """Take in a statement on rows: what it writes, wherever a `with` puts that, and what it reads."""
    for place, (word, after) in enumerate(zip(words, [*words[1:], ""], strict=True)):
        before = words[place - 1] if place else ""
        if (word, after) in (("insert", "into"), ("merge", "into")):
            target = _names(tokens, place + 2)[:1]
            found.inserted.update(target)
        elif (word, after) == ("delete", "from"):
            target = _names(tokens, place + 2)[:1]
        elif word == "update" and before in ("", "(", ")", ";") and after != "set":
            target = _names(tokens, place + 1)[:1]
        else:
            continue
        found.written.update(target)
    found.read |= _sources(tokens, words)


def _sources(tokens: list[str], words: list[str]) -> set[str]:
    """Return what stands behind `from`, `join` and `using`: tables, and names that are none.

    A name of a `with` counts too: a table of that name, if there is one, is locked for nothing.
    """
    found: set[str] = set()
    for place, word in enumerate(words):
        if word in ("from", "join", "using"):
            found.update(_listed(tokens, words, place + 1))
    return found


def _listed(tokens: list[str], words: list[str], place: int) -> list[str]:
    """Return the tables of a `from` list that begins at *place*: `a, b as "c", (select ..) d, e`."""
    found: list[str] = []
    depth, expected = 0, True
    ends = {"where", "join", "inner", "left", "right", "full", "cross", "on", "group", "order",
            "set", "limit", "union", "having", "returning", "when", "select", "window"}  # fmt: skip
    while place < len(tokens):
        word = words[place]
        if word == "(":
            expected = expected and depth > 0
            depth += 1
        elif word == ")":
            depth -= 1
            if depth < 0:
                break
        elif depth == 0 and word in ends:
            break
        elif depth == 0 and word == ",":
            expected = True
        elif depth == 0 and expected and word not in _SKIPPED:
            if words[place + 1 : place + 2] == ["."]:
                place += 2
            if words[place + 1 : place + 2] != ["("]:  # else it is a function
                found += _names(tokens, place)[:1]
            expected = False
        place += 1
    return found


def _names(tokens: list[str], place: int) -> list[str]:
    """Return the names in the list that begins at *place*, without schemas."""
    while place < len(tokens) and tokens[place].lower() in _SKIPPED:
        place += 1
    names: list[str] = []
    while place < len(tokens):
        token = tokens[place]
        names.append(token[1:-1].replace('""', '"') if token.startswith('"') else token.lower())
        if tokens[place + 1 : place + 2] == ["."]:
            names.pop()
            place += 2
        elif tokens[place + 1 : place + 2] == [","]:
            place += 2
        else:
            break
    return names
