"""`exec`: a command of the shop's own on the database that the options name, fenced and reported."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_db import streams
from medusa_db.arguments.groups import DatabaseArguments
from medusa_db.commands import output
from medusa_db.commands.database import connected
from medusa_db.show import project as text
from medusa_migrations.contract import concealed
from medusa_migrations.contract.errors import Interrupted, UsageError
from medusa_migrations.contract.project_report import bounded
from medusa_migrations.contract.redact import redact
from medusa_migrations.fence import environment
from medusa_migrations.fence.command import EndCause
from medusa_migrations.project import execute as executing
from medusa_migrations.project import installation, summary, verdict
from medusa_migrations.project.execute import FenceOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from medusa_db.arguments.fenced import ExecArguments
    from medusa_migrations.contract.project_report import ProjectReport
    from medusa_migrations.project.execution import Execution
    from medusa_migrations.project.installation import Project


def execute(args: ExecArguments, token: str) -> int:
    """Run the command of *args*, whose processes *token* marks; report it, however it ends."""
    started = time.monotonic()
    project: Project | None = None
    done: Execution | None = None
    mask = _mask(args)

    def reported(raised: Exception | Interrupted | None) -> ProjectReport:
        taken = time.monotonic() - started
        report = summary.report("exec", args.report.run_id, project, done, raised, taken)
        _hand_out(args, report, mask)
        return report

    try:
        project = _project(args)
        done = _execute(args, token, project, mask)
        _raise_for(done)
    except (Exception, Interrupted) as exc:
        reported(exc)
        raise
    report = reported(None)
    if args.output == "text":
        output.print_result(mask(text.report(report)), within=streams.END)
    return 0


def _execute(
    args: ExecArguments, token: str, project: Project | None, mask: Callable[[str], str]
) -> Execution:
    folder = Path(args.project or ".").absolute()
    options = FenceOptions(
        argv=_argv(args, folder),
        folder=folder,
        environment=os.environ,
        token=token,
        run_id=args.report.run_id,
        schema=args.database.schema,
        stall=args.fence.stall,
        run_timeout=args.fence.run_timeout,
        lock_wait=args.fence.lock_wait,
        lock_timeout=args.fence.lock_timeout,
        statement_timeout=args.fence.statement_timeout,
    )
    named = args.database != DatabaseArguments(schema=args.database.schema)
    with connected(args.database, "exec", args.patience.connect_wait, _say) as (conn, address):
        if named:
            options = replace(options, url=address.url)
        return executing.run(conn, address, options, project, mask, _say)


def _project(args: ExecArguments) -> Project | None:
    if args.project is not None:
        return installation.require(Path(args.project).absolute())
    return installation.find(Path.cwd())


def _argv(args: ExecArguments, folder: Path) -> tuple[str, ...]:
    """Return the command; raise UsageError where there is none, or no such program."""
    argv = args.argv
    if not argv:
        raise UsageError(
            "no command is given; write it behind two hyphens: medusa-db exec -- npx medusa db:migrate",
            reason="NoCommand",
        )
    name = argv[0]
    path = os.fspath(folder / name) if "/" in name else name
    if shutil.which(path) is None:
        where = f"in {folder}" if "/" in name else "in a folder of PATH"
        raise UsageError(
            f"there is no program {name} {where}; check its name, and that it may be executed",
            reason="NoCommand",
        )
    return argv


def _raise_for(done: Execution) -> None:
    """Raise what the command has failed with, or what has interrupted us."""
    if done.ended.cause is EndCause.INTERRUPTED:
        interrupted = Interrupted(done.ended.signal)
        interrupted.said = f"interrupted; {done.fenced.argv[0]} and what it started were ended, the lock is released"
        raise interrupted
    error = verdict.error(done)
    if error is not None:
        raise error


def _mask(args: ExecArguments) -> Callable[[str], str]:
    """Return what replaces every secret in a text that we know of."""
    known = concealed.from_environment(os.environ)
    values = concealed.of_values(environment.secrets(os.environ, args.database.database_url or ""))
    return lambda words: values.mask(known.mask(redact(words)))


def _hand_out(args: ExecArguments, report: ProjectReport, mask: Callable[[str], str]) -> None:
    """Write the report to `--report-file`, and to stdout with `--output json`."""
    body = report.to_dict(mask)
    if args.report.report_file:
        text = bounded(body, args.report.report_limit)
        output.write_report(args.report.report_file, text)
    if args.output == "json":
        output.print_json(body, within=streams.END)


def _say(line: str) -> None:
    sys.stderr.write(f"medusa-db: {line}\n")
    sys.stderr.flush()
