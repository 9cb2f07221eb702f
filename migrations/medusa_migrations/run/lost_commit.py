"""A commit whose answer was lost: what became of it is looked up on a new connection."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg

from medusa_migrations.contract.errors import RunnerError
from medusa_migrations.postgres import connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

    from medusa_migrations.run.context import RunContext

PATIENCE = 5.0
"""Seconds for a new connection, and again for the old session to come to its end."""
_ENDED = """
    select not exists (select from pg_stat_activity
                        where pid = %s and backend_start = %s and state is distinct from 'idle')
"""


def look_up(
    context: RunContext, is_committed: Callable[[Connection[Any]], bool | None]
) -> bool | None:
    """Return what *is_committed* finds on a new connection; None: nobody knows.

    It is asked once the session that was lost has ended, or waits for its client: as long as it is at its
    commit, what is not there may still come.
    """
    lost = getattr(context.conn, "backend", None)
    until = time.monotonic() + 2 * PATIENCE
    try:
        with connection.open_(
            context.address, context.command, patience=PATIENCE, say=_nothing, until=until
        ) as conn:
            while lost is not None and not _ended(conn, lost.pid, lost.started):
                if time.monotonic() > until:
                    return None
                time.sleep(0.2)
            return is_committed(conn)
    except (RunnerError, psycopg.Error):  # it is reported as not known
        return None


def _ended(conn: Connection[Any], pid: int, started: object) -> bool:
    row = conn.execute(_ENDED, [pid, started]).fetchone()
    return bool(row and row[0])


def _nothing(_text: str) -> None:
    """Print nothing: the loss is reported at the end."""
