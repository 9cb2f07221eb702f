"""The schema `medusa_db`, where our own records are: which of its tables can be read and written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from psycopg import Connection

_CREATE = """
    create schema medusa_db;
    comment on schema medusa_db is 'Records of medusa-db; nothing of the shop is in here'
"""


def readable(conn: Connection[Any], tables: Iterable[str]) -> bool:
    """Return whether all of *tables* exist and our role may read them."""
    names = list(tables)
    row = conn.execute(
        "select count(*) = %s and coalesce(bool_and(has_schema_privilege(n.oid, 'usage')"
        " and has_table_privilege(c.oid, 'select')), false)"
        " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = 'medusa_db' and c.relname = any(%s)",
        [len(names), names],
    ).fetchone()
    return bool(row and row[0])


def why_unreadable(conn: Connection[Any], tables: Iterable[str]) -> str | None:
    """Return why *tables* that exist cannot be read; None where they can, or do not exist."""
    row = conn.execute(
        "select coalesce(bool_and(has_schema_privilege(n.oid, 'usage')), true),"
        " coalesce(bool_and(has_table_privilege(c.oid, 'select')), true)"
        " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = 'medusa_db' and c.relname = any(%s)",
        [list(tables)],
    ).fetchone()
    may_use, may_read = row or (True, True)
    if not may_use:
        return "the role may not use the schema medusa_db"
    return None if may_read else f"the role may not read medusa_db.{' and '.join(tables)}"


def why_off(conn: Connection[Any], tables: Mapping[str, Iterable[str]]) -> str | None:
    """Return why nothing can be recorded in *tables*; None where it can.

    Each table is given with the privileges that recording takes.
    """
    wanted = [(name, right) for name, rights in tables.items() for right in rights]
    row = conn.execute(
        """
        select n.oid is not null,
               has_database_privilege(current_database(), 'create'),
               coalesce(has_schema_privilege(n.oid, 'usage'), false),
               coalesce(has_schema_privilege(n.oid, 'create'), false),
               array(select distinct w.name from unnest(%(names)s::text[]) as w(name)
                      where not exists (select from pg_class c
                                         where c.relnamespace = n.oid and c.relname = w.name)),
               array(select distinct w.name
                       from unnest(%(names)s::text[], %(rights)s::text[]) as w(name, privilege)
                       join pg_class c on c.relnamespace = n.oid and c.relname = w.name
                      where not has_table_privilege(c.oid, w.privilege))
          from (select 1) one left join pg_namespace n on n.nspname = 'medusa_db'
        """,
        {"names": [name for name, _ in wanted], "rights": [right for _, right in wanted]},
    ).fetchone()
    assert row is not None  # noqa: S101  the query always yields one row
    schema, may_create, may_use, may_create_in, missing, denied = row
    if not schema:
        return None if may_create else "the role may not create a schema in this database"
    if not may_use:
        return "the role may not use the schema medusa_db"
    if denied:
        return f"the role may not write to {' and '.join(f'medusa_db.{name}' for name in denied)}"
    if missing and not may_create_in:
        return "the role may not create tables in the schema medusa_db"
    return None


def prepare(conn: Connection[Any], tables: Iterable[str], create: LiteralString) -> None:
    """Make the schema where it is missing, and *tables* with *create* where one of them is."""
    row = conn.execute(
        "select to_regnamespace('medusa_db') is null,"
        " exists (select from unnest(%s::text[]) as name"
        " where to_regclass('medusa_db.' || name) is null)",
        [list(tables)],
    ).fetchone()
    assert row is not None  # noqa: S101  the query always yields one row
    schema, table = row
    if schema:  # `if not exists` would want the right to create one even where it exists
        conn.execute(_CREATE)
    if table:
        conn.execute(create)
