"""Opens the connection: bounded, patient with a server that is starting, and known by its name."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors as pg
from psycopg import sql
from psycopg.types.json import Jsonb

from medusa_migrations import __version__
from medusa_migrations.contract.errors import RunnerError, UnsupportedError
from medusa_migrations.postgres import bounded, search_path, translation
from medusa_migrations.postgres.address import check_port
from medusa_migrations.postgres.backend import Backend
from medusa_migrations.postgres.bounded import BoundedConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from psycopg import Connection, ConnectionInfo

    from medusa_migrations.postgres.address import Address

CONNECT_TIMEOUT = 5
"""Seconds for one attempt; a server that accepts and says nothing ends it."""
_SETUP = 2.0
"""Seconds that each statement has, at least, by which a session is prepared."""
OLDEST_SERVER = 120000
"""PostgreSQL 12: from it on enum values can be added inside a transaction."""

_SETTINGS = {
    # what a role or a database may have set for the shop must not decide over a migration
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    "default_transaction_isolation": "read committed",
    "DateStyle": "ISO",
    "standard_conforming_strings": "on",
    "quote_all_identifiers": "off",
    "lock_timeout": f"{bounded.LOCK_TIMEOUT}s",
    # PostgreSQL refuses what would pass over rows that policies hide from our role
    "row_security": "off",
    # long queries of the catalog, each run once: compiling them takes longer than they do
    "jit": "off",
    # a runner that is frozen or gone gives its locks back to the shop
    "idle_in_transaction_session_timeout": "60s",
}
_CHECK_CLIENT = ("client_connection_check_interval", "2s")
"""By it the server notices in the midst of a statement that we are gone; not on every platform."""


def open_(
    address: Address,
    command: str,
    *,
    patience: float,
    say: Callable[[str], None],
    until: float | None = None,
) -> Connection[Any]:
    """Return a connection in autocommit mode, waiting up to *patience* seconds for the server.

    With a patience of 0 there is one attempt, of at most CONNECT_TIMEOUT, or two seconds for each host.
    Nothing is waited for after *until*, by the monotonic clock: then the connection counts as lost. *say* is
    called once, with what is waited for. Raises UnreachableError, DeniedError, UsageError and
    UnsupportedError, whose messages carry no password.
    """
    hosts = _hosts(address)
    deadline = time.monotonic() + (patience or max(CONNECT_TIMEOUT, 2 * hosts))
    deadline = min(deadline, until or deadline)
    tries_again = patience > 0
    pause, announced = 0.2, False
    told: RunnerError | None = None
    while True:
        left = max(deadline - time.monotonic(), 0.1)
        timeout = min(CONNECT_TIMEOUT, left / hosts)
        try:
            conn = _within(left, functools.partial(_connect, address, command, timeout, until))
        except psycopg.OperationalError as exc:
            failure = translation.connecting(exc, address)
            if isinstance(exc, pg.ConnectionTimeout) and left < CONNECT_TIMEOUT:
                failure = (
                    told or failure
                )  # it was cut short: what the try before has found says more
            told = failure
            over = not tries_again or time.monotonic() + pause > deadline
            if over or not failure.retryable:
                raise failure from None  # the original may quote the connection string
            if not announced:
                say(f"waiting up to {patience:g} s for the database: {failure}")
                announced = True
        except (psycopg.ProgrammingError, UnicodeError, ValueError) as exc:
            raise translation.connecting(exc, address) from None
        else:
            return conn
        time.sleep(pause)
        pause = min(pause * 2, 5.0) * random.uniform(0.8, 1.2)  # noqa: S311  jitter, no secret


def _hosts(address: Address) -> int:
    """Return how many hosts the URL, or PGHOST, names."""
    try:
        given = psycopg.conninfo.conninfo_to_dict(address.url)
    except psycopg.Error:  # it is refused where it is used
        return 1
    named = given.get("host") or given.get("hostaddr") or os.environ.get("PGHOST") or ""
    return str(named).count(",") + 1


def application_name(command: str) -> str:
    """Return the name shown in pg_stat_activity: command, version and, in a cluster, the pod."""
    pod = os.environ.get("POD_NAME") or os.environ.get("HOSTNAME", "")
    return f"medusa-db {command} {__version__} {pod}".strip()[:63]


def is_pooled(conn: Connection[Any]) -> bool:
    """Return whether a pooler is between: the session it announced is not the one that answers."""
    return conn.info.backend_pid != Backend.of(conn).pid


def reset_session(conn: Connection[Any]) -> None:
    """Make the session independent of what its role or database has set.

    Only for a session of our own: one that a pooler shares would be given to others like that.
    """
    conn.execute("set statement_timeout to 0")  # by itself and first, for what follows
    restore_settings(conn)
    with contextlib.suppress(pg.InvalidParameterValue, pg.UndefinedObject):
        conn.execute("select set_config(%s, %s, false)", _CHECK_CLIENT)


def restore_settings(conn: Connection[Any]) -> None:
    """Set again what `reset all` has undone."""
    conn.execute(
        "select set_config(name, %s::jsonb ->> name, false) from pg_settings where name = any(%s)"
        # what was reported as committed must outlive a crash of the server
        " union all select set_config('synchronous_commit', 'on', false)"
        " where current_setting('synchronous_commit') in ('off', 'local', 'remote_write')",
        [Jsonb(_SETTINGS), list(_SETTINGS)],
    )


def settings(conn: Connection[Any]) -> Mapping[str, str]:
    """Return those settings of a run's session that this server knows."""
    rows = conn.execute("select name from pg_settings where name = any(%s)", [list(_SETTINGS)])
    known = {name for (name,) in rows}
    return {name: value for name, value in _SETTINGS.items() if name in known}


