"""Pure: what becomes of the differences that a schema has before a run, on the way to its target."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from medusa_migrations.catalog.model import Migration
from medusa_migrations.schema import affected, ddl, drift, statements, verify
from medusa_migrations.schema.drift import Object
from medusa_migrations.schema.model import Column, ConstraintKind, Table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from medusa_migrations.catalog.model import Catalog, DataStep
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.proof import Proof
    from medusa_migrations.schema.affected import Affected
    from medusa_migrations.schema.drift import Difference
    from medusa_migrations.schema.model import Constraint, Schema
    from medusa_migrations.schema.statements import Statement

_ROWS = frozenset({"insert", "update", "delete", "with"})
_FAMILIES = {
    "number": ("integer", "bigint", "smallint", "numeric", "real", "double precision"),
    "text": ("text", "character varying", "character"),
    "time": ("timestamp with time zone", "timestamp without time zone", "date"),
    "json": ("json", "jsonb"),
    "boolean": ("boolean",),
}


_LENGTH = re.compile(r"^character(?: varying)?\((\d+)\)$")
_SMALL = {"smallint": 2**15 - 1, "integer": 2**31 - 1}
"""Types of numbers that end before a time in milliseconds, and their largest one."""


_BEHIND_TARGET = ("(", "select", "values", "default", "with", "overriding", "table")
"""What can come behind the table of an insert."""


class Failing(NamedTuple):
    """A pending migration or data step that would fail because of how the schema differs."""

    item: str
    because: tuple[Difference, ...]
    """Empty where no single difference explains it."""
    message: str = ""
    """What is wrong, where no difference says it."""


class Earlier(NamedTuple):
    """What differs before a run, and what becomes of it."""

    blocked: tuple[Failing, ...] = ()
    stays: tuple[Difference, ...] = ()
    """What differs from the target in the same way afterwards."""
    goes: tuple[Difference, ...] = ()
    """What the migrations of the run make right, or take away."""
    tables: frozenset[str] = frozenset()
    """The tables that the version has."""


def foresee(
    catalog: Catalog,
    proof: Proof,
    at: Version | None,
    target: Version,
    items: Sequence[Migration | DataStep],
    live: Schema,
) -> Earlier:
    """Return how *live* differs from the version it is at, and what *items* make of that.

    Both, what is there and what should be, are taken along the pending migrations. What a migration of
    the shop's own does is not known: of tables that it changes, nothing is said to be in the way.
    """
    start = at or proof.latest or max(map(catalog.first_version, proof.applied), default=None)
    if start is None:
        return Earlier()
    try:
        verdict = verify.verify(catalog, start, proof.applied, live)
    except ddl.DialectError:  # no order of the ledger's names explains the schema
        return Earlier(tuple(_Walk(live.copy(), live.copy()).along(items)))
    tables = frozenset(verdict.wanted.tables)
    if not verdict.differences and not any(one.unlogged for one in live.tables.values()):
        return Earlier(tables=tables)
    walk = _Walk(verdict.wanted.copy(), live.copy())
    walk.along(items)
    medusas = [m.name for m in items if isinstance(m, Migration) and m.version is not None]
    try:
        after = verify.verify(catalog, target, [*proof.applied, *medusas], walk.existing)
    except ddl.DialectError:
        return Earlier(tuple(walk.blocked), verdict.differences, tables=tables)
    left = {str(one) for one in after.differences}
    reported = {one for found in walk.blocked for one in found.because}
    goes = tuple(
        one
        for one in verdict.differences
        if str(one) not in left and one not in reported and not walk.passes(one)
    )
    return Earlier(tuple(walk.blocked), after.differences, goes, tables)


@dataclass(slots=True)
class _Walk:
    """Takes the schema that should be and the one that is there along the same migrations."""

    wanted: Schema
    existing: Schema
    blocked: list[Failing] = field(default_factory=list)
    own: set[str] = field(default_factory=set)
    """Tables that the shop's own migrations change on the way."""
    unseen: bool = False
    """Whether one of them may have changed whatever it likes."""
    passed: list[ddl.Passed] = field(default_factory=list)

    def passes(self, one: Difference) -> bool:
        """Return whether a migration finds the object of *one* as it would make it, or passes over it."""
        found = one.object
        names = (str(found), f"{found.kind} {found.name}")
        return any(passed.what in names for passed in self.passed)

    def along(self, items: Iterable[Migration | DataStep]) -> list[Failing]:
        """Go on by *items*; return those that would fail so far."""
        for item in items:
            self._run(item)
        return self.blocked

    def _run(self, item: Migration | DataStep) -> None:
        if not isinstance(item, Migration):
            for statement in statements.split(item.text):
                self._note(item.name, [*self._rows(statement), *self._refusing(statement)], "")
            return
        self._note(item.name, self._unrecordable(item), "")
        if item.version is None:
            changed = affected.affected([item.statements])
            self.own |= changed.tables | changed.types
            self.unseen = self.unseen or bool(changed.unseen)
            return
        for name in sorted(item.rows):
            self._note(item.name, self._unfilled(name), "")
        should, does = verify.applies(self.wanted, item), verify.applies(self.existing, item)
        for statement in statements.split(item.statements):
            if does:
                self._there(item, statement)
            if should:
                with suppress(ddl.DialectError):  # where older texts explain what is there
                    ddl.apply(self.wanted, statement.text)
            if does and should and self.blocked and self.blocked[-1].item == item.name:
                self._heal(affected.affected([statement.text]))
        if item.extension:
            self.wanted.extensions.add(item.extension)
            self.existing.extensions.add(item.extension)

    def _there(self, item: Migration, statement: Statement) -> None:
        if statement.words[0] in _ROWS:
            self._note(item.name, [*self._rows(statement), *self._refusing(statement)], "")
            return
        trial = self.existing.copy()
        try:
            ddl.apply(trial, statement.text, self.passed)
        except ddl.DialectError as exc:
            self._note(item.name, self._named(statement), str(exc))
            return
        for because, message in self._refused(trial, statement):
            self._note(item.name, because, message)
        self.existing = trial

    def _note(self, item: str, because: Sequence[Difference], message: str) -> None:
        if self.unseen or any(one.object.table in self.own for one in because):
            return
        known = {one for found in self.blocked for one in found.because}
        new = tuple(one for one in because if one not in known)
        first = not self.blocked or self.blocked[-1].item != item  # what else it meets, follows
        if new or (message and not because and first):
            self.blocked.append(Failing(item, new, message if not new else ""))

    def _differences(self) -> list[Difference]:
        return drift.between(self.wanted, self.existing)

    def _named(self, statement: Statement) -> list[Difference]:
        """Return the differences in what *statement* names; those of its tables where there is none."""
        names = _names(statement)
        found = self._differences()
        exact = [one for one in found if one.object.name in names and _is_gone(one)]
        tables = affected.affected([statement.text]).tables
        return exact or [one for one in found if one.object.table in tables]

    def _rows(self, statement: Statement) -> list[Difference]:
        """Return the differences on which a statement on rows would fail."""
        changed = affected.affected([statement.text])
        tables = changed.written | changed.read
        return [
            one
            for one in self._differences()
            if one.object.table in tables
            and (
                one.object.kind == "table"
                or one.object.name in _columns(statement, one.object.table, tables)
            )
            and (_is_gone(one) or _is_other(one))
        ]

    def _refusing(self, statement: Statement) -> list[Difference]:
        """Return the columns that refuse a row which *statement* adds without a value for them."""
        names = _names(statement)
        return [
            one
            for table in sorted(affected.affected([statement.text]).inserted)
            for one in self._unfilled(table)
            if one.object.name not in names
        ]

    def _unrecordable(self, item: Migration) -> list[Difference]:
        """Return the columns of the ledger because of which the row of *item* cannot be added to it."""
        live = self.existing.tables.get(verify.LEDGER.name)
        if live is None:
            return []
        return [
            *self._unfilled(verify.LEDGER.name),
            *(one for one in drift.of_tables(verify.LEDGER, live) if _takes_not(one, item)),
        ]

    def _unfilled(self, name: str) -> list[Difference]:
        """Return the columns of the table *name* that are not null, get no value and should not be so."""
        table = self.existing.tables.get(name)
        if table is None:
            return []
        wanted = (
            verify.LEDGER
            if name == verify.LEDGER.name
            else self.wanted.tables.get(name, Table(name))
        )
        found = []
        for column in table.columns.values():
            should = wanted.columns.get(column.name)
            filled = column.default is not None or column.identity or column.generated
            if column.not_null and not filled and (should is None or not should.not_null):
                one = Object("column", name, column.name)
                found.append(verify.refusing(one, column))
        return found

    def _refused(
        self, after: Schema, statement: Statement
    ) -> Iterator[tuple[list[Difference], str]]:
        """Yield what PostgreSQL would refuse though every name is there."""
        changed = affected.affected([statement.text])
        made = after.tables.keys() - self.existing.tables.keys()
        for name in sorted(made | (changed.altered & after.tables.keys())):
            table, before = after.tables[name], self.existing.tables.get(name)
            new = [
                one
                for one in table.constraints.values()
                if before is None or before.constraints.get(one.name) != one
            ]
            keys = [
                one.name for one in table.constraints.values() if one.kind is ConstraintKind.PRIMARY
            ]
            if len(keys) > 1 and any(one.kind is ConstraintKind.PRIMARY for one in new):
                yield [], f"the table {name} has a primary key already, {keys[0]}"
            for one in new:
                if one.kind is ConstraintKind.FOREIGN:
                    yield from self._key(after, table, one)

    def _key(
        self, after: Schema, table: Table, key: Constraint
    ) -> Iterator[tuple[list[Difference], str]]:
        """Yield why the foreign key *key* of *table* cannot be made."""
        target = after.tables.get(key.references)
        if target is None:
            yield self._at(table.name, key.references), f"the table {key.references} is not there"
        elif target.unlogged and not table.unlogged:
            yield [drift.unlogged(target.name, f'"{target.name}"')], ""
        elif not _unique(after, target, key.referenced):
            found = self._at(table.name, key.references)
            about = [one for one in found if one.object.kind != "column"]
            columns = ", ".join(key.referenced)
            yield about, f"nothing makes {columns} of {key.references} unique"
        elif any(
            a in table.columns
            and b in target.columns
            and _family(table.columns[a].stored) != _family(target.columns[b].stored)
            for a, b in zip(key.columns, key.referenced, strict=True)
        ):
            found, names = self._at(table.name, key.references), {*key.columns, *key.referenced}
            about = [one for one in found if one.object.name in names and _is_other(one)]
            yield about, f"the columns of the foreign key {key.name} have types that do not fit"

    def _at(self, *tables: str) -> list[Difference]:
        """Return the differences in *tables*, and in their columns, constraints and indexes."""
        return [
            one
            for one in self._differences()
            if one.object.table in tables
            and one.object.kind in ("table", "column", "constraint", "index")
        ]

    def _heal(self, changed: Affected) -> None:
        """Let what is there be as it should be where a statement failed, so that it counts once."""
        for name in changed.tables:
            self.existing.indexes = {
                k: v for k, v in self.existing.indexes.items() if v.table != name
            }
            if name in self.wanted.tables:
                self.existing.tables[name] = self.wanted.tables[name].copy()
            else:
                self.existing.tables.pop(name, None)
        for index in self.wanted.indexes.values():
            if index.table in changed.tables:
                self.existing.indexes[index.name] = index
        for name in changed.indexes - self.wanted.indexes.keys():
            self.existing.indexes.pop(name, None)
        for name in changed.types:
            self.existing.enums.pop(name, None)
        self.existing.enums |= {k: v for k, v in self.wanted.enums.items() if k in changed.types}


