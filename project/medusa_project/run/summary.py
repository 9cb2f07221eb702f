"""Pure: the report of a run, made of what its commands did and of what it failed with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import (
    Interrupted,
    NotAcknowledgedError,
    NotYetError,
    RunnerError,
)
from medusa_migrations.contract.project_report import CommandDone, ProjectReport
from medusa_project.run import verdict

if TYPE_CHECKING:
    from medusa_project.packages.installation import Project
    from medusa_project.run.execution import Execution


@dataclass(frozen=True, slots=True)
class Reported:
    """What a run is called, and what it ran on."""

    command: str
    run_id: str = ""
    project: Project | None = None


def running(run: Reported) -> ProjectReport:
    """Return the report of a run that has not ended."""
    return ProjectReport(run.command, run.run_id, "running", exit_code=None)


def report(
    run: Reported,
    done: Execution | None,
    raised: Exception | Interrupted | None,
    seconds: float,
    *,
    as_result: bool = False,
) -> ProjectReport:
    """Return the report of *run*.

    *done* is None where nothing was started; *raised* is what it ended with, and whoever called counts that
    *as_result*.
    """
    code, reason, message = _end(raised)
    project = run.project
    left = done.pending if done else None
    after = done.after if done else None
    applied = after.since(done.before) if done and after else None
    if done is not None and done.seed is not None:
        quiet = not done.runs  # what a seed does is in no ledger
    else:
        quiet = applied is not None and not any(applied.values())
    ended = done.ended if done else None
    wanted = done.listed.wanted if done and done.listed else None
    state = "nothing" if quiet else "done"
    if raised is not None:
        state = "refused" if as_result else "failed"
    return ProjectReport(
        command=run.command,
        run_id=run.run_id,
        state=state,
        exit_code=0 if as_result else code,
        reason=reason,
        message=message,
        acknowledge=raised.versions if isinstance(raised, NotAcknowledgedError) else (),
        medusa=project.version if project else "",
        major=project.major if project else None,
        node=wanted.node if wanted else "",
        seconds=seconds,
        commands=_commands(done) if done else (),
        applied=applied,
        ledgers={ledger: len(names) for ledger, names in after.names.items()} if after else {},
        unfinished=after.unfinished if after else (),
        output=ended.last if ended else (),
        pending=left.to_dict() if left else None,
        predicted=done.predicted.counts if done and done.predicted else None,
        destructive=tuple(loss.to_dict() for loss in done.losses) if done else (),
        skipped=tuple(link.to_dict() for link in left.skipped) if left else (),
        warnings=tuple(verdict.warnings(done)) if done else (),
        notes=tuple(note.brief() for note in done.crossed) if done else (),
        seed=done.seed if done else None,
    )


def planned(
    run: Reported,
    done: Execution,
    seconds: float,
    *,
    checked: bool,
    as_result: bool,
) -> ProjectReport:
    """Return the report of a look at what would run.

    Only where it is *checked* it ends with another code than 0, and not for a refusal that whoever called counts
    *as_result*.
    """
    found = report(run, done, None, seconds)
    message, code = "", 0
    reason = ""
    if done.refusal is not None:
        reason, message, code = done.refusal.reason, str(done.refusal), done.refusal.exit_code
    elif done.would and done.predicted is not None:
        counts = ", ".join(f"{number} {kind}" for kind, number in done.predicted.counts.items())
        reason, message, code = "Pending", f"pending: {counts}", NotYetError.exit_code
    return replace(
        found,
        state="refused" if as_result else "planned" if reason else "nothing",
        exit_code=code if checked and not as_result else 0,
        reason=reason,
        message=message,
        acknowledge=(
            done.refusal.versions if isinstance(done.refusal, NotAcknowledgedError) else ()
        ),
        commands=tuple(CommandDone(words) for words in done.would),
        applied=None,
    )


def _commands(done: Execution) -> tuple[CommandDone, ...]:
    return tuple(
        CommandDone(one.fenced.words, one.ended.exit_code, one.ended.seconds) for one in done.runs
    )


def _end(raised: Exception | Interrupted | None) -> tuple[int, str, str]:
    """Return exit code, reason and sentence of what a run has ended with."""
    match raised:
        case None:
            return 0, "", ""
        case RunnerError():
            return raised.exit_code, raised.reason, str(raised)
        case Interrupted():
            return raised.exit_code, "Interrupted", raised.text
        case _:
            return 1, RunnerError.default_reason, f"{type(raised).__name__}: {raised}"
