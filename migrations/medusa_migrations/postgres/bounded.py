"""A connection on which every wait has an end: a server that says nothing counts as lost, in time.

Keepalives show only that somebody answers them: a proxy does, whatever became of the server behind it. So what
is waited for is counted here. A statement that takes long is asked after on a second connection, which also
names who keeps it waiting.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import psycopg
from psycopg import errors as pg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import Self

    from psycopg.abc import Params, PQGen

    from medusa_migrations.postgres.backend import Backend

    Second = Callable[[float], "BoundedConnection"]
    """Opens a connection in so many seconds, on which each statement has as many."""

Result = TypeVar("Result")

ASK_EVERY = 30.0
"""Seconds between two questions whether the server process of a long statement still exists."""
UNANSWERED = 3
"""How many of them in a row a server may leave unanswered."""
ANSWER = 5.0
"""Seconds in which a second connection must be open, and answer."""
LOOK_EVERY = 0.5
"""Seconds after which the bounds are looked at though something comes: a peer may send a byte now and then."""

PAUSE = 0.5
"""Seconds between two tries: long enough for those who queued behind one."""
LOCK_TIMEOUT = 5
"""Seconds that a look at a table which somebody has locked takes; a run sets its own for each transaction."""

_IN_ERROR = psycopg.pq.TransactionStatus.INERROR


class _Cursor(psycopg.Cursor[Any]):
    """One that takes no `%` in a name or a literal for a parameter's place."""

    def execute(self, query: Any, params: Params | None = None, **options: Any) -> Self:
        """Send *query* with *params*."""
        return super().execute(_doubled(query, params), params, **options)


class _ServerCursor(psycopg.ServerCursor[Any]):
    """The same of one whose rows stay on the server until they are asked for."""

    def execute(self, query: Any, params: Params | None = None, **options: Any) -> Self:
        """Declare it for *query* with *params*."""
        return super().execute(_doubled(query, params), params, **options)


def _doubled(query: Any, params: Params | None) -> Any:
    """Return *query* so that every `%` which is part of a name or a literal is one, where it is sent with *params*."""
    if params is None:
        return query
    if isinstance(query, sql.Composed):
        return sql.Composed([_doubled(part, params) for part in query])
    if isinstance(query, sql.Identifier | sql.Literal) and "%" in (text := query.as_string()):
        return sql.SQL(text.replace("%", "%%"))
    return query


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that gives up a server which does not answer."""

    backend: Backend | None = None
    """None: not known, so it is not asked after."""
    second: Second | None = None
    """Opens another connection to the same server."""
    until: float | None = None
    """When, by the monotonic clock, nothing is waited for any more; None: not known."""
    at_most: float | None = None
    """Seconds that one statement may take; None: any."""
    unanswered: int | None = UNANSWERED
    """How many questions in a row may be left unanswered; None: any."""
    names_blockers_after: float | None = 2.0
    """Seconds of one statement after which whoever keeps it waiting is looked for; None: never."""
    blockers: tuple[str, ...] = ()
    """Who, in words, kept a statement waiting when that was last looked for."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Make it as psycopg does."""
        super().__init__(*args, **options)
        self.cursor_factory, self.server_cursor_factory = _Cursor, _ServerCursor

    def wait(self, gen: PQGen[Result], *args: Any, **options: Any) -> Result:
        """Wait for what *gen* waits for, within the bounds."""
        return super().wait(self._bounded(gen), *args, **options)

    def _bounded(self, gen: PQGen[Result]) -> Generator[Any, Any, Result]:
        watch = _Watch(self, time.monotonic())
        if (
            self.pgconn.transaction_status != _IN_ERROR
        ):  # else it is the rollback of what they were asked for
            self.blockers = ()
        try:
            state = next(gen)
            while True:
                ready = yield state
                if not ready or watch.is_due():  # without a thing for a tenth of a second
                    watch.look()
                state = gen.send(ready)
        except StopIteration as end:
            result: Result = end.value
            return result
        except KeyboardInterrupt:  # here, and not where psycopg waits, which would cancel by itself
            with contextlib.suppress(psycopg.Error):
                self.cancel_safe(timeout=2)
            self.pgconn.finish()
            raise

    def give_up(self, why: str) -> NoReturn:
        """Close the connection; raise what counts as its loss."""
        self.pgconn.finish()
        raise psycopg.errors.ConnectionTimeout(why)


