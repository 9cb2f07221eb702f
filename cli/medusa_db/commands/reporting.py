"""The report of a run: written however the run ends, even where its options could not be read."""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medusa_db import commands
from medusa_db.commands import output
from medusa_migrations.contract import concealed, values
from medusa_migrations.contract.errors import (
    Interrupted,
    RunnerError,
    UsageError,
    VerificationError,
)
from medusa_migrations.contract.report import LIMIT, Report, bounded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@contextmanager
def reported(args: argparse.Namespace, report: Report, *, printed: bool = True) -> Iterator[None]:
    """Note in *report* how the run inside a `with` ends, and hand it to whoever asked for it.

    It goes to `--report-file`, and to stdout with `--output json` where it is *printed* at all.
    """
    started = time.monotonic()
    try:
        yield
    except RunnerError as exc:
        result = commands.is_result(args, exc)
        if not isinstance(exc, VerificationError):  # what was verified is committed
            report.state = "refused" if result else "failed"
        _failed(report, 0 if result else exc.exit_code, exc.reason, str(exc))
        raise
    except Interrupted as exc:
        _failed(report, exc.exit_code, "Interrupted", exc.said)
        raise
    except Exception as exc:
        report.state = "failed"
        _failed(report, 1, RunnerError.default_reason, f"{type(exc).__name__}: {exc}")
        raise
    finally:
        report.seconds = time.monotonic() - started
        if args.report_file:
            _write(args.report_file, report, args.report_limit)
        if printed and args.output == "json":
            with suppress(BrokenPipeError):  # nobody listens, and the exit code still counts
                output.print_json(_told(report))


def refused(command: str, arguments: Sequence[str], message: str) -> None:
    """Write the report of *command*, whose *arguments* were refused, where they say where to."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("--report-file", default=os.environ.get("MEDUSA_DB_REPORT_FILE"))
    parser.add_argument("--run-id", default=os.environ.get("MEDUSA_DB_RUN_ID", ""))
    limit = os.environ.get("MEDUSA_DB_REPORT_LIMIT", "")
    parser.add_argument("--report-limit", default=limit)
    try:
        given, _ = parser.parse_known_args(arguments)
    except argparse.ArgumentError:  # it is one of these that was refused
        return
    report = Report(command)
    _failed(report, UsageError.exit_code, UsageError.default_reason, message)
    with suppress(ValueError):
        report.run_id = values.run_id(given.run_id)
    size = LIMIT
    with suppress(ValueError):
        size = values.report_limit(given.report_limit)
    if given.report_file:
        _write(given.report_file, report, size)


def _told(report: Report) -> dict[str, Any]:
    return concealed.from_environment(os.environ).masked(report.to_dict())


def _failed(report: Report, exit_code: int, reason: str, message: str) -> None:
    report.exit_code, report.reason, report.message = exit_code, reason, message


def _write(file: str, report: Report, limit: int) -> None:
    try:
        Path(file).write_text(bounded(_told(report), limit), encoding="utf-8")
    except OSError as exc:  # the run itself counts, not whether it could be told
        sys.stderr.write(f"medusa-db: the report cannot be written to {file}: {exc}\n")
