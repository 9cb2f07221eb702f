"""PostgreSQL servers for tests: the embedded one, Debian's, or one that is given."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

import forked
from medusa_db.demo import embedded
from printed_commands import require_runnable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

_numbers = itertools.count(1)


def debian() -> Path | None:
    """Return the programs of the newest PostgreSQL that Debian's packages installed."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3])
    )
    return found[-1].parent if found else None


@dataclass
class TestServer:
    """A server that hands out fresh databases."""

    __test__ = False

    admin_url: str
    process: embedded.Server | None = None
    """The server behind it; None for one that was given."""
    templates: dict[str, str] = field(default_factory=dict)

    def url(self, database: str, user: str | None = None) -> str:
        """Return the URL of one of its databases."""
        parts = urlsplit(self.admin_url)
        netloc = parts.netloc
        if user is not None:
            netloc = f"{user}@{netloc.rpartition('@')[2]}"
        return urlunsplit(parts._replace(netloc=netloc, path=f"/{database}"))

    def execute(self, query: str, *names: str) -> None:
        """Run an administrative statement; `{}` stand for names."""
        with psycopg.connect(self.admin_url, autocommit=True) as conn:
            conn.execute(sql.SQL(query).format(*map(sql.Identifier, names)))

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """Make a database, yield its name, drop it."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self.execute("create database {} template {}", name, template)
        try:
            yield name
        finally:
            self.drop(name)

    def drop(self, name: str) -> None:
        """Drop a database where it is there, whoever is connected to it."""
        with psycopg.connect(self.admin_url, autocommit=True) as conn:
            force = " with (force)" if conn.info.server_version >= 130000 else ""
            if not force:
                sessions = (
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"
                )
                conn.execute(sessions, [name])
            drop = sql.SQL("drop database if exists {}" + force)  # type: ignore[arg-type]  # no input
            conn.execute(drop.format(sql.Identifier(name)))

    def at(self, version: str, *options: str) -> str:
        """Return the name of a template database that our runner has brought to *version*."""
        key = " ".join((version, *options))
        if key not in self.templates:
            name = f"at_{os.getpid()}_{next(_numbers)}"
            self.execute("create database {}", name)
            done = medusa_db("migrate", "--to", version, *options, url=self.url(name))
            assert done.returncode == 0, done.stderr
            self.templates[key] = name
        return self.templates[key]


@contextmanager
def started(programs: Path, **settings: str) -> Iterator[TestServer]:
    """Start a server in a temporary folder for the duration of a `with`."""
    server = embedded.temporary(programs=programs, settings=settings, tcp=True)
    try:
        server.start()
        yield TestServer(server.url(), server)
    finally:
        embedded.remove(server)


def medusa_db(
    *arguments: str, url: str | None = None, timeout: float = 120, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `medusa-db` as a user does, and return what it printed; the commands in that can be run."""
    variables = environ(url, environment)
    if forked.starts_alike(variables):
        done = forked.run(arguments, variables, timeout)
    else:
        done = subprocess.run(
            command(*arguments), env=variables, capture_output=True, text=True, timeout=timeout,
            check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    require_runnable(f"{done.stdout}\n{done.stderr}")
    return done


def command(*arguments: str) -> list[str]:
    """Return the command line of `medusa-db` with *arguments*."""
    return [sys.executable, "-m", "medusa_db", *arguments]


def environ(url: str | None, environment: dict[str, str] | None = None) -> dict[str, str]:
    """Return an environment that names *url* and no setting of the one who runs the tests.

    It agrees to cross breaking versions, as most tests are about something else.
    """
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("MEDUSA_DB_", "MEDUSA_FF_", "PG", "DATABASE_URL"))
    }
    agreed = {"MEDUSA_DB_APPROVAL": "automatic"}
    return kept | agreed | ({"DATABASE_URL": url} if url else {}) | (environment or {})


def rows(conn: Connection[Any], query: str) -> list[tuple[Any, ...]]:
    """Return what *query* yields."""
    return conn.execute(sql.SQL(query)).fetchall()
