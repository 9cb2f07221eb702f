"""`exec`: a command of the shop's own on the database that the options name, fenced and reported."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

from medusa_db.commands import running
from medusa_db.commands.options import absolute
from medusa_db.commands.project import carry_out as projects
from medusa_db.show import project as text
from medusa_migrations.contract.errors import UsageError
from medusa_project.packages import installation
from medusa_project.run import execute as executing
from medusa_project.run.execute import FenceOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from medusa_db.arguments.fenced import ExecArguments
    from medusa_project.packages.installation import Project
    from medusa_project.run.execution import Execution


def execute(args: ExecArguments, token: str) -> int:
    """Run the command of *args*, whose processes *token* marks; report it, however it ends."""
    mask = projects.mask_of(args.database)

    def work(is_of: Callable[[Project | None], None]) -> Execution:
        project = _project(args)
        is_of(project)
        return _execute(args, token, project, mask)

    shown = None if args.output == "json" else text.report
    return projects.carry_out("exec", args.report, mask, work, shown).exit_code or 0


def _execute(
    args: ExecArguments, token: str, project: Project | None, mask: Callable[[str], str]
) -> Execution:
    folder = absolute(args.project or ".")
    argv = _argv(args, folder)
    options = FenceOptions(
        folder=folder,
        environment=os.environ,
        token=token,
        run_id=args.report.run_id,
        schema=args.database.schema,
        node=args.node,
        stall=args.fence.stall,
        run_timeout=args.fence.run_timeout,
        lock_wait=args.fence.lock_wait,
        lock_timeout=args.fence.lock_timeout,
        statement_timeout=args.fence.statement_timeout,
        by_whom=running.by_whom(),
    )
    wait = args.patience.connect_wait
    with projects.opened(args.database, "exec", wait, options, mask) as database:
        return executing.run(database, argv, project)


def _project(args: ExecArguments) -> Project | None:
    if args.project is not None:
        return installation.require(absolute(args.project))
    return installation.find(absolute(""))


def _argv(args: ExecArguments, folder: Path) -> tuple[str, ...]:
    """Return the command; raise UsageError where there is none, or no such program."""
    argv = args.argv
    if not argv:
        raise UsageError(
            "no command is given; write it behind two hyphens: medusa-db exec -- npx medusa db:migrate",
            reason="NoCommand",
        )
    name = argv[0]
    path = os.fspath(folder / name) if "/" in name else name
    if shutil.which(path) is None:
        where = f"in {folder}" if "/" in name else "in a folder of PATH"
        quoted = "each of its words is an argument of its own: leave out the quotes around them"
        do = quoted if re.search(r"\s", name) else "check its name, and that it may be executed"
        if shutil.which(folder / "node_modules" / ".bin" / name):
            do = f"it is among the packages of the project: npx {name}"
        raise UsageError(
            f"there is no program {name} {where}; {do}",
            reason="NoCommand",
        )
    return argv
