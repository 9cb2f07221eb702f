"""Looks at the definitions of the live tables: what they say of the ledger and of what is pending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medusa_migrations.catalog.model import Migration
from medusa_migrations.catalog.reference import RECORDED
from medusa_migrations.contract.errors import RefusedError, VerificationError
from medusa_migrations.contract.values import some
from medusa_migrations.plan import earlier, evidence
from medusa_migrations.plan.earlier import Failing
from medusa_migrations.plan.findings import Finding, joined
from medusa_migrations.preflight import comparison
from medusa_migrations.records import ledger, ledger_trial
from medusa_migrations.schema import affected, ddl, fixes, verify

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import Catalog, DataStep
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.observe import DatabaseState
    from medusa_migrations.postgres.tables import Surroundings
    from medusa_migrations.preflight.comparison import Live
    from medusa_migrations.schema.drift import Difference
    from medusa_migrations.schema.model import Schema

REASON = "SchemaDiffers"
_READ_ONLY = "default_transaction_read_only"


def look(
    conn: Connection[Any],
    catalog: Catalog,
    observed: DatabaseState,
    target: Version,
    items: Sequence[Migration | DataStep],
    adopts: Sequence[Migration],
) -> Iterator[Finding]:
    """Find what the tables' definitions say, of the ledger and of what *items* make on the way to *target*.

    The rows of *adopts* are added to the ledger before those of *items*.
    """
    advice = "What differs is found by the verification at the end"
    existing = comparison.read_unlocked(conn, catalog, observed.schema, advice)
    migrations = [item for item in items if isinstance(item, Migration)]
    if isinstance(existing, Finding):
        yield existing
        yield from _tried(conn, observed, [*adopts, *migrations], others=False)
        return
    if not existing.tables and not existing.views:  # nothing differs, and nothing is around it
        yield from _excluded(catalog, observed, target, items, existing)
        return
    hint = evidence.hint(catalog, observed.ledger.rows, existing)
    if hint:
        yield Finding(hint, "")
    yield from _earlier(
        conn, catalog, observed, target, items, existing, adopts=adopts, doubted=bool(hint)
    )
    yield from _passed_over(existing, migrations, doubted=bool(hint))


def _earlier(
    conn: Connection[Any],
    catalog: Catalog,
    observed: DatabaseState,
    target: Version,
    items: Sequence[Migration | DataStep],
    existing: Schema,
    *,
    adopts: Sequence[Migration],
    doubted: bool,
) -> Iterator[Finding]:
    """Find what differs from the version the database is at, by what becomes of it on the way.

    Where the ledger is *doubted*, the way to make something right may be to repair that.
    """
    yield from _excluded(catalog, observed, target, items, existing)
    found = earlier.foresee(catalog, observed.proof, observed.at, target, items, existing)
    live = comparison.beside(conn, observed.schema, existing)
    unexplained = {one.item for one in found.blocked if not one.because}
    for blocked in found.blocked:
        because = tuple(comparison.moved(one, live.around) for one in blocked.because)
        if blocked.item in unexplained and not doubted:
            yield _perhaps_run(blocked._replace(because=because), items)
        else:
            yield _blocked(blocked._replace(because=because), observed.schema, doubted=doubted)
    known = {*found.tables, verify.LEDGER.name, ""}
    around = [
        one
        for one in (*live.around.differences, *live.numbering)
        if one.object.table in known and one.harmful
    ]
    recorded = [*adopts, *(item for item in items if isinstance(item, Migration))]
    in_the_way = list(_of_the_ledger(conn, observed, live, len(recorded)))
    yield from (_unrecordable(one, observed.schema) for one in in_the_way)
    refused = list(_unchangeable(live.around, items))
    for blocked in refused:
        yield _blocked(blocked, observed.schema, doubted=doubted)
    told = [one for blocked in (*found.blocked, *refused) for one in blocked.because]
    others = bool(in_the_way) or any(one.object.table == verify.LEDGER.name for one in told)
    yield from _tried(conn, observed, recorded, others=others)
    around = [one for one in around if one not in in_the_way and one not in told]
    if any(one.object.name == _READ_ONLY for one in around) and _is_read_only(conn):
        around = [one for one in around if one.object.name != _READ_ONLY]  # it refuses the run
    stay = [one for one in found.stays if one.harmful]
    # one that only records a version does not touch the ledger
    ours = [one for one in (*stay, *around) if items and _is_repaired(one)]
    for one in (*stay, *around):
        if one not in ours:
            yield stays(one, observed.schema, doubted=doubted)
    goes = () if doubted else [one for one in found.goes if one.harmful]
    for one in (*goes, *ours):
        yield Finding(f"{one}, before this run already", "The run makes it right")


def _is_read_only(conn: Connection[Any]) -> bool:
    return conn.execute("select current_setting('transaction_read_only')").fetchone() == ("on",)


def _excluded(
    catalog: Catalog,
    observed: DatabaseState,
    target: Version,
    items: Sequence[Migration | DataStep],
    existing: Schema,
) -> Iterator[Finding]:
    """Find a migration that cannot run with the flags that are set."""
    medusas = [one for one in items if isinstance(one, Migration) and one.version is not None]
    found = verify.excluding(catalog, target, observed.proof.applied, medusas, existing)
    if found is None:
        return
    migration, remedy = found
    flags = " ".join(f"--flag {name}={str(on).lower()}" for name, on in remedy.items())
    of = " and ".join(catalog.gates(migration, target))
    yield Finding(
        f"{migration.name}{f', of the flag {of},' if of else ''} cannot run with these feature flags, nor "
        "does it in Medusa: what it changes is made under another flag",
        f"Add {flags}" if flags else "Set the flags as the shop's server has them",
        RefusedError,
        "FlagsExclude",
    )


def _unchangeable(around: Surroundings, items: Sequence[Migration | DataStep]) -> Iterator[Failing]:
    """Yield the items that update or delete rows of a table of which PostgreSQL refuses that, whether or not a row matches.

    What the shop's own statements made of the table, its keys and publications before is not known.
    """
    updates = [(one.object.table, one) for one in around.refusing_updates]
    deletes = [(one.object.table, one) for one in around.refusing_deletes]
    if not updates and not deletes:
        return
    known: set[Difference] = set()
    for item in items:
        text = item.statements if isinstance(item, Migration) else item.text
        changed = affected.affected([text])
        if (
            isinstance(item, Migration)
            and item.version is None
            and (changed.altered or changed.unseen)
        ):
            return
        because = [one for table, one in updates if table in changed.updated]
        because += [
            one for table, one in deletes if table in changed.deleted and one not in because
        ]
        if new := [one for one in because if one not in known]:
            known.update(new)
            yield Failing(item.name, tuple(new))


def _of_the_ledger(
    conn: Connection[Any], observed: DatabaseState, live: Live, rows: int
) -> Iterator[Difference]:
    """Yield what is around the ledger by which so many *rows* of migrations cannot be added to it."""
    if not rows or not observed.ledger.exists:
        return
    yield from (one for one in live.around.swallowing if one.object.table == verify.LEDGER.name)
    numbering = [one for one in live.numbering if one.object.table == verify.LEDGER.name]
    bounding = [one for one in numbering if one.harmful and not _is_repaired(one)]
    if bounding and ledger.is_exhausted(conn, observed.schema, rows):
        yield from bounding


def _tried(
    conn: Connection[Any], observed: DatabaseState, migrations: Sequence[Migration], *, others: bool
) -> Iterator[Finding]:
    """Find by a trial what keeps the rows of *migrations* out of the ledger.

    With *others* something that keeps all of them out was found already: what the trial cannot name is that.
    """
    table = verify.LEDGER.name
    if not observed.ledger.exists:
        return
    try:
        found = ledger_trial.look(conn, observed.schema, migrations)
    except ledger_trial.NotTriedError as exc:
        yield Finding(
            f"whether the ledger, {table}, takes the rows of the migrations could not be tried: {exc}",
            "Where it does not, the run fails and is rolled back",
        )
        return
    for one in found:
        if not one.cause and others:
            continue
        names = some(one.names, what="more migrations")
        what = f"{one.cause} on {table}" if one.cause else f"the ledger, {table},"
        advice = f"Fix it first: {one.fix}" if one.fix else "Fix that table first"
        yield Finding(
            f"{what} does not take the row of {names}: {one.message}",
            f"No migration can be applied without its row. {advice}",
            RefusedError,
            REASON,
            fix=one.fix,
        )


def _unrecordable(one: Difference, schema: str) -> Finding:
    fix = fixes.spelled(one, schema)
    return Finding(
        f"{one}, and no migration could be recorded",
        f"Make it right first: {fix}" if fix else one.hint,
        RefusedError,
        REASON,
        fix=fix,
    )


def _is_repaired(one: Difference) -> bool:
    """Return whether a run makes *one* right by itself, for it cannot record anything else."""
    if one.object.kind == "column" and one.object.table == verify.LEDGER.name:
        return one.object.name == "id" and getattr(one.live, "default", "") is None
    return one.object.name == "migrations_id_seq" and "is behind" in one.sentence


def _blocked(found: Failing, schema: str, *, doubted: bool) -> Finding:
    statements = [fixes.spelled(one, schema) for one in found.because]
    fix = "; ".join(dict.fromkeys(filter(None, statements)))
    if doubted:
        advice = _doubt(fix)
    elif fix:
        advice = f"Make it right first: {fix}"
    elif hints := "; ".join(dict.fromkeys(one.hint for one in found.because if one.hint)):
        advice = f"Make it right first; {hints}"
    else:
        advice = "Make it right first; `medusa-db verify` compares the whole schema"
    return _failing(found, advice, fix)


def _doubt(fix: str) -> str:
    """Return the advice where the ledger may be what is wrong: *fix*, SQL or words, is for where it is right."""
    return "Look at `medusa-db repair` first" + (f"; if the ledger is right: {fix}" if fix else "")


def _perhaps_run(found: Failing, items: Sequence[Migration | DataStep]) -> Finding:
    """Return how it is said that no single difference explains why an item would fail: it may have run already."""
    recorded = [
        f"where {one.name} has run, the ledger lacks its row: `{RECORDED.format(one.timestamp, one.name)}`; else "
        for one in items
        if isinstance(one, Migration) and one.name == found.item
    ]
    return _failing(
        found,
        f"Look at `medusa-db repair` first; {''.join(recorded)}make it right: `medusa-db verify` compares the whole schema",
    )


def _failing(found: Failing, advice: str, fix: str = "") -> Finding:
    what = "; ".join(map(str, found.because)) or found.message
    return Finding(
        f"{what}, and {found.item} would fail on it", advice, RefusedError, REASON, fix=fix
    )


def stays(one: Difference, schema: str, *, doubted: bool) -> Finding:
    """Return the warning that the schema differed before, and that the run leaves it so."""
    fix = fixes.spelled(one, schema)
    more = f". {_doubt(fix)}" if doubted else f"; to make it right: {fix}" if fix else ""
    return Finding(
        f"{one}, before this run already",
        f"It stays as it is{more}",
        reason=REASON,
        differs=str(one),
        fix=fix,
    )


def found_after(one: Difference, schema: str) -> Finding:
    """Return what is not as it should be around tables that the run has made, which is no failure of it."""
    fix = fixes.spelled(one, schema)
    return Finding(f"{one}: {one.effect}", f"To fix it: {fix}" if fix else one.hint, fix=fix)


def left(one: Difference, schema: str, *, doubted: bool) -> Finding:
    """Return that the last run left a difference, and that it is still there."""
    fix = fixes.spelled(one, schema)
    return Finding(
        f"{one}, since the last run",
        _doubt(fix) if doubted else f"To make it right: {fix}" if fix else "",
        VerificationError,
        REASON,
        fix=fix,
    )


def _passed_over(
    existing: Schema, migrations: Sequence[Migration], *, doubted: bool
) -> Iterator[Finding]:
    """Find what Medusa's migrations make only where it is missing, or drop only where it is there.

    What is there and is something else would be taken for Medusa's own, so that is refused. Makes
    *there* what it will be. Where the ledger is *doubted*, it may be Medusa's own, as a later migration left it.
    """
    changed = set[str]()
    if not existing.tables.keys() - verify.TOOL_TABLES:
        return
    for migration in migrations:
        if migration.version is None:  # what it does to its tables is not known
            changed |= affected.affected([migration.statements]).altered
            continue
        passed: list[ddl.Passed] = []
        failed = False
        try:
            verify.apply(existing, migration, passed)
        except ddl.DialectError:  # drift from before, and what follows is not known
            failed = True
        for one in passed:
            if one.table not in changed:
                yield _passed(migration, one, doubted=doubted)
        if failed:
            return


def _passed(migration: Migration, one: ddl.Passed, *, doubted: bool) -> Finding:
    if one.made is None:
        return Finding(
            f"{one.what} is not there, and {migration.name} would drop or change it",
            "It is passed over, as Medusa's own migration does",
        )
    different = verify.differences(one)
    if not different:
        return Finding(
            f"{one.what} is there already, as {migration.name} would make it", "It stays as it is"
        )
    advice = "Make it the same, or rename it. Drop nothing that may hold rows"
    if doubted:
        advice = _doubt("make it the same, or rename it")
    return Finding(
        f"{one.what} is there already, and is not what {migration.name} makes: {joined(different)}",
        advice,
        RefusedError,
        "OtherDefinition",
    )
