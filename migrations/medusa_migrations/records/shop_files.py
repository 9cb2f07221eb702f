"""Our record of the shop's own files that were applied, `medusa_db.shop_file`: what did each contain then."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from medusa_migrations.catalog.model import Migration
from medusa_migrations.contract.errors import RefusedError
from medusa_migrations.records import records_schema
from medusa_migrations.schema import statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import DataStep

_CREATE = """
    create table if not exists medusa_db.shop_file (
      schema_name text not null,
      name text not null,
      file text not null,
      checksum text not null,
      applied_at timestamptz not null,
      statements integer,
      primary key (schema_name, name)
    )
"""
_TABLES = {"shop_file": ("select", "insert", "update")}


class AppliedFile(NamedTuple):
    """A file of the shop's own as it was applied."""

    name: str
    """What the ledger calls it."""
    file: str
    checksum: str
    """SHA-256 of the file, hexadecimal."""
    statements: int | None = None
    """How many of its statements have run, of a file that runs outside of a transaction; None: all."""


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
           set file = excluded.file, checksum = excluded.checksum, applied_at = excluded.applied_at,
               statements = null
        """,
        [schema, migration.name, Path(migration.origin).name, migration.checksum],
    )


def begin(conn: Connection[Any], schema: str, migration: Migration) -> int:
    """Record that *migration* begins outside of a transaction; return how many of its statements have run.

    Raises RefusedError where that cannot be recorded, or they were of another text.
    """
    if (off := records_schema.why_off(conn, _TABLES)) is not None:
        raise RefusedError(
            f"{migration.origin} runs outside of a transaction, and how far it comes cannot be recorded: {off}",
            reason="NoRecords",
        )
    with conn.transaction():
        records_schema.prepare(conn, _TABLES, _CREATE)
        conn.execute(
            """
            insert into medusa_db.shop_file (schema_name, name, file, checksum, applied_at, statements)
            values (%s, %s, %s, %s, clock_timestamp(), 0) on conflict do nothing
            """,
            [schema, migration.name, Path(migration.origin).name, migration.checksum],
        )
    found = next(one for one in read(conn, schema) if one.name == migration.name)
    done = found.statements or 0
    if done == 0:
        conn.execute(
            "update medusa_db.shop_file set checksum = %s, statements = 0 where (schema_name, name) = (%s, %s)",
            [migration.checksum, schema, migration.name],
        )
    elif found.checksum != migration.checksum:
        raise RefusedError(_another(migration, done), reason="FileChanged")
    return done


def progressed(conn: Connection[Any], schema: str, migration: Migration, done: int) -> None:
    """Record that *done* statements of *migration* have run."""
    conn.execute(
        "update medusa_db.shop_file set statements = %s where (schema_name, name) = (%s, %s)",
        [done, schema, migration.name],
    )


def _another(migration: Migration, done: int) -> str:
    return (
        f"{migration.origin} runs outside of a transaction, and {done} statements of it had run when it was changed. "
        "Put back what it said; or take back by hand what they did, and then the row of "
        f"{migration.name} in medusa_db.shop_file"
    )


def invalid_indexes(conn: Connection[Any]) -> list[str]:
    """Return the indexes that a statement left half made, as SQL spells them."""
    rows = conn.execute(
        """
        select format('%I.%I', n.nspname, c.relname)
          from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
         where not i.indisvalid and c.relkind = 'i' and n.nspname not like 'pg\\_%' order by 1
        """
    )
    return [name for (name,) in rows]


def way_out(indexes: Sequence[str]) -> str:
    """Return the statements that drop *indexes*."""
    return "; ".join(f"drop index concurrently {name}" for name in indexes)


def without_done(
    conn: Connection[Any], schema: str, items: Sequence[Migration | DataStep]
) -> Sequence[Migration | DataStep]:
    """Return *items*, those that came halfway with what is left of their statements only."""
    if not any(isinstance(item, Migration) and item.alone for item in items):
        return items
    done = {one.name: one.statements for one in read(conn, schema) if one.statements}
    return [
        dataclasses.replace(item, statements=_rest(item.statements, done[item.name]))
        if isinstance(item, Migration) and item.name in done and item.pieces is None
        else item
        for item in items
    ]


def _rest(text: str, done: int) -> str:
    return ";\n".join(statement.text for statement in statements.split(text)[done:])


def halves(
    conn: Connection[Any], schema: str, migrations: Sequence[Migration]
) -> Iterator[tuple[str, str, bool]]:
    """Yield, for each of *migrations* that came halfway, what is so, what to do, and whether it may go on."""
    alone = {one.name: one for one in migrations if one.alone}
    if not alone:
        return
    begun = [one for one in read(conn, schema) if one.name in alone and one.statements is not None]
    invalid = invalid_indexes(conn) if begun else []
    for one in begun:
        found = alone[one.name]
        halfway = (
            f"{found.origin} runs outside of a transaction and did not come to its end: {one.statements} of its "
            "statements have run"
        )
        if one.statements and one.checksum != found.checksum:
            yield _another(found, one.statements), "", False
        elif invalid:
            problem = f"{halfway}, and an invalid index was left behind: {', '.join(invalid)}"
            yield problem, f"Drop it, then run the same command again: {way_out(invalid)}", False
        else:
            yield f"{halfway}, and it goes on with the next one", "", True


def read(conn: Connection[Any], schema: str) -> list[AppliedFile]:
    """Return the files that were applied to *schema*, oldest first; none where none were recorded."""
    if not records_schema.readable(conn, _TABLES):
        return []
    rows = conn.execute(
        "select name, file, checksum, statements from medusa_db.shop_file where schema_name = %s order by applied_at, name",
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
        if one.name not in ledger or one.statements is not None:
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
