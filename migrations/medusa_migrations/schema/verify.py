"""Pure: compares the live schema with the one that a version should have."""

from __future__ import annotations

import dataclasses
import functools
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medusa_migrations.schema import ddl, drift
from medusa_migrations.schema.drift import Difference, Object
from medusa_migrations.schema.model import Column, Index, Schema, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from medusa_migrations.catalog.model import Catalog, Migration
    from medusa_migrations.catalog.version import Version

TOOL_TABLES = frozenset({"migrations", "typeorm_metadata", "mikro_orm_migrations"})
"""Ledgers of Medusa's own tools: neither expected nor foreign."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at the live schema found."""

    differences: tuple[Difference, ...]
    """Each object that is not what it should be, in the order of their names."""
    foreign: tuple[str, ...]
    """Objects of plugins and of the shop itself: `table loyalty_points`, `column order.note`."""
    variant: tuple[str, ...]
    """Migrations found in the text of an older version, as Medusa's own upgrades leave them."""
    wanted: Schema = field(default_factory=Schema, compare=False)
    """What it was compared with."""

    def beside(self, found: Iterable[Difference]) -> Verdict:
        """Return one that has *found* as well, as far as it is about tables of the version or the ledger."""
        known = {*self.wanted.tables, "migrations"}
        more = [one for one in found if one.object.table in known]
        both = sorted([*self.differences, *more], key=str)
        return dataclasses.replace(self, differences=tuple(both))

    @property
    def drift(self) -> tuple[str, ...]:
        """A sentence for each difference."""
        return drift.sentences(self.differences)

    @property
    def ok(self) -> bool:
        """Whether nothing differs that should not."""
        return not self.differences


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
            one = Object("column", passed.table, made.name)
            return [str(found) for found in drift.of_columns(one, made, there)]
        case Table() as made, Table() as there:
            return [str(found) for found in drift.of_tables(made, there)]
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
            if len(verdict.differences) < len(best.differences):
                best, chosen = verdict, trial
    return best


def drift_of(
    catalog: Catalog, version: Version, applied: Sequence[str], live: Schema
) -> tuple[str, ...]:
    """Return how *live* differs from what *applied* make, each in its text of *version*.

    Raises DialectError where they cannot be run in this order.
    """
    return _verdict(catalog, _chosen(catalog, version, applied), live, variant=()).drift


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
    found, foreign = drift.between(wanted, live), []
    ours = drift.objects(wanted)
    for one in sorted(drift.objects(live) - ours):
        if not _counts(one, wanted):
            continue
        if one in known_objects(catalog):
            found.append(Difference(one, f"{one} is left over from another version"))
        else:
            foreign.append(str(one))
    return Verdict(tuple(found), tuple(foreign), variant, wanted)


def _counts(found: Object, wanted: Schema) -> bool:
    """Return whether an object is named by itself: a part of a foreign table is not."""
    if found.kind == "sequence":
        return any(found.name.startswith(f"{table}_") for table in wanted.tables)
    if found.part:
        return found.table in wanted.tables
    return found.name not in TOOL_TABLES


@functools.lru_cache(maxsize=1)
def known_objects(catalog: Catalog) -> frozenset[Object]:
    """Return every object that some text of Medusa's makes, to tell left-overs from foreign ones."""
    return frozenset(
        Object(*made)
        for texts in catalog.texts.values()
        for migration in texts
        for made in ddl.makes(migration.statements)
    )


def tables(catalog: Catalog) -> frozenset[str]:
    """Return the name of every table that some text of Medusa's makes, and of its ledger."""
    return frozenset(o.name for o in known_objects(catalog) if o.kind == "table") | {"migrations"}
