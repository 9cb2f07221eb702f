"""The sessions of a command in the server: what they do; ending those that nobody uses any more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors as pg

from medusa_migrations.contract.errors import LockHeldError
from medusa_migrations.contract.values import some
from medusa_project.fence.activity import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

_PREFIX = "medusa-db:"
_POLL = 0.2
_LOOK = """
    select pid, coalesce(state, ''), coalesce(wait_event_type, ''), coalesce(query_start::text, ''),
           coalesce(state_change::text, ''), application_name, left(coalesce(query, ''), 64)
      from pg_stat_activity
     where datname = current_database() and application_name like %s and pid <> pg_backend_pid()
       and coalesce(backend_type, 'client backend') = 'client backend'
     order by pid
"""


def look(conn: Connection[Any], name: str, polls: str = "") -> tuple[Session, ...]:
    """Return the sessions of this database whose application_name is *name*.

    Without those that idle behind a statement which begins with *polls*.
    """
    found = conn.execute(_LOOK, [_escaped(name)])
    return tuple(
        Session(*row[:5])
        for row in found
        if not (polls and row[1] == "idle" and row[6].startswith(polls))
    )


def end(conn: Connection[Any], name: str, wait: float) -> int:
    """End the sessions called *name* whose clients are gone; return how many that took.

    They have *wait* seconds to notice it by themselves.
    """
    deadline = time.monotonic() + wait
    while look(conn, name) and time.monotonic() < deadline:
        time.sleep(_POLL)
    return _terminate(conn, _escaped(name))


def end_orphans(conn: Connection[Any], wait: float, say: Callable[[str], None]) -> int:
    """End the sessions of commands whose fence is gone; return how many there were.

    Only for who holds the lock: then every session of a fenced command is such a one. Raises
    LockHeldError where they do not go within *wait* seconds.
    """
    pattern = f"{_PREFIX}%"
    found = conn.execute(_LOOK, [pattern]).fetchall()
    if not found:
        return 0
    say(
        f"ending {len(found)} sessions that an earlier run has left in the database: "
        + some([f"pid {row[0]} ({row[5]})" for row in found])
    )
    deadline = time.monotonic() + max(wait, 2.0)
    while True:
        _terminate(conn, pattern)
        left = conn.execute(_LOOK, [pattern]).fetchall()
        if not left:
            return len(found)
        if time.monotonic() > deadline:
            raise LockHeldError(
                "sessions that an earlier run has left go on in the database and cannot be ended by our "
                f"role: {some([f'pid {row[0]} ({row[5]})' for row in left])}. End them as a superuser "
                "with select pg_terminate_backend(PID), or wait longer with --lock-wait",
                reason="OrphanedSessions",
            )
        time.sleep(_POLL)


def _terminate(conn: Connection[Any], pattern: str) -> int:
    """Ask each session to end, and wait a little until it is over; return how many could be asked."""
    ended = 0
    for row in conn.execute(_LOOK, [pattern]).fetchall():
        try:
            conn.execute("select pg_terminate_backend(%s)", [row[0]])
        except pg.InsufficientPrivilege:
            continue
        ended += 1
    deadline = time.monotonic() + 5.0
    while ended and conn.execute(_LOOK, [pattern]).fetchone() and time.monotonic() < deadline:
        time.sleep(_POLL)
    return ended


def checks_client(conn: Connection[Any]) -> bool:
    """Return whether the server can notice in the midst of a statement that its client is gone.

    PostgreSQL 14 and later, and not on every system.
    """
    try:
        conn.execute("select set_config('client_connection_check_interval', '2s', false)")
    except psycopg.errors.DatabaseError:
        return False
    return True


def _escaped(name: str) -> str:
    """Return *name* as a pattern of `like` that only it fits."""
    return name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