def _words(statement: Statement) -> list[str]:
    """Return the tokens of *statement*, names as PostgreSQL knows them."""
    return [statements.unquoted(token) for token in statement.tokens]


def _names(statement: Statement) -> set[str]:
    return set(_words(statement))


def _columns(statement: Statement, table: str, tables: Collection[str]) -> set[str]:
    """Return the names in *statement*, of *tables*, that may be columns of *table*.

    Those behind the name or alias of another table are not, nor those in the list of an insert into another one.
    """
    words = _words(statement)
    aliases = {one: one for one in tables} | {
        alias: owner
        for owner, as_, alias in zip(words, words[1:], words[2:], strict=False)
        if as_ == "as"
    }
    begin = 0
    if words[:2] == ["insert", "into"]:
        opens = next(at for at, word in enumerate(words) if word in _BEHIND_TARGET)
        if words[opens] == "(" and table not in words[:opens]:
            begin = words.index(")")
    found = set()
    for at in range(begin, len(words)):
        owner = aliases.get(words[at - 2], table) if words[at - 1] == "." else table
        if owner == table:
            found.add(words[at])
    return found


def _is_gone(one: Difference) -> bool:
    return one.is_gone


def _takes_not(one: Difference, item: Migration) -> bool:
    """Return whether the column of the ledger in *one* does not take its value of the row of *item*.

    Of a type that the shop has made that is not known.
    """
    live = one.live
    if not isinstance(live, Column) or one.object.name not in ("timestamp", "name"):
        return False
    if live.generated or live.identity == "always":
        return True
    family, length = _family(live.stored), _LENGTH.search(live.stored)
    value = str(item.timestamp) if one.object.name == "timestamp" else item.name
    if family == "text":
        return length is not None and len(value) > int(length[1])
    if one.object.name == "timestamp" and family == "number":
        return live.stored in _SMALL and item.timestamp > _SMALL[live.stored]
    return family in _FAMILIES


def _is_other(one: Difference) -> bool:
    """Return whether a column is of a type that takes no values of the one it should have."""
    wanted, live = getattr(one.wanted, "stored", None), getattr(one.live, "stored", None)
    if wanted is None or live is None or wanted == live:
        return False
    # an enum takes literals as text does, and texts are what it is copied from
    return _family(wanted, enum="text") != _family(live, enum="text")


def _family(type_: str, *, enum: str = "") -> str:
    base = type_.partition("(")[0]
    return next((name for name, types in _FAMILIES.items() if base in types), enum or base)


def _unique(schema: Schema, table: Table, columns: Sequence[str]) -> bool:
    """Return whether a foreign key may point to *columns* of *table*."""
    wanted = {*columns}
    return any(
        one.kind in (ConstraintKind.PRIMARY, ConstraintKind.UNIQUE)
        and {*one.columns} == wanted
        and not one.options.startswith("deferrable")
        for one in table.constraints.values()
    ) or any(
        index.table == table.name and index.unique and not index.where and {*index.keys} == wanted
        for index in schema.indexes.values()
    )
