"""What all commands share that run a project's own Medusa: how it is found and fenced, and how that is reported."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medusa_db import commands, streams
from medusa_db.arguments import option
from medusa_db.arguments.groups import DatabaseArguments
from medusa_db.commands import output
from medusa_migrations.contract import concealed
from medusa_migrations.contract.errors import Interrupted, RunnerError, UsageError
from medusa_migrations.contract.project_report import bounded
from medusa_migrations.contract.redact import redact
from medusa_migrations.fence import environment
from medusa_migrations.fence.command import EndCause
from medusa_migrations.project import summary, verdict
from medusa_migrations.project.summary import Reported

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from medusa_db.arguments.groups import ReportArguments
    from medusa_migrations.contract.project_report import ProjectReport
    from medusa_migrations.postgres.address import Address
    from medusa_migrations.project.execute import FenceOptions
    from medusa_migrations.project.execution import Execution
    from medusa_migrations.project.installation import Project


def carry_out(
    command: str,
    report: ReportArguments,
    mask: Callable[[str], str],
    work: Callable[[Callable[[Project | None], None]], Execution],
    shown: Callable[[ProjectReport], str] | None,
    *,
    results: Collection[str] = (),
) -> int:
    """Do the *work* of a run and report how it ends; return its exit code, or raise what it has failed with.

    The work calls what it is given with the project, as soon as that is known. stdout gets what is *shown* of a run
    that did not fail; None: it gets the report as JSON, of any. A refusal for one of the reasons in *results*
    counts as a result.
    """
    started = time.monotonic()
    run = Reported(command, report.run_id)
    done: Execution | None = None

    def is_of(project: Project | None) -> None:
        nonlocal run
        run = replace(run, project=project)

    def hand_out(raised: Exception | Interrupted | None) -> ProjectReport:
        result = isinstance(raised, RunnerError) and commands.is_result(results, raised)
        taken = time.monotonic() - started
        made = summary.report(run, done, raised, taken, as_result=result)
        write(report, made, mask)
        if shown is None:
            output.print_json(made.to_dict(mask), within=streams.END)
        elif raised is None:
            output.print_result(mask(shown(made)), within=streams.END)
        return made

    begin(report, summary.running(run), mask)
    try:
        done = work(is_of)
        _raise_for(done)
    except (Exception, Interrupted) as exc:
        hand_out(exc)
        raise
    return hand_out(None).exit_code or 0


def begin(args: ReportArguments, report: ProjectReport, mask: Callable[[str], str]) -> None:
    """Write the report of a run that has just begun; not to a pipe, whose reader waits for one report."""
    if args.report_file is None:
        return
    file = Path(args.report_file)
    with suppress(OSError):  # it is reported at the end, if it is so still
        if file.is_file() or not file.exists():
            write(args, report, mask)


def write(args: ReportArguments, report: ProjectReport, mask: Callable[[str], str]) -> None:
    """Write a report to `--report-file`."""
    if args.report_file:
        text = bounded(report.to_dict(mask), args.report_limit)
        output.write_report(args.report_file, text)


def named_url(args: DatabaseArguments, options: FenceOptions, address: Address) -> FenceOptions:
    """Return *options* with the database that *args* name, where it is not the one of the environment."""
    if args == DatabaseArguments(schema=args.schema):
        return options
    return replace(options, url=address.url)


def mask_of(args: DatabaseArguments) -> Callable[[str], str]:
    """Return what replaces every secret in a text that we know of."""
    known = concealed.from_environment(os.environ)
    values = concealed.of_values(environment.secrets(os.environ, args.database_url or ""))
    return lambda words: values.mask(known.mask(redact(words)))


def say(line: str) -> None:
    """Print what a person should know meanwhile."""
    sys.stderr.write(f"medusa-db: {line}\n")
    sys.stderr.flush()


def require_only(args: Any, fields: Collection[str]) -> None:
    """Raise UsageError for an option of *args* that is given and is none of *fields*."""
    values = dict(_values(args))
    for row in option.rows(type(args)):
        if row.field not in fields and values[row.field] != row.default:
            raise UsageError(
                f"{row.name} has no meaning with --project, where the shop's own Medusa runs; leave it out, and "
                f"{row.variable} of the environment"
            )


def _values(args: Any) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(args):
        value = getattr(args, field.name)
        if "group" in field.metadata:
            yield from _values(value)
        else:
            yield field.name, value


def raise_for_looking(done: Execution) -> None:
    """Raise what asking the project has failed with, or what has interrupted it."""
    if done.ended is not None or done.pending is None:
        _raise_for(replace(done, refusal=None))


def _raise_for(done: Execution) -> None:
    """Raise what a run has failed with, or what has interrupted us."""
    ended = done.ended
    if ended is not None and ended.cause is EndCause.INTERRUPTED:
        name = done.runs[-1].fenced.name if done.runs else "what asked the project"
        interrupted = Interrupted(ended.signal)
        interrupted.text = (
            f"interrupted; {name} and what it started were ended, the lock is released"
        )
        raise interrupted
    error = verdict.error(done)
    if error is not None:
        raise error
