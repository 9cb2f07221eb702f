"""Opens the connection: bounded, patient with a server that is starting, and known by its name."""

from __future__ import annotations

import os
import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors as pg

from medusa_migrations import __version__
from medusa_migrations.address import redact
from medusa_migrations.errors import (
    DeniedError,
    RunnerError,
    UnreachableError,
    UnsupportedError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

    from medusa_migrations.address import Address

CONNECT_TIMEOUT = 5
"""Seconds for one attempt; a server that accepts and says nothing ends it."""
OLDEST_SERVER = 120000
"""PostgreSQL 12: from it on enum values can be added inside a transaction."""

_STARTING = (pg.CannotConnectNow, pg.TooManyConnections, pg.AdminShutdown, pg.CrashShutdown)
_ANSWERED_NO = {
    pg.InvalidPassword: "the password is wrong or missing; check the user and password in the URL",
    pg.InvalidAuthorizationSpecification: "the server does not let this user in from here; "
    "check the user in the URL, pg_hba.conf and whether TLS is wanted",
    pg.InvalidCatalogName: "there is no such database; create it first (createdb), or check the URL",
    pg.InsufficientPrivilege: "the user may not connect to this database; grant it CONNECT",
}


def open_(
    address: Address, command: str, *, patience: float, say: Callable[[str], None]
) -> Connection[Any]:
    """Return a connection in autocommit mode, waiting up to *patience* seconds for the server.

    *say* is told, once, what it waits for. Raises UnreachableError, DeniedError, UsageError and
    UnsupportedError; the messages carry no password.
    """
    deadline = time.monotonic() + patience
    pause, told = 0.2, False
    while True:
        try:
            conn = psycopg.connect(address.url, autocommit=True, **_parameters(address, command))
        except psycopg.ProgrammingError as exc:
            raise UsageError(f"the database URL is not usable: {_sentence(exc)}") from None
        except psycopg.OperationalError as exc:
            failure = _failure(exc, address)
            if not failure.retryable or time.monotonic() + pause > deadline:
                raise failure from None  # the original may quote the connection string
            if not told:
                say(f"waiting up to {patience:g} s for the database: {failure}")
                told = True
        else:
            return _checked(conn)
        time.sleep(pause)
        pause = min(pause * 2, 5.0) * random.uniform(0.8, 1.2)  # noqa: S311  jitter, no secret


def application_name(command: str) -> str:
    """Return the name shown in pg_stat_activity: command, version and, in a cluster, the pod."""
    pod = os.environ.get("POD_NAME") or os.environ.get("HOSTNAME", "")
    return f"medusa-db {command} {__version__} {pod}".strip()[:63]


@contextmanager
def translated(address: Address) -> Iterator[None]:
    """Turn what psycopg raises inside a `with` into an error with an exit code."""
    try:
        yield
    except pg.InsufficientPrivilege as exc:
        raise DeniedError(f"{address.shown}: {_sentence(exc)}; grant it to the user") from exc
    except (psycopg.OperationalError, psycopg.InterfaceError) as exc:
        raise UnreachableError(
            f"{address.shown}: the connection was lost: {_sentence(exc)}; run the same command again"
        ) from exc
    except psycopg.Error as exc:
        raise RunnerError(f"{address.shown}: {_sentence(exc)} (SQLSTATE {exc.sqlstate})") from exc


def _parameters(address: Address, command: str) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT,
        "keepalives_idle": 20,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30000,
    }
    given = psycopg.conninfo.conninfo_to_dict(address.url)
    return {key: value for key, value in defaults.items() if key not in given} | {
        "application_name": application_name(command)
    }


def _checked(conn: Connection[Any]) -> Connection[Any]:
    found = conn.info.server_version
    if found < OLDEST_SERVER:
        conn.close()
        raise UnsupportedError(
            f"the server is PostgreSQL {found // 10000}, and 12 or newer is needed; upgrade the server",
            reason="PostgreSQLTooOld",
        )
    return conn


def _failure(exc: psycopg.OperationalError, address: Address) -> RunnerError:
    where = f"{address.shown}: {_sentence(exc)}"
    if isinstance(exc, _STARTING):
        return UnreachableError(f"{where}; it is starting, stopping or full, try again")
    for kind, advice in _ANSWERED_NO.items():
        if isinstance(exc, kind):
            return DeniedError(f"{address.shown}: {advice}")
    if isinstance(exc, pg.ProtocolViolation) and "startup parameter" in str(exc):
        return UnsupportedError(
            f"{where}; a pooler such as PgBouncer is between. Give the address of the server itself",
            reason="Pooler",
        )
    return _by_text(str(exc), where)


def _by_text(text: str, where: str) -> RunnerError:
    """Tell failures apart by libpq's words, where the server sent no SQLSTATE."""
    if "password authentication failed" in text or "no password supplied" in text:
        return DeniedError(f"{where}; check the user and password in the URL")
    if "no pg_hba.conf entry" in text or "authentication failed" in text:
        return DeniedError(f"{where}; the server does not let this user in from here")
    if "does not exist" in text and "database" in text:
        return DeniedError(f"{where}; create it first (createdb), or check the URL")
    if "does not exist" in text and "role" in text:
        return DeniedError(f"{where}; check the user in the URL")
    if "permission denied for database" in text:
        return DeniedError(f"{where}; grant the user CONNECT")
    if "does not support SSL" in text or "certificate" in text or "SSL error" in text:
        return DeniedError(f"{where}; check sslmode and sslrootcert in the URL")
    return UnreachableError(f"{where}; check host and port, and that the server is running")


def _sentence(exc: Exception) -> str:
    lines = [line.strip() for line in redact(str(exc)).splitlines() if line.strip()]
    text = lines[0] if lines else type(exc).__name__
    return text.removeprefix("connection failed: ").rstrip(".")
