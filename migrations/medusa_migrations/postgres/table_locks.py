"""Locks the tables that items need, all at once and in short tries, so that nobody waits for us long."""

from __future__ import annotations

import time
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import errors as pg
from psycopg import sql

from medusa_migrations.postgres import backend, introspect
from medusa_migrations.schema import lock_modes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import DataStep, Migration
    from medusa_migrations.schema.lock_modes import Needs

_EXISTING = """
    with tables as (
      select c.oid, c.relname::text as name, has_table_privilege(c.oid, %(rights)s) as may,
             pg_has_role(c.relowner, 'usage') as owns
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = %(schema)s and c.relkind in ('r', 'p')
    )
    select t.name, t.may, t.owns, w.mode
      from tables t
      join unnest(%(names)s::text[], %(modes)s::text[]) as w(name, mode) on w.name = t.name
    union all
    select t.name, t.may, t.owns, 'access exclusive'
      from tables t
      join pg_index x on x.indrelid = t.oid
      join pg_class i on i.oid = x.indexrelid
     where i.relname = any(%(indexes)s)
    union all
    select t.name, t.may, t.owns, 'share'
      from tables c
      join pg_constraint k on k.conrelid = c.oid and k.contype = 'f'
      join tables t on t.oid = k.confrelid
     where c.name = any(%(targets)s)
    union all
    select t.name, t.may, t.owns, 'access exclusive'
      from tables c
      join pg_constraint k on k.conrelid = c.oid and k.contype = 'f'
      join tables t on t.oid = k.confrelid
      join unnest(%(dropping)s::text[], %(dropped)s::text[]) as d(name, what) on d.name = c.name
     where d.what in ('', k.conname)
        or d.what in (select attname from pg_attribute
                       where attrelid = k.conrelid and attnum = any(k.conkey))
"""


class TableLock(NamedTuple):
    """A table that exists, and the mode it is needed in."""

    table: str
    mode: str
    may: bool = True
    """Whether our role may lock it; else it is locked by the statements themselves, if they may."""
    owns: bool = True
    """Whether our role is its owner, or counts as one."""


def existing(conn: Connection[Any], schema: str, needs: Needs) -> list[TableLock]:
    """Return the locks on those tables of *needs* that exist, by name.

    What the foreign keys of a table that gets rows point to is among them: none of its rows may be
    on its way out meanwhile. Views and foreign tables are not: they have no rows of their own.
    """
    drops = [(table, name) for table, names in needs.drops.items() for name in sorted(names)]
    maintain = ", maintain" if conn.info.server_version >= 170000 else ""
    rows = conn.execute(
        _EXISTING,
        {
            "schema": schema,
            "rights": f"update, delete, truncate{maintain}",
            "names": list(needs.modes),
            "modes": list(needs.modes.values()),
            "indexes": list(needs.indexes),
            "targets": list(needs.parents_of),
            "dropping": [table for table, _ in drops],
            "dropped": [name for _, name in drops],
        },
    )
    found: dict[str, TableLock] = {}
    for table, may, owns, mode in rows:
        before = found[table].mode if table in found else "access share"
        found[table] = TableLock(table, lock_modes.joined(before, mode), may, owns)
    return [found[table] for table in sorted(found)]


def of_items(
    conn: Connection[Any], schema: str, items: Sequence[Migration | DataStep]
) -> list[TableLock]:
    """Return the locks that *items* need on tables that exist; an empty schema has none."""
    if introspect.is_empty(conn, schema):
        return []
    return existing(conn, schema, lock_modes.needs(items))


def groups(locks: Sequence[TableLock]) -> list[tuple[str, list[str]]]:
    """Return the tables that may be locked by their mode, strongest mode and first name first."""
    wanted = sorted(
        (lock for lock in locks if lock.may),
        key=lambda lock: (-lock_modes.strength(lock.mode), lock.table),
    )
    return [
        (mode, [lock.table for lock in found])
        for mode, found in groupby(wanted, key=lambda lock: lock.mode)
    ]


def statement(schema: str, mode: str, tables: Sequence[str]) -> sql.Composed:
    """Return the statement that locks *tables* in *mode*."""
    names = sql.SQL(", ").join(sql.Identifier(schema, table) for table in tables)
    return sql.SQL("lock table {} in {} mode").format(names, sql.SQL(mode))


def deadlock_timeout(conn: Connection[Any]) -> float:
    """Return after how many seconds of waiting a session of this server looks for a deadlock."""
    row = conn.execute(
        "select setting::float / 1000 from pg_settings where name = 'deadlock_timeout'"
    ).fetchone()
    return float(row[0]) if row else 1.0


