"""The server of a benchmark: its databases, its CPU time, and what a run must have left in it."""

from __future__ import annotations

import itertools
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from measure import FailedRunError
from medusa_db.demo import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LEDGER_ROWS = 75
"""What 1.20.11 has with its default feature flags."""
_REAL = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@dataclass
class Cluster:
    """A private server with the durability of a real one."""

    server: embedded.Server
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        return self.server.url(database)

    def version(self) -> str:
        """Return the number of the server's version."""
        return str(self._ask("postgres", "show server_version"))

    def create(self, template: str = "template0") -> str:
        """Make a database like *template*, settle the server, and return the database's name."""
        name = f"bench_{next(self._numbers)}"
        with self._connect("postgres") as conn:
            conn.execute(
                sql.SQL("create database {} template {} strategy file_copy").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
            conn.execute("checkpoint")  # no run pays for what was written before it
        return name

    def drop(self, database: str) -> None:
        """Drop a database, and whoever still is in it."""
        with self._connect("postgres") as conn:
            conn.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database))
            )

    @contextmanager
    def copy(self, template: str = "template0") -> Iterator[str]:
        """Yield a new database like *template*; drop it afterwards."""
        name = self.create(template)
        try:
            yield name
        finally:
            self.drop(name)

    def execute(self, database: str, script: str) -> None:
        """Run a script, each statement by itself."""
        with self._connect(database) as conn:
            for statement in script.split(";\n"):
                if statement.strip():
                    conn.execute(sql.SQL(statement))

    def require(self, database: str, counts: Mapping[str, int]) -> None:
        """Raise FailedRunError where a table has not as many rows as *counts* says."""
        for table, wanted in ({"migrations": LEDGER_ROWS} | dict(counts)).items():
            query = sql.SQL("select count(*) from {}").format(sql.Identifier(table))
            with self._connect(database) as conn:
                try:
                    row = conn.execute(query).fetchone()
                except psycopg.errors.UndefinedTable as exc:
                    raise FailedRunError(f"there is no table {table}") from exc
            if row is None or row[0] != wanted:
                raise FailedRunError(f"{table} has {row and row[0]} rows instead of {wanted}")

    def cpu(self) -> float | None:
        """Return the CPU seconds of all ended sessions; None where /proc does not tell."""
        deadline = time.monotonic() + 10
        busy = "select count(*) from pg_stat_activity where datname like 'bench%'"
        while self._ask("postgres", busy) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.05)  # the server notes a session's time a moment after it has ended
        try:
            line = Path(f"/proc/{self.server.pid}/stat").read_text()
        except OSError:
            return None
        ended = line.rpartition(")")[2].split()[13:15]
        return sum(map(int, ended)) / os.sysconf("SC_CLK_TCK")

    def _ask(self, database: str, query: str) -> Any:
        with self._connect(database) as conn:
            row = conn.execute(sql.SQL(query)).fetchone()
        return row[0] if row else None

    def _connect(self, database: str) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url(database), autocommit=True)


@contextmanager
def started() -> Iterator[Cluster]:
    """Start a server for the duration of a `with`."""
    server = embedded.temporary(settings=_REAL, tcp=True)
    try:
        server.start()
        yield Cluster(server)
    finally:
        embedded.remove(server)
