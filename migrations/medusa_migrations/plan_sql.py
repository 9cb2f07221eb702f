"""The statements a plan would run, as a script for `psql -1 -f`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from medusa_migrations import ledger, live, verify
from medusa_migrations.catalog import DataStep, Migration

if TYPE_CHECKING:
    from psycopg import Connection

    from medusa_migrations.observe import Observed
    from medusa_migrations.plan import Item, Plan


def script(conn: Connection[Any], observed: Observed, path: Plan) -> str:
    """Return the script; it ends with the ledger rows that the run would add."""
    schema = observed.schema
    lines = [
        f"-- From {observed.schema} as it is to {path.target}; run it with psql -1 -v ON_ERROR_STOP=1 -f.",
        sql.SQL("set search_path to {};").format(sql.Identifier(schema)).as_string(conn),
        "set row_security to off;",
    ]
    if not observed.ledger.exists and path.items:
        lines.append(ledger.create_statement(schema).as_string(conn) + ";")
    there = live.read(conn, schema)
    for item in path.items:
        runs = not isinstance(item, Migration) or verify.applies(there, item)
        if isinstance(item, Migration) and item.version is not None:
            verify.apply(there, item)
        lines += ["", f"-- {item.name}", *_item(conn, schema, item, runs=runs)]
    return "\n".join(lines)


def _item(conn: Connection[Any], schema: str, item: Item, *, runs: bool) -> list[str]:
    if isinstance(item, DataStep):
        return [item.text.strip()]
    lines = []
    if item.extension:
        made = sql.SQL("create extension if not exists {};").format(sql.Identifier(item.extension))
        lines.append(made.as_string(conn))
    row = ledger.record_statement(schema, item).as_string(conn)
    lines += [item.text.strip(), f"{row};"] if runs else [f"{row};"]
    if item.version is None:
        path = sql.SQL("set search_path to {};").format(sql.Identifier(schema))
        lines.append(path.as_string(conn))
    return lines
