"""Runs a file of the shop's own outside of a transaction, statement by statement, and remembers how far it came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors as pg
from psycopg import sql

from medusa_migrations.postgres import translation
from medusa_migrations.records import shop_files
from medusa_migrations.run import shop_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import Migration
    from medusa_migrations.run.context import Limits
    from medusa_migrations.run.outcome import Outcome


def run(
    conn: Connection[Any],
    schema: str,
    path: Sequence[str],
    migration: Migration,
    limits: Limits,
    say: Callable[[str], object],
    outcome: Outcome,
) -> None:
    """Run the statements of *migration* that have not run yet, each committed by itself.

    Names mean those of the schemas *path*. The ledger row is left to the caller. Raises FailedError
    where a statement fails: those before it stay, and the next run goes on with it. Raises
    RefusedError where nothing can be remembered, or an earlier run came halfway through another text.
    """
    done = shop_files.begin(conn, schema, migration)
    outcome.outside = _stays(migration, done)
    _settings(conn, path, limits)
    try:
        with shop_file.notices(conn, say):
            for number, statement in enumerate(shop_file.in_file(migration)):
                if number < done:
                    continue
                concurrently = "concurrently" in [token.lower() for token in statement.tokens[:6]]
                # it waits for transactions, as such statements do, and leaves a half where it may not
                wait = 0 if concurrently else limits.lock_timeout
                conn.execute(sql.SQL("set lock_timeout to {}").format(_milliseconds(wait)))
                shop_file.send(conn, migration, [statement])
                done = number + 1
                outcome.outside = _stays(migration, done)
                shop_files.progressed(conn, schema, migration, done)
    except pg.LockNotAvailable:
        raise
    except psycopg.Error as exc:
        if translation.is_lost(exc) or conn.closed:
            raise
        raise translation.outside(exc, migration.name, _hint(conn)) from exc
    finally:
        if not conn.closed and conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            shop_file.leave(conn, migration)


def _milliseconds(seconds: float) -> sql.Literal:
    return sql.Literal(f"{int(seconds * 1000)}ms")


def _settings(conn: Connection[Any], path: Sequence[str], limits: Limits) -> None:
    conn.execute(
        sql.SQL("set search_path to {}; set statement_timeout to {}").format(
            sql.SQL(", ").join(map(sql.Identifier, path)), _milliseconds(limits.statement_timeout)
        )
    )


def _hint(conn: Connection[Any]) -> str:
    left = shop_files.invalid_indexes(conn)
    return f". It left an invalid index behind: {shop_files.way_out(left)}" if left else ""


def _stays(migration: Migration, done: int) -> str:
    return (
        f"{migration.origin} runs outside of a transaction: its first {done} statements are done and stay, and "
        "the same command goes on with the next one"
    )
