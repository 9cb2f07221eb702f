"""Runs commands fenced: look at the database, take the lock, refuse or run, look again."""

from __future__ import annotations

import shlex
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from medusa_migrations.postgres import connection, lock
from medusa_migrations.preflight import pooler
from medusa_migrations.records import project_runs
from medusa_migrations.records.project_runs import ProjectRun
from medusa_project.fence import environment, fence, sessions
from medusa_project.fence.command import EndCause, Fenced
from medusa_project.fence.environment import Setting
from medusa_project.run import guard, listing, look, verdict
from medusa_project.run.execution import CommandRun, Execution
from medusa_project.run.pending import runs_scripts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from psycopg import Connection

    from medusa_migrations.postgres.address import Address
    from medusa_project.packages.installation import Project
    from medusa_project.run.ledgers import Ledgers
    from medusa_project.run.pending import Listing


@dataclass(frozen=True, slots=True)
class FenceOptions:
    """What is asked of a fence; times in seconds, 0 for none."""

    folder: Path
    """Where its commands run."""
    environment: Mapping[str, str]
    """The one around us."""
    token: str
    """Marks the processes of this run."""
    run_id: str = ""
    url: str | None = None
    """The database URL, where it is not the one of the environment."""
    schema: str | None = None
    node: str | None = None
    """The Node that asks the project, where it is not the one that is found."""
    stall: float = 120.0
    run_timeout: float = 3600.0
    lock_wait: float = 600.0
    lock_timeout: float = 5.0
    statement_timeout: float = 0.0
    by_whom: str = ""
    """The pod or host, for the record of the run."""

    @property
    def session_name(self) -> str:
        """The application_name of the sessions of its commands."""
        return environment.application_name(self.run_id or self.token)


@dataclass(frozen=True, slots=True)
class FencedDatabase:
    """The database of a run, and within which limits commands run on it."""

    conn: Connection[Any]
    """The connection that has the lock, where one is taken."""
    address: Address
    options: FenceOptions
    mask: Callable[[str], str]
    """Replaces every secret in a text."""
    say: Callable[[str], None]
    """Prints what a person should know meanwhile."""


@dataclass(frozen=True, slots=True)
class FencedRun:
    """What the commands of one run have in common."""

    database: FencedDatabase
    environment: Mapping[str, str]
    where: tuple[str, ...]
    """The schemas in which ledgers are looked for."""
    before: Ledgers
    """What the ledgers held when the lock was taken."""
    until: float | None
    """When the limit of the whole run is reached, by the monotonic clock."""

    @property
    def conn(self) -> Connection[Any]:
        """The connection that has the lock, where one is taken."""
        return self.database.conn

    @property
    def options(self) -> FenceOptions:
        """What was asked of the fence."""
        return self.database.options

    @property
    def schema(self) -> str:
        """The schema of the shop."""
        return look.schema_of(self.conn, self.where)

    def ledgers(self) -> Ledgers:
        """Return what the ledgers hold."""
        return look.ledgers(self.conn, self.where)

    def run(
        self, argv: tuple[str, ...], shown: tuple[str, ...] = (), polls: str = ""
    ) -> CommandRun:
        """Run one command to its end; *shown* is how messages spell it, where that differs.

        A statement that begins with *polls* it repeats also where it does nothing.
        """
        fenced = replace(self._fenced(argv, shown), polls=polls)
        on = self.database
        return CommandRun(fenced, fence.run(on.conn, fenced, on.mask, on.say))

    def list(self, project: Project) -> Listing:
        """Ask *project* what it wants in the database; nothing is written."""
        on = self.database
        return listing.read(
            on.conn, self._fenced((), ()), project, on.mask, on.say, self.ledgers(), on.options.node
        )

    def _fenced(self, argv: tuple[str, ...], shown: tuple[str, ...]) -> Fenced:
        left = self.options.run_timeout
        if self.until is not None:
            left = max(self.until - time.monotonic(), 0.1)
        return Fenced(
            argv, self.options.folder, self.environment, self.options.token, self.options.session_name,
            self.options.stall, left, self.options.run_timeout, shown,
        )  # fmt: skip


def run(database: FencedDatabase, argv: tuple[str, ...], project: Project | None) -> Execution:
    """Run the command *argv* under the lock, on the *database*; return what it did.

    Raises RefusedError where the database is of another major version of Medusa than the *project*,
    LockHeldError where another run holds the lock, and what a test of the URL fails with: then nothing
    was started.
    """
    with opened(database, project) as this:
        done = this.run(argv)
        listed = None
        if project is not None and done.ended.cause is EndCause.BY_ITSELF:
            listed = this.list(project)
            done = as_both(done, listed)
        execution = Execution((done,), this.before, None, listed, scripts_wanted=runs_scripts(argv))
        if not execution.has_lost_lock:
            execution = replace(execution, after=this.ledgers())
            return recorded(this, "exec", project, execution)
    return replace(execution, after=read_again(this))


