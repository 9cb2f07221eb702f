"""Pure: the live schema against the one a version should have; drift, each in a sentence."""

from __future__ import annotations

import functools
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa_migrations import ddl
from medusa_migrations.schema import Column, Index, Schema, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from medusa_migrations.catalog import Catalog, Migration
    from medusa_migrations.version import Version

TOOL_TABLES = frozenset({"migrations", "typeorm_metadata", "mikro_orm_migrations"})
"""Ledgers of Medusa's own tools: neither expected nor foreign."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at the live schema found."""

    drift: tuple[str, ...]
    """A sentence for each object that is not what it should be, in the order of their names."""
    foreign: tuple[str, ...]
    """Objects of plugins and of the shop itself: `table loyalty_points`, `column order.note`."""
    variant: tuple[str, ...]
    """Migrations found in the text of an older version, as Medusa's own upgrades leave them."""

    @property
    def ok(self) -> bool:
        """Whether nothing differs that should not."""
        return not self.drift


def expected(migrations: Iterable[Migration]) -> Schema:
    """Return the schema that *migrations*, run in this order, make; others may hold it as well."""
    return _expected(tuple(migrations))


@functools.lru_cache(maxsize=2)
def _expected(migrations: tuple[Migration, ...]) -> Schema:
    schema = Schema()
    for migration in migrations:
        apply(schema, migration)
    return schema


def apply(schema: Schema, migration: Migration, passed: list[ddl.Passed] | None = None) -> None:
    """Change *schema* as *migration* would; add what it would pass over to *passed*."""
    if not applies(schema, migration):
        return
    ddl.apply(schema, migration.statements, passed)
    if migration.extension:
        schema.extensions.add(migration.extension)


def differences(passed: ddl.Passed) -> list[str]:
    """Return in a sentence each how what is there differs from what would be made in its place."""
    match passed.made, passed.there:
        case Column() as made, Column() as there:
            return _column_drift(passed.what, made, there)
        case Table() as made, Table() as there:
            return _table_drift(made, there)
        case Index() as made, Index() as there if made != there:
            on = "" if made.table == there.table else f" on {there.table}"
            return [f"{passed.what} is {there}{on} instead of {made}"]
        case _:
            return []


def applies(schema: Schema, migration: Migration) -> bool:
    """Return whether the statements of *migration* run on *schema*, or only its ledger row is added."""
    if migration.when is None:
        return True
    table, column = migration.when
    there = schema.tables.get(table)
    return there is not None and (column is None or column in there.columns)


def verify(catalog: Catalog, version: Version, applied: Sequence[str], live: Schema) -> Verdict:
    """Hold *live* against what the migrations *applied* (ledger order) make in *version*.

    A migration that had another text in an earlier version may stand in that text: an upgrade by
    Medusa's own tool leaves it so. The combination with the least drift is the one that counts.
    """
    chosen = _chosen(catalog, version, applied)
    try:
        best = _verdict(catalog, chosen, live, variant=())
    except ddl.DialectError:  # a row was added to the ledger later, behind those that stand on it
        chosen = dict(sorted(chosen.items(), key=lambda one: one[1].order))
        best = _verdict(catalog, chosen, live, variant=())
    for name in list(chosen):
        if best.ok:
            break
        for text in reversed(catalog.texts[name]):
            if text.version is None or text.version >= (chosen[name].version or version):
                continue
            trial = {**chosen, name: text}
            variant = (*best.variant, f"{name} as of {text.version}")
            try:
                verdict = _verdict(catalog, trial, live, variant)
            except ddl.DialectError:
                continue
            if len(verdict.drift) < len(best.drift):
                best, chosen = verdict, trial
    return best


def drift_of(
    catalog: Catalog, version: Version, applied: Sequence[str], live: Schema
) -> tuple[str, ...]:
    """Return how *live* differs from what *applied* make, each in its text of *version*.

    Raises DialectError where they cannot be run in this order.
    """
    return _verdict(catalog, _chosen(catalog, version, applied), live, variant=()).drift


def some(lines: Sequence[str], most: int = 3) -> str:
    """Return the first *most* of *lines*, and how many more there are."""
    shown = "; ".join(lines[:most])
    return shown if len(lines) <= most else f"{shown}; and {len(lines) - most} more"


def foresee(catalog: Catalog, version: Version, applied: Sequence[str]) -> None:
    """Work out what `verify` will expect, so that it answers at once."""
    with suppress(ddl.DialectError):  # `verify` will say so
        expected(_chosen(catalog, version, applied).values())


def _chosen(catalog: Catalog, version: Version, applied: Sequence[str]) -> dict[str, Migration]:
    names = (name for name in dict.fromkeys(applied) if catalog.knows(name))
    return {name: catalog.text(name, version) for name in names}


