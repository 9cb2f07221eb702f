"""Pure: what becomes of a run because of how its command ended."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import FailedError, UnreachableError, VerificationError
from medusa_migrations.contract.values import some
from medusa_migrations.fence.command import EndCause
from medusa_migrations.project.pending import runs_scripts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medusa_migrations.contract.errors import RunnerError
    from medusa_migrations.fence.command import Ended
    from medusa_migrations.project.execution import Execution


_WAYS_OUT = (
    "Medusa before 2.21 never runs them again. To have one run again, delete its row from script_migrations; to "
    "skip it, set its finished_at"
)


def error(done: Execution) -> RunnerError | None:
    """Return what a command has failed with; None where it did what it should, or we were interrupted.

    In a project the ledgers decide, and not its exit code alone.
    """
    fenced, ended = done.fenced, done.ended
    name = fenced.argv[0]
    match ended.cause:
        case EndCause.STALLED:
            return FailedError(
                f"{name} did nothing for {fenced.stall:g} s, neither in the database nor in its output, and was "
                f"ended{_last(ended)}. It may wait for an answer that nobody gives: "
                "its input is closed. Allow it more with --stall",
                reason="Stalled",
            )
        case EndCause.TIMED_OUT:
            return FailedError(
                f"{name} ran longer than --run-timeout {fenced.run_timeout:g} s and was ended"
                f"{_last(ended)}. Allow it more",
                reason="TimedOut",
            )
        case EndCause.LOCK_LOST:
            return UnreachableError(
                f"the lock was lost while {name} ran ({ended.why}), and {name} was ended, as another run might "
                "have begun; run the same command again",
                reason="LockLost",
            )
        case EndCause.INTERRUPTED:
            return None
        case EndCause.BY_ITSELF:
            if ended.exit_code == 0:
                return _unproven(done)
            none = done.pending is not None and not _missing(done)
            return FailedError(
                f"{name} {_spelled(ended.exit_code)}{', with nothing pending' if none else ''}{_last(ended)}",
                reason="CommandFailed",
            )


def _unproven(done: Execution) -> RunnerError | None:
    """Return why a command that ended with 0 has not done what its project wants."""
    name = done.fenced.argv[0]
    if done.listed is None:
        return None
    if done.pending is None:
        return VerificationError(
            f"{name} ended with 0, and nothing proves what it did: {done.listed.why}",
            reason="NotVerified",
        )
    if missing := _missing(done):
        return VerificationError(
            f"{name} ended with 0, and what the project wants is pending, {len(missing)} in all: {some(missing, 5)}"
            f"{_last(done.ended)}",
            reason="Pending",
        )
    if done.after is not None and done.after.unfinished:
        return VerificationError(
            f"migration scripts were begun and have not come to their end: {some(done.after.unfinished)}. "
            f"{_WAYS_OUT}",
            reason="Unfinished",
        )
    return None


def _missing(done: Execution) -> list[str]:
    """Return what is pending; scripts only where the command was to run them."""
    left = done.pending
    if left is None:
        return []
    scripts = left.scripts if runs_scripts(done.fenced.argv) else ()
    return [*left.migrations, *(f"link {link.table}" for link in left.links), *scripts]


def warnings(done: Execution) -> Iterator[str]:
    """Yield what a person should know however the command ended."""
    ended, after, left = done.ended, done.after, done.pending
    name = done.fenced.argv[0]
    if ended.left:
        yield (
            f"{name} ended and left {ended.left} processes running; they were ended, as the lock is only held "
            "while it runs"
        )
    if ended.unkillable:
        yield f"{ended.unkillable} processes of {name} could not be ended, not even by SIGKILL"
    if ended.sessions:
        yield f"{ended.sessions} sessions that {name} had left in the server were ended"
    if after is None:
        return
    if after.doubled:
        yield (
            f"a ledger has {some(after.doubled)} more than once, as commands that run at the same time leave "
            "them; harmless"
        )
    if after.unfinished:
        yield f"migration scripts have not come to their end: {some(after.unfinished)}. {_WAYS_OUT}"
    if done.listed is not None and done.listed.wanted is not None:
        yield from done.listed.wanted.warnings
    if left is None:
        return
    if left.skipped:
        tables = some([f"{link.table} ({link.action})" for link in left.skipped])
        yield (
            f"tables of links are not as the project has them, and only asking would change them: {tables}. "
            "medusa db:sync-links --execute-all does so, and may lose rows"
        )
    if left.scripts and not runs_scripts(done.fenced.argv):
        yield f"migration scripts are pending: {some(left.scripts)}. medusa db:migrate:scripts runs them"


def _spelled(code: int) -> str:
    if code >= 0:
        return f"ended with {code}"
    try:
        named = f" ({signal.Signals(-code).name})"
    except ValueError:
        named = ""
    return f"was killed by signal {-code}{named}"


def _last(ended: Ended) -> str:
    return f"; the last line of its output is {ended.last[-1]!r}" if ended.last else ""
