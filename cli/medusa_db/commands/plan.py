"""`plan`: what `migrate` with the same options would do; it changes nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from medusa_db import commands
from medusa_db.commands import output, planned, running
from medusa_db.commands.database import connected
from medusa_db.commands.reporting import reported
from medusa_db.show import plan_json, plan_sql, text
from medusa_migrations.catalog import load
from medusa_migrations.contract.errors import NotYetError, RefusedError, UsageError
from medusa_migrations.contract.redact import redact
from medusa_migrations.contract.report import Report
from medusa_migrations.plan import basis
from medusa_migrations.run import preview, progress
from medusa_migrations.run.context import RunContext

if TYPE_CHECKING:
    import argparse

    from medusa_migrations.run.preview import Preview


def plan(args: argparse.Namespace) -> int:
    """Show what `migrate` would do; with `--check` tell by the exit status whether it would do it."""
    report = Report(command="plan", run_id=args.run_id)
    with reported(args, report, printed=False):
        if args.sql and args.output == "json":
            raise UsageError(
                "--sql prints statements for psql, and --output json the plan for machines; leave one out"
            )
        found = _show(args, report)
        report.state = "nothing" if found.nothing else "planned"
        code, said = _verdict(found, report)
        if found.refusals and commands.is_result(args, found.refusals[0]):
            code, report.state = 0, "refused"
        if args.check:
            report.exit_code = code
    if args.check and said:
        sys.stderr.write(f"medusa-db: {redact(said)}\n")
    return code if args.check else 0


def _show(args: argparse.Namespace, report: Report) -> Preview:
    catalog = load.read()
    reviewed = planned.read(args, catalog)
    request = planned.request(args, catalog, reviewed)
    how = running.how(args, catalog, reviewed)
    with connected(args, "plan") as (conn, address):
        context = RunContext(conn, address, catalog, request, how, progress.for_stream(), report)
        found = preview.look(context)
        if args.sql:
            output.print_result(plan_sql.script(conn, found))
        elif args.output == "json":
            now = basis.look(conn, address, catalog, found.before)
            output.print_json(plan_json.to_dict(found, running.asked(args, request), now))
        else:
            output.print_result(text.plan(found))
    return found


def _verdict(found: Preview, report: Report) -> tuple[int, str]:
    """Return the exit status of `--check` and why, and tell the report."""
    report.assumed_done = [step.name for step in found.path.assumed_done]
    report.warnings = [
        *found.warnings,
        *(str(one) for one in found.findings if one.error is None),
    ]
    if found.nothing and not found.refusals:
        return 0, ""
    if found.refusals:
        first = found.refusals[0]
        report.reason, report.message = first.reason, str(first)
        return RefusedError.exit_code, f"migrate would be refused: {first}"
    report.reason, report.message = "Pending", text.pending(found)
    return NotYetError.exit_code, report.message
