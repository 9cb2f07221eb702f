"""`migrate`: a run, and its report."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_migrations import catalog_files, progress, runner, text
from medusa_migrations.commands import options
from medusa_migrations.commands.database import connected
from medusa_migrations.errors import Interrupted, RunnerError, VerificationError
from medusa_migrations.report import Report, bounded
from medusa_migrations.steps import Limits

if TYPE_CHECKING:
    import argparse

    from medusa_migrations.catalog import Catalog, Note


def migrate(args: argparse.Namespace) -> int:
    """Bring the database to a version, and tell what was done, however it ends."""
    report = Report(command="migrate")
    started = time.monotonic()
    catalog = catalog_files.read()
    telling = progress.for_stream()
    try:
        request = options.request(args, catalog)
        how = runner.Options(
            schema=args.schema,
            limits=Limits(
                lock_wait=args.lock_wait,
                lock_timeout=args.lock_timeout,
                statement_timeout=args.statement_timeout,
                each=args.transaction == "each",
            ),
            run_timeout=args.run_timeout,
            baseline=options.known(catalog, args.baseline, "--baseline"),
            on_breaking=args.approval == "on-breaking",
            acknowledged=frozenset(args.acknowledge),
            by_whom=os.environ.get("POD_NAME") or os.environ.get("HOSTNAME", ""),
        )
        with connected(args, "migrate", telling.say) as (conn, address):
            runner.migrate(conn, address, catalog, request, how, telling, report)
    except RunnerError as exc:
        report.exit_code, report.reason, report.message = exc.exit_code, exc.reason, str(exc)
        if not isinstance(exc, VerificationError):
            report.state = "failed"
        raise
    except Interrupted as exc:
        report.exit_code, report.reason = exc.exit_code, "Interrupted"
        report.message = "interrupted; rolled back, the lock is released"
        raise
    finally:
        telling.end()
        report.seconds = time.monotonic() - started
        _write_report(args, report)
        if args.output == "json":
            options.write_json(report.to_dict())
    if args.output == "text":
        options.write(text.report(report, _notes_of(catalog, report)))
    return 0


def _notes_of(catalog: Catalog, report: Report) -> list[Note]:
    told = {note["version"] for note in report.notes}
    return [note for note in catalog.notes if str(note.version) in told]


def _write_report(args: argparse.Namespace, report: Report) -> None:
    if not args.report_file:
        return
    try:
        Path(args.report_file).write_text(bounded(report.to_dict()), encoding="utf-8")
    except OSError as exc:  # the run itself counts, not whether it could be told
        sys.stderr.write(f"medusa-db: the report cannot be written to {args.report_file}: {exc}\n")
