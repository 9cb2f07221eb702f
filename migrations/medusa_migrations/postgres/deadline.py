"""The time a whole run may take: what runs when it is over is cancelled."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors as pg

from medusa_migrations.contract.errors import FailedError, UnreachableError
from medusa_migrations.postgres.bounded import given_up_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

GRACE = 5.0
"""Seconds that a server has to end a statement that was cancelled."""


class Deadline:
    """A limit in seconds; 0 means without limit."""

    def __init__(self, seconds: float) -> None:
        """Take the limit; the time begins with `running`."""
        self.seconds = seconds
        self.committed: Callable[[], bool] = lambda: False
        """Whether something of the run is committed, and so is not rolled back."""
        self._over = threading.Event()

    @contextmanager
    def running(self, conn: Connection[Any]) -> Iterator[None]:
        """Cancel the statements of *conn* once the time is over; then raise FailedError.

        Where the server does not even answer that, *conn* counts as lost.
        """
        if not self.seconds:
            yield
            return
        ended = threading.Event()

        def watch() -> None:
            if ended.wait(self.seconds):
                return
            self._over.set()
            while not ended.wait(0.2):  # between two statements there is nothing to cancel
                with suppress(psycopg.Error):
                    conn.cancel_safe(timeout=2)

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            with given_up_after(conn, self.seconds + GRACE):
                yield
        except (FailedError, pg.QueryCanceled) as exc:
            if self._over.is_set():
                raise self._out_of_time() from exc
            raise
        except UnreachableError as exc:
            if self._over.is_set():
                exc.add(f"--run-timeout {self.seconds:g} s was over, and the server did not answer")
            raise
        finally:
            ended.set()
            thread.join()

    def sleep(self, seconds: float) -> None:
        """Wait; raise FailedError where the time is over before that."""
        if self._over.wait(seconds):
            raise self._out_of_time()

    def _out_of_time(self) -> FailedError:
        what = "its last transaction was" if self.committed() else "was"
        return FailedError(
            f"the run took longer than --run-timeout {self.seconds:g} s and {what} rolled back; allow it "
            "more, or use --transaction each for very large tables",
            reason="RunTimeout",
        )
