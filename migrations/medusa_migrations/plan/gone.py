"""Pure: which files of the shop's own name what pending migrations of Medusa's drop before they run."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa_migrations.catalog.model import Migration
from medusa_migrations.schema import affected, effects, statements
from medusa_migrations.schema.effects import Drop, Make, Name, Rename, Space

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from medusa_migrations.catalog.model import DataStep
    from medusa_migrations.schema.effects import Effect
    from medusa_migrations.schema.statements import Statement

_Key = tuple[str, str]
"""Table and column; an empty column: the table itself."""


@dataclass(frozen=True, slots=True)
class GoneName:
    """A file that names something which is not there any more when it runs."""

    file: str
    table: str
    column: str
    """Empty: the table itself."""
    by: str
    """The migration that drops or renames it."""
    certain: bool
    """Whether the statement must mean that: one on several tables may mean another's column."""

    @property
    def what(self) -> str:
        """Return it for a sentence."""
        return (
            f"the column {self.table}.{self.column}" if self.column else f"the table {self.table}"
        )


def look(items: Sequence[Migration | DataStep]) -> Iterator[GoneName]:
    """Yield what files of the shop's own name that *items* before them have dropped or renamed."""
    gone: dict[_Key, str] = {}
    migrations = [item for item in items if isinstance(item, Migration)]
    if all(migration.version is not None for migration in migrations):
        return
    for item in migrations:
        if item.version is not None:
            if item.when is None:
                for effect in effects.of(item.statements):
                    _follow(effect, item.name, gone)
            continue
        seen: set[_Key] = set()
        for statement in statements.split(item.statements):
            for key, certain in _named(statement, gone):
                if key not in seen:
                    seen.add(key)
                    yield GoneName(item.name, *key, gone[key], certain)
            for effect in effects.of(statement.text):
                _follow(effect, "", gone)


def _follow(effect: Effect, by: str, gone: dict[_Key, str]) -> None:
    """Take into *gone* what *effect* takes away, and out of it what it makes."""
    match effect:
        case Drop():
            lost, made = list(effect.names), list[Name]()
        case Rename():
            lost, made = [effect.old], [effect.new]
        case Make():
            lost, made = [], [effect.name, *(part.name for part in effect.parts)]
        case _:
            return
    for name in lost:
        if by and (key := _key(name)):
            gone[key] = by
    for name in made:
        if key := _key(name):
            gone.pop(key, None)
            if not key[1]:
                for other in [other for other in gone if other[0] == key[0]]:
                    del gone[other]


def _key(name: Name) -> _Key | None:
    if name.space is Space.COLUMN:
        return name.table, name.name
    return (name.name, "") if name.space is Space.RELATION else None


def _named(statement: Statement, gone: dict[_Key, str]) -> Iterator[tuple[_Key, bool]]:
    names = [_plain(token) for token in statement.tokens]
    words = {*names}
    body = {
        word
        for token in statement.tokens
        if token.startswith("$")
        for word in re.findall(r"\w+", token)
    }
    found = affected.affected([statement.text])
    tables = {*found.tables, *found.modes}
    made = {_key(one.name) for one in effects.of(statement.text) if isinstance(one, Make)}
    optional = ("if", "exists") in itertools.pairwise(names)
    for key in gone:
        table, column = key
        if key in made or optional:
            continue
        if table in words and (not column or column in words):
            qualified = any(
                names[at : at + 3] == [table, ".", column] for at in range(len(names) - 2)
            )
            yield key, (table in tables if not column else qualified or tables == {table})
        elif table in body and (not column or column in body):
            yield key, False


def _plain(token: str) -> str:
    return token[1:-1].replace('""', '"') if token.startswith('"') else token.lower()
