"""The report of a run: written however the run ends, even where its options could not be read."""

from __future__ import annotations

import argparse
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medusa_db import commands, streams
from medusa_db.arguments import readers
from medusa_db.commands import output
from medusa_migrations.contract import caller, concealed, values
from medusa_migrations.contract.errors import Interrupted, RunnerError, UsageError
from medusa_migrations.contract.report import LIMIT, bounded
from medusa_migrations.run import outcome as outcomes
from medusa_migrations.run import signals
from medusa_migrations.run.outcome import Ending, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from medusa_db.arguments.groups import ReportArguments
    from medusa_migrations.contract.report import Report


def reported(
    args: ReportArguments,
    outcome: Outcome,
    work: Callable[[], Ending | None],
    *,
    results: Collection[str] = (),
    printed: bool = False,
    shown: Callable[[Report], str] | None = None,
) -> Report:
    """Do the *work* of a run and report how it ends; return that, or raise what the work raises.

    From the first moment on there is a report, of a run that has not ended. It goes to `--report-file`, and to
    stdout where it is *printed*; of work that came to its end stdout gets what is *shown* of it else. A refusal
    for one of the reasons in *results* counts as a result. What could not be printed changes nothing, and is in
    the report.
    """
    started = time.monotonic()

    def write(ending: Ending) -> Report:
        report = outcomes.report(outcome, ending, time.monotonic() - started)
        if args.report_file:
            _write(args.report_file, report, args.report_limit)
        return report

    def hand_out(ending: Ending, shown: Callable[[Report], str] | None = None) -> Report:
        _warn_of_unprinted(outcome)
        report = write(ending)
        if printed:
            output.print_json(_masked(report), within=streams.END)
        elif shown is not None:
            output.print_result(shown(report), within=streams.END)
        return write(ending) if _warn_of_unprinted(outcome) else report

    if args.report_file:
        output.require_no_other(args.report_file)
        _begin(args.report_file, outcomes.running(outcome), args.report_limit)
    try:
        try:
            signals.release()
            ending = work() or Ending()
        finally:  # what comes from here on does not make process, report and stderr disagree
            signals.hold()
    except (Exception, Interrupted) as exc:
        result = isinstance(exc, RunnerError) and commands.is_result(results, exc)
        hand_out(outcomes.failed(outcome, exc, as_result=result))
        raise
    return hand_out(ending, shown)


def refused(command: str, arguments: Sequence[str], message: str) -> None:
    """Write the report of *command*, whose *arguments* were refused, where they name a file for it."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("--report-file", default=os.environ.get("MEDUSA_DB_REPORT_FILE"))
    parser.add_argument("--run-id", default=os.environ.get("MEDUSA_DB_RUN_ID", ""))
    limit = os.environ.get("MEDUSA_DB_REPORT_LIMIT", "")
    parser.add_argument("--report-limit", default=limit)
    try:
        given, _ = parser.parse_known_args(arguments)
    except argparse.ArgumentError:  # it is one of these that was refused
        return
    outcome = Outcome(command)
    with suppress(ValueError):
        outcome.run_id = readers.run_id(given.run_id)
    size = LIMIT
    with suppress(ValueError):
        size = values.report_limit(given.report_limit)
    with suppress(ValueError):  # it is no name of a file that was refused
        file = readers.path(given.report_file or "")
        report = outcomes.report(outcome, outcomes.failed(outcome, UsageError(message)), 0.0)
        _write(file, report, size)


def _warn_of_unprinted(outcome: Outcome) -> bool:
    """Note where a result could not be printed; return whether that is new."""
    failure = streams.failure()
    warning = f"the result could not be printed: {failure}"
    if failure is None or warning in outcome.warnings:
        return False
    outcome.warn(warning)
    return True


def _masked(report: Report) -> dict[str, Any]:
    body = report.to_dict()
    if who := os.environ.get(caller.VARIABLE):
        spelt: dict[str, Any] = {"message": caller.spell(report.message, who)}
        spelt["warnings"] = [caller.spell(text, who) for text in report.warnings]
        body |= {key: text for key, text in spelt.items() if key in body}
    return concealed.from_environment(os.environ).masked(body)


def _begin(file: str, report: Report, limit: int) -> None:
    """Write the report of a run that has just begun; not to a pipe, whose reader waits for one report."""
    path = Path(file)
    with suppress(OSError):  # it is reported at the end, if it is so still
        if path.is_file() or not path.exists():
            output.overwrite(file, bounded(_masked(report), limit))


def _write(file: str, report: Report, limit: int) -> None:
    output.write_report(file, bounded(_masked(report), limit))
