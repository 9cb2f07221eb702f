"""Runs a command fenced: look at the database, take the lock, refuse or run, look again."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from medusa_migrations.fence import environment, fence, sessions
from medusa_migrations.fence.command import EndCause, Fenced
from medusa_migrations.fence.environment import Setting
from medusa_migrations.postgres import connection, lock
from medusa_migrations.preflight import pooler
from medusa_migrations.project import guard, listing, look
from medusa_migrations.project.execution import Execution

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from psycopg import Connection

    from medusa_migrations.fence.command import Ended
    from medusa_migrations.postgres.address import Address
    from medusa_migrations.project.installation import Project
    from medusa_migrations.project.ledgers import Ledgers
    from medusa_migrations.project.pending import Listing


@dataclass(frozen=True, slots=True)
class FenceOptions:
    """What is asked of a fence; times in seconds, 0 for none."""

    argv: tuple[str, ...]
    folder: Path
    """Where the command runs."""
    environment: Mapping[str, str]
    """The one around us."""
    token: str
    """Marks the processes of this run."""
    run_id: str = ""
    url: str | None = None
    """The database URL, where it is not the one of the environment."""
    schema: str | None = None
    stall: float = 120.0
    run_timeout: float = 3600.0
    lock_wait: float = 600.0
    lock_timeout: float = 5.0
    statement_timeout: float = 0.0

    @property
    def session_name(self) -> str:
        """The application_name of the command's sessions."""
        return environment.application_name(self.run_id or self.token)


def run(
    conn: Connection[Any],
    address: Address,
    options: FenceOptions,
    project: Project | None,
    mask: Callable[[str], str],
    say: Callable[[str], None],
) -> Execution:
    """Run the command of *options* under the lock, on the database of *conn*; return what it did.

    Raises RefusedError where the database is of another major version of Medusa than the *project*,
    LockHeldError where another run holds the lock, and what a test of the URL fails with: then nothing
    was started.
    """
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
    _try_url(address, setting, options.environment.get("PGOPTIONS", ""), say)
    with (
        _config_home(options.environment) as home,
        lock.hold(conn, wait=options.lock_wait, say=say),
    ):
        sessions.end_orphans(conn, options.lock_wait, say)
        before = _guarded(conn, address, where, project)  # another run may have been before us
        made = environment.environment(options.environment, replace(setting, config_home=home))
        fenced = Fenced(
            options.argv, options.folder, made, options.token, options.session_name,
            options.stall, options.run_timeout,
        )  # fmt: skip
        ended = fence.run(conn, fenced, mask, say)
        listed = None
        if project is not None and ended.cause is EndCause.BY_ITSELF:
            listed = listing.read(conn, fenced, project, mask, say)
            ended = _as_both(ended, listed)
        if ended.cause is not EndCause.LOCK_LOST:
            return Execution(fenced, ended, before, look.ledgers(conn, where), listed)
    return Execution(fenced, ended, before, _read_again(address, fenced, where, say))


def _guarded(
    conn: Connection[Any], address: Address, where: tuple[str, ...], project: Project | None
) -> Ledgers:
    found = look.ledgers(conn, where)
    if project is not None:
        guard.require_same_major(found, project, address.shown)
    return found


def _as_both(ended: Ended, listed: Listing) -> Ended:
    """Return how a command *ended*, or that we were interrupted, or lost the lock, before that was known."""
    later = listed.ended
    if later is None or later.cause not in (EndCause.INTERRUPTED, EndCause.LOCK_LOST):
        return ended
    return replace(ended, cause=later.cause, signal=later.signal, why=later.why)


def _try_url(address: Address, setting: Setting, given: str, say: Callable[[str], None]) -> None:
    """Connect once with the settings that the command gets, as its own driver may wait long for a refusal."""
    wanted = psycopg.conninfo.make_conninfo(
        address.url, options=environment.options(setting, given)
    )
    tried = replace(address, url=wanted, place=address.shown)
    connection.open_(tried, "exec", patience=0, say=say).close()


def _read_again(
    address: Address, fenced: Fenced, where: tuple[str, ...], say: Callable[[str], None]
) -> Ledgers | None:
    """Look at the ledgers once more, on a new connection; None where the server does not answer."""
    from medusa_migrations.contract.errors import RunnerError  # noqa: PLC0415  hardly ever needed

    try:
        with connection.open_(address, "exec", patience=5, say=say) as conn:
            sessions.end(conn, fenced.session_name, wait=0)
            return look.ledgers(conn, where)
    except (RunnerError, psycopg.Error) as exc:
        say(f"what the command has done cannot be read: {exc}")
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
    except OSError:  # no folder can be written to at all: the command itself says so
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
