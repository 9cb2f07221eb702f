"""A commit whose answer was lost: what became of it is looked up on a new connection."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg

from medusa_migrations.contract.errors import RunnerError
from medusa_migrations.postgres import bounded, connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

    from medusa_migrations.postgres.address import Address

PATIENCE = 5.0
"""Seconds for a new connection, and again for the old session to come to its end."""

ROLLED_BACK = "A new connection shows that it was rolled back"
"""What `look_up` has found where it returns False."""


def look_up(
    conn: Connection[Any],
    address: Address,
    command: str,
    is_committed: Callable[[Connection[Any]], bool | None],
) -> bool | None:
    """Return what *is_committed* finds on a new connection in place of *conn*; None: nobody knows.

    It is asked once the session that was lost has ended, or waits for its client: as long as it is at its
    commit, what is not there may still come.
    """
    lost = bounded.backend(conn)
    until = time.monotonic() + 2 * PATIENCE
    try:
        with connection.open_(
            address, command, patience=PATIENCE, say=_nothing, until=until
        ) as beside:
            while lost is not None and lost.is_busy(beside):
                if time.monotonic() > until:
                    return None
                time.sleep(0.2)
            return is_committed(beside)
    except (RunnerError, psycopg.Error):  # it is reported as not known
        return None


def _nothing(_text: str) -> None:
    """Print nothing: the loss is reported at the end."""
