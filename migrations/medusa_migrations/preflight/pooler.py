"""Poolers: is one between, and is the session ours alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from medusa_migrations.contract.errors import UnreachableError, UnsupportedError
from medusa_migrations.plan.findings import Finding, raise_for
from medusa_migrations.postgres import bounded, connection
from medusa_migrations.postgres.backend import Backend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from medusa_migrations.postgres.address import Address


def require_direct_session(conn: Connection[Any], address: Address, lock_timeout: float) -> None:
    """Make sure that the session is ours alone, so that it can hold a lock and settings.

    Any look at a table from here on waits *lock_timeout* seconds for it at most. Comes before the
    lock is taken: behind a pooler in transaction mode the lock would stay on a server session that
    others use. Raises UnsupportedError there.
    """
    findings = list(look(conn, address))
    raise_for(findings)
    if findings:
        connection.reset_session(conn)
    conn.execute("select set_config('lock_timeout', %s, false)", [f"{int(lock_timeout * 1000)}ms"])


def look(conn: Connection[Any], address: Address) -> Iterator[Finding]:
    """Find a pooler, and one that hands our session to others.

    Behind a pooler the process number in the connection's cancellation key is the pooler's
    invention. Where our session is answered by several server processes, or a second connection by
    one of ours, then neither a session lock nor `set` means anything.
    """
    if not connection.is_pooled(conn):
        return
    if _shared(conn, address):
        yield Finding(
            "a pooler in transaction mode (PgBouncer or alike) is between: it shares one server "
            "session among clients, so the lock that keeps a second run away would not hold",
            "Give the address of the PostgreSQL server itself, or of a pool in session mode",
            UnsupportedError,
            "Pooler",
        )
    else:
        yield Finding(
            "the connection goes through a pooler",
            "It must be in session mode; the address of the server itself is safer",
        )


def _shared(conn: Connection[Any], address: Address, rounds: int = 10) -> bool:
    ours, others = {Backend.of(conn).pid}, set()
    try:
        with connection.open_(address, "pooler", patience=0, say=lambda _: None) as other:
            bounded.bound(other, connection.CONNECT_TIMEOUT)
            for _ in range(rounds):
                others.add(Backend.of(other).pid)
                ours.add(Backend.of(conn).pid)
    except (psycopg.OperationalError, UnreachableError):  # a pool of one session, which we have
        pass
    return len(ours) > 1 or bool(ours & others)
