"""Opens the connection: bounded, patient with a server that is starting, and known by its name."""

from __future__ import annotations

import contextlib
import os
import random
import re
import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors as pg
from psycopg.types.json import Jsonb

from medusa_migrations import __version__
from medusa_migrations.contract.errors import (
    DeniedError,
    FailedError,
    LockHeldError,
    RunnerError,
    UnreachableError,
    UnsupportedError,
    UsageError,
)
from medusa_migrations.contract.redact import redact
from medusa_migrations.postgres import row_security
from medusa_migrations.postgres.address import check_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from psycopg import Connection

    from medusa_migrations.postgres.address import Address

CONNECT_TIMEOUT = 5
"""Seconds for one attempt; a server that accepts and says nothing ends it."""
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
    # a look at a table that somebody has locked ends; a run sets its own for each transaction
    "lock_timeout": "5s",
    # PostgreSQL refuses what would pass over rows that policies hide from our role
    "row_security": "off",
    # a runner that is frozen or gone gives its locks back to the shop
    "idle_in_transaction_session_timeout": "60s",
}
_CHECK_CLIENT = ("client_connection_check_interval", "2s")
"""By it the server notices in the midst of a statement that we are gone; not on every platform."""

_AGAIN = (
    ("the database system is", "it is starting, stopping or recovering, try again"),
    ("too many clients", "raise max_connections, end idle sessions, or try again"),
    ("too many connections", "raise the limit, end idle sessions, or try again"),
    ("remaining connection slots", "raise max_connections, end idle sessions, or try again"),
    ("no more connections allowed", "raise the pooler's limits, or try again"),
    ("query_wait_timeout", "the pooler has no server session to spare, try again"),
    ("server login", "the pooler does not reach its server, try again"),
)
_NO = (
    ("password authentication failed", "the password is wrong; check user and password in the URL"),
    ("no password supplied", "the server wants a password; put it into the URL"),
    ("no pg_hba.conf entry", "the server does not let this user in from here; see its pg_hba.conf"),
    ("authentication failed", "the server does not let this user in; check the user in the URL"),
    ("auth failed", "the pooler does not let this user in; check the user in the URL"),
    ("no such user", "the pooler does not know the user; check the user in the URL"),
    ("permission denied for database", "grant the user CONNECT on the database"),
    ("not permitted to log in", "give the role LOGIN, or use another user"),
    ("no such database", "the pooler does not know the database; check the URL"),
    ("does not support SSL", "check sslmode in the URL"),
    ("certificate", "check sslmode and sslrootcert in the URL"),
    ("SSL error", "check sslmode and sslrootcert in the URL"),
)
_MEANINGS: tuple[tuple[type[psycopg.Error], type[RunnerError], str, str], ...] = (
    (pg.InsufficientPrivilege, DeniedError, "grant it to the user", "MissingRight"),
    (
        pg.ReadOnlySqlTransaction,
        DeniedError,
        "give the address of the primary, or a user that may write",
        "ReadOnly",
    ),
    (
        pg.LockNotAvailable,
        LockHeldError,
        "another session has a table locked; try again, or end that session",
        "TableLocked",
    ),
    (pg.QueryCanceled, FailedError, "run the same command again", "Cancelled"),
    (pg.DiskFull, FailedError, "make room on the server's disk", "DiskFull"),
)
_CONSTANT = (
    ("Connection refused", "the connection was refused"),
    ("timeout expired", "timeout expired"),
    ("timed out", "timeout expired"),
    ("resolve host", "its host name cannot be resolved"),
    ("translate host name", "its host name cannot be resolved"),
    ("No route to host", "there is no route to its host"),
    ("etwork is unreachable", "its network is unreachable"),
    ("No such file or directory", "there is no such socket or file"),
    ("Connection reset", "the connection was reset"),
    ("closed the connection", "the server closed the connection"),
    ("unsupported startup parameter", "unsupported startup parameter"),
)
"""What is said in libpq's place where its own words may quote what comes from a Secret."""
_USELESS = re.compile(
    r"invalid (?:integer value|port number|[a-z_]+ value)|could not match \d+ |definition of service"
    r"|service file|could not parse network address|socket path .* too long|weak sslmode"
)
_OPTION = re.compile(
    r'connection option "(port|connect_timeout|keepalives\w{0,9}|tcp_user_timeout)"'
    r"|invalid (sslmode|sslnegotiation|gssencmode|channel_binding|require_auth|target_session_attrs"
    r"|load_balance_hosts|ssl_min_protocol_version|ssl_max_protocol_version) value"
)
_FOREIGN = ("connection_limit", "pgbouncer", "pool_timeout", "pool", "ssl", "statement_cache_size")
"""Parameters of a URL that other drivers know, and that libpq does not."""
_MISSING = re.compile(r'(database|role) ".*" does not exist')
_RESOLVE = "its host name cannot be resolved: "
_LOST = ("57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04")