def limited(lock_timeout: float, statement_timeout: float, path: Sequence[str]) -> sql.Composed:
    """Return the statements by which a transaction keeps to limits in seconds and finds names along *path*."""
    return sql.SQL("set local lock_timeout to {}; set local statement_timeout to {}; {}").format(
        sql.Literal(f"{int(lock_timeout * 1000)}ms"),
        sql.Literal(f"{int(statement_timeout * 1000)}ms"),
        search_path.seen_from(*path),
    )


@contextlib.contextmanager
def snapshot(conn: Connection[Any]) -> Iterator[None]:
    """See the database as it is at one moment, for the duration of a `with`; it cannot be written to."""
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    conn.read_only = True
    with conn.transaction():
        yield


def _connect(
    address: Address, command: str, timeout: float, until: float | None
) -> BoundedConnection:
    conn = BoundedConnection.connect(
        address.url,
        autocommit=True,
        prepare_threshold=None,
        **_parameters(address, command, timeout),
    )
    try:
        _refuse_old(conn.info.server_version)
        conn.until, conn.at_most = until, max(timeout, _SETUP)
        process = Backend.of(conn)
        if (
            process.pid == conn.info.backend_pid
        ):  # else a pooler is between, and it may be another one soon
            conn.backend, conn.second = (
                process,
                functools.partial(_second, address, command, conn.info),
            )
            reset_session(conn)
            if until is not None:
                bounded.wait_for_locks(conn, 0.8 * (until - time.monotonic()))
        conn.at_most = None
    except BaseException:
        conn.close()
        raise
    return conn


def _second(
    address: Address, command: str, first: ConnectionInfo, within: float
) -> BoundedConnection:
    """Open one more connection to the very server of *first* in so many seconds; each statement has as many."""
    parameters = dict(_parameters(address, command, within))
    parameters |= {"host": first.host, "port": first.port}
    if first.hostaddr:
        parameters["hostaddr"] = first.hostaddr

    def make() -> BoundedConnection:
        conn = BoundedConnection.connect(
            address.url, autocommit=True, prepare_threshold=None, **parameters
        )
        conn.at_most = within
        return conn

    return _within(within, make)


def _refuse_old(server: int) -> None:
    if server < OLDEST_SERVER:
        raise UnsupportedError(
            f"the server is PostgreSQL {server // 10000}, and 12 or newer is needed; upgrade it",
            reason="PostgreSQLTooOld",
        )


def _parameters(address: Address, command: str, timeout: float) -> Mapping[str, Any]:
    defaults: dict[str, Any] = {
        "keepalives_idle": 20,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30000,
    }
    given = psycopg.conninfo.conninfo_to_dict(address.url)
    check_port(str(given.get("port") or ""), address.shown)
    return {key: value for key, value in defaults.items() if key not in given} | {
        "connect_timeout": _connect_timeout(given.get("connect_timeout"), timeout),
        "application_name": application_name(command),
        "client_encoding": "utf-8",  # the texts of migrations are sent as they are
    }


def _connect_timeout(given: object, timeout: float) -> object:
    """Return the limit of one host: *timeout*, or what the URL or PGCONNECT_TIMEOUT has *given* and is less."""
    asked = given or os.environ.get("PGCONNECT_TIMEOUT") or "0"
    try:
        seconds = float(str(asked))
    except ValueError:
        return asked  # libpq says what is wrong with it
    return max(2, int(min(seconds, timeout) if seconds > 0 else timeout))


def _within(seconds: float, make: Callable[[], BoundedConnection]) -> BoundedConnection:
    """Return the connection that *make* opens, if it is open within *seconds*.

    Names that a silent DNS server does not resolve are waited for as well, which nothing else bounds. Raises
    ConnectionTimeout, and what *make* raises.
    """
    attempt = _Attempt(make)
    try:
        threading.Thread(target=attempt.run, daemon=True).start()
    except RuntimeError as exc:
        raise RunnerError(
            f"no thread can be started ({exc}): as many processes run as may (pids.max of the container, "
            "ulimit -u); raise that limit"
        ) from None
    return attempt.result(seconds)


class _Attempt:
    """A connection on its way, which is closed where nobody waits for it any more."""

    def __init__(self, make: Callable[[], BoundedConnection]) -> None:
        self._make = make
        self._made = threading.Event()
        self._lock = threading.Lock()
        self._abandoned = False
        self._conn: BoundedConnection | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._conn = self._make()
        except BaseException as exc:  # noqa: BLE001  it is raised where the connection is waited for
            self._error = exc
        with self._lock:
            self._made.set()
            if self._abandoned and self._conn is not None:
                self._conn.close()

    def result(self, seconds: float) -> BoundedConnection:
        try:
            self._made.wait(seconds)
        finally:
            with self._lock:
                self._abandoned = not self._made.is_set()
        if self._error is not None:
            raise self._error
        if self._conn is None:
            raise psycopg.errors.ConnectionTimeout("connection timeout expired")
        return self._conn
