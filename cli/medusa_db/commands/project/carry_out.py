"""What all commands share that run a project's own Medusa: how it is found and fenced, and how that is reported."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_db import commands, streams
from medusa_db.arguments.groups import DatabaseArguments
from medusa_db.commands import output, running
from medusa_db.commands.database import connected
from medusa_migrations.contract import caller, concealed
from medusa_migrations.contract.errors import Interrupted, RunnerError
from medusa_migrations.contract.project_report import bounded
from medusa_migrations.contract.redact import redact
from medusa_project.fence import environment
from medusa_project.fence.command import EndCause
from medusa_project.run import summary, verdict
from medusa_project.run.execute import FencedDatabase, FenceOptions
from medusa_project.run.summary import Reported

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from medusa_db.arguments.groups import ProjectArguments, ReportArguments
    from medusa_db.arguments.running import MigrateArguments
    from medusa_db.arguments.seeding import OwnSeedArguments, SeedArguments
    from medusa_migrations.contract.project_report import ProjectReport
    from medusa_project.packages.installation import Project
    from medusa_project.run.execution import Execution


def fence(
    args: MigrateArguments | SeedArguments,
    own: ProjectArguments | OwnSeedArguments,
    token: str,
    folder: Path,
) -> FenceOptions:
    """Return how the project's commands are fenced in *folder*; limits that were not given are the usual ones."""
    options, limits = FenceOptions(folder=folder, environment=os.environ, token=token), args.limits
    return replace(
        options,
        run_id=args.report.run_id,
        schema=args.database.schema,
        node=own.node,
        stall=own.stall,
        run_timeout=running.either(limits.run_timeout, options.run_timeout),
        lock_wait=running.either(limits.lock_wait, options.lock_wait),
        lock_timeout=running.either(limits.lock_timeout, options.lock_timeout),
        statement_timeout=running.either(limits.statement_timeout, options.statement_timeout),
        by_whom=running.by_whom(),
    )


def carry_out(
    command: str,
    report: ReportArguments,
    mask: Callable[[str], str],
    work: Callable[[Callable[[Project | None], None]], Execution],
    shown: Callable[[ProjectReport], str] | None,
    *,
    results: Collection[str] = (),
    look: Callable[[Reported, Execution, float], ProjectReport] | None = None,
) -> ProjectReport:
    """Do the *work* of a run and report how it ends; return that report, or raise what it has failed with.

    The work calls what it is given with the project, as soon as that is known. stdout gets what is *shown* of a run
    that did not fail; None: it gets the report as JSON, of any. A refusal for one of the reasons in *results*
    counts as a result. *look* makes the report of a run that only looks, of what it found and the seconds that took: then
    only not being able to look is a failure.
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
        if look is not None and done is not None and raised is None:
            made, within = look(run, done, taken), None
        else:
            made = summary.report(run, done, raised, taken, as_result=result)
            within = streams.END
        made = _spelled(made)
        write(report, made, mask)
        if shown is None:
            output.print_json(made.to_dict(mask), within=within)
        elif raised is None:
            output.print_result(mask(shown(made)), within=within)
        return made

    begin(report, summary.running(run), mask)
    try:
        done = work(is_of)
        if look is None:
            _raise_for(done)
        else:
            raise_for_looking(done)
    except (Exception, Interrupted) as exc:
        hand_out(exc)
        raise
    return hand_out(None)


@contextmanager
def opened(
    args: DatabaseArguments,
    command: str,
    patience: float,
    options: FenceOptions,
    mask: Callable[[str], str],
) -> Iterator[FencedDatabase]:
    """Open the database that *args* and the environment name, for commands to run on it, for the duration of a `with`."""
    with connected(args, command, patience, say) as (conn, address):
        if args != DatabaseArguments(schema=args.schema):  # commands know that of the environment
            options = replace(options, url=address.url)
        yield FencedDatabase(conn, address, options, mask, say)


def begin(args: ReportArguments, report: ProjectReport, mask: Callable[[str], str]) -> None:
    """Write the report of a run that has just begun; not to a pipe, whose reader waits for one report."""
    if args.report_file is None:
        return
    output.require_no_other(args.report_file)
    file = Path(args.report_file)
    with suppress(OSError):  # it is reported at the end, if it is so still
        if file.is_file() or not file.exists():
            write(args, report, mask)


def write(args: ReportArguments, report: ProjectReport, mask: Callable[[str], str]) -> None:
    """Write a report to `--report-file`."""
    if args.report_file:
        text = bounded(report.to_dict(mask), args.report_limit)
        output.write_report(args.report_file, text)


def _spelled(report: ProjectReport) -> ProjectReport:
    """Return *report* with its sentences in the words of whoever runs us: options, values of Helm, fields of a resource."""
    who = os.environ.get(caller.VARIABLE, "")
    warnings = tuple(caller.spell(text, who) for text in report.warnings)
    return replace(report, message=caller.spell(report.message, who), warnings=warnings)


def mask_of(args: DatabaseArguments) -> Callable[[str], str]:
    """Return what replaces every secret in a text that we know of."""
    known = concealed.from_environment(os.environ)
    values = concealed.of_values(environment.secrets(os.environ, args.database_url or ""))
    return lambda words: values.mask(known.mask(redact(words)))


def say(line: str) -> None:
    """Print what a person should know meanwhile, to stderr."""
    sys.stderr.write(f"medusa-db: {line}\n")
    sys.stderr.flush()


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
        if verdict.half_seeded(done):
            interrupted.add(verdict.HALF_SEEDED)
        raise interrupted
    error = verdict.error(done)
    if error is not None:
        raise error
