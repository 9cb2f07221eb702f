"""`repair`: shows the ledger rows that the live schema proves, and writes them where asked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from medusa_migrations import catalog_files, observe, progress, text
from medusa_migrations.commands import options
from medusa_migrations.commands.database import connected
from medusa_migrations.commands.reporting import reported
from medusa_migrations.repair import Repair
from medusa_migrations.report import Report

if TYPE_CHECKING:
    import argparse

    from medusa_migrations.evidence import Evidence


def repair(args: argparse.Namespace) -> int:
    """Show what is wrong with the ledger and how that is proven; with `--apply` write it."""
    report = Report(command="repair", run_id=args.run_id)
    with reported(args, report):
        found = _run(args, report)
        report.repair = found.told
    if args.output == "text":
        options.write(text.repair(found, report, written=args.apply))
    return 0


def _run(args: argparse.Namespace, report: Report) -> Evidence:
    catalog = catalog_files.read()
    flags = options.flags(catalog, args.flag, os.environ)
    telling = progress.for_stream()
    with connected(args, "repair", telling.say) as (conn, address):
        report.schema = observe.schema_of(conn, args.schema or address.schema)
        by_whom = os.environ.get("POD_NAME") or os.environ.get("HOSTNAME", "")
        one = Repair(conn, address, catalog, report, flags, by_whom)
        if args.apply:
            return one.apply(lock_wait=args.lock_wait, progress=telling)
        found = one.look()
        report.state = "nothing"
        return found
