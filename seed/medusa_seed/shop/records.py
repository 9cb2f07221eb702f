"""Our record of seeds, `medusa_db.seed`, and what we remember of seeded rows, `medusa_db.seeded_row`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.types.json import Jsonb

from medusa_migrations.records import records_schema

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import Connection

    from medusa_seed.planning.merge import Memory

_CREATE = """
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
    )
"""
_AT_ONCE = 5_000
"""Rows that are sent in one statement: they are one value of it, which has a bound."""
_TABLES = {"seed": ("select", "insert"), "seeded_row": ("select", "insert", "update")}


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
    return records_schema.why_off(conn, _TABLES)


def prepare(conn: Connection[Any]) -> None:
    """Make the schema and the tables where they are missing."""
    records_schema.prepare(conn, _TABLES, _CREATE)


def latest(conn: Connection[Any], schema: str) -> Seed | None:
    """Return the last seed of *schema*; None where none was recorded."""
    if not records_schema.readable(conn, _TABLES):
        return None
    row = conn.execute(
        "select schema_name, checksum, document, counts, started_at, version, runner_version, by_whom"
        " from medusa_db.seed where schema_name = %s order by id desc limit 1",
        [schema],
    ).fetchone()
    return Seed(*row) if row else None


def to_dict(seed: Seed) -> dict[str, Any]:
    """Return *seed* for JSON."""
    return {
        "startedAt": seed.started_at.isoformat(),
        "document": seed.document,
        "checksum": seed.checksum,
        "counts": seed.counts,
        "version": seed.version,
        "runner": seed.runner_version,
        "by": seed.by_whom,
    }


def memories(
    conn: Connection[Any], schema: str, tables: Sequence[str], ids: Sequence[str] | None = None
) -> dict[tuple[str, str], Memory]:
    """Return what is remembered of the rows *ids* of *tables*, of all without ids."""
    if not records_schema.readable(conn, _TABLES):
        return {}
    query = (
        "select table_name, id, checksums from medusa_db.seeded_row"
        " where schema_name = %s and table_name = any(%s)"
    )
    values: list[Any] = [schema, list(tables)]
    if ids is not None:
        query += " and id = any(%s)"
        values.append(list(ids))
    rows = conn.execute(sql.SQL(query), values)
    return {(name, id_): checksums for name, id_, checksums in rows}


def remember(conn: Connection[Any], schema: str, rows: Sequence[tuple[str, str, Memory]]) -> None:
    """Remember *rows*: table, id and checksums."""
    for first in range(0, len(rows), _AT_ONCE):
        conn.execute(
            """
            insert into medusa_db.seeded_row (schema_name, table_name, id, checksums)
            select %s, one ->> 0, one ->> 1, one -> 2 from jsonb_array_elements(%s) one
            on conflict (schema_name, table_name, id) do update set checksums = excluded.checksums
            """,
            [schema, Jsonb(list(rows[first : first + _AT_ONCE]))],
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
