"""Pure: the report of a run, made of what its command did and of what it failed with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import Interrupted, RunnerError
from medusa_migrations.contract.project_report import CommandDone, ProjectReport
from medusa_migrations.project import verdict

if TYPE_CHECKING:
    from medusa_migrations.project.execution import Execution
    from medusa_migrations.project.installation import Project


def report(
    command: str,
    run_id: str,
    project: Project | None,
    done: Execution | None,
    raised: Exception | Interrupted | None,
    seconds: float,
) -> ProjectReport:
    """Return the report of the run *run_id* of *command*.

    *done* is None where nothing was started; *raised* is what it ended with.
    """
    code, reason, message = _end(raised)
    left = done.pending if done else None
    applied = done.after.since(done.before) if done and done.after else None
    quiet = applied is not None and not any(applied.values())
    after = done.after if done else None
    return ProjectReport(
        command=command,
        run_id=run_id,
        state="failed" if raised else ("nothing" if quiet else "done"),
        exit_code=code,
        reason=reason,
        message=message,
        medusa=project.version if project else "",
        major=project.major if project else None,
        seconds=seconds,
        commands=(
            (CommandDone(done.fenced.argv, done.ended.exit_code, done.ended.seconds),)
            if done
            else ()
        ),
        applied=applied,
        ledgers={ledger: len(names) for ledger, names in after.names.items()} if after else {},
        unfinished=after.unfinished if after else (),
        output=done.ended.last if done else (),
        pending=left.to_dict() if left else None,
        skipped=tuple(link.to_dict() for link in left.skipped) if left else (),
        warnings=tuple(verdict.warnings(done)) if done else (),
    )


def _end(raised: Exception | Interrupted | None) -> tuple[int, str, str]:
    """Return exit code, reason and sentence of what a run has ended with."""
    match raised:
        case None:
            return 0, "", ""
        case RunnerError():
            return raised.exit_code, raised.reason, str(raised)
        case Interrupted():
            return raised.exit_code, "Interrupted", raised.said
        case _:
            return 1, RunnerError.default_reason, f"{type(raised).__name__}: {raised}"
