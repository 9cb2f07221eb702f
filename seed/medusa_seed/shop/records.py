"""Our records in `medusa_db`: of seeds (`seed`), of rows they wrote (`seeded_row`), of scripts that go on (`unfinished_seed`)."""

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
_CREATE_UNFINISHED = """
    create table if not exists medusa_db.unfinished_seed (
      schema_name text primary key,
      script text not null,
      started_at timestamptz not null,
      by_whom text not null
    )
"""
_AT_ONCE = 5_000
"""Rows that are sent in one statement: they are one value of it, which has a bound."""
_TABLES = {"seed": ("select", "insert"), "seeded_row": ("select", "insert", "update")}
_UNFINISHED = {"unfinished_seed": ("select", "insert", "update", "delete")}


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


def latest_checksum(conn: Connection[Any], schema: str) -> str | None:
    """Return the checksum of the last seed of *schema*; None where none was recorded."""
    found = latest(conn, schema)
    return found.checksum if found is not None else None


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


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A script that was begun, and is not known to have come to its end."""

    script: str
    started_at: datetime
    by_whom: str


def why_scripts_off(conn: Connection[Any]) -> str | None:
    """Return why it cannot be recorded that a script has run; None where it can."""
    return records_schema.why_off(conn, {**_TABLES, **_UNFINISHED})


def unfinished(conn: Connection[Any], schema: str) -> Unfinished | None:
    """Return the script of *schema* that has not come to its end; None for none."""
    if not records_schema.readable(conn, _UNFINISHED):
        return None
    row = conn.execute(
        "select script, started_at, by_whom from medusa_db.unfinished_seed where schema_name = %s",
        [schema],
    ).fetchone()
    return Unfinished(*row) if row else None


def begin(conn: Connection[Any], seed: Seed) -> None:
    """Note that a script begins; make what is missing for that, and for the record of its end."""
    with conn.transaction():
        prepare(conn)
        records_schema.prepare(conn, _UNFINISHED, _CREATE_UNFINISHED)
        conn.execute(
            """
            insert into medusa_db.unfinished_seed (schema_name, script, started_at, by_whom)
            values (%s, %s, %s, session_user || %s)
            on conflict (schema_name) do update
              set script = excluded.script, started_at = excluded.started_at, by_whom = excluded.by_whom
            """,
            [seed.schema, seed.document, seed.started_at, seed.by_whom],
        )


def finish(conn: Connection[Any], seed: Seed) -> None:
    """Record the seed whose script has come to its end."""
    with conn.transaction():
        record(conn, seed)
        conn.execute("delete from medusa_db.unfinished_seed where schema_name = %s", [seed.schema])


def unfinished_to_dict(begun: Unfinished) -> dict[str, Any]:
    """Return *begun* for JSON."""
    return {
        "startedAt": begun.started_at.isoformat(),
        "script": begun.script,
        "by": begun.by_whom,
    }