def _verdict(
    catalog: Catalog, chosen: Mapping[str, Migration], live: Schema, variant: tuple[str, ...]
) -> Verdict:
    wanted = expected(chosen.values())
    drift, foreign = _drift(wanted, live), []
    ours = objects(wanted)
    for found in sorted(objects(live) - ours):
        if not _counts(found, wanted):
            continue
        if found in known_objects(catalog):
            drift.append(f"{found} is left over from another version")
        else:
            foreign.append(str(found))
    return Verdict(tuple(drift), tuple(foreign), variant)


def _counts(found: Object, wanted: Schema) -> bool:
    """Return whether an object is named by itself: a part of a foreign table is not."""
    if found.kind == "sequence":
        return any(found.name.startswith(f"{table}_") for table in wanted.tables)
    if found.part:
        return found.table in wanted.tables
    return found.name not in TOOL_TABLES


@dataclass(frozen=True, slots=True, order=True)
class Object:
    """The address of one object of a schema."""

    kind: str
    table: str
    name: str

    @property
    def part(self) -> bool:
        """Whether it is a part of a table."""
        return self.kind in ("column", "constraint", "index")

    def __str__(self) -> str:
        match self.kind:
            case "column":
                return f"column {self.table}.{self.name}"
            case "constraint" | "index":
                return f"{self.kind} {self.name} on {self.table}"
            case _:
                return f"{self.kind} {self.name}"


def objects(schema: Schema) -> frozenset[Object]:
    """Return the address of everything in *schema* but extensions."""
    found = {Object("table", name, name) for name in schema.tables}
    for table in schema.tables.values():
        found |= {Object("column", table.name, name) for name in table.columns}
        found |= {Object("constraint", table.name, name) for name in table.constraints}
    found |= {Object("index", index.table, index.name) for index in schema.indexes.values()}
    found |= {Object("type", "", name) for name in schema.enums}
    found |= {Object("sequence", "", name) for name in schema.sequences}
    return frozenset(found)


@functools.lru_cache(maxsize=1)
def known_objects(catalog: Catalog) -> frozenset[Object]:
    """Return every object that some text of Medusa's makes, to tell left-overs from foreign ones."""
    return frozenset(
        Object(*made)
        for texts in catalog.texts.values()
        for migration in texts
        for made in ddl.makes(migration.statements)
    )


def _drift(wanted: Schema, live: Schema) -> list[str]:
    drift: list[str] = []
    for table in wanted.tables.values():
        there = live.tables.get(table.name)
        if there is None:
            drift.append(f"table {table.name} is missing")
        else:
            drift += _table_drift(table, there)
    drift += _named("index", wanted.indexes, live.indexes)
    for name, labels in wanted.enums.items():
        found = live.enums.get(name)
        if found is None:
            drift.append(f"type {name} is missing")
        elif found != labels:
            drift.append(f"type {name} has the values {_list(found)} instead of {_list(labels)}")
    drift += [f"sequence {name} is missing" for name in sorted(wanted.sequences - live.sequences)]
    drift += [
        f"extension {name} is missing" for name in sorted(wanted.extensions - live.extensions)
    ]
    return sorted(drift)


def _table_drift(wanted: Table, live: Table) -> list[str]:
    drift = []
    for column in wanted.columns.values():
        there = live.columns.get(column.name)
        if there is None:
            drift.append(f"column {wanted.name}.{column.name} is missing")
        else:
            drift += _column_drift(f"column {wanted.name}.{column.name}", column, there)
    fixed = {name for name, column in wanted.columns.items() if not column.anywhere}
    shared = [name for name in wanted.columns if name in live.columns and name in fixed]
    order = [name for name in live.columns if name in fixed]
    if shared != order:
        first = next(a for a, b in zip(shared, order, strict=True) if a != b)
        drift.append(f"table {wanted.name} has its columns in another order from {first} on")
    return drift + _named(f"table {wanted.name}: constraint", wanted.constraints, live.constraints)


def _column_drift(what: str, wanted: Column, live: Column) -> list[str]:
    drift = []
    if wanted.type != live.type:
        drift.append(f"{what} is {live.type} instead of {wanted.type}")
    if wanted.not_null != live.not_null:
        drift.append(f"{what} {'takes null' if wanted.not_null else 'does not take null'}")
    if wanted.default != live.default:
        has = "no default" if live.default is None else f"the default {live.default}"
        should = "none" if wanted.default is None else wanted.default
        drift.append(f"{what} has {has} instead of {should}")
    return drift


def _named(what: str, wanted: Mapping[str, object], live: Mapping[str, object]) -> list[str]:
    drift = []
    for name, made in wanted.items():
        if name not in live:
            drift.append(f"{what} {name} is missing")
        elif live[name] != made:
            drift.append(f"{what} {name} is {live[name]} instead of {made}")
    return drift


def _list(labels: Sequence[str]) -> str:
    return ", ".join(labels)