def one_try(lock_timeout: float, deadlock_timeout: float) -> float:
    """Return how many seconds one try may take: *lock_timeout*, and half of *deadlock_timeout* at most.

    A *lock_timeout* of 0 is none.
    A session that waits for us meanwhile looks for a deadlock after its deadlock_timeout; by then
    we have got everything, or have let go of everything, so it never finds one with us in it.
    """
    return max(0.001, min(lock_timeout or deadlock_timeout, deadlock_timeout / 2))


def take(conn: Connection[Any], schema: str, locks: Sequence[TableLock], within: float) -> None:
    """Lock in the open transaction, *within* that many seconds in all.

    Raises LockNotAvailable or QueryCanceled where that is not enough.
    """
    until = time.monotonic() + within
    for mode, tables in groups(locks):
        left = max(1, int((until - time.monotonic()) * 1000))
        limit = sql.Literal(f"{left}ms")
        conn.execute(
            sql.SQL(
                "set local lock_timeout to {0}; set local statement_timeout to {0}; {1}"
            ).format(limit, statement(schema, mode, tables))
        )


def outwait_vacuum(
    conn: Connection[Any], schema: str, locks: Sequence[TableLock], longest: float
) -> None:
    """Wait for a vacuum of one of these tables in a way that holds nobody up, *longest* at most.

    A vacuum that the server started by itself gives way only to a session that waits for longer
    than deadlock_timeout, which our tries never do. The mode asked for here is one that neither
    readers nor writers queue behind.
    """
    tables = [lock.table for lock in locks if lock.may]
    rows = conn.execute(
        """
        select distinct c.relname::text
          from pg_locks l
          join pg_class c on c.oid = l.relation
          join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = %s and c.relname = any(%s) and l.granted
           and l.mode = 'ShareUpdateExclusiveLock' and l.pid is distinct from pg_backend_pid()
           and l.database = (select oid from pg_database where datname = current_database())
        """,
        [schema, tables],
    ).fetchall()
    until = time.monotonic() + longest
    for (table,) in rows:
        left = int((until - time.monotonic()) * 1000)
        if left <= 0:
            return
        ask = statement(schema, "share update exclusive", [table])
        limit = sql.SQL("set local lock_timeout to {}; ").format(sql.Literal(f"{left}ms"))
        try:
            with conn.transaction(force_rollback=True):
                conn.execute(limit + ask)
        except (pg.LockNotAvailable, pg.UndefinedTable):
            continue


def holders(
    conn: Connection[Any], schema: str, modes: Mapping[str, str], *, older_than: float = 0
) -> list[tuple[str, list[str]]]:
    """Return who, in words, holds which tables so that they cannot be locked in these *modes*.

    Only transactions older than that many seconds. The age of another role's transaction is seen
    only by a member of pg_read_all_stats; where it is not, the session counts as old. A prepared
    transaction that nobody ended has no session at all.
    """
    against = [
        ",".join(_named(other) for other in lock_modes.conflicts(mode)) for mode in modes.values()
    ]
    rows = conn.execute(
        """
        with held as (
          select l.pid, l.virtualtransaction, c.relname::text as name
            from pg_locks l
            join pg_class c on c.oid = l.relation
            join pg_namespace n on n.oid = c.relnamespace
            join unnest(%s::text[], %s::text[]) as w(name, against) on w.name = c.relname
           where n.nspname = %s and l.granted and l.mode = any(string_to_array(w.against, ','))
             and l.pid is distinct from pg_backend_pid()
             and l.database = (select oid from pg_database where datname = current_database())
        )
        select h.pid, coalesce(a.application_name, quote_literal(p.gid), ''), coalesce(a.usename, p.owner, ''), a.state,
               extract(epoch from clock_timestamp()
                       - coalesce(a.xact_start, a.backend_start, p.prepared))::bigint,
               array_agg(distinct h.name)
          from held h
          left join pg_stat_activity a on a.pid = h.pid
          left join pg_locks x on h.pid is null and x.pid is null and x.locktype = 'transactionid'
                              and x.virtualtransaction = h.virtualtransaction
          left join pg_prepared_xacts p on p.transaction = x.transactionid
         group by 1, 2, 3, 4, 5, h.virtualtransaction
         order by 5 desc nulls last
        """,
        [list(modes), against, schema],
    )
    return [
        (backend.session(pid, application, user, state, age), names)
        for pid, application, user, state, age, names in rows
        if age is None or age >= older_than
    ]


def _named(mode: str) -> str:
    """Spell a mode as pg_locks does: `AccessExclusiveLock`."""
    return "".join(word.capitalize() for word in mode.split()) + "Lock"
