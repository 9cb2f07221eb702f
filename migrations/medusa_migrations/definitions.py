"""Looks at the definitions of the live tables: what they say of the ledger and of what is pending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from medusa_migrations import ddl, evidence, live, touches, verify
from medusa_migrations.errors import RefusedError
from medusa_migrations.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog import Catalog, Migration
    from medusa_migrations.observe import Observed
    from medusa_migrations.schema import Schema


def look(
    conn: Connection[Any], catalog: Catalog, observed: Observed, migrations: Sequence[Migration]
) -> Iterator[Finding]:
    """Find what the tables' definitions say, of the ledger and of what *migrations* make.

    Printing a default opens its table. A table that others have locked is not waited for here: the
    steps do that, in a way that names who has it.
    """
    try:
        with conn.transaction():
            conn.execute("set local lock_timeout to '100ms'")
            there = live.read(conn, observed.schema)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled) as exc:
        locked = isinstance(exc, psycopg.errors.LockNotAvailable)
        yield Finding(
            ("a table is locked by another session" if locked else "the query was cancelled")
            + ", so it was not looked for what was made by hand",
            "What differs is found by the verification at the end",
        )
        return
    hint = evidence.hint(catalog, observed.ledger.names, there)
    if hint:
        yield Finding(hint, "")
    yield from _passed_over(there, migrations)


def _passed_over(there: Schema, migrations: Sequence[Migration]) -> Iterator[Finding]:
    """Find what Medusa's migrations make only where it is missing, or drop only where it is there.

    What is there and is something else would be taken for Medusa's own, so that is refused. Makes
    *there* what it will be.
    """
    changed = set[str]()
    if not there.tables.keys() - verify.TOOL_TABLES:
        return
    for migration in migrations:
        if migration.version is None:  # what it does to its tables is not known
            changed |= touches.touched([migration.statements]).altered
            continue
        passed: list[ddl.Passed] = []
        failed = False
        try:
            verify.apply(there, migration, passed)
        except ddl.DialectError:  # drift from before, and what follows is not known
            failed = True
        for one in passed:
            if one.table not in changed:
                yield _passed(migration, one)
        if failed:
            return


def _passed(migration: Migration, one: ddl.Passed) -> Finding:
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
    return Finding(
        f"{one.what} is there already, and is not what {migration.name} makes: {_joined(different)}",
        "Make it the same, or rename or drop it",
        RefusedError,
        "OtherDefinition",
    )


def _joined(lines: Sequence[str], most: int = 3) -> str:
    return "; ".join(lines[:most]) + (
        f"; and {len(lines) - most} more" if len(lines) > most else ""
    )
