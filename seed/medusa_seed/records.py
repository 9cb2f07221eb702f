"""Our record of seeds, `medusa_db.seed`, and what we remember of seeded rows, `medusa_db.seeded_row`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import Connection

    from medusa_seed.merge import Memory

_CREATE = """
    create schema if not exists medusa_db;
    create table if not exists medusa_db.seed (
      id bigint generated always as identity primary key,
      schema_name text not null,
      checksum text not null,
      document text not null,
      counts jsonb not null,
      started_at timestamptz not null,
      finished_at timestamptz not null,
      version text not null,
      runner_version text not null,
      by_whom text not null
    );
    create table if not exists medusa_db.seeded_row (
      schema_name text not null,
      table_name text not null,
      id text not null,
      checksums jsonb not null,
      primary key (schema_name, table_name, id)
    );
    comment on schema medusa_db is 'Records of medusa-db; nothing of the shop is in here';
"""
_TABLES = ("seed", "seeded_row")


@dataclass(frozen=True, slots=True)
class Seed:
    """One seed that was recorded."""

    schema: str
    checksum: str
    document: str
    counts: dict[str, Any]
    started_at: datetime
    version: str
    """What the ledger proved, as text."""
    runner_version: str
    by_whom: str


def why_off(conn: Connection[Any]) -> str | None:
    """Return why nothing can be recorded; None where it can."""
    row = conn.execute(
        """
        select has_database_privilege(current_database(), 'create'), n.oid is not null,
               coalesce(has_schema_privilege(n.oid, 'usage'), false),
               coalesce(has_schema_privilege(n.oid, 'create'), false),
               (select count(*) from pg_class c where c.relnamespace = n.oid and c.relname = any(%s)),
               (select count(*) from pg_class c where c.relnamespace = n.oid and c.relname = any(%s)
                   and has_table_privilege(c.oid, 'select, insert')
                   and (c.relname = 'seed' or has_table_privilege(c.oid, 'update')))
          from (select 1) one left join pg_namespace n on n.nspname = 'medusa_db'
        """,
        [list(_TABLES), list(_TABLES)],
    ).fetchone()
    assert row is not None  # noqa: S101  the query always yields one row
    may_create, schema, usage, may_create_in, there, writable = row
    if not schema:
        return None if may_create else "the role may not create a schema in this database"
    if there == len(_TABLES):
        able = usage and writable == len(_TABLES)
        return None if able else "the role may not write to medusa_db.seed and medusa_db.seeded_row"
    able = usage and may_create_in
    return None if able else "the role may not create tables in the schema medusa_db"


def prepare(conn: Connection[Any]) -> None:
    """Make the tables where they are missing."""
    row = conn.execute(
        "select to_regclass('medusa_db.seed') is null or to_regclass('medusa_db.seeded_row') is null"
    ).fetchone()
    if row and row[0]:
        conn.execute(_CREATE)


def exist(conn: Connection[Any]) -> bool:
    """Return whether there are records that our role may read."""
    row = conn.execute(
        "select count(*) = 2 and bool_and(has_schema_privilege(n.oid, 'usage')"
        " and has_table_privilege(c.oid, 'select'))"
        " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = 'medusa_db' and c.relname = any(%s)",
        [list(_TABLES)],
    ).fetchone()
    return bool(row and row[0])


def latest(conn: Connection[Any], schema: str) -> str | None:
    """Return the checksum of the document that was seeded last; None where none was recorded."""
    if not exist(conn):
        return None
    row = conn.execute(
        "select checksum from medusa_db.seed where schema_name = %s order by id desc limit 1",
        [schema],
    ).fetchone()
    return str(row[0]) if row else None


def memories(
    conn: Connection[Any], schema: str, table: str, ids: Sequence[str] | None = None
) -> dict[tuple[str, str], Memory]:
    """Return what is remembered of the rows *ids* of *table*, of all without ids."""
    if not exist(conn):
        return {}
    rows = conn.execute(
        "select table_name, id, checksums from medusa_db.seeded_row"
        " where schema_name = %s and table_name = %s and (%s::text[] is null or id = any(%s))",
        [schema, table, ids, ids],
    )
    return {(name, id_): checksums for name, id_, checksums in rows}


def remember(conn: Connection[Any], schema: str, rows: Sequence[tuple[str, str, Memory]]) -> None:
    """Remember *rows*: table, id and checksums."""
    if rows:
        conn.execute(
            """
            insert into medusa_db.seeded_row (schema_name, table_name, id, checksums)
            select %s, one ->> 0, one ->> 1, one -> 2 from jsonb_array_elements(%s) one
            on conflict (schema_name, table_name, id) do update set checksums = excluded.checksums
            """,
            [schema, Jsonb(list(rows))],
        )


def record(conn: Connection[Any], seed: Seed) -> None:
    """Add *seed*, in the transaction of what it records."""
    conn.execute(
        """
        insert into medusa_db.seed (schema_name, checksum, document, counts, started_at, finished_at,
          version, runner_version, by_whom)
        values (%s, %s, %s, %s, %s, clock_timestamp(), %s, %s, session_user || %s)
        """,
        [
            seed.schema, seed.checksum, seed.document, Jsonb(seed.counts), seed.started_at, seed.version,
            seed.runner_version, seed.by_whom,
        ],
    )  # fmt: skip
