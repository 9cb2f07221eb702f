"""What each run noted of its verification, in `medusa_db.verification`.

With what it commits: which differences were there before it. Afterwards: what its verification found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from medusa_migrations import __version__
from medusa_migrations.records import records_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from medusa_migrations.schema.drift import Difference

_CREATE = """
    create table if not exists medusa_db.verification (
      id bigint generated always as identity primary key,
      schema_name text not null,
      recorded_at timestamptz not null default clock_timestamp(),
      version text not null,
      runner_version text not null,
      before text[] not null,
      after text[],
      digest text not null
    )
"""
_TABLES = {"verification": ("select", "insert")}


class Noted(NamedTuple):
    """What the last run noted of its verification."""

    version: str
    runner: str
    before: frozenset[str]
    """What differed before it."""
    after: frozenset[str] | None
    """What differed afterwards and not before; None: the verification has not come to its end."""
    digest: str

    def is_of(self, version: str) -> bool:
        """Return whether it is that of a run which has come to its end, at *version*."""
        return self.version == version and self.after is not None

    @property
    def fails(self) -> bool:
        """Whether the run is not known to have left the schema as it should be."""
        return self.after is None or bool(self.after)

    def blames(self, one: Difference) -> bool:
        """Return whether the run counts as the cause of *one*.

        A column that it lost, made again by hand, stands behind the others, and no statement changes
        that: what was not said of the run itself is not said then.
        """
        if one.is_order and self.after is not None:
            return str(one) in self.after
        return str(one) not in self.before


def latest(conn: Connection[Any], schema: str) -> Noted | None:
    """Return what the last run on *schema* noted; None: nothing, or it may not be read."""
    if not records_schema.readable(conn, _TABLES):
        return None
    row = conn.execute(
        "select version, runner_version, before, after, digest from medusa_db.verification"
        " where schema_name = %s order by id desc limit 1",
        [schema],
    ).fetchone()
    if row is None:
        return None
    version, runner, before, after, checksum = row
    return Noted(
        version, runner, frozenset(before), None if after is None else frozenset(after), checksum
    )


def record(
    conn: Connection[Any],
    schema: str,
    version: str,
    before: Sequence[str],
    after: Sequence[str] | None = None,
    checksum: str = "",
) -> None:
    """Note what differed *before* a run as well, and what only *after* it; None: its verification is to come.

    *checksum* is of what the verification stands on.
    """
    if records_schema.why_off(conn, _TABLES) is not None:
        return
    with conn.transaction():
        records_schema.prepare(conn, _TABLES, _CREATE)
        conn.execute(
            "insert into medusa_db.verification"
            " (schema_name, version, runner_version, before, after, digest)"
            " values (%s, %s, %s, %s, %s, %s)",
            [
                schema,
                version,
                __version__,
                list(before),
                None if after is None else list(after),
                checksum,
            ],
        )
