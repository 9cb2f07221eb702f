"""Pure: which tables the statements of a migration change, as far as their first words tell."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medusa_migrations.schema import statements

if TYPE_CHECKING:
    from collections.abc import Iterable

_SKIPPED = {"if", "exists", "not", "only", "concurrently", "table", "lateral"}
_ROWS = {"insert", "update", "delete", "merge", "with"}
_HARMLESS = {"comment", "set", "reset", "show", "grant", "revoke", "values"}
_MAKES = {
    "function", "procedure", "aggregate", "type", "domain", "schema", "sequence", "extension", "view",
    "or", "collation", "role", "cast", "operator", "event",
}  # fmt: skip


@dataclass(slots=True)
class Affected:
    """Names, without their schema, that texts of migrations mention as what they change."""

    altered: set[str] = field(default_factory=set)
    """Tables whose owner alone may do that."""
    referenced: set[str] = field(default_factory=set)
    """Tables that a new foreign key points to."""
    checked: set[tuple[str, str]] = field(default_factory=set, compare=False)
    """A table that is there and gets a foreign key, whose rows are checked by it, and the table that it points to."""
    written: set[str] = field(default_factory=set)
    """Tables whose rows change."""
    inserted: set[str] = field(default_factory=set)
    """Those of them that get new rows."""
    updated: set[str] = field(default_factory=set)
    """Those of them whose rows are given other values."""
    deleted: set[str] = field(default_factory=set)
    """Those of them that lose rows one by one."""
    read: set[str] = field(default_factory=set)
    """Tables whose rows are read by a statement that writes others, or a table, of them."""
    triggered: set[str] = field(default_factory=set)
    """Tables that get a trigger."""
    indexes: set[str] = field(default_factory=set)
    """Indexes that are dropped or altered: their table counts as altered."""
    types: set[str] = field(default_factory=set)
    """Types whose owner alone may do that."""
    modes: dict[str, list[str]] = field(default_factory=dict)
    """Tables that a statement locks and does not change, with the modes it takes."""
    drops: dict[str, set[str]] = field(default_factory=dict)
    """Tables that lose something, with the names that stand there; none of them: the table itself goes."""
    qualified: set[tuple[str, str]] = field(default_factory=set, compare=False)
    """Every `one.other`: a schema and a relation, or a table and a column."""
    called: set[str] = field(default_factory=set, compare=False)
    """Every name with a parenthesis behind it, a function perhaps."""
    unseen: list[str] = field(default_factory=list)
    """The first words of statements that may change whatever they like: `do`, a call of a function."""

    @property
    def tables(self) -> set[str]:
        """Every table that is locked against a part of the shop's own work."""
        return self.altered | self.referenced | self.written | self.read | self.triggered

    def lock(self, tables: Iterable[str], mode: str) -> None:
        """Note that *tables* are locked in *mode*."""
        for table in tables:
            self.modes.setdefault(table, []).append(mode)


def affected(texts: Iterable[str]) -> Affected:
    """Return what *texts* change; the inside of `do $$...$$` is not seen."""
    found = Affected()
    for text in texts:
        for statement in statements.split(text):
            _look(found, list(statement.tokens))
    return found


def _look(found: Affected, tokens: list[str]) -> None:
    words = [token.lower() for token in tokens]
    _mentioned(found, tokens, words)
    match words:
        case ["alter" | "drop", "table", *_]:
            _table(found, tokens, words)
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


def _look_further(found: Affected, tokens: list[str], words: list[str]) -> None:
    match words:
        case ["copy", *_] if "from" in words:
            found.written.update(_names(tokens, 1)[:1])
            found.inserted.update(_names(tokens, 1)[:1])
        case ["create", *_] if _makes_a_table(words):
            if "as" in words:
                found.read |= _sources(tokens, words)
            _joined(found, tokens, words)
        case ["create", *_] if "view" in words[1:5]:
            found.lock(_sources(tokens, words), "access share")
        case ["lock", *_]:
            _explicit(found, tokens, words)
        case ["comment", "on", *_]:
            _commented(found, tokens, words)
        case ["analyze", _, *_] if "(" not in words and words[1] != "verbose":
            found.lock(_names(tokens, 1), "share update exclusive")
        case [
            "alter",
            "domain" | "extension",
            *_,
        ]:  # tables with such columns, what its script does
            found.unseen.append(" ".join(words[:2]))
        case ["create" | "alter", kind, *_] if kind in _MAKES:
            pass
        case [first, *_] if first not in _HARMLESS:
            found.unseen.append(" ".join(words[: 2 if first in ("drop", "refresh") else 1]))
        case _:
            pass


def _table(found: Affected, tokens: list[str], words: list[str]) -> None:
    names = _names(tokens, 2)
    if words[0] == "drop":
        found.altered.update(names)
        found.drops |= {name: set() for name in names}
        return
    found.altered.update(names[:1])
    if names and (gone := _dropped(tokens, words)):
        found.drops.setdefault(names[0], set()).update(gone)
    _joined(found, tokens, words)


