"""Asks a project's own Medusa, read-only, what it wants in its database."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medusa_migrations.contract.errors import RunnerError, UsageError
from medusa_migrations.postgres import spelling
from medusa_project.fence import fence
from medusa_project.fence.command import EndCause
from medusa_project.fence.output import cause
from medusa_project.packages import layout, programs, recipes
from medusa_project.run import pending
from medusa_project.run.pending import Listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

    from medusa_project.fence.command import Fenced
    from medusa_project.packages.installation import Project
    from medusa_project.run.ledgers import Ledgers

_PROGRAM = Path(__file__).with_name("list.cjs")
_LIMIT = 300.0
"""Seconds for it: three on a machine that does nothing else."""


def read(
    conn: Connection[Any],
    fenced: Fenced,
    project: Project,
    mask: Callable[[str], str],
    say: Callable[[str], None],
    ledgers: Ledgers,
    node: str | None = None,
) -> Listing:
    """Run our program in the *project*, as *fenced* as its own command, in sessions that cannot write.

    By the *node* that is named, else the one that is found. What the *ledgers* have is not read any more.
    """
    try:
        node = programs.node(node, fenced.environment)
    except UsageError as exc:
        return Listing(None, str(exc))
    with tempfile.TemporaryDirectory(prefix="medusa-db-", ignore_cleanup_errors=True) as folder:
        answer, known = Path(folder) / "answer.json", Path(folder) / "ledgers.json"
        known.write_text(json.dumps(ledgers.done), encoding="utf-8")
        options = f"{fenced.environment.get('PGOPTIONS', '')} -c default_transaction_read_only=on"
        cli = _cli(project)
        words = (_PROGRAM, project.file, project.folder, known, answer, cli or "")
        program = replace(
            fenced,
            argv=(node, *map(str, words)),
            folder=project.folder,
            environment={**fenced.environment, "PGOPTIONS": options},
            stall=0.0,
            run_timeout=_LIMIT,
        )
        ended = fence.run(conn, program, mask, say, shown=False)
        if ended.cause is not EndCause.BY_ITSELF or ended.exit_code != 0:
            said = cause(ended.last)
            why = ": ".join(filter(None, ("listing what it wants failed", said)))
            help_ = layout.why_not_listed(project.file, project.folder, cli, said)
            help_ = help_ or spelling.for_node(said)
            return Listing(None, ". ".join(filter(None, (why, help_))), ended)
        try:
            found = pending.parse(json.loads(answer.read_text(encoding="utf-8")))
        except (OSError, ValueError) as exc:
            return Listing(None, f"what it wants cannot be read: {exc}", ended)
        return Listing(found, ended=ended)


def _cli(project: Project) -> Path | None:
    """Return the program of Medusa's command line, as which ours begins; what does without it is asked without."""
    try:
        return programs.cli(project, recipes.of(project))
    except RunnerError:
        return None
