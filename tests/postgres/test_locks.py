"""What each migration locks and rewrites, measured, and held against what its file says.

`MEDUSA_WRITE_LOCKS=1` writes the measured lines into the files instead.
"""

from __future__ import annotations

import dataclasses
import os

import psycopg
import pytest
from psycopg import sql

from medusa_migrations.catalog import source
from medusa_migrations.catalog.model import Lock
from medusa_migrations.postgres import introspect
from medusa_migrations.schema import lock_modes

MODES = [
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
]
"""From weak to strong (https://www.postgresql.org/docs/current/explicit-locking.html)."""


def spelled(mode: str) -> str:
    words = mode.removesuffix("Lock")
    return "".join(f" {c.lower()}" if c.isupper() else c for c in words).strip()


def files(conn):
    query = (
        "select oid::bigint, relname, relfilenode::bigint from pg_class"
        " where relkind = 'r' and relnamespace = 'public'::regnamespace"
    )
    return {oid: (name, node) for oid, name, node in conn.execute(query)}


def run(conn, migration, read) -> tuple[Lock, ...] | None:
    """Run one migration in a transaction of its own; return what it locked; None: it did not run.

    Tables that were there before and whose rows it read are added to *read*.
    """
    if migration.when and not introspect.has(conn, "public", *migration.when):
        return None
    if migration.extension:
        conn.execute(
            sql.SQL("create extension if not exists {}").format(sql.Identifier(migration.extension))
        )
    before = files(conn)
    with conn.transaction():
        conn.execute("set local lock_timeout to '5s'")
        conn.execute(migration.text.encode())
        held: dict[int, int] = {}
        for oid, mode in conn.execute(
            "select relation::bigint, mode from pg_locks"
            " where pid = pg_backend_pid() and locktype = 'relation' and granted"
        ):
            if oid in before and mode == "AccessShareLock":
                read.add((migration.origin, before[oid][0]))
            if oid in before and mode in MODES:
                held[oid] = max(held.get(oid, 0), MODES.index(mode))
        after = files(conn)
    locks = [
        Lock(
            before[oid][0],
            spelled(MODES[strength]),
            oid in after and after[oid][1] != before[oid][1],
        )
        for oid, strength in held.items()
    ]
    return tuple(sorted(locks, key=lambda lock: lock.table))


def sequences(catalog):
    """Yield lists of migrations that together run every text there is."""
    everything = catalog.present(catalog.newest)
    yield list(everything)
    for texts in catalog.texts.values():
        for text in texts:
            if text is not catalog.text(text.name, catalog.newest):
                yield [
                    text if other.name == text.name else other
                    for other in catalog.present(text.version)
                    if other.order <= text.order
                ]
    withdrawn = [
        catalog.texts[name][-1]
        for name in catalog.texts
        if name not in {m.name for m in everything}
    ]
    yield sorted([*everything, *withdrawn], key=lambda m: m.order)
    old = catalog.texts["addBatchJobModel1649775522087"][0]
    yield [dataclasses.replace(old) if m.name == old.name else m for m in everything][:45]


@pytest.fixture(scope="session")
def read():
    """Origins and the tables they read, as PostgreSQL has them once `measured` is there."""
    return set()


@pytest.fixture(scope="session")
def measured(server, catalog, read):
    found: dict[str, tuple[Lock, ...]] = {}
    for migrations in sequences(catalog):
        if all(m.origin in found for m in migrations):
            continue
        with server.database() as name, psycopg.connect(server.url(name), autocommit=True) as conn:
            for migration in migrations:
                locks = run(conn, migration, read)
                if locks is not None:
                    found.setdefault(migration.origin, locks)
    return found


def test_every_text_is_measured(measured, catalog):
    origins = {text.origin for texts in catalog.texts.values() for text in texts}

    assert origins - set(measured) == set()


def test_what_a_migration_reads_is_locked_before_it_does(measured, read, catalog):
    texts = {text.origin: text for found in catalog.texts.values() for text in found}

    assert measured
    assert ("1.13.0/1680857773273_addTableProductShippingProfile.sql", "product") in read
    for origin, table in read:
        modes = lock_modes.needs([texts[origin]]).modes
        assert lock_modes.strength(modes[table]) >= lock_modes.strength(lock_modes.SOURCE), origin


def test_what_a_data_step_reads_is_locked_before_it_does(server, catalog):
    with (
        server.database(server.at("1.20.11")) as name,
        psycopg.connect(server.url(name)) as conn,
    ):
        before = files(conn)
        for step in catalog.data_steps:
            with conn.transaction(force_rollback=True):
                conn.execute(step.text.encode())
                held = conn.execute(
                    "select distinct relation::bigint from pg_locks"
                    " where pid = pg_backend_pid() and locktype = 'relation'"
                ).fetchall()
            tables = {before[oid][0] for (oid,) in held if oid in before}

            modes = lock_modes.needs([step]).modes

            assert tables
            for table in tables:
                assert lock_modes.strength(modes[table]) >= lock_modes.strength(lock_modes.SOURCE)


def test_the_files_say_what_is_measured(measured, catalog):
    texts = [text for found in catalog.texts.values() for text in found]
    if os.environ.get("MEDUSA_WRITE_LOCKS"):
        for text in texts:
            write(source.folder() / text.origin, measured[text.origin])
        pytest.skip("written")

    wrong = {t.origin: t.locks for t in texts if t.locks != measured[t.origin]}

    assert wrong == {}, "MEDUSA_WRITE_LOCKS=1 writes what is measured"


def write(file, locks) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    header = next((i for i, line in enumerate(lines) if not line.startswith("--")), len(lines))
    kept = [line for line in lines[:header] if not line.startswith("-- locks: ")]
    new = [
        f"-- locks: {lock.table}: {lock.mode}{', rewrite' if lock.rewrite else ''}"
        for lock in locks
    ]
    file.write_text("\n".join([*kept, *new, *lines[header:]]) + "\n", encoding="utf-8")