@dataclass(slots=True)
class _Watch:
    """Looks after one statement while it is waited for."""

    conn: BoundedConnection
    began: float
    asked: float = 0.0
    looked: float = 0.0
    unanswered: int = 0
    named: bool = False

    def is_due(self) -> bool:
        """Return whether the bounds have not been looked at for a while."""
        return time.monotonic() - max(self.began, self.looked) > LOOK_EVERY

    def look(self) -> None:
        """Give the connection up where a bound is passed; ask after the server process now and then."""
        conn, now = self.conn, time.monotonic()
        self.looked, age = now, now - self.began
        if conn.at_most and age > conn.at_most:
            conn.give_up(f"the server has not answered for {age:.0f} s")
        if conn.until is not None and now > conn.until:
            conn.give_up(f"the server has not answered for {age:.0f} s, when the time was over")
        if conn.second is None or conn.backend is None:
            return
        if (
            conn.names_blockers_after is not None
            and not self.named
            and age > conn.names_blockers_after
        ):
            self.named = True
            with contextlib.suppress(psycopg.Error), conn.second(self._left()) as beside:
                conn.blockers = conn.backend.blockers(beside)
        if now - max(self.began, self.asked) > ASK_EVERY:
            self._ask(conn.second, conn.backend)
            self.asked = time.monotonic()

    def _left(self) -> float:
        """Return how many seconds a question on a second connection may take: no bound of ours waits for it."""
        ends = [self.began + self.conn.at_most] if self.conn.at_most else []
        ends += [self.conn.until] if self.conn.until is not None else []
        return max(0.1, min([ANSWER, *(end - time.monotonic() for end in ends)]))

    def _ask(self, second: Second, backend: Backend) -> None:
        try:
            with second(self._left()) as beside:
                gone = backend.is_gone(beside)
        except psycopg.errors.ConnectionTimeout:
            self.unanswered += 1
            most = self.conn.unanswered
            if most is not None and self.unanswered >= most:
                self.conn.give_up("the server answers neither this connection nor a second one")
        except psycopg.Error:  # full, or not for us: it answers, and nothing follows
            self.unanswered = 0
        else:
            self.unanswered = 0
            if gone:
                self.conn.give_up(f"the server process {backend.pid} of this connection is gone")


def backend(conn: psycopg.Connection[Any]) -> Backend | None:
    """Return the server process of *conn*, or None where that is not known, or not its own."""
    return conn.backend if isinstance(conn, BoundedConnection) else None


def bound(conn: psycopg.Connection[Any], seconds: float) -> None:
    """Let no statement of *conn* take longer than *seconds*; 0: any."""
    if isinstance(conn, BoundedConnection):
        conn.at_most = seconds or None


def wait_for_locks(conn: psycopg.Connection[Any], seconds: float) -> None:
    """Let a try to get a lock end within *seconds*, with who has it, where the session allows more.

    A session that others share through a pooler keeps its setting.
    """
    if isinstance(conn, BoundedConnection) and conn.backend and seconds < LOCK_TIMEOUT:
        timeout = max(0.1, seconds)
        query = "select set_config('lock_timeout', %s, false)"
        conn.execute(query, [f"{int(timeout * 1000)}ms"])
        name_blockers(conn, timeout)


def name_blockers(conn: psycopg.Connection[Any], lock_timeout: float) -> None:
    """Look for who keeps a statement of *conn* waiting, before *lock_timeout* seconds are over; 0: none."""
    if isinstance(conn, BoundedConnection):
        conn.names_blockers_after = min(2.0, lock_timeout / 2) or 2.0


def blockers(conn: psycopg.Connection[Any]) -> str:
    """Return who, in words, kept the last statement of *conn* waiting; empty where nobody is known."""
    return "; ".join(conn.blockers) if isinstance(conn, BoundedConnection) else ""


def patiently(
    conn: psycopg.Connection[Any],
    within: float,
    say: Callable[[str], None],
    look: Callable[[], Result],
) -> Result:
    """Return what *look* returns; call it again while a lock of others keeps it from that, *within* seconds.

    *look* must have no effect where it fails. *say* is called once, with who has the lock. Raises
    LockNotAvailable after that time, and what *look* raises else.
    """
    wait_for_locks(conn, within)

    def announce() -> None:
        who = blockers(conn) or "a session that cannot be seen"
        say(f"waiting up to {within:g} s for a lock: {who}")

    return retried(within, look, lambda exc: isinstance(exc, pg.LockNotAvailable), announce)


def retried(
    within: float,
    attempt: Callable[[], Result],
    is_busy: Callable[[Exception], bool],
    announce: Callable[[], None],
) -> Result:
    """Return what *attempt* returns; call it again, after a pause, while what it raises *is_busy*.

    Before the first pause *announce* is called. Raises what the last attempt raises, after *within* seconds.
    """
    until, announced = time.monotonic() + within, False
    while True:
        try:
            return attempt()
        except Exception as exc:
            if not is_busy(exc) or time.monotonic() + PAUSE > until:
                raise
        if not announced:
            announce()
            announced = True
        time.sleep(PAUSE)


@contextlib.contextmanager
def given_up_after(conn: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    """Give *conn* up *seconds* from now, for the duration of a `with`, and not for unanswered questions."""
    if not isinstance(conn, BoundedConnection):
        yield
        return
    before = conn.until, conn.at_most, conn.unanswered
    conn.until, conn.at_most, conn.unanswered = time.monotonic() + seconds, None, None
    try:
        yield
    finally:
        conn.until, conn.at_most, conn.unanswered = before
