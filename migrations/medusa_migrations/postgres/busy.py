"""Waits for what others have locked, in short tries, and says who they are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

from psycopg import errors as pg

from medusa_migrations.postgres.bounded import blockers, wait_for_locks

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

Result = TypeVar("Result")

PAUSE = 0.5
"""Seconds between two tries: long enough for those who queued behind one."""


def patiently(
    conn: Connection[Any], within: float, say: Callable[[str], None], look: Callable[[], Result]
) -> Result:
    """Return what *look* returns; call it again while a lock of others keeps it from that, *within* seconds.

    *look* must have no effect where it fails. *say* is called once, with who has the lock. Raises
    LockNotAvailable after that time, and what *look* raises else.
    """
    wait_for_locks(conn, within)
    until, said = time.monotonic() + within, False
    while True:
        try:
            return look()
        except pg.LockNotAvailable:
            if time.monotonic() + PAUSE > until:
                raise
        if not said:
            who = blockers(conn) or "a session that cannot be seen"
            say(f"waiting up to {within:g} s for a lock: {who}")
            said = True
        time.sleep(PAUSE)
