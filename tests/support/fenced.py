"""Commands that misbehave, run by `medusa-db exec` as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

import servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

SESSION = "import os, pathlib, psycopg, sys, time; conn = psycopg.connect(os.environ['DATABASE_URL'], autocommit=True)\n"
"""The beginning of a Python program with a session, which gets PGOPTIONS and PGAPPNAME as Medusa's does."""


def python(program: str) -> list[str]:
    """Return the command line of a Python program."""
    return [sys.executable, "-c", program]


def session(program: str) -> list[str]:
    """Return the command line of a Python program that has a session `conn`."""
    return python(SESSION + program)


def execute(
    url: str, *command: str, options: tuple[str, ...] = (), timeout: float = 120, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command fenced, to its end."""
    return servers.medusa_db(
        "exec", *options, "--", *command, url=url, timeout=timeout, **environment
    )


def result(done: subprocess.CompletedProcess[str]) -> Any:
    """Return what `--output json` printed."""
    return json.loads(done.stdout)


@contextmanager
def started(
    url: str, *command: str, options: tuple[str, ...] = (), **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """Run a command fenced, for the duration of a `with`; SIGKILL ends it at its end."""
    with begun(url, "exec", *options, "--", *command, **environment) as process:
        yield process


@contextmanager
def begun(url: str, *words: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command of `medusa-db` for the duration of a `with`; SIGKILL ends it at its end."""
    process = subprocess.Popen(
        servers.command(*words), env=servers.environ(url, environment),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def child_of(pid: int) -> int | None:
    """Return the first child of a process: of the supervisor that is the fence."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else None


def runs(pid: int) -> bool:
    """Return whether a process runs: one that has ended and was not reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


@dataclass(frozen=True)
class Pids:
    """A folder in which programs leave their process numbers."""

    folder: Path

    def noted(self, count: int) -> bool:
        """Return whether so many are there."""
        return len(self.all()) >= count

    def all(self) -> list[int]:
        """Return those that are there."""
        return sorted(int(file.name) for file in self.folder.iterdir() if file.name.isdigit())

    def running(self) -> list[int]:
        """Return those that run."""
        return [pid for pid in self.all() if runs(pid)]

    def note(self) -> str:
        """Return the shell command that leaves the number of the shell."""
        return f'touch "{self.folder}/$$"'


def sessions(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    """Return the sessions of fenced commands in this database."""
    return servers.rows(
        conn,
        "select pid, application_name, state, query from pg_stat_activity"
        " where datname = current_database() and application_name like 'medusa-db:%'",
    )


def lock_is_free(conn: Connection[Any]) -> bool:
    """Return whether nobody holds the lock of this database."""
    return not servers.rows(
        conn,
        "select 1 from pg_locks where locktype = 'advisory' and classid = 28005 and database ="
        " (select oid from pg_database where datname = current_database())",
    )


def terminate_holder(conn: Connection[Any]) -> None:
    """End the session that holds the lock of this database."""
    conn.execute(
        "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and classid = 28005"
        " and granted and database = (select oid from pg_database where datname = current_database())"
    )


def v1_ledger(url: str) -> None:
    """Make the ledger of a Medusa v1 database."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(
            "create table migrations (id serial primary key, timestamp bigint not null, name varchar not null);"
            "insert into migrations (timestamp, name) values (1611063162649, 'initialSchema1611063162649')"
        )


def v2_ledger(url: str) -> None:
    """Make the ledgers of a Medusa v2 database."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(
            "create table mikro_orm_migrations (id serial primary key, name varchar, executed_at timestamptz);"
            "create table link_module_migrations (id serial primary key, table_name varchar not null);"
            "create table script_migrations (id serial primary key, script_name varchar not null,"
            " created_at timestamptz default now(), finished_at timestamptz)"
        )


def project(folder: Path, version: str) -> Path:
    """Make a folder that has Medusa *version* installed, as far as its package.json goes."""
    file = folder / "node_modules" / "@medusajs" / "medusa" / "package.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"version": version}))
    (folder / "medusa-config.js").touch()
    (folder / "package.json").write_text(
        json.dumps({"dependencies": {"@medusajs/medusa": version}})
    )
    return folder
