"""The session advisory lock that makes a run the only one on its database."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg

from medusa_migrations.contract.errors import LockHeldError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from psycopg import Connection

KEY = (0x6D65, 0x64757361)
"""Two int4 that spell `me` and `dusa`; advisory locks are per database, so one lock each."""
_POLL = 0.5


class Holder(NamedTuple):
    """The session that holds a lock, as far as our role may see."""

    pid: int
    application: str
    user: str
    client: str
    since: str
    state: str

    def __str__(self) -> str:
        parts = [f"pid {self.pid}"]
        if self.application:
            parts.append(repr(self.application))
        if self.user:
            parts.append(f"user {self.user}")
        if self.client:
            parts.append(f"from {self.client}")
        if self.since:
            parts.append(f"connected since {self.since}")
        if self.state:
            parts.append(self.state)
        return ", ".join(parts)


def hold(
    conn: Connection[Any], *, wait: float, say: Callable[[str], None]
) -> AbstractContextManager[None]:
    """Hold the lock for the duration of a `with`, waiting up to *wait* seconds for it.

    Raises LockHeldError that names the holder. Polls instead of queueing in the server: a session
    that waits inside a statement would hold back vacuum and concurrent index builds.
    """
    return _held(conn, wait, say)


@contextmanager
def _held(conn: Connection[Any], wait: float, say: Callable[[str], None]) -> Iterator[None]:
    deadline = time.monotonic() + wait
    announced = False
    while not _try(conn):
        found = holder(conn)
        who = str(found) if found else "a session that has just ended"
        if time.monotonic() + _POLL > deadline:
            raise LockHeldError(
                f"another run holds the lock of this database ({who}); waited {wait:g} s. "
                "Let it finish and try again, or wait longer with --lock-wait"
            )
        if not announced:
            say(f"waiting up to {wait:g} s for another run to finish: {who}")
            announced = True
        time.sleep(_POLL)
    try:
        yield
    finally:
        with suppress(psycopg.Error):  # a session that is over has let go of it
            conn.execute("select pg_advisory_unlock(%s, %s)", KEY)


def _try(conn: Connection[Any]) -> bool:
    row = conn.execute("select pg_try_advisory_lock(%s, %s)", KEY).fetchone()
    return bool(row and row[0])


def is_held(conn: Connection[Any]) -> bool:
    """Return whether this very session holds the lock."""
    row = conn.execute(
        """
        select exists (
          select from pg_locks l
           where l.locktype = 'advisory' and l.granted and l.objsubid = 2 and l.pid = pg_backend_pid()
             and (l.classid, l.objid) = (%s::int::oid, %s::int::oid)
             and l.database = (select oid from pg_database where datname = current_database()))
        """,
        KEY,
    ).fetchone()
    return bool(row and row[0])


def holder(conn: Connection[Any]) -> Holder | None:
    """Return who holds the lock; None where nobody does."""
    row = conn.execute(
        """
        select a.pid, coalesce(a.application_name, ''), coalesce(a.usename, ''),
               coalesce(host(a.client_addr), ''),
               coalesce(to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ'), ''),
               coalesce(a.state, '')
          from pg_locks l
          join pg_stat_activity a using (pid)
         where l.locktype = 'advisory' and l.granted and l.objsubid = 2
           and (l.classid, l.objid) = (%s::int::oid, %s::int::oid)
           and l.database = (select oid from pg_database where datname = current_database())
        """,
        KEY,
    ).fetchone()
    return Holder(*row) if row else None
