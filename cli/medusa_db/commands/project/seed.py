"""`seed --project`: a command of the shop's own Medusa seeds it, fenced, once and recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_db.commands.options import absolute
from medusa_db.commands.project import carry_out as projects
from medusa_db.commands.project import permitted
from medusa_db.show import project as text
from medusa_project.packages import installation, recipes
from medusa_project.run import guard
from medusa_seed.run import script, scripted
from medusa_seed.run.once import When
from medusa_seed.run.script import ScriptAsked

if TYPE_CHECKING:
    from collections.abc import Callable

    from medusa_db.arguments.seeding import SeedArguments
    from medusa_project.packages.installation import Project
    from medusa_project.run.execution import Execution

_FIELDS = frozenset(
    (
        "database_url", "database_url_file", "schema", "embedded", "connect_wait", "project", "script",
        "npm_script", "args", "seed_file", "no_scripts", "node", "stall", "once", "on_change", "to", "lock_wait",
        "lock_timeout", "statement_timeout", "run_timeout", "report_file", "report_limit", "run_id", "output",
        "approval", "acknowledge",
    )
)  # fmt: skip
"""The options that mean something here. What agrees to migrations is set in many environments, and agrees to nothing."""


def seed(args: SeedArguments, token: str) -> int:
    """Seed the shop unless it was; report it, however it ends."""
    mask = projects.mask_of(args.database)

    def work(is_of: Callable[[Project | None], None]) -> Execution:
        permitted.require_only(args, _FIELDS)
        return _seed(args, token, mask, is_of)

    shown = None if args.output == "json" else text.seeded
    return projects.carry_out("seed", args.report, mask, work, shown).exit_code or 0


def _seed(
    args: SeedArguments,
    token: str,
    mask: Callable[[str], str],
    is_of: Callable[[Project | None], None],
) -> Execution:
    own = args.own
    project = installation.require(absolute(own.project or "."))
    is_of(project)
    guard.require_installed(project, args.to)
    installation.require_declared(project)
    recipes.commands(project, scripts=not own.no_scripts)  # refuses what this Medusa does not know
    options = projects.fence(args, own, token, project.folder)
    asked = ScriptAsked(own.script or "", own.npm_script or "", args.seed_file or "", own.args)
    command = script.command(project, asked, options)
    when = When.ON_CHANGE if args.on_change else When.ONCE
    wait = args.patience.connect_wait
    with projects.opened(args.database, "seed", wait, options, mask) as database:
        return scripted.seed(database, project, command, when, scripts=not own.no_scripts)
