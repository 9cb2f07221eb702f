"""What other migration tools have recorded: which files of a folder one of them has applied already."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from medusa_migrations.contract.values import milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

_TABLES = {
    "schema_migrations": "dbmate",
    "goose_db_version": "goose",
    "gorp_migrations": "sql-migrate",
    "pgmigrations": "node-pg-migrate",
    "_sqlx_migrations": "sqlx",
    "flyway_schema_history": "Flyway",
    "_prisma_migrations": "Prisma",
    "atlas_schema_revisions": "Atlas",
    "__drizzle_migrations": "Drizzle",
}
_ROWS = {
    "schema_migrations": "select version::text from {}",
    "goose_db_version": (
        "select version_id::text from (select distinct on (version_id) version_id, is_applied from {}"
        " order by version_id, id desc) latest where is_applied and version_id > 0"
    ),
    "gorp_migrations": "select id::text from {}",
    "pgmigrations": "select name::text from {}",
    "_sqlx_migrations": "select version::text from {} where success",
    "flyway_schema_history": "select version::text from {} where success and version is not null",
    "_prisma_migrations": (
        "select migration_name::text from {} where finished_at is not null and rolled_back_at is null"
    ),
    "atlas_schema_revisions": "select version::text from {} where coalesce(error, '') = ''",
    "__drizzle_migrations": "select created_at::text from {}",
}
_OF_SCHEMA = {"supabase_migrations": "Supabase"}
"""Tools whose table is called as that of another, in a schema of their own."""
_LOOK = """
    select n.nspname, c.relname, has_table_privilege(c.oid, 'select') and has_schema_privilege(n.oid, 'usage'),
           exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'dirty' and not a.attisdropped)
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relname = any(%s) and c.relkind in ('r', 'p') and n.nspname !~ '^pg_'
     order by 1, 2
"""


def applied(conn: Connection[Any], files: Sequence[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield, for each tool that keeps a table here, its name, the table, and which of *files* it has applied.

    A table that may not be read, or is something else, tells nothing. Writes nothing.
    """
    for schema, table, readable, single in conn.execute(_LOOK, [list(_TABLES)]).fetchall():
        if not readable:
            continue
        query = sql.SQL(_ROWS[table]).format(sql.Identifier(schema, table))
        try:
            with conn.transaction():
                keys = {str(key) for (key,) in conn.execute(query)}
        except psycopg.ProgrammingError:
            continue
        found = [file for file in files if _is_in(file, keys, single=single)]
        if found:
            tool = "golang-migrate" if single else _OF_SCHEMA.get(schema, _TABLES[table])
            yield tool, f"{schema}.{table}", found


def _is_in(file: str, keys: set[str], *, single: bool) -> bool:
    """Return whether a tool's *keys* name *file*; a *single* one is that of the last file applied."""
    name = PurePath(file).name
    number = re.match(r"[vV]?(\d+)", name)
    if single:
        return number is not None and any(
            key.isdigit() and int(number[1]) <= int(key) for key in keys
        )
    stems = {name, name.removesuffix(".sql"), re.sub(r"\.up\.sql$", "", name)}
    numbers = {number[1], number[1].lstrip("0")} if number else set()
    return bool((stems | numbers) & keys) or _moment(name) in {*map(_moment, keys)} - {None}


def _moment(key: str) -> int | None:
    """Return when a file or a row begins to count, in milliseconds; None: its name does not say."""
    digits = re.match(r"\d{17}|\d{14}|\d{13}|\d{10}", key)
    if digits is None or key[digits.end() :][:1].isdigit():
        return None
    try:
        return milliseconds(digits[0])
    except ValueError:
        return None