def open_(
    address: Address, command: str, *, patience: float, say: Callable[[str], None]
) -> Connection[Any]:
    """Return a connection in autocommit mode, waiting up to *patience* seconds for the server.

    With a patience of 0 there is one attempt, of at most CONNECT_TIMEOUT. *say* is told, once, what
    it waits for. Raises UnreachableError, DeniedError, UsageError and UnsupportedError, whose
    messages carry no password.
    """
    deadline = time.monotonic() + (patience or CONNECT_TIMEOUT)
    tries_again = patience > 0
    pause, told = 0.2, False
    while True:
        try:
            conn = _connect(address, command, deadline - time.monotonic())
        except psycopg.ProgrammingError as exc:
            raise _unusable(exc, address) from None
        except (UnicodeError, ValueError):
            raise UsageError(
                f"{address.shown}: a part of it, such as its host name, cannot be one; check it"
            ) from None
        except psycopg.OperationalError as exc:
            failure = _failure(exc, address)
            over = not tries_again or time.monotonic() + pause > deadline
            if over or not failure.retryable:
                raise failure from None  # the original may quote the connection string
            if not told:
                say(f"waiting up to {patience:g} s for the database: {failure}")
                told = True
        else:
            return conn
        time.sleep(pause)
        pause = min(pause * 2, 5.0) * random.uniform(0.8, 1.2)  # noqa: S311  jitter, no secret


def application_name(command: str) -> str:
    """Return the name shown in pg_stat_activity: command, version and, in a cluster, the pod."""
    pod = os.environ.get("POD_NAME") or os.environ.get("HOSTNAME", "")
    return f"medusa-db {command} {__version__} {pod}".strip()[:63]


def is_pooled(conn: Connection[Any]) -> bool:
    """Return whether a pooler is between: the session it announced is not the one that answers."""
    return conn.info.backend_pid != backend(conn)


def backend(conn: Connection[Any]) -> int:
    """Return the number of the server process that answers."""
    row = conn.execute("select pg_backend_pid()").fetchone()
    return int(row[0]) if row else 0


def settle(conn: Connection[Any]) -> None:
    """Make the session independent of what its role or database has set.

    Only for a session of our own: one that a pooler shares would be given to others like that.
    """
    conn.execute("set statement_timeout to 0")  # by itself and first, for what follows
    settle_again(conn)
    with contextlib.suppress(pg.InvalidParameterValue, pg.UndefinedObject):
        conn.execute("select set_config(%s, %s, false)", _CHECK_CLIENT)


def settle_again(conn: Connection[Any]) -> None:
    """Set again what `reset all` has undone."""
    conn.execute(
        "select set_config(name, %s::jsonb ->> name, false) from pg_settings where name = any(%s)",
        [Jsonb(_SETTINGS), list(_SETTINGS)],
    )


def settings(conn: Connection[Any]) -> Mapping[str, str]:
    """Return those settings of a session of ours that this server knows."""
    rows = conn.execute("select name from pg_settings where name = any(%s)", [list(_SETTINGS)])
    known = {name for (name,) in rows}
    return {name: value for name, value in _SETTINGS.items() if name in known}


@contextlib.contextmanager
def snapshot(conn: Connection[Any]) -> Iterator[None]:
    """See the database as it is at one moment, for the duration of a `with`; it cannot be written to."""
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    conn.read_only = True
    with conn.transaction():
        yield


def is_lost(exc: psycopg.Error) -> bool:
    """Return whether *exc* says that the session is over, whatever it was doing."""
    if exc.sqlstate is not None:
        return exc.sqlstate in _LOST or exc.sqlstate.startswith("08")
    return isinstance(exc, (psycopg.OperationalError, psycopg.InterfaceError))


@contextlib.contextmanager
def translated(address: Address, conn: Connection[Any] | None = None) -> Iterator[None]:
    """Turn what psycopg raises inside a `with` into an error with an exit code.

    *conn*, which it was raised by, can say who we are.
    """
    try:
        yield
    except psycopg.Error as exc:
        if row_security.refused(exc):
            role = row_security.role(conn) if conn else "of the URL"
            raise row_security.error(exc, role, address.shown) from exc
        raise _translation(exc, address) from exc


