"""Our record of runs, `medusa_db.history`: in a schema of its own, so that Medusa's stays Medusa's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from medusa_migrations.records import records_schema

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import Connection

_CREATE = """
    create table if not exists medusa_db.history (
      id bigint generated always as identity primary key,
      schema_name text not null,
      command text not null,
      started_at timestamptz not null,
      finished_at timestamptz not null,
      from_version text not null,
      to_version text not null,
      migrations text[] not null,
      data_steps text[] not null,
      deferred text[] not null,
      runner_version text not null,
      checksum text not null,
      by_whom text not null
    )
"""
_TABLES = {"history": ("select", "insert")}


class HistoryEntry(NamedTuple):
    """One run that changed the database."""

    schema: str
    command: str
    started_at: datetime
    finished_at: datetime
    """By the clock that `started_at` is from: the server may have another time."""
    from_version: str
    """What the ledger proved before, as text: `1.3.0 to 1.3.3`, `empty` or `partial`."""
    to_version: str
    migrations: tuple[str, ...]
    data_steps: tuple[str, ...]
    """Data steps that were done."""
    deferred: tuple[str, ...]
    """Data steps that must wait for something."""
    runner_version: str
    checksum: str
    """SHA-256 over the texts that ran, in order."""
    by_whom: str
    """PostgreSQL role, and pod or host."""


def why_off(conn: Connection[Any]) -> str | None:
    """Return why no history can be kept; None where it can."""
    return records_schema.why_off(conn, _TABLES)


def why_unreadable(conn: Connection[Any]) -> str | None:
    """Return why an existing history cannot be read; None where it can, or does not exist."""
    return records_schema.why_unreadable(conn, _TABLES)


def prepare(conn: Connection[Any]) -> None:
    """Make the schema and the table where they are missing."""
    records_schema.prepare(conn, _TABLES, _CREATE)


def record(conn: Connection[Any], entry: HistoryEntry) -> None:
    """Add *entry*, in the transaction of what it records."""
    conn.execute(
        """
        insert into medusa_db.history (schema_name, command, started_at, finished_at, from_version,
          to_version, migrations, data_steps, deferred, runner_version, checksum, by_whom)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, session_user || %s)
        """,
        [
            entry.schema, entry.command, entry.started_at, entry.finished_at, entry.from_version,
            entry.to_version, list(entry.migrations), list(entry.data_steps), list(entry.deferred), entry.runner_version,
            entry.checksum, entry.by_whom,
        ],
    )  # fmt: skip


def read(conn: Connection[Any], schema: str, most: int = 50) -> list[HistoryEntry]:
    """Return the latest *most* runs on *schema*, newest first; without a history none."""
    if not records_schema.readable(conn, _TABLES):
        return []
    rows = conn.execute(
        """
        select schema_name, command, started_at, finished_at, from_version, to_version, migrations,
               data_steps, deferred, runner_version, checksum, by_whom
          from medusa_db.history where schema_name = %s order by id desc limit %s
        """,
        [schema, most],
    )
    return [HistoryEntry(*row[:6], *(tuple(cell) for cell in row[6:9]), *row[9:]) for row in rows]


def deferred(conn: Connection[Any], schema: str) -> tuple[str, ...]:
    """Return the data steps that runs on *schema* left waiting and none has done since.

    There must be a history.
    """
    rows = conn.execute(
        """
        select name
          from (select id, unnest(data_steps) as name, false as waits from medusa_db.history
                 where schema_name = %(schema)s
                union all
                select id, unnest(deferred), true from medusa_db.history
                 where schema_name = %(schema)s) noted
         group by name
        having max(id) filter (where waits) > coalesce(max(id) filter (where not waits), 0)
         order by name
        """,
        {"schema": schema},
    )
    return tuple(name for (name,) in rows)


def done(conn: Connection[Any], schema: str) -> frozenset[str]:
    """Return the data steps that runs on *schema* have done. There must be a history."""
    rows = conn.execute(
        "select distinct unnest(data_steps) from medusa_db.history where schema_name = %s", [schema]
    )
    return frozenset(name for (name,) in rows)


def to_dict(entry: HistoryEntry) -> Mapping[str, Any]:
    """Return *entry* for JSON."""
    return {
        "startedAt": entry.started_at.isoformat(),
        "seconds": round((entry.finished_at - entry.started_at).total_seconds(), 3),
        "command": entry.command,
        "from": entry.from_version,
        "to": entry.to_version,
        "migrations": len(entry.migrations),
        "dataSteps": list(entry.data_steps),
        "deferred": list(entry.deferred),
        "runner": entry.runner_version,
        "by": entry.by_whom,
    }
