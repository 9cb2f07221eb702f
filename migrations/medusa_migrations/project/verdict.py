"""Pure: what becomes of a run because of how its command ended."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import FailedError, UnreachableError
from medusa_migrations.contract.values import some
from medusa_migrations.fence.command import EndCause

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medusa_migrations.contract.errors import RunnerError
    from medusa_migrations.fence.command import Ended, Fenced
    from medusa_migrations.project.ledgers import Ledgers


def error(fenced: Fenced, ended: Ended) -> RunnerError | None:
    """Return what a command has failed with; None where it ended with 0, or we were interrupted."""
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
                return None
            return FailedError(
                f"{name} {_spelled(ended.exit_code)}{_last(ended)}",
                reason="CommandFailed",
            )


def warnings(fenced: Fenced, ended: Ended, after: Ledgers | None) -> Iterator[str]:
    """Yield what a person should know however the command ended."""
    name = fenced.argv[0]
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
        yield (
            f"migration scripts were begun and have not come to their end: {some(after.unfinished)}. Medusa "
            "before 2.21 never runs them again. To have one run again, delete its row from script_migrations; to "
            "skip it, set its finished_at"
        )


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
