"""The statements a plan would run, as a script for `psql -1 -f`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from medusa_migrations import ledger, live, lock, row_names, search_path, table_locks, verify
from medusa_migrations.catalog import DataStep, Migration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from medusa_migrations.observe import Observed
    from medusa_migrations.plan import Item, Plan


LOCK_TIMEOUT = 5.0
"""Seconds that a statement behind the first ones waits for a lock: the default of `--lock-timeout`."""

_BESIDE = sql.SQL(
    "select set_config('search_path', current_setting('search_path') || ', ' || quote_ident(nspname), false)"
    " from pg_extension join pg_namespace n on n.oid = extnamespace where extname = {};"
)


def script(conn: Connection[Any], observed: Observed, path: Plan) -> str:
    """Return the script; it ends with the ledger rows that the run would add."""
    schema = observed.schema
    role = search_path.of_role(conn, schema)
    texts = (item.text for item in path.items if item.version is not None)
    medusas = search_path.unambiguous(conn, role, row_names.of_objects(texts) if role[1:] else ())
    lines = [
        f"-- From {observed.schema} as it is to {path.target}; run it with psql -1 -v ON_ERROR_STOP=1 -f.",
        _path(conn, medusas),
        "set row_security to off;",
        *_alone(conn, schema, path),
    ]
    if not observed.ledger.exists and path.items:
        lines.append(ledger.create_statement(schema).as_string(conn) + ";")
    there = live.read(conn, schema)
    for item in path.items:
        runs = not isinstance(item, Migration) or verify.applies(there, item)
        if isinstance(item, Migration) and item.version is not None:
            verify.apply(there, item)
        lines += ["", f"-- {item.name}", *_item(conn, schema, item, (medusas, role), runs=runs)]
    return "\n".join(lines)


def _path(conn: Connection[Any], path: Sequence[str]) -> str:
    names = sql.SQL(", ").join(map(sql.Identifier, path))
    return sql.SQL("set search_path to {};").format(names).as_string(conn)


def _alone(conn: Connection[Any], schema: str, path: Plan) -> list[str]:
    """Return what a run begins with: its lock against other runs, and those of all tables."""
    if not path.items:
        return []
    within = table_locks.one_try(LOCK_TIMEOUT, table_locks.deadlock_timeout(conn))
    names = [
        table_locks.statement(schema, mode, tables).as_string(conn) + ";"
        for mode, tables in table_locks.held(conn, schema, path.items)
    ]
    each = max(1, int(within * 1000 / max(1, len(names))))
    return [
        "",
        "-- The tables are locked at once or not at all: where this fails, nothing was changed. Run it again.",
        f"set local lock_timeout to '{each}ms';",
        f"set local statement_timeout to '{each}ms';",
        "select pg_advisory_xact_lock({}, {}); -- no `medusa-db migrate` meanwhile".format(
            *lock.KEY
        ),
        *names,
        f"set local lock_timeout to '{int(LOCK_TIMEOUT * 1000)}ms';",
        "set local statement_timeout to 0;",
        *([f"{at_once.as_string(conn)};"] if (at_once := live.immediate(conn, schema)) else []),
    ]


def _item(
    conn: Connection[Any],
    schema: str,
    item: Item,
    paths: tuple[Sequence[str], Sequence[str]],
    *,
    runs: bool,
) -> list[str]:
    """Return the statements of *item*; *paths* are those for Medusa's own and for the shop's."""
    if isinstance(item, DataStep):
        return [item.text.strip()]
    lines = []
    if item.extension:
        made = sql.SQL("create extension if not exists {};").format(sql.Identifier(item.extension))
        lines += [made.as_string(conn), _BESIDE.format(sql.Literal(item.extension)).as_string(conn)]
    row = ledger.record_statement(schema, item).as_string(conn)
    text = [item.text.strip(), f"{row};"] if runs else [f"{row};"]
    if item.version is None and (paths[0] != paths[1] or "search_path" in item.text):
        return [*lines, _path(conn, paths[1]), *text, _path(conn, paths[0])]
    if item.extension:
        return [*lines, *text, _path(conn, paths[0])]
    return [*lines, *text]
