"""Pure: what becomes of a run because of how its command ended."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import FailedError, UnreachableError, VerificationError
from medusa_migrations.contract.values import some
from medusa_migrations.postgres import spelling
from medusa_project.fence.command import EndCause
from medusa_project.fence.output import cause

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medusa_migrations.contract.errors import RunnerError
    from medusa_project.fence.command import Ended
    from medusa_project.run.execution import CommandRun, Execution
    from medusa_project.run.pending import Unapplied


_WAYS_OUT = (
    "Medusa before 2.21 never runs them again. To have one run again, delete its row from script_migrations; to "
    "skip it, set its finished_at"
)
HALF_SEEDED = (
    "What it had written by then may stay, as it is no single transaction. It is not recorded as a seed, and the same command "
    "runs it again from its beginning: see what is there, and make it pass over that, or take it back"
)


def error(done: Execution) -> RunnerError | None:
    """Return what a run has failed with; None where it did what it should, or we were interrupted.

    In a project the ledgers decide, and not the exit code of a command alone.
    """
    found = _error(done)
    if found is not None and half_seeded(done):
        found.add(HALF_SEEDED)
    return found


def half_seeded(done: Execution) -> bool:
    """Return whether a seed was begun, and is not known to have come to its end."""
    return (
        done.seed is not None and bool(done.runs) and not done.seed.loaded and done.refusal is None
    )


def _error(done: Execution) -> RunnerError | None:
    if done.refusal is not None:
        return done.refusal
    ended = done.ended
    if ended is None:
        return _unproven(done)
    name = done.runs[-1].fenced.name if done.runs else "asking the project"
    match ended.cause:
        case EndCause.STALLED:
            stall = done.runs[-1].fenced.stall
            return FailedError(
                f"{name} did nothing for {stall:g} s, neither in the database nor in its "
                f"output, and was ended{_said(done, ended)}. It may wait for an answer that nobody gives: "
                "its input is closed. Allow it more with --stall",
                reason="Stalled",
            )
        case EndCause.TIMED_OUT:
            fenced = done.runs[-1].fenced
            return FailedError(
                f"{name} ran longer than --run-timeout {fenced.limit or fenced.run_timeout:g} s and was ended"
                f"{_said(done, ended)}. Allow it more",
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
            help_ = spelling.for_node(cause(ended.last))
            return FailedError(
                f"{name} {_spelled(ended.exit_code)}{', with nothing pending' if none else ''}{_said(done, ended)}"
                f"{f'. {help_}' if help_ else ''}",
                reason="CommandFailed",
            )


def _unproven(done: Execution) -> RunnerError | None:
    """Return why a run, whose command ended with 0, has not done what its project wants."""
    ended = f"{done.runs[-1].fenced.name} ended with 0, and " if done.runs else ""
    if done.listed is None:
        return None
    if done.pending is None:
        what = (
            "nothing proves what it did"
            if done.runs
            else "nothing was run, as nothing would prove what that does"
        )
        return VerificationError(f"{ended}{what}: {done.listed.why}", reason="NotVerified")
    if missing := _missing(done):
        return VerificationError(
            f"{ended}what the project wants is pending, {len(missing)} in all: {some(missing, 5)}"
            f"{_last(done.runs[-1].ended) if done.runs else ''}",
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
    """Return what is pending; scripts, and links that may lose rows, only where they were to be done."""
    left = done.pending
    if left is None:
        return []
    scripts = left.scripts if done.scripts_wanted else ()
    links = (*left.links, *(left.skipped if done.all_links else ()))
    return [*left.migrations, *(f"link {link.table}" for link in links), *scripts]


def warnings(done: Execution) -> Iterator[str]:
    """Yield what a person should know however the run ended."""
    yield from done.notes
    for one in done.runs:
        yield from _left_behind(one)
    if done.after is None:
        return
    if done.after.doubled:
        yield (
            f"a ledger has {some(done.after.doubled)} more than once, as commands that run at the same time leave "
            "them; harmless"
        )
    if done.after.unfinished:
        yield f"migration scripts have not come to their end: {some(done.after.unfinished)}. {_WAYS_OUT}"
    if done.listed is not None and done.listed.wanted is not None:
        yield from done.listed.wanted.warnings
    if done.pending is not None:
        yield from _left_undone(done, done.pending)


def _left_behind(one: CommandRun) -> Iterator[str]:
    ended, name = one.ended, one.fenced.name
    if ended.left:
        yield (
            f"{name} ended and left {ended.left} processes running; they were ended, as the lock is only held "
            "while it runs"
        )
    if ended.unkillable:
        yield f"{ended.unkillable} processes of {name} could not be ended, not even by SIGKILL"
    if ended.sessions:
        yield f"{ended.sessions} sessions that {name} had left in the server were ended"


def _left_undone(done: Execution, left: Unapplied) -> Iterator[str]:
    for link in left.skipped:
        fix = f" It takes: {link.sql}" if link.sql else ""
        yield (
            f"the table of links {link.table} is not as the project has it ({link.action}), and only asking would "
            f"change it. medusa db:sync-links --execute-all does so, and may lose rows.{fix}"
        )
    if left.scripts and not done.scripts_wanted:
        yield f"migration scripts are pending: {some(left.scripts)}. medusa db:migrate:scripts runs them"


def _spelled(code: int) -> str:
    if code >= 0:
        return f"ended with {code}"
    try:
        named = f" ({signal.Signals(-code).name})"
    except ValueError:
        named = ""
    return f"was killed by signal {-code}{named}"


def _said(done: Execution, ended: Ended) -> str:
    """Return what a command has said at its end; of a seed, whose words are Medusa's, why it failed."""
    why = cause(ended.last) if done.seed is not None else ""
    return f": {why}" if why else _last(ended)


def _last(ended: Ended) -> str:
    return f"; the last line of its output is {ended.last[-1]!r}" if ended.last else ""
