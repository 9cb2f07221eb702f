"""Trouble on purpose: runs in the background, gates inside a migration, looks before and after."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psycopg
from psycopg import sql

import servers
from medusa_migrations.postgres import lock
from tiers import need

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medusa_db.demo import embedded
    from servers import TestServer

Snapshot = frozenset[tuple[Any, ...]]

_LEDGER = sql.SQL(
    'create table {table} ("id" serial not null, "timestamp" bigint not null, '
    '"name" varchar not null, constraint "PK_8c82d7f526340ab734260ea46be" primary key ("id"))'
)
_GATE = 7531
"""The advisory lock at which a gated migration waits."""


# -- what a database consists of

_PARTS = (
    "select 'schema', nspname, nspacl::text from pg_namespace n where {user}",
    "select 'extension', extname from pg_extension",
    """select 'class', nspname, relname, relkind, pg_get_userbyid(relowner), reloptions::text
         from pg_class c join pg_namespace n on n.oid = relnamespace where {user}""",
    """select 'column', nspname, relname, attname, format_type(atttypid, atttypmod), attnotnull,
              pg_get_expr(adbin, adrelid)
         from pg_attribute a join pg_class c on c.oid = attrelid
         join pg_namespace n on n.oid = relnamespace
         left join pg_attrdef d on adrelid = attrelid and adnum = attnum
        where attnum > 0 and not attisdropped and relkind = 'r' and {user}""",
    """select 'constraint', nspname, conname, conrelid::regclass::text, pg_get_constraintdef(k.oid)
         from pg_constraint k join pg_namespace n on n.oid = connamespace where {user}""",
    """select 'index', nspname, pg_get_indexdef(indexrelid)
         from pg_index join pg_class c on c.oid = indexrelid
         join pg_namespace n on n.oid = relnamespace where {user}""",
    """select 'enum', nspname, typname, array(select enumlabel::text from pg_enum
              where enumtypid = t.oid order by enumsortorder)::text
         from pg_type t join pg_namespace n on n.oid = typnamespace
        where typtype = 'e' and {user}""",
    """select 'trigger', tgrelid::regclass::text, tgname from pg_trigger where not tgisinternal""",
)
_USER = "nspname !~ '^pg_' and nspname not in ('information_schema', 'medusa_db')"


def snapshot(url: str) -> Snapshot:
    """Return all that a database consists of: catalog, row counts, and the ledgers' rows.

    Object and row numbers are left out, so that two databases made in two ways can be compared; the
    ledger's names come with their place in it. Of our own schema only the number of runs counts.
    """
    found: set[tuple[Any, ...]] = set()
    with psycopg.connect(url) as conn:
        conn.execute("set search_path to pg_catalog")
        for part in _PARTS:
            found |= set(servers.rows(conn, part.replace("{user}", _USER)))
        tables = [(row[1], row[2]) for row in found if row[0] == "class" and row[3] == "r"]
        for schema, table in tables:
            query = sql.SQL("select count(*) from {}").format(sql.Identifier(schema, table))
            found.add(("rows", schema, table, conn.execute(query).fetchone()))
            if table == "migrations":
                query = sql.SQL("select * from {} order by 1").format(sql.Identifier(schema, table))
                for place, row in enumerate(conn.execute(query)):
                    found.add(("ledger", schema, place, row[1:]))
    return frozenset(found)


def runs(url: str) -> int:
    """Return how many runs our history has."""
    with psycopg.connect(url) as conn:
        row = conn.execute("select to_regclass('medusa_db.history')").fetchone()
        if row is None or row[0] is None:
            return 0
        return int(servers.rows(conn, "select count(*) from medusa_db.history")[0][0])


# -- runs in the background


@dataclass
class Running:
    """A `medusa-db` that goes on beside the test."""

    process: subprocess.Popen[str]
    out: IO[str]
    err: IO[str]

    @property
    def said(self) -> str:
        """What it has printed to stderr so far."""
        return Path(self.err.name).read_text(encoding="utf-8")

    def finish(self, within: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Wait for its end; return it as `servers.medusa_db` does."""
        code = self.process.wait(timeout=within)
        out = Path(self.out.name).read_text(encoding="utf-8")
        return subprocess.CompletedProcess(self.process.args, code, out, self.said)


@contextmanager
def running(
    *arguments: str, url: str, before: tuple[str, ...] = (), **environment: str
) -> Iterator[Running]:
    """Start `medusa-db` for the duration of a `with`; kill it where it has not ended by then.

    The words *before* it are a program that starts it.
    """
    with (
        tempfile.NamedTemporaryFile("w") as out,
        tempfile.NamedTemporaryFile("w") as err,
        subprocess.Popen(
            [*before, *servers.command(*arguments)], env=servers.environ(url, environment),
            stdout=out, stderr=err, stdin=subprocess.DEVNULL, text=True,
        ) as process,
    ):  # fmt: skip
        try:
            yield Running(process, out, err)
        finally:
            if process.poll() is None:
                process.kill()


