"""Our record of the shop's own files that were applied, `medusa_db.shop_file`: what did each contain then."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medusa_migrations.records import records_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import Migration

_CREATE = """
    create table if not exists medusa_db.shop_file (
      schema_name text not null,
      name text not null,
      file text not null,
      checksum text not null,
      applied_at timestamptz not null,
      primary key (schema_name, name)
    )
"""
_TABLES = {"shop_file": ("select", "insert", "update")}


@dataclass(frozen=True, slots=True)
class AppliedFile:
    """A file of the shop's own as it was applied."""

    name: str
    """What the ledger calls it."""
    file: str
    checksum: str
    """SHA-256 of the file, hexadecimal."""


def record(conn: Connection[Any], schema: str, migration: Migration) -> None:
    """Record the file of *migration*, in the transaction that applies it; nothing where none can be kept."""
    if records_schema.why_off(conn, _TABLES) is not None:
        return
    records_schema.prepare(conn, _TABLES, _CREATE)
    conn.execute(
        """
        insert into medusa_db.shop_file (schema_name, name, file, checksum, applied_at)
        values (%s, %s, %s, %s, clock_timestamp())
        on conflict (schema_name, name) do update
           set file = excluded.file, checksum = excluded.checksum, applied_at = excluded.applied_at
        """,
        [schema, migration.name, Path(migration.origin).name, migration.checksum],
    )


def read(conn: Connection[Any], schema: str) -> list[AppliedFile]:
    """Return the files that were applied to *schema*, oldest first; none where none were recorded."""
    if not records_schema.readable(conn, _TABLES):
        return []
    rows = conn.execute(
        "select name, file, checksum from medusa_db.shop_file where schema_name = %s order by applied_at, name",
        [schema],
    )
    return [AppliedFile(*row) for row in rows]


def differing(
    files: Sequence[AppliedFile], folder: Sequence[Migration], ledger: Sequence[str]
) -> Iterator[str]:
    """Yield which of *files* the *folder* has no more, or with another content, in words.

    A file whose row the *ledger* has lost counts as pending, and so as nothing to compare.
    """
    existing = {migration.name: migration for migration in folder}
    for one in files:
        if one.name not in ledger:
            continue
        found = existing.get(one.name)
        if found is None:
            yield (
                f"{one.file} was applied, and is not in the folder any more; put it back, so that an empty "
                "database becomes the same shop"
            )
        elif found.checksum != one.checksum:
            yield (
                f"{found.origin} was changed after it had been applied, and does not run again; put back what "
                "it said, and write what is new into a file of its own"
            )
