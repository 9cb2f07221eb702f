"""The whole job on a private PostgreSQL: an old shop, planned, migrated, explained and verified."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from medusa_db import streams
from medusa_db.demo import demo_shop, embedded
from medusa_migrations.contract.errors import UsageError

if TYPE_CHECKING:
    from psycopg import Connection

    from medusa_migrations.catalog.model import Catalog
    from medusa_migrations.catalog.version import Version

_COUNTED = ("product", "product_variant", "money_amount", "customer", "order", "line_item")


def run(catalog: Catalog, start: Version, target: Version, *, keep: bool) -> int:
    """Show the job from *start* to *target*; return the exit status of the first command that fails."""
    if start > target:
        raise UsageError(f"--from {start} is later than --to {target}")
    server = embedded.temporary()
    finished = False
    try:
        _show(f"Starting a private PostgreSQL in {server.folder}")
        server.start()
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute("create database shop")
        url = server.url("shop")
        _show(
            f"Making an old shop: the schema of Medusa {start}, the demo shop's seed, and some orders"
        )
        status = _command(url, "migrate", "--to", str(start), quiet=True)
        status = status or _command(url, "seed", "--demo")
        if status:
            return status
        with psycopg.connect(url) as conn:
            _fill(conn)
            before = _counts(conn)
        for words in (
            ("status",),
            ("plan", "--to", str(target)),
            ("migrate", "--to", str(target), "--yes"),
            ("notes", "--from", str(start), "--to", str(target)),
            ("verify",),
        ):
            status = _command(url, *words)
            if status:
                return status
        with psycopg.connect(url) as conn:
            after = _counts(conn)
        _show("Rows before and after: " + _compare(before, after))
        _look_around(server, url, keep=keep)
        finished = True
    finally:
        if not (keep and finished):
            embedded.remove(server)
    del catalog
    return 0


def _look_around(server: embedded.Server, url: str, *, keep: bool) -> None:
    psql = shutil.which("psql") or str(server.programs / "psql")
    if keep:
        _show(
            f"The server keeps running. Look around: {psql} {shlex.quote(url)}\n"
            f"Stop it: kill -INT {server.pid}; rm -r {server.folder}"
        )
    else:
        _show("The server is gone again; --keep leaves it running, to look around with psql.")


def _command(url: str, *words: str, quiet: bool = False) -> int:
    """Run one command as a user would, showing it first; *quiet* shows only what goes wrong."""
    if not quiet:
        _show(f"$ medusa-db {shlex.join(words)}")
    command = [sys.executable, "-m", "medusa_db", *words]
    environment = {**os.environ, "DATABASE_URL": url}
    done = subprocess.run(  # noqa: S603  our own command line
        command, env=environment, check=False, capture_output=quiet, text=True
    )
    if quiet and done.returncode:
        sys.stderr.write(done.stderr)
    return done.returncode


def _fill(conn: Connection[Any]) -> None:
    """Insert what happened in the seeded shop, as far as this version has the tables and columns."""
    existing: dict[str, set[str]] = {}
    for table, column in conn.execute(
        "select table_name, column_name from information_schema.columns"
        " where table_schema = 'public'"
    ):
        existing.setdefault(table, set()).add(column)
    for table, rows in demo_shop.rows(*_seeded(conn)).tables.items():
        if table not in existing:
            continue
        for row in rows:
            kept = {column: value for column, value in row.items() if column in existing[table]}
            conn.execute(
                sql.SQL("insert into {} ({}) values ({})").format(
                    sql.Identifier(table),
                    sql.SQL(", ").join(map(sql.Identifier, kept)),
                    sql.SQL(", ").join(sql.Placeholder() * len(kept)),
                ),
                list(kept.values()),
            )


def _seeded(conn: Connection[Any]) -> tuple[list[demo_shop.DemoRegion], list[demo_shop.Variant]]:
    """Return the regions and the first variant of each product that the seed made."""
    regions = conn.execute("select id, currency_code, tax_rate::float from region order by name")
    variants = conn.execute(
        "select distinct on (p.handle) v.id, p.id, p.title, 1200 + 100 * length(p.title)"
        " from product_variant v join product p on p.id = v.product_id order by p.handle, v.id"
    )
    return (
        [demo_shop.DemoRegion(*row) for row in regions],
        [demo_shop.Variant(*row) for row in variants],
    )


def _counts(conn: Connection[Any]) -> dict[str, int]:
    found = {}
    for table in _COUNTED:
        row = conn.execute(
            sql.SQL("select count(*) from {}").format(sql.Identifier(table))
        ).fetchone()
        found[table] = int(row[0]) if row else 0
    return found


def _compare(before: dict[str, int], after: dict[str, int]) -> str:
    return ", ".join(
        f"{table} {count}" + ("" if after[table] == count else f" -> {after[table]}")
        for table, count in before.items()
    )


def _show(line: str) -> None:
    streams.put_piece(f"\n{line}\n")
