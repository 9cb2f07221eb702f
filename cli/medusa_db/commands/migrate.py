"""`migrate`: a run, and its report."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from medusa_db import streams
from medusa_db.commands import planned, running
from medusa_db.commands.database import connected
from medusa_db.commands.reporting import reported
from medusa_db.show import text
from medusa_migrations.catalog import load
from medusa_migrations.run import context, progress, runner
from medusa_migrations.run.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medusa_db.arguments.running import MigrateArguments
    from medusa_migrations.catalog.model import Note


def migrate(args: MigrateArguments) -> int:
    """Bring the database to a version, and report what was done, however it ends."""
    outcome = Outcome("migrate", run_id=args.report.run_id)
    report = reported(
        args.report,
        outcome,
        lambda: _run(args, outcome),
        results=args.exit_zero_for,
        printed=args.output == "json",
        shown=lambda report: text.report(outcome, report.seconds),
    )
    return report.exit_code


def _run(args: MigrateArguments, outcome: Outcome) -> None:
    catalog = load.read()
    args, reviewed = planned.read(args, catalog)
    request = planned.request(args, catalog, reviewed)
    asks = sys.stdin.isatty() and sys.stderr.isatty()
    how = replace(running.how_to_migrate(args, catalog, reviewed), ask=_ask if asks else None)
    telling = progress.for_stream()
    try:
        with connected(args.database, "migrate", args.patience.connect_wait, telling.say) as (
            conn,
            address,
        ):
            begun = context.begin(outcome, conn, address, catalog, request, how, telling)
            runner.migrate(begun, outcome)
    finally:
        telling.end()


def _ask(notes: Sequence[Note]) -> bool:
    """Ask a person on the terminal whether to cross the versions of *notes*."""
    versions = ", ".join(str(note.version) for note in notes)
    sys.stderr.write(f"\n{text.notes(notes)}\n\nThe way crosses breaking versions: {versions}.\n")
    sys.stderr.write("There is no way back but a backup. Go on? [y/N] ")
    streams.drain(streams.END)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
