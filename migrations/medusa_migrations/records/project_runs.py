"""Our record of runs of a shop's own Medusa, `medusa_db.project_runs`: which version has brought it where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medusa_migrations import __version__
from medusa_migrations.records import records_schema

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import Connection

_CREATE = """
    create table if not exists medusa_db.project_runs (
      id bigint generated always as identity primary key,
      schema_name text not null,
      command text not null,
      started_at timestamptz not null,
      finished_at timestamptz not null,
      medusa text not null,
      ledgers text not null,
      commands text[] not null,
      migrations text[] not null,
      links text[] not null,
      scripts text[] not null,
      runner_version text not null,
      by_whom text not null
    )
"""
_TABLES = {"project_runs": ("select", "insert")}


@dataclass(frozen=True, slots=True)
class ProjectRun:
    """One run after which nothing was pending that the project wants."""

    schema: str
    command: str
    seconds: float
    medusa: str
    """The version that the project had installed."""
    ledgers: str
    """A digest of the ledgers of migrations and links, as they were then."""
    commands: tuple[str, ...]
    """Each command that ran, in the words of a shell."""
    migrations: tuple[str, ...]
    """New names in the ledgers, by kind."""
    links: tuple[str, ...]
    scripts: tuple[str, ...]
    by_whom: str
    """PostgreSQL role, and pod or host."""
    finished_at: datetime | None = None
    """None: now."""
    runner_version: str = __version__


def why_off(conn: Connection[Any]) -> str | None:
    """Return why no run can be recorded; None where it can."""
    return records_schema.why_off(conn, _TABLES)


def record(conn: Connection[Any], run: ProjectRun) -> None:
    """Add *run*; make schema and table where they are missing."""
    with conn.transaction():
        records_schema.prepare(conn, _TABLES, _CREATE)
        conn.execute(
            """
            insert into medusa_db.project_runs (schema_name, command, started_at, finished_at, medusa, ledgers,
              commands, migrations, links, scripts, runner_version, by_whom)
            values (%s, %s, clock_timestamp() - make_interval(secs => %s), clock_timestamp(), %s, %s, %s, %s, %s, %s,
              %s, session_user || %s)
            """,
            [
                run.schema, run.command, run.seconds, run.medusa, run.ledgers, list(run.commands),
                list(run.migrations), list(run.links), list(run.scripts), run.runner_version, run.by_whom,
            ],
        )  # fmt: skip


def read(conn: Connection[Any], schema: str, most: int = 50) -> list[ProjectRun]:
    """Return the latest *most* runs on *schema*, newest first; where none can be read none."""
    if not records_schema.readable(conn, _TABLES):
        return []
    rows = conn.execute(
        """
        select schema_name, command, extract(epoch from finished_at - started_at)::float8, medusa, ledgers,
               commands, migrations, links, scripts, by_whom, finished_at, runner_version
          from medusa_db.project_runs where schema_name = %s order by id desc limit %s
        """,
        [schema, most],
    )
    return [ProjectRun(*row[:5], *(tuple(cell) for cell in row[5:9]), *row[9:]) for row in rows]


def latest(conn: Connection[Any], schema: str) -> ProjectRun | None:
    """Return the latest run on *schema*; None for none."""
    return next(iter(read(conn, schema, 1)), None)


def to_dict(run: ProjectRun) -> Mapping[str, Any]:
    """Return *run* for JSON."""
    return {
        "finishedAt": run.finished_at.isoformat() if run.finished_at else None,
        "seconds": round(run.seconds, 3),
        "command": run.command,
        "medusa": run.medusa,
        "ledgers": run.ledgers,
        "commands": list(run.commands),
        "migrations": len(run.migrations),
        "links": len(run.links),
        "scripts": list(run.scripts),
        "runner": run.runner_version,
        "by": run.by_whom,
    }
