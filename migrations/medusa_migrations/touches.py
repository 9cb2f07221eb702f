"""Pure: which tables the statements of a migration change, as far as their first words tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medusa_migrations import statements

if TYPE_CHECKING:
    from collections.abc import Iterable

_SKIPPED = {"if", "exists", "not", "only", "concurrently", "table"}


@dataclass(slots=True)
class Touched:
    """Names, without their schema, that texts of migrations mention as what they change."""

    altered: set[str] = field(default_factory=set)
    """Tables whose owner alone may do that."""
    referenced: set[str] = field(default_factory=set)
    """Tables that a new foreign key points to."""
    written: set[str] = field(default_factory=set)
    """Tables whose rows change."""
    indexes: set[str] = field(default_factory=set)
    """Indexes that are dropped or altered: their table counts as altered."""

    @property
    def tables(self) -> set[str]:
        """Every table that is locked against a part of the shop's own work."""
        return self.altered | self.referenced | self.written


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
        case ["insert", "into", *_] | ["delete", "from", *_]:
            found.written.update(_names(tokens, 2)[:1])
        case ["update" | "truncate", *_]:
            found.written.update(_names(tokens, 1)[:1])
        case _:
            pass


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
