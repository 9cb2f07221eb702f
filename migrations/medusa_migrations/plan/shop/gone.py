"""Pure: which pending items meet what another one before them has done.

Files of the shop's own need what Medusa's migrations drop, Medusa's items what such files drop or make themselves.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

from medusa_migrations.catalog.model import Migration
from medusa_migrations.schema import affected, effects, statements
from medusa_migrations.schema.effects import (
    Change,
    Make,
    Name,
    Retype,
    Space,
    Unseen,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from medusa_migrations.catalog.model import DataStep
    from medusa_migrations.schema.effects import Effect
    from medusa_migrations.schema.statements import Statement

_Key = tuple[str, str]
"""Table and column; an empty column: the table itself."""


class GoneName(NamedTuple):
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


class Clash(NamedTuple):
    """An item of Medusa's that meets what a file of the shop's own has done before it."""

    item: str
    what: str
    """What it is about, for a sentence: `the column product.sku`."""
    file: str
    made: bool
    """Whether the file has made it, and the item makes it again; else the item needs it and it is gone."""
    certain: bool
    """Whether that cannot go well: what is there may be passed over, and a block in a file may have made it good."""


def clashes(items: Sequence[Migration | DataStep], schema: str) -> Iterator[Clash]:
    """Yield what items of Medusa's need or make that files of the shop's own, in *schema*, have dropped or made."""
    if all(item.version is not None for item in items):
        return
    files = _Files(schema)
    for item in items:
        if isinstance(item, Migration) and item.version is None:
            for effect in effects.of(item.statements):
                files.take(effect, item.name)
        elif files.lost or files.made:
            yield from _once(files.met(item))


def _once(found: Iterable[Clash]) -> Iterable[Clash]:
    """Return each thing that an item meets once: as certain, where it is in one of its statements."""
    once: dict[tuple[str, bool], Clash] = {}
    for one in found:
        key = one.what, one.made
        if key not in once or (one.certain and not once[key].certain):
            once[key] = one
    return once.values()


class _Files:
    """What files of the shop's own have dropped and made up to a point of the path."""

    def __init__(self, schema: str) -> None:
        self.schema = schema
        self.lost: dict[Name, str] = {}
        self.made: dict[Name, str] = {}
        self.unseen = False

    def take(self, effect: Effect, by: str) -> None:
        """Take in an *effect* of the file *by*; empty: of an item of Medusa's."""
        self.unseen = self.unseen or isinstance(effect, Unseen)
        for name in self._names(effects.lost(effect)):
            self.made = {k: v for k, v in self.made.items() if name not in (k, k.relation)}
            if by:
                self.lost[name] = by
        for one in effects.made(effect):
            for name in self._names([one.name]):
                self.lost = {k: v for k, v in self.lost.items() if name not in (k, k.relation)}
                if by:
                    self.made[name] = by

    def _names(self, names: Iterable[Name]) -> Iterator[Name]:
        """Yield those of *names* that are the shop's, without their schema."""
        for name in names:
            if name.schema in ("", self.schema) or name.space.of_database:
                yield name._replace(schema="")

    def met(self, item: Migration | DataStep) -> Iterator[Clash]:
        """Yield what *item* needs of what is lost, or makes of what is made."""
        if isinstance(item, Migration):
            if item.when and Name(Space.RELATION, item.when[0]) in self.lost:
                return
            for table in item.rows:
                if by := self.lost.get(Name(Space.RELATION, table)):
                    yield Clash(item.name, f"the table {table}", by, made=False, certain=True)
        text = item.statements if isinstance(item, Migration) else item.text
        for statement in statements.split(text):
            found = effects.of(statement.text)
            again = [one for effect in found for one in effects.made(effect)]
            for name, certain in self._needed(statement, found, {one.name for one in again}):
                sure = certain and not self.unseen
                yield Clash(item.name, _what(name), self.lost[name], made=False, certain=sure)
            for one in again:
                by = self.made.get(one.name)
                if by and one.kind != "sequence" and one.name.relation not in self.made:
                    passes = (one.lenient and one.kind != "table") or one.replaces
                    sure = not (passes or self.unseen)
                    yield Clash(item.name, _what(one.name), by, made=True, certain=sure)
            for effect in found:
                self.take(effect, "")

    def _needed(
        self, statement: Statement, found: Sequence[Effect], again: set[Name]
    ) -> Iterator[tuple[Name, bool]]:
        """Yield which lost names the statement needs, and whether it must mean those."""
        words = [statements.unquoted(token) for token in statement.tokens]
        optional = {
            word for at, word in enumerate(words) if words[max(at - 2, 0) : at] == ["if", "exists"]
        }
        changed = affected.affected([statement.text])
        tables = {*changed.tables, *changed.modes, *changed.indexes}
        direct = {name for effect in found for name in _touched(effect)}
        for name in self.lost.keys() - again:
            if name.name in optional or name.table in optional:
                continue
            by_name = {Space.RELATION: tables, Space.TYPE: {*words}}.get(name.space, ())
            if name in direct or name.name in by_name:
                yield name, True
            elif name.space is Space.COLUMN and name.table in tables and name.name in words:
                part = [name.table, ".", name.name]
                qualified = any(words[at : at + 3] == part for at in range(len(words) - 2))
                yield name, qualified or tables == {name.table}


def _touched(effect: Effect) -> Iterable[Name]:
    match effect:
        case Retype():
            return (effect.column,)
        case Change():
            return (effect.name,)
        case _:
            return effects.lost(effect)


def _what(name: Name) -> str:
    if name.space is Space.COLUMN:
        return f"the column {name.table}.{name.name}"
    if name.space is Space.CONSTRAINT:
        return f"the constraint {name.name} on {name.table}"
    kind = "table or index" if name.space is Space.RELATION else name.space
    return f"the {kind} {name.name}"


def _follow(effect: Effect, by: str, gone: dict[_Key, str]) -> None:
    """Take into *gone* what *effect* takes away, and out of it what it makes."""
    for name in effects.lost(effect):
        if by and (key := _key(name)):
            gone[key] = by
    for one in effects.made(effect):
        if key := _key(one.name):
            gone.pop(key, None)
            if not key[1]:
                for other in [other for other in gone if other[0] == key[0]]:
                    del gone[other]


def _key(name: Name) -> _Key | None:
    if name.space is Space.COLUMN:
        return name.table, name.name
    return (name.name, "") if name.space is Space.RELATION else None


def _named(statement: Statement, gone: dict[_Key, str]) -> Iterator[tuple[_Key, bool]]:
    names = [statements.unquoted(token) for token in statement.tokens]
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
