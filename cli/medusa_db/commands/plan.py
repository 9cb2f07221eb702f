"""`plan`: what `migrate` with the same options would do; it changes nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from medusa_db import commands, streams
from medusa_db.commands import output, planned, running
from medusa_db.commands.database import connected
from medusa_db.commands.reporting import reported
from medusa_db.show import plan_json, plan_sql, text
from medusa_migrations.catalog import load
from medusa_migrations.contract.errors import (
    NotAcknowledgedError,
    NotYetError,
    RefusedError,
    UsageError,
)
from medusa_migrations.contract.redact import redact
from medusa_migrations.contract.report import RunState
from medusa_migrations.plan import basis
from medusa_migrations.run import context, preview, progress
from medusa_migrations.run.outcome import Ending, Outcome

if TYPE_CHECKING:
    from medusa_db.arguments.running import PlanArguments
    from medusa_migrations.run.preview import Preview


def plan(args: PlanArguments) -> int:
    """Show what `migrate` would do; with `--check` the exit status says whether it would do it."""
    outcome = Outcome("plan", run_id=args.run.report.run_id)
    report = reported(
        args.run.report, outcome, lambda: _run(args, outcome), results=args.run.exit_zero_for
    )
    if args.check and report.message:
        refused = report.reason != "Pending"
        message = f"migrate would be refused: {report.message}" if refused else report.message
        sys.stderr.write(f"medusa-db: {redact(message)}\n")
    return report.exit_code


def _run(args: PlanArguments, outcome: Outcome) -> Ending:
    if args.sql and args.run.output == "json":
        raise UsageError(
            "--sql prints statements for psql, and --output json the plan for machines; leave one out"
        )
    found = _show(args, outcome)
    outcome.assumed_done = found.path.assumed_done
    for warning in (*found.warnings, *(str(one) for one in found.findings if one.error is None)):
        outcome.warn(warning)
    return _ending(args, found)


def _show(args: PlanArguments, outcome: Outcome) -> Preview:
    catalog = load.read()
    asked, reviewed = planned.read(args.run, catalog)
    request = planned.request(asked, catalog, reviewed)
    how = running.how_to_migrate(asked, catalog, reviewed)
    with connected(asked.database, "plan", asked.patience.connect_wait) as (conn, address):
        begun = context.begin(outcome, conn, address, catalog, request, how, progress.for_stream())
        found = preview.look(begun, outcome)
        script = plan_sql.script(conn, catalog, found) if args.sql else ""
        now = basis.look(conn, address, catalog, found.before) if asked.output == "json" else None
    within = streams.ANSWER if args.check else None
    if now is not None:
        body = plan_json.to_dict(found, running.asked(asked, request), now)
        output.print_json(body, within=within)
    elif script:
        output.print_exact(script, within=within)
    else:
        output.print_result(text.plan(found), within=within)
    return found


def _ending(args: PlanArguments, found: Preview) -> Ending:
    """Return with what a plan ends; only `--check` makes its exit status another than 0."""
    if found.refusals:
        first = found.refusals[0]
        if commands.is_result(args.run.exit_zero_for, first):
            code, state = 0, RunState.REFUSED
        else:
            code, state = RefusedError.exit_code, RunState.PLANNED
        missing = next((e for e in found.refusals if isinstance(e, NotAcknowledgedError)), None)
        return Ending(
            exit_code=code if args.check else 0,
            reason=first.reason,
            message=str(first),
            state=RunState.NOTHING if found.nothing and state is RunState.PLANNED else state,
            acknowledge=missing.versions if missing else (),
        )
    if found.nothing:
        return Ending(state=RunState.NOTHING)
    code = NotYetError.exit_code if args.check else 0
    return Ending(code, "Pending", text.pending(found), RunState.PLANNED)
