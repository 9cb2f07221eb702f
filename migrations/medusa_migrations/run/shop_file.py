"""Runs a migration of the shop's own: a few statements of its file at a time, and what it may not leave behind."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import generators
from psycopg.pq import ExecStatus, TransactionStatus

from medusa_migrations.contract.errors import FailedError
from medusa_migrations.contract.values import some
from medusa_migrations.postgres import connection, failure, lock
from medusa_migrations.records import ledger, shop_files
from medusa_migrations.schema import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from psycopg import Connection
    from psycopg.errors import Diagnostic
    from psycopg.pq.abc import PGresult

    from medusa_migrations.catalog.model import Migration
    from medusa_migrations.schema.statements import Statement

_AT_ONCE = 64 << 10
"""Characters of statements that are sent in one round trip; a longer statement goes alone."""
_LONGEST = 300
"""Characters of a statement, or of a notice, that are shown."""
_MOST_NOTICES = 50
"""Notices of one file that are shown; the others are counted."""
_FINE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK, ExecStatus.EMPTY_QUERY)


def run(
    conn: Connection[Any],
    schema: str,
    migration: Migration,
    say: Callable[[str], object],
    is_medusas: Callable[[str], bool],
) -> None:
    """Run the file of *migration* and write its ledger row, in the transaction that is open.

    What the server says meanwhile goes to *say*. A psycopg.Error has a note with file, line and
    statement. Raises FailedError where the file ended the transaction, let go of the advisory lock, took
    rows from the ledger whose names are Medusa's, or where the ledger did not take the file's own. Its
    settings and temporary tables end with it.
    """
    if migration.alone:  # its statements have run
        ledger.record(conn, schema, migration)
        shop_files.record(conn, schema, migration)
        return
    with keeping_ledger(conn, schema, migration, is_medusas), notices(conn, say):
        for batch in _batches(in_file(migration)):
            send(conn, migration, batch)
            if conn.info.transaction_status != TransactionStatus.INTRANS:
                raise FailedError(
                    f"{migration.origin} ended the transaction it runs in; what it did before that is "
                    "committed without a ledger row. Remove the transaction control from it",
                    reason="TransactionControl",
                )
        leave(conn, migration)  # a role that it has set may not read the ledger
    ledger.record(conn, schema, migration)
    shop_files.record(conn, schema, migration)


@contextmanager
def keeping_ledger(
    conn: Connection[Any], schema: str, migration: Migration, is_medusas: Callable[[str], bool]
) -> Iterator[None]:
    """Raise FailedError where the file of *migration* has taken rows of Medusa's from the ledger, in a `with`."""
    before = set(filter(is_medusas, ledger.read(conn, schema).names))
    yield
    gone = sorted(before.difference(ledger.read(conn, schema).names))
    if gone:
        fate = (
            "what it did is committed: `medusa-db repair` shows which rows the schema proves"
            if migration.alone
            else "it was rolled back"
        )
        raise FailedError(
            f"{migration.origin} takes {len(gone)} of Medusa's rows from the table migrations ({some(gone)}), so that "
            f"the next run would apply them again; {fate}. Take that out of the file",
            reason="LedgerRowLost",
        )


def in_file(migration: Migration) -> Iterator[Statement]:
    """Yield the statements of *migration*, all of them even where its text is not held."""
    if migration.pieces is None:
        return statements.each(migration.statements)
    return statements.scan(partial(next, migration.pieces(), ""))


def leave(conn: Connection[Any], migration: Migration) -> None:
    """End what a file has set for the session; raise FailedError where it let go of the lock."""
    conn.execute("reset session authorization; reset all; discard temp")
    connection.restore_settings(conn)
    if not lock.is_held(conn):
        raise FailedError(
            f"{migration.origin} released the advisory lock that keeps other runs away (as "
            "pg_advisory_unlock_all() does), so that another run may have begun beside this one. Take that "
            "out of the file; locks of its own belong to pg_advisory_xact_lock()",
            reason="LockReleased",
        )


def send(conn: Connection[Any], migration: Migration, batch: Sequence[Statement]) -> None:
    """Run the statements of *batch* in one round trip; a psycopg.Error has a note that says where."""
    text = ";\n".join(statement.text for statement in batch)
    with conn.lock:
        conn.pgconn.send_query(text.encode(conn.info.encoding))
        results = conn.wait(generators.execute(conn.pgconn))
    for number, result in enumerate(results):
        if result.status not in _FINE:
            raise _error(conn, migration, batch, number, result)


def _error(
    conn: Connection[Any],
    migration: Migration,
    batch: Sequence[Statement],
    number: int,
    result: PGresult,
) -> Exception:
    """Return the error of the *number*-th result of *batch*."""
    if result.status in (ExecStatus.COPY_IN, ExecStatus.COPY_OUT):
        conn.close()
        return FailedError(
            f"{migration.origin}: `copy` from or to the client needs psql; write `insert` statements",
            reason="MigrationFailed",
        )
    exc = psycopg.errors.error_from_result(result, encoding=conn.info.encoding)
    exc.add_note(_place(migration, batch, number, exc.diag))
    return exc


def _place(migration: Migration, batch: Sequence[Statement], number: int, diag: Diagnostic) -> str:
    """Return the file, and line and text of the statement that failed: of the *number*-th of *batch*."""
    at = int(diag.statement_position or 0) - 1
    if at < 0:
        statement = batch[min(number, len(batch) - 1)]
        shown = statement.text[:_LONGEST] + "..." * (len(statement.text) > _LONGEST)
        return f"FILE: {migration.origin}, line {statement.line}\nSTATEMENT: {shown}"
    statement, at = _pointed_at(batch, at)
    line = statement.line + statement.text.count("\n", 0, at)
    caret = failure.caret("\n" * (statement.line - 1) + statement.text, str(at + statement.line))
    return f"FILE: {migration.origin}, line {line}\n{caret}"


def _pointed_at(batch: Sequence[Statement], at: int) -> tuple[Statement, int]:
    """Return the statement of *batch* that the place *at* of its text is in, and the place in that."""
    for statement in batch[:-1]:
        if at <= len(statement.text):
            return statement, at
        at -= len(statement.text) + len(";\n")
    return batch[-1], at


def _batches(found: Iterator[Statement]) -> Iterator[list[Statement]]:
    batch: list[Statement] = []
    size = 0
    for statement in found:
        if batch and size + len(statement.text) > _AT_ONCE:
            yield batch
            batch, size = [], 0
        batch.append(statement)
        size += len(statement.text)
    if batch:
        yield batch


@dataclass(slots=True)
class _Notices:
    """Says what the server says, up to a bound."""

    say: Callable[[str], object]
    count: int = field(default=0)

    def __call__(self, diag: Diagnostic) -> None:
        self.count += 1
        if self.count <= _MOST_NOTICES:
            text = (diag.message_primary or "")[:_LONGEST]
            self.say(f"{diag.severity}: {text}")


@contextmanager
def notices(conn: Connection[Any], say: Callable[[str], object]) -> Iterator[None]:
    """Hand on what the server says, as RAISE NOTICE and WARNING do, for the duration of a `with`."""
    found = _Notices(say)
    conn.add_notice_handler(found)
    try:
        yield
    finally:
        conn.remove_notice_handler(found)
        if found.count > _MOST_NOTICES:
            say(f"and {found.count - _MOST_NOTICES} more notices")