# -- gates


@dataclass
class Gate:
    """Stops a run inside one migration, with its statements done and its ledger row not yet."""

    keeper: psycopg.Connection[Any]

    def reached(self) -> int:
        """Return the process number of the server session that waits here; 0 for none."""
        row = self.keeper.execute(
            "select pid from pg_locks where locktype = 'advisory' and not granted and objid = %s"
            " and database = (select oid from pg_database where datname = current_database())",
            [_GATE],
        ).fetchone()
        return int(row[0]) if row else 0

    def open(self) -> None:
        """Let the run go on."""
        self.keeper.execute("select pg_advisory_unlock_all()")


@contextmanager
def gate(url: str, migration: str, schema: str = "public") -> Iterator[Gate]:
    """Gate *migration* of the database of *url* for the duration of a `with`.

    Makes the ledger where there is none, and takes everything of its own away again.
    """
    with psycopg.connect(url, autocommit=True) as keeper:
        table = sql.Identifier(schema, "migrations")
        if keeper.execute("select to_regclass(%s)", [f"{schema}.migrations"]).fetchone() == (None,):
            keeper.execute(_LEDGER.format(table=table))
        keeper.execute("select pg_advisory_lock(%s)", [_GATE])
        keeper.execute(
            sql.SQL(
                """
                create schema gate;
                grant usage on schema gate to public;
                create function gate.wait() returns trigger language plpgsql
                  set lock_timeout to 0 as $$
                begin
                  if current_setting('medusa_db.trial', true) = 'on' then return new; end if;
                  perform pg_advisory_xact_lock({lock});
                  return new;
                end $$;
                create trigger gate before insert on {table} for each row
                  when (new.name = {name}) execute function gate.wait();
                """
            ).format(lock=sql.Literal(_GATE), table=table, name=sql.Literal(migration))
        )
        held = Gate(keeper)
        try:
            yield held
        finally:
            with suppress(psycopg.OperationalError):  # the test may have ended the server
                held.open()
                keeper.execute("set lock_timeout to '20s'; drop schema gate cascade")


def is_locked(url: str) -> bool:
    """Return whether a run holds the lock of this database."""
    with psycopg.connect(url, autocommit=True) as conn:
        return lock.holder(conn) is not None


def is_noticed(url: str) -> bool:
    """Return whether the server notices in the midst of a statement that its client is gone."""
    with psycopg.connect(url) as conn:
        return conn.info.server_version >= 140000


# -- servers of a test's own


def programs(server: TestServer) -> Path:
    """Return the programs of *server*, to start one more of its kind."""
    need(server.process, "the server is a given one, and this test starts one of its own")
    assert server.process is not None
    return server.process.programs


def launch(server: embedded.Server, **settings: str) -> None:
    """Start the made and stopped *server* without waiting until it answers."""
    options = [
        word
        for key, value in {
            "port": str(server.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(server.folder),
            **server.settings,
            **settings,
        }.items()
        for word in ("-c", f"{key}={value}")
    ]
    with server.log.open("ab") as log:
        server._process = subprocess.Popen(
            [server.programs / "postgres", "-D", server.data, *options],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=server.folder,
            start_new_session=True, **server._as_user(),
        )  # fmt: skip


def own(server: embedded.Server, path: Path) -> None:
    """Give *path* to the user that *server* runs as."""
    there = server.data.stat()
    os.chown(path, there.st_uid, there.st_gid)


def make_standby(server: embedded.Server) -> None:
    """Stop *server*, and let its next start be that of a standby."""
    server.stop()
    (server.data / "standby.signal").touch()
    own(server, server.data / "standby.signal")


def ask_for_password(server: TestServer, role: str) -> None:
    """Let *server* ask *role* for its password, soon; `md5` means SCRAM where it keeps such."""
    assert server.process is not None
    rules = server.process.data / "pg_hba.conf"
    rules.write_text(f"host all {role} 127.0.0.1/32 md5\n{rules.read_text()}")
    server.execute("select pg_reload_conf()")


def promote(server: embedded.Server) -> None:
    """Make a standby take writes."""
    (server.data / "promote").touch()
    own(server, server.data / "promote")
    os.kill(server.pid, signal.SIGUSR1)


def crash(server: embedded.Server) -> None:
    """End *server* as a power cut does, its sessions included."""
    server.stop(signal.SIGQUIT)