def _translation(exc: psycopg.Error, address: Address) -> RunnerError:
    said = f"{address.shown}: {_sentence(exc)}"
    if is_lost(exc):
        return UnreachableError(
            f"{said}: the connection was lost; run the same command again", reason="ConnectionLost"
        )
    for raised, kind, advice, reason in _MEANINGS:
        if isinstance(exc, raised):
            return kind(f"{said}; {advice}", reason=reason)
    return RunnerError(f"{said} (SQLSTATE {exc.sqlstate})")


def _connect(address: Address, command: str, left: float) -> Connection[Any]:
    parameters = _parameters(address, command, left)
    conn = psycopg.connect(address.url, autocommit=True, prepare_threshold=None, **parameters)
    try:
        _refuse_old(conn.info.server_version)
        if not is_pooled(conn):
            settle(conn)
    except BaseException:
        conn.close()
        raise
    return conn


def _refuse_old(server: int) -> None:
    if server < OLDEST_SERVER:
        raise UnsupportedError(
            f"the server is PostgreSQL {server // 10000}, and 12 or newer is needed; upgrade it",
            reason="PostgreSQLTooOld",
        )


def _parameters(address: Address, command: str, left: float) -> Mapping[str, Any]:
    defaults: dict[str, Any] = {
        "connect_timeout": max(2, min(CONNECT_TIMEOUT, round(left))),
        "keepalives_idle": 20,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30000,
    }
    given = psycopg.conninfo.conninfo_to_dict(address.url)
    check_port(str(given.get("port") or ""), address.shown)
    return {key: value for key, value in defaults.items() if key not in given} | {
        "application_name": application_name(command),
        "client_encoding": "utf-8",  # the texts of migrations are sent as they are
    }


def _unusable(exc: psycopg.ProgrammingError, address: Address) -> UsageError:
    """Say what libpq found, and only its words about a parameter: others quote the URL."""
    found = re.search(r'invalid (?:URI query parameter|connection option)[:]? "(\w+)"', str(exc))
    if found and not address.quotable and found[1] not in _FOREIGN:
        return UsageError(f"{address.shown} is not usable: libpq does not know a parameter of it")
    said = f": {found[0]}; leave the parameter out" if found else ", libpq cannot read it"
    return UsageError(f"the database URL is not usable{said}")


def _failure(exc: psycopg.OperationalError, address: Address) -> RunnerError:
    """Tell failures apart by their words: libpq gives no SQLSTATE while it connects."""
    text = str(exc)
    where = f"{address.shown}: {_sentence(exc) if address.quotable else _constant(text)}"
    if _USELESS.search(text):
        return UsageError(f"{where}; libpq cannot use it, check the URL and the PG* variables")
    for words, advice in _AGAIN:
        if words in text:
            return UnreachableError(f"{where}; {advice}")
    missing = _MISSING.search(text)
    if missing:
        advice = "create it first (createdb), or check" if missing[1] == "database" else "check"
        return DeniedError(f"{where}; {advice} the URL", reason=f"No{missing[1].title()}")
    for words, advice in _NO:
        if words in text:
            return DeniedError(f"{where}; {advice}")
    if "unsupported startup parameter" in text:
        return UnsupportedError(
            f"{where}; a pooler such as PgBouncer is between. Give the server's own address",
            reason="Pooler",
        )
    if exc.pgconn is not None and (exc.pgconn.used_password or exc.pgconn.needs_password):
        # a server that speaks another language than English, and that we had got as far as
        return DeniedError(f"{where}; check user, password and database in the URL")
    return UnreachableError(f"{where}; check host and port, and that the server is running")


def _constant(text: str) -> str:
    """Return what *text* says in words of ours, so that nothing in it is quoted."""
    option = _OPTION.search(text)
    if option:
        return f"the value of {option[1] or option[2]} is none"
    missing = _MISSING.search(text)
    if missing:
        return f"the {missing[1]} does not exist"
    for words, _ in (*_AGAIN, *_NO):
        if words in text:
            return words
    for words, said in _CONSTANT:
        if words in text:
            return said
    return "no connection could be made"


def _sentence(exc: Exception) -> str:
    lines = [line.strip() for line in redact(str(exc)).splitlines() if line.strip()]
    text = lines[0] if lines else type(exc).__name__
    text = text.removeprefix("connection failed: ").rstrip(".")
    text = re.sub(r"^failed to resolve host (None|'[^']*'): (\[Errno -?\d+\] )?", _RESOLVE, text)
    return re.sub(r"^connection to server (at|on socket) .*? failed: ", "", text)