def _mentioned(found: Affected, tokens: list[str], words: list[str]) -> None:
    """Take in what counts in any statement."""
    if words[-1] == "cascade" and words[0] in ("alter", "drop", "truncate"):
        found.unseen.append(f"{' '.join(words[:2])} .. cascade")
    runs = words[0] in _ROWS or bool({"table", "index", "materialized"} & set(words[1:4]))
    for place, token in enumerate(tokens[:-1]):
        after = tokens[place + 1]
        if words[place] == "references":
            other = _names(tokens, place + 1)[:1]
            found.referenced.update(other)
            if words[:2] == ["alter", "table"]:
                found.checked.update(itertools.product(_names(tokens, 2)[:1], other))
        elif after == "(" and runs:
            found.called.add(statements.unquoted(token))
        elif after == "." and place + 2 < len(tokens):
            found.qualified.add(
                (statements.unquoted(token), statements.unquoted(tokens[place + 2]))
            )


def _dropped(tokens: list[str], words: list[str]) -> set[str]:
    """Return the columns and constraints that `alter table` drops."""
    found: set[str] = set()
    for place, word in enumerate(words):
        if word == "drop" and place > 1:
            at = place + 1
            while at < len(words) and words[at] in ("constraint", "column", "if", "exists"):
                at += 1
            found.update(map(statements.unquoted, tokens[at : at + 1]))
    return found - {"not", "default", "identity", "expression"}


def _joined(found: Affected, tokens: list[str], words: list[str]) -> None:
    """Take in the tables that another one becomes, or ceases to be, a part or a copy of."""
    for place, (word, after) in enumerate(zip(words, [*words[1:], ""], strict=True)):
        if (word, after) == ("partition", "of") or word in ("attach", "detach"):
            found.altered.update(_names(tokens, place + 2)[:1])
        elif (word, after) == ("inherits", "("):
            found.lock(_names(tokens, place + 2), "share update exclusive")
        elif word == "inherit":
            found.lock(_names(tokens, place + 1)[:1], "share update exclusive")
        elif word == "like" and words[0] == "create":
            found.lock(_names(tokens, place + 1)[:1], "access share")


def _explicit(found: Affected, tokens: list[str], words: list[str]) -> None:
    """Take in `lock table a, b in share mode`; without a mode it is the strongest."""
    mode = "access exclusive"
    if words[-1] == "mode" and "in" in words:
        mode = " ".join(words[words.index("in") + 1 : -1])
    elif words[-2:-1] == ["mode"] and "in" in words:  # nowait
        mode = " ".join(words[words.index("in") + 1 : -2])
    found.lock(_names(tokens, 1), mode)


def _commented(found: Affected, tokens: list[str], words: list[str]) -> None:
    match words:
        case ["comment", "on", "table", *_]:
            found.lock(_names(tokens, 3)[:1], "share update exclusive")
        case ["comment", "on", "column", *_]:
            *_, table, _, _ = tokens[3 : words.index("is")] or ("", "", "")  # table . column
            found.lock([statements.unquoted(table)], "share update exclusive")
        case ["comment", "on", _, _, "on", *_]:
            found.lock(_names(tokens, 5)[:1], "share update exclusive")
        case _:
            pass


def _makes_a_table(words: list[str]) -> bool:
    """Return whether the statement makes a table, by itself or of rows (`create table t as ...`)."""
    return words[0] == "create" and bool({"table", "materialized"} & set(words[1:4]))


def _place_of_table(words: list[str]) -> int:
    """Return where the table stands: `create policy p on t`, `create rule r as on insert to t`."""
    before = "to" if words[0] == "create" and "rule" in words[1:4] else "on"
    return words.index(before) + 1 if before in words else len(words)


def _rows(found: Affected, tokens: list[str], words: list[str]) -> None:
    """Take in a statement on rows: what it writes, wherever a `with` puts that, and what it reads."""
    for place, (word, after) in enumerate(zip(words, [*words[1:], ""], strict=True)):
        before = words[place - 1] if place else ""
        if (word, after) in (("insert", "into"), ("merge", "into")):
            target = _names(tokens, place + 2)[:1]
            found.inserted.update(target)
            if word == "merge":
                found.updated.update(target if "update" in words else ())
                found.deleted.update(target if "delete" in words else ())
        elif (word, after) == ("delete", "from"):
            target = _names(tokens, place + 2)[:1]
            found.deleted.update(target)
        elif word == "update" and before in ("", "(", ")", ";") and after != "set":
            target = _names(tokens, place + 1)[:1]
            found.updated.update(target)
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
        names.append(statements.unquoted(tokens[place]))
        if tokens[place + 1 : place + 2] == ["."]:
            names.pop()
            place += 2
        elif tokens[place + 1 : place + 2] == [","]:
            place += 3 if tokens[place + 2 : place + 3] in (["only"], ["ONLY"]) else 2
        else:
            break
    return names
