"""`migrate --project` and `plan --project`: the commands of a project's own Medusa, fenced, judged and reported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from medusa_db import commands, streams
from medusa_db.commands.options import absolute
from medusa_db.commands.project import carry_out as projects
from medusa_db.commands.project import permitted
from medusa_db.show import project as text
from medusa_project.packages import installation
from medusa_project.run import summary, upgrade
from medusa_project.run.upgrade import UpgradeOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from medusa_db.arguments.running import MigrateArguments, PlanArguments
    from medusa_migrations.contract.project_report import ProjectReport
    from medusa_project.packages.installation import Project
    from medusa_project.run.execute import FencedDatabase
    from medusa_project.run.execution import Execution
    from medusa_project.run.summary import Reported
    from medusa_project.run.upgrade import ProjectUpgrade

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
        permitted.require_only(args, _FIELDS)
        return _on_database(args, token, mask, is_of, upgrade.migrate)

    shown = None if args.output == "json" else text.report
    made = projects.carry_out("migrate", args.report, mask, work, shown, results=args.exit_zero_for)
    return made.exit_code or 0


def plan(args: PlanArguments, token: str) -> int:
    """Show what `migrate` would find and run; with `--check` the exit code says whether it would run."""
    asked = args.run
    mask = projects.mask_of(asked.database)

    def work(is_of: Callable[[Project | None], None]) -> Execution:
        permitted.require_only(args, _FIELDS)
        return _on_database(asked, token, mask, is_of, upgrade.preview)

    def look(run: Reported, done: Execution, seconds: float) -> ProjectReport:
        refusal = done.refusal
        result = refusal is not None and commands.is_result(asked.exit_zero_for, refusal)
        return summary.planned(run, done, seconds, checked=args.check, as_result=result)

    shown = None if asked.output == "json" else text.plan
    made = projects.carry_out("plan", asked.report, mask, work, shown, look=look)
    if args.check and made.message:
        refused = "migrate would be refused: " if made.reason != "Pending" else ""
        sys.stderr.write(f"medusa-db: {mask(refused + made.message)}\n")
    return made.exit_code or 0


def _on_database(
    args: MigrateArguments,
    token: str,
    mask: Callable[[str], str],
    is_of: Callable[[Project | None], None],
    act: Callable[[FencedDatabase, ProjectUpgrade], Execution],
) -> Execution:
    project = installation.require(absolute(args.medusa.project or "."))
    is_of(project)
    options = projects.fence(args, args.medusa, token, project.folder)
    prepared = upgrade.prepare(project, _options(args), options)
    wait = args.patience.connect_wait
    with projects.opened(args.database, "migrate", wait, options, mask) as database:
        return act(database, prepared)


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