@contextmanager
def opened(
    database: FencedDatabase, project: Project | None, *, locked: bool = True
) -> Iterator[FencedRun]:
    """Yield what runs commands on the *database*, under the lock for the duration of a `with`.

    Without the lock where it is not to be *locked*: for what only looks.
    """
    conn, address, options = database.conn, database.address, database.options
    where = look.schemas(conn, options.schema or address.schema)
    _guarded(conn, address, where, project)
    pooler.require_direct_session(conn, address, options.lock_timeout)
    setting = Setting(
        url=options.url,
        token=options.token,
        name=options.session_name,
        lock_timeout=options.lock_timeout,
        statement_timeout=options.statement_timeout,
        checks_client=sessions.checks_client(conn),
    )
    _try_url(address, setting, options.environment.get("PGOPTIONS", ""), database.say)
    with _config_home(options.environment) as home:
        made = environment.environment(options.environment, replace(setting, config_home=home))

        def begun() -> FencedRun:
            before = _guarded(conn, address, where, project)  # another run may have been before us
            until = time.monotonic() + options.run_timeout if options.run_timeout else None
            return FencedRun(database, made, where, before, until)

        if not locked:
            yield begun()
            return
        with lock.hold(conn, wait=options.lock_wait, say=database.say):
            sessions.end_orphans(conn, options.lock_wait, database.say)
            yield begun()


def _guarded(
    conn: Connection[Any], address: Address, where: tuple[str, ...], project: Project | None
) -> Ledgers:
    found = look.ledgers(conn, where)
    if project is not None:
        guard.require_same_major(found, project, address.shown)
    return found


def as_both(done: CommandRun, listed: Listing) -> CommandRun:
    """Return how a command ended, or that we were interrupted, or lost the lock, before that was known."""
    later = listed.ended
    if later is None or later.cause not in (EndCause.INTERRUPTED, EndCause.LOCK_LOST):
        return done
    ended = replace(done.ended, cause=later.cause, signal=later.signal, why=later.why)
    return replace(done, ended=ended)


def _try_url(address: Address, setting: Setting, given: str, say: Callable[[str], None]) -> None:
    """Connect once with the settings that the command gets, as its own driver may wait long for a refusal."""
    wanted = psycopg.conninfo.make_conninfo(
        address.url, options=environment.options(setting, given)
    )
    tried = replace(address, url=wanted, place=address.shown)
    connection.open_(tried, "exec", patience=0, say=say).close()


def recorded(this: FencedRun, command: str, project: Project | None, done: Execution) -> Execution:
    """Record a run that is proven, unless the latest record is the same; note where that cannot be."""
    after, ended = done.after, done.ended
    broken = ended is not None and ended.cause is not EndCause.BY_ITSELF
    if project is None or after is None or broken or verdict.error(done) is not None:
        return done
    new = after.since(done.before)
    schema = this.schema
    latest = project_runs.latest(this.conn, schema)
    same = latest is not None and (latest.medusa, latest.ledgers) == (project.version, after.digest)
    if same and not any(new.values()):
        return done
    host = this.options.by_whom
    off = _record(
        this.conn,
        ProjectRun(
            schema=schema,
            command=command,
            seconds=sum(one.ended.seconds for one in done.runs),
            medusa=project.version,
            ledgers=after.digest,
            commands=tuple(
                shlex.join(map(this.database.mask, one.fenced.words)) for one in done.runs
            ),
            migrations=(*new.get("migrations", ()), *new.get("mikro_orm_migrations", ())),
            links=new.get("link_module_migrations", ()),
            scripts=new.get("script_migrations", ()),
            by_whom=f"@{host}" if host else "",
        ),
    )
    if off is None:
        return done
    note = f"the run is not recorded ({off}), so medusa-db wait --for {project.release} does not know of it"
    return replace(done, notes=(*done.notes, note))


def _record(conn: Connection[Any], run: ProjectRun) -> str | None:
    """Record *run*; return why that cannot be."""
    off = project_runs.why_off(conn)
    if off is not None:
        return off
    try:
        project_runs.record(conn, run)
    except psycopg.Error as exc:
        return str(exc).splitlines()[0]
    return None


def read_again(this: FencedRun) -> Ledgers | None:
    """Look at the ledgers once more, on a new connection; None where the server does not answer."""
    from medusa_migrations.contract.errors import RunnerError  # noqa: PLC0415  hardly ever needed

    on = this.database
    try:
        with connection.open_(on.address, "exec", patience=5, say=on.say) as conn:
            sessions.end(conn, this.options.session_name, wait=0)
            return look.ledgers(conn, this.where)
    except (RunnerError, psycopg.Error) as exc:
        on.say(f"what the command has done cannot be read: {exc}")
        return None


@contextmanager
def _config_home(around: Mapping[str, str]) -> Iterator[str]:
    """Yield a folder for the command's settings, where it may not write to the usual one; else nothing.

    Medusa's command line writes there before anything else, and ends where it cannot.
    """
    usual = around.get("XDG_CONFIG_HOME")
    home = Path(usual) if usual else Path(around.get("HOME") or "/") / ".config"
    if _may_be_written(home):
        yield ""
        return
    try:
        made = tempfile.TemporaryDirectory(prefix="medusa-db-", ignore_cleanup_errors=True)
    except OSError:  # no folder can be written to at all: the command itself reports it
        yield ""
        return
    with made as folder:
        yield folder


def _may_be_written(folder: Path) -> bool:
    """Try it: what a file system takes, rights alone do not tell."""
    existing = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    try:
        with tempfile.TemporaryDirectory(prefix=".medusa-db-", dir=existing):
            return True
    except OSError:
        return False
