"""Pure: compares the live schema with the one that a version should have."""

from __future__ import annotations

import dataclasses
import functools
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medusa_migrations.schema import ddl, drift
from medusa_migrations.schema.drift import Difference, Object
from medusa_migrations.schema.model import Column, Constraint, ConstraintKind, Index, Schema, Table
from medusa_migrations.schema.severity import DriftSeverity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from medusa_migrations.catalog.model import Catalog, Migration
    from medusa_migrations.catalog.version import Version

TOOL_TABLES = frozenset({"migrations", "typeorm_metadata", "mikro_orm_migrations"})
"""Ledgers of Medusa's own tools: neither expected nor foreign."""


_ID = "nextval ( 'migrations_id_seq' )"
LEDGER = Table(
    "migrations",
    {
        "id": Column(
            "id", "integer", not_null=True, default=_ID, default_sql="nextval('migrations_id_seq')"
        ),
        "timestamp": Column("timestamp", "bigint", not_null=True),
        "name": Column("name", "character varying", not_null=True),
    },
    {
        "PK_8c82d7f526340ab734260ea46be": Constraint(
            "PK_8c82d7f526340ab734260ea46be", ConstraintKind.PRIMARY, ("id",)
        )
    },
)
"""Medusa's own ledger, as its tool makes it in every version."""
_LEDGER = Schema(tables={LEDGER.name: LEDGER}, sequences={"migrations_id_seq"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at the live schema found."""

    differences: tuple[Difference, ...]
    """Each object that is not what it should be, in the order in which their fixes can be run."""
    foreign: tuple[str, ...]
    """Objects of plugins and of the shop itself: `table loyalty_points`, `column order.note`."""
    variant: tuple[str, ...]
    """Migrations found in the text of an older version, as Medusa's own upgrades leave them."""
    around: frozenset[str] = field(default=frozenset(), compare=False)
    """The sentences of those that no migration makes or unmakes: rights, row security, what a trigger does."""
    wanted: Schema = field(default_factory=Schema, compare=False)
    """What it was compared with."""

    def beside(self, found: Iterable[Difference]) -> Verdict:
        """Return one that has *found* as well, as far as it is about tables of the version, the ledger or all."""
        known = {*self.wanted.tables, LEDGER.name, ""}
        more = [one for one in found if one.object.table in known]
        both = drift.in_order([*self.differences, *more], self.wanted)
        around = self.around | {str(one) for one in more}
        return dataclasses.replace(self, differences=tuple(both), around=around)

    @property
    def drift(self) -> tuple[str, ...]:
        """A sentence for each harmful difference."""
        return drift.sentences([one for one in self.differences if one.harmful])

    @property
    def ok(self) -> bool:
        """Whether nothing differs that is harmful."""
        return not any(one.harmful for one in self.differences)


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
    match passed.made, passed.existing:
        case Column() as made, Column() as existing:
            one = Object("column", passed.table, made.name)
            return [str(found) for found in drift.of_columns(one, made, existing)]
        case Table() as made, Table() as existing:
            return [str(found) for found in drift.of_tables(made, existing)]
        case Index() as made, Index() as existing if made != existing:
            on = "" if made.table == existing.table else f" on {existing.table}"
            return [f"{passed.what} is {existing}{on} instead of {made}"]
        case _:
            return []


def applies(schema: Schema, migration: Migration) -> bool:
    """Return whether the statements of *migration* run on *schema*, or only its ledger row is added."""
    if migration.when is None:
        return True
    table, column = migration.when
    existing = schema.tables.get(table)
    return existing is not None and (column is None or column in existing.columns)


def verify(catalog: Catalog, version: Version, applied: Sequence[str], live: Schema) -> Verdict:
    """Compare *live* with what the migrations *applied* (ledger order) make in *version*.

    A migration that had another text in an earlier version may stand in that text: an upgrade by
    Medusa's own tool leaves it so. The ledger's order may not be the one in which they ran: rows are added
    later, or numbered anew. Then they may have run as Medusa sorts them, and each before or behind the
    others. The combination with the least drift is the one that counts.
    """
    chosen = _chosen(catalog, version, applied)
    in_order = dict(sorted(chosen.items(), key=lambda one: one[1].order))
    try:
        found = _least(catalog, version, live, chosen)
    except ddl.DialectError:
        return _least(catalog, version, live, in_order, moved=True)
    if not found.differences or list(in_order) == list(chosen):
        return found
    with suppress(ddl.DialectError):
        found = min(found, _least(catalog, version, live, in_order), key=_count)
    return found


def _count(verdict: Verdict) -> int:
    return len(verdict.differences)


def _least(
    catalog: Catalog,
    version: Version,
    live: Schema,
    chosen: dict[str, Migration],
    *,
    moved: bool = False,
) -> Verdict:
    """Return the verdict with the least drift of *chosen*, each in its text of *version* or an older one.

    With *moved* each is tried before and behind the others. Raises DialectError where *chosen* cannot be run.
    """
    search = _Search(catalog, live, chosen, _verdict(catalog, chosen, live))
    if moved:
        search.move()
    search.take_older_texts(version)
    return search.verdict


@dataclass(slots=True)
class _Search:
    """The order of migrations, and the text of each, with the least drift so far."""

    catalog: Catalog
    live: Schema
    chosen: dict[str, Migration]
    verdict: Verdict

    def take(self, chosen: dict[str, Migration], variant: tuple[str, ...] = ()) -> None:
        """Take *chosen* where they can run in this order and leave less drift."""
        with suppress(ddl.DialectError):
            verdict = _verdict(self.catalog, chosen, self.live, variant)
            if _count(verdict) < _count(self.verdict):
                self.chosen, self.verdict = chosen, verdict

    def move(self) -> None:
        """Try each before and behind the others.

        With a flag that is switched on late, migrations run behind those that would drop what they make.
        """
        for name, migration in list(self.chosen.items()):
            if concerns(self.verdict.differences, migration.statements):
                others = {one: text for one, text in self.chosen.items() if one != name}
                self.take({name: migration, **others})
                self.take({**others, name: migration})

    def take_older_texts(self, version: Version) -> None:
        """Try the texts that migrations had before *version*."""
        for name in list(self.chosen):
            if not self.verdict.differences:
                break
            for text in reversed(self.catalog.texts[name]):
                now = self.chosen[name]
                if text.version is None or text.version >= (now.version or version):
                    continue
                if concerns(self.verdict.differences, text.statements + now.statements):
                    variant = (*self.verdict.variant, f"{name} as of {text.version}")
                    self.take({**self.chosen, name: text}, variant)


def concerns(differences: Iterable[Difference], statements: str) -> bool:
    """Return whether *statements* name anything that differs: another text of others changes nothing."""
    return any(
        one.object.name in statements or (one.object.table or one.object.name) in statements
        for one in differences
    )


def drift_of(
    catalog: Catalog, version: Version, applied: Sequence[str], live: Schema
) -> tuple[Difference, ...]:
    """Return how *live* differs from what *applied* make, each in its text of *version*.

    Raises DialectError where they cannot be run in this order.
    """
    return _verdict(catalog, _chosen(catalog, version, applied), live).differences


def foresee(catalog: Catalog, version: Version, applied: Sequence[str]) -> None:
    """Work out what `verify` will expect, so that it answers at once."""
    with suppress(ddl.DialectError):  # `verify` will say so
        expected(_chosen(catalog, version, applied).values())


def excluding(
    catalog: Catalog,
    version: Version,
    applied: Sequence[str],
    pending: Sequence[Migration],
    live: Schema,
) -> tuple[Migration, dict[str, bool]] | None:
    """Return which of the *pending* ones cannot run with the flags that chose them, and flags with which all can.

    Such a set is none of Medusa's: flags were set by hand that need each other. None where all can run, on
    *live* or on what is *applied*, or where that explains nothing.
    """
    names = {*applied, *(migration.name for migration in pending)}
    if names == {migration.name for migration in catalog.enabled(version, {})}:
        return None
    try:
        schema = expected(_chosen(catalog, version, applied).values()).copy()
    except ddl.DialectError:
        return None
    failing = _failing(schema, pending)
    if failing is None or _failing(live.copy(), pending) is None:
        return None
    return failing, _remedy(catalog, version, names, failing)


def _failing(schema: Schema, pending: Sequence[Migration]) -> Migration | None:
    """Return the first of the *pending* ones that cannot run on *schema*, which is changed."""
    for migration in pending:
        try:
            apply(schema, migration)
        except ddl.DialectError:
            return migration
    return None


def _remedy(
    catalog: Catalog, version: Version, names: set[str], failing: Migration
) -> dict[str, bool]:
    """Return the one flag to switch, on or else off, with which the migrations run."""
    on = {
        flag
        for name in names & catalog.texts.keys()
        for flag in catalog.gates(catalog.text(name, version), version)
    }
    flags = {flag: flag in on for flag in catalog.flags}
    missing = [{flag: True} for flag, is_on in flags.items() if not is_on]
    own = [{flag: False} for flag in catalog.gates(failing, version)]
    for change in (*missing, *own):
        with suppress(ddl.DialectError):
            expected(catalog.enabled(version, flags | change))
            return change
    return {}


def _chosen(catalog: Catalog, version: Version, applied: Sequence[str]) -> dict[str, Migration]:
    names = (name for name in dict.fromkeys(applied) if catalog.knows(name))
    return {name: catalog.text(name, version) for name in names}


def _verdict(
    catalog: Catalog, chosen: Mapping[str, Migration], live: Schema, variant: tuple[str, ...] = ()
) -> Verdict:
    wanted = expected(chosen.values())
    found, foreign = drift.between(wanted, live), list[str]()
    found += _ledger(live)
    renamed = {(one.object.table, getattr(one.live, "name", "")) for one in found if one.is_gone}
    ours = drift.objects(wanted) | drift.objects(Schema(tables={LEDGER.name: LEDGER}))
    for one in sorted(drift.objects(live) - ours):
        if not _counts(one, wanted) or (one.table, one.name) in renamed:
            continue
        if one in known_objects(catalog):
            found.append(_left_over(one, live))
        elif (refusing := _refusing(one, live)) is not None:
            found.append(refusing)
        else:
            foreign.append(str(one))
    return Verdict(tuple(drift.in_order(found, wanted)), tuple(foreign), variant, wanted=wanted)


def _ledger(live: Schema) -> list[Difference]:
    """Return how the ledger differs; where there is none, its version is not proven anyway."""
    if LEDGER.name in live.tables or LEDGER.name in live.views:
        return [_of_ledger(one) for one in drift.between(_LEDGER, live)]
    return []


def _of_ledger(one: Difference) -> Difference:
    """Return the difference *one*: the ids of the ledger are read as whole numbers, whatever form they come in."""
    live = one.live
    if one.object.name != "id" or not isinstance(live, Column) or live.type != "bigint":
        return one
    if "bigint instead of integer" not in str(one):
        return one
    effect = "it holds every value that the server writes"
    return dataclasses.replace(one, severity=DriftSeverity.HARMLESS, effect=effect)


def _left_over(one: Object, live: Schema) -> Difference:
    """Return that *one* is of another version of Medusa, and whether that does harm."""
    refusing = _refusing(one, live)
    sentence = f"{one} is left over from another version"
    if refusing is not None:
        return dataclasses.replace(refusing, sentence=sentence)
    table, name = _q(one.table), _q(one.name)
    if one.kind == "constraint":
        rule = live.tables[one.table].constraints[one.name]
        fix, effect = (
            f"alter table {table} drop constraint {name}",
            f"rows are held to a rule that is none any more: {rule}",
        )
        return Difference(one, sentence, fix=fix, effect=effect)
    if one.kind == "index":
        unique = live.indexes[one.name].unique
        return Difference(
            one, sentence, fix=f"drop index {name}",
            severity=DriftSeverity.HARMFUL if unique else DriftSeverity.HARMLESS,
            effect="rows that the server writes are refused" if unique else "writes take a little longer",
        )  # fmt: skip
    hint = f"see what it holds, and drop the {one.kind} if nothing needs it"
    effect = "the server does not read or write it"
    return Difference(one, sentence, severity=DriftSeverity.HARMLESS, effect=effect, hint=hint)


def _refusing(one: Object, live: Schema) -> Difference | None:
    """Return that *one* is a column which refuses the rows that a server adds, for it does not know it."""
    if one.kind != "column":
        return None
    column = live.tables[one.table].columns[one.name]
    filled = column.default is not None or column.identity or column.generated
    return refusing(one, column) if column.not_null and not filled else None


def refusing(one: Object, column: Column) -> Difference:
    """Return that the *column* at the address *one* is not null where nothing fills it."""
    return Difference(
        one,
        f"{one} is not Medusa's, and is not null without a default",
        live=column,
        fix=f"alter table {_q(one.table)} alter column {_q(one.name)} drop not null",
        effect="every row that the server adds is refused",
    )


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _counts(found: Object, wanted: Schema) -> bool:
    """Return whether an object is named by itself: a part of a foreign table is not."""
    if found.kind == "sequence":
        return any(found.name.startswith(f"{table}_") for table in wanted.tables)
    if found.part:
        return found.table in wanted.tables or found.table == LEDGER.name
    return found.name not in TOOL_TABLES


@functools.lru_cache(maxsize=1)
def known_objects(catalog: Catalog) -> frozenset[Object]:
    """Return every object that some text of Medusa's makes, to tell left-overs from foreign ones."""
    return frozenset().union(*map(_made, _texts(catalog)))


def is_known(catalog: Catalog, one: Object) -> bool:
    """Return whether *one* is among the known objects; only the texts that name it are read for that."""
    return any(one in _made(text) for text in _texts(catalog) if one.name in text)


def _texts(catalog: Catalog) -> Iterator[str]:
    return (migration.statements for texts in catalog.texts.values() for migration in texts)


@functools.cache
def _made(text: str) -> frozenset[Object]:
    return frozenset(Object(*made) for made in ddl.makes(text))


def tables(catalog: Catalog) -> frozenset[str]:
    """Return the name of every table that some text of Medusa's makes, and of its ledger."""
    return frozenset(o.name for o in known_objects(catalog) if o.kind == "table") | {"migrations"}
