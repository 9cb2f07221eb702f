"""`repair`: shows the ledger rows that the live schema proves, and writes them where asked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from medusa_db.commands import options, running
from medusa_db.commands.database import connected
from medusa_db.commands.reporting import reported
from medusa_db.show import text
from medusa_migrations.catalog import load
from medusa_migrations.contract.report import RunState
from medusa_migrations.plan import observe
from medusa_migrations.run import progress
from medusa_migrations.run.outcome import Outcome
from medusa_migrations.run.repair import Repair

if TYPE_CHECKING:
    from medusa_db.arguments.looking import RepairArguments
    from medusa_migrations.plan.evidence import Evidence


def repair(args: RepairArguments) -> int:
    """Show what is wrong with the ledger and how that is proven; with `--apply` write it."""
    outcome = Outcome("repair", run_id=args.report.run_id)
    found: list[Evidence] = []
    report = reported(
        args.report,
        outcome,
        lambda: found.append(_run(args, outcome)),
        printed=args.output == "json",
        shown=lambda _: text.repair(found[0], outcome.after, written=args.apply),
    )
    return report.exit_code


def _run(args: RepairArguments, outcome: Outcome) -> Evidence:
    catalog = load.read()
    flags = options.flags(catalog, args.flag, os.environ)
    telling = progress.for_stream()
    with connected(args.database, "repair", args.patience.connect_wait, telling.say) as (
        conn,
        address,
    ):
        outcome.schema = schema = observe.schema_of(conn, args.database.schema or address.schema)
        one = Repair(conn, address, schema, catalog, outcome, flags, running.by_whom())
        if args.apply:
            found = one.apply(lock_wait=args.lock_wait, progress=telling)
        else:
            found = one.look()
            outcome.state = RunState.NOTHING
    outcome.repair = found.sentences
    return found
