"""Tries whether the ledger takes rows, where a shop has added something to that table; nothing remains of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg import errors as pg
from psycopg import sql

from medusa_migrations.postgres import search_path, translation
from medusa_migrations.records import ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import Migration

_ADDED = """
    select 'trigger', g.tgname::text, p.proname::text
      from pg_trigger g join pg_proc p on p.oid = g.tgfoid
     where g.tgrelid = %(table)s::regclass and not g.tgisinternal and g.tgenabled in ('O', 'A') and g.tgtype & 4 = 4
    union all
    select 'constraint', k.conname, '' from pg_constraint k
     where k.conrelid = %(table)s::regclass and k.contype in ('c', 'f', 'p', 'u', 'x')
       and not (k.contype = 'p' and k.conkey = (select array[a.attnum] from pg_attribute a
                                                 where a.attrelid = k.conrelid and a.attname = 'id'))
    union all
    select 'index', i.relname, '' from pg_index x join pg_class i on i.oid = x.indexrelid
     where x.indrelid = %(table)s::regclass
       and (x.indisunique and not x.indisprimary or x.indexprs is not null or x.indpred is not null)
       and not exists (select from pg_constraint k where k.conindid = x.indexrelid and k.contype in ('p', 'u', 'x'))
    union all
    select 'column', a.attname, '' from pg_attribute a join pg_type t on t.oid = a.atttypid
     where a.attrelid = %(table)s::regclass and a.attnum > 0 and not a.attisdropped
       and case a.attname when 'id' then t.typname <> 'int4' when 'timestamp' then t.typname <> 'int8'
                          when 'name' then t.typname <> 'varchar' or a.atttypmod > 0
                          else a.attnotnull or a.atthasdef or t.typtype = 'd' end
    union all
    select 'rule', w.rulename, '' from pg_rewrite w
     where w.ev_class = %(table)s::regclass and w.ev_type = '3' and w.ev_enabled in ('O', 'A')
    union all
    select 'kind', c.relname, '' from pg_class c
     where c.oid = %(table)s::regclass and (c.relkind <> 'r' or c.relrowsecurity)
"""
_MAY_WRITE = """
    select has_table_privilege(%(table)s::regclass, 'insert') and not pg_is_in_recovery()
           and current_setting('transaction_read_only') = 'off'
"""
_LIMITS = sql.SQL(
    "set local lock_timeout to '100ms'; set local statement_timeout to '5s'; set local medusa_db.trial to 'on'; "
)
"""The last is for triggers of the shop's with effects outside of the database, which may ask for it."""
_NOT_NOW = (pg.LockNotAvailable, pg.QueryCanceled, pg.DeadlockDetected, pg.SerializationFailure)
"""Says nothing of the table: somebody is in the way, or it took too long."""


class _Added(NamedTuple):
    kind: str
    name: str
    function: str
    """The function that a trigger calls, without its schema; else empty."""


class Rejection(NamedTuple):
    """Why the ledger does not take rows."""

    names: list[str]
    """The migrations whose rows they are."""
    message: str
    cause: str = ""
    """What of the table refuses them, in words; empty where that is not known."""
    fix: str = ""
    """The SQL after which that refuses none any more."""


class NotTriedError(Exception):
    """It could not be tried; the text is the reason."""


def look(conn: Connection[Any], schema: str, migrations: Sequence[Migration]) -> list[Rejection]:
    """Return what keeps the rows of *migrations* out of the existing ledger of *schema*.

    A table as TypeORM makes it takes every row. Where there is a trigger, a check or the like, the rows are
    inserted in a transaction that is rolled back, for no catalog shows what a trigger does. Only its own
    sequences, and what it does outside of the database, remain of that. Raises NotTriedError where others
    are in the way of it.
    """
    table = {"table": sql.Identifier(schema, "migrations").as_string(conn)}
    added = [_Added(*row) for row in conn.execute(_ADDED, table)]
    allowed = conn.execute(_MAY_WRITE, table).fetchone() if added and migrations else None
    if not allowed or not allowed[0]:  # what our role, or the server, forbids is found elsewhere
        return []
    path = search_path.of_role(conn, schema)
    try:
        with conn.transaction(force_rollback=True):
            conn.execute(_LIMITS + search_path.seen_from(*path))
            conn.execute("set constraints all immediate")
            return _tried(conn, schema, migrations, added)
    except (*_NOT_NOW, pg.UniqueViolation) as exc:
        raise NotTriedError(exc.diag.message_primary or str(exc)) from exc


def _tried(
    conn: Connection[Any], schema: str, migrations: Sequence[Migration], added: Sequence[_Added]
) -> list[Rejection]:
    found: dict[_Added | str, Rejection] = {}
    ids = ledger.next_ids(conn, schema, len(migrations))
    for migration, id_ in zip(migrations, ids, strict=True):
        cause, message = None, "nothing was inserted, and there was no error"
        try:
            with conn.transaction():
                rows = conn.execute(ledger.insert_statement(schema, migration, id_)).rowcount
        except _NOT_NOW:
            raise
        except psycopg.Error as exc:
            cause = _cause(exc, added)
            lost = translation.is_lost(exc)
            if lost or (cause is None and isinstance(exc, pg.UniqueViolation)):  # a run has that id
                raise
            message = exc.diag.message_primary or str(exc)
        else:
            if rows == 1:
                continue
        if (cause or message) not in found:
            words = f"the {cause.kind} {cause.name}" if cause else ""
            fix = _fix(conn, schema, cause) if cause else ""
            found[cause or message] = Rejection([], message, words, fix)
        found[cause or message].names.append(migration.name)
    return list(found.values())


def _cause(exc: psycopg.Error, added: Sequence[_Added]) -> _Added | None:
    """Return what of *added* has raised *exc*, as far as its context and diagnostics show."""
    context = exc.diag.context or ""
    for one in added:
        if one.kind == "trigger" and re.search(rf"\b{re.escape(one.function)}\b", context):
            return one
    named = [one for one in added if one.name == exc.diag.constraint_name]
    if named and exc.diag.table_name == "migrations":
        return named[0]
    return None


def _fix(conn: Connection[Any], schema: str, one: _Added) -> str:
    """Return the SQL after which *one* keeps no row out; empty where that depends on what it is for."""
    table = sql.Identifier(schema, "migrations").as_string(conn)
    name = sql.Identifier(one.name).as_string(conn)
    ways = {
        "trigger": f"alter table {table} disable trigger {name}",
        "constraint": f"alter table {table} drop constraint {name}",
        "index": f"drop index {sql.Identifier(schema, one.name).as_string(conn)}",
    }
    return ways.get(one.kind, "")
