"""`migrate --project` and `plan --project`: the commands of a project's own Medusa, fenced, judged and reported."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_db import commands, streams
from medusa_db.commands import output, running
from medusa_db.commands.database import connected
from medusa_db.commands.project import carry_out as projects
from medusa_db.show import project as text
from medusa_migrations.contract.errors import Interrupted
from medusa_migrations.contract.redact import redact
from medusa_migrations.project import installation, summary, upgrade
from medusa_migrations.project.execute import FenceOptions
from medusa_migrations.project.summary import Reported
from medusa_migrations.project.upgrade import UpgradeOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from medusa_db.arguments.running import MigrateArguments, PlanArguments
    from medusa_migrations.project.execution import Execution
    from medusa_migrations.project.installation import Project

_FIELDS = frozenset(
    (
        "database_url", "database_url_file", "schema", "embedded", "connect_wait", "to", "project", "links",
        "no_scripts", "node", "stall", "lock_wait", "lock_timeout", "statement_timeout", "run_timeout",
        "approval", "acknowledge", "yes", "report_file", "report_limit", "run_id", "exit_zero_for", "output",
        "check",
    )
)  # fmt: skip
"""The options that mean something here."""


def migrate(args: MigrateArguments, token: str) -> int:
    """Bring the database up to what the project wants; report it, however it ends."""
    mask = projects.mask_of(args.database)

    def work(is_of: Callable[[Project | None], None]) -> Execution:
        projects.require_only(args, _FIELDS)
        return _on_database(args, token, mask, is_of, upgrade.migrate)

    shown = None if args.output == "json" else text.report
    return projects.carry_out("migrate", args.report, mask, work, shown, results=args.exit_zero_for)


def plan(args: PlanArguments, token: str) -> int:
    """Show what `migrate` would find and run; with `--check` the exit code says whether it would run."""
    started = time.monotonic()
    asked, report = args.run, args.run.report
    mask = projects.mask_of(asked.database)
    run = Reported("plan", report.run_id)
    projects.begin(report, summary.running(run), mask)

    def is_of(project: Project | None) -> None:
        nonlocal run
        run = Reported("plan", report.run_id, project)

    try:
        projects.require_only(args, _FIELDS)
        done = _on_database(asked, token, mask, is_of, upgrade.preview)
        projects.raise_for_looking(done)
    except (Exception, Interrupted) as exc:
        made = summary.report(run, None, exc, time.monotonic() - started)
        projects.write(report, made, mask)
        if asked.output == "json":
            output.print_json(made.to_dict(mask), within=streams.END)
        raise
    would = upgrade.would_run(run.project, _options(asked), done) if run.project else ()
    refusal = done.refusal
    made = summary.planned(run, done, would, time.monotonic() - started, checked=args.check)
    if refusal is not None and commands.is_result(asked.exit_zero_for, refusal):
        made = replace(made, state="refused", exit_code=0)
    projects.write(report, made, mask)
    if asked.output == "json":
        output.print_json(made.to_dict(mask))
    else:
        output.print_result(mask(text.plan(made)))
    if args.check and made.message:
        refused = "migrate would be refused: " if refusal is not None else ""
        sys.stderr.write(f"medusa-db: {redact(refused + made.message)}\n")
    return made.exit_code or 0


def _on_database(
    args: MigrateArguments,
    token: str,
    mask: Callable[[str], str],
    is_of: Callable[[Project | None], None],
    act: Callable[..., Execution],
) -> Execution:
    project = installation.require(Path(args.medusa.project or ".").absolute())
    is_of(project)
    limits = args.limits
    usual = FenceOptions(folder=project.folder, environment=os.environ, token=token)
    options = FenceOptions(
        folder=project.folder,
        environment=os.environ,
        token=token,
        run_id=args.report.run_id,
        schema=args.database.schema,
        node=args.medusa.node,
        stall=args.medusa.stall,
        run_timeout=running.either(limits.run_timeout, usual.run_timeout),
        lock_wait=running.either(limits.lock_wait, usual.lock_wait),
        lock_timeout=running.either(limits.lock_timeout, usual.lock_timeout),
        statement_timeout=running.either(limits.statement_timeout, usual.statement_timeout),
        by_whom=running.by_whom(),
    )
    asked = _options(args)
    upgrade.commands(project, asked, options)  # what is refused anyway needs no database
    with connected(args.database, "migrate", args.patience.connect_wait, projects.say) as opened:
        conn, address = opened
        options = projects.named_url(args.database, options, address)
        return act(conn, address, options, project, asked, mask, projects.say)


def _options(args: MigrateArguments) -> UpgradeOptions:
    approval = args.approval
    asks = sys.stdin.isatty() and sys.stderr.isatty()
    return UpgradeOptions(
        to=args.to,
        links=args.medusa.links,
        scripts=not args.medusa.no_scripts,
        on_breaking=approval.approval == "on-breaking" and not approval.yes,
        agreed=frozenset(map(str, approval.acknowledge)),
        ask=_ask if asks else None,
    )


def _ask(question: str) -> bool:
    """Ask a person on the terminal whether to go on all the same."""
    sys.stderr.write(f"\n{question}.\n\nThere is no way back but a backup. Go on? [y/N] ")
    streams.drain(streams.END)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
