"""Pure: what a command of a project's Medusa did, for a person."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from medusa_db.show.text import bullets, count, duration

if TYPE_CHECKING:
    from medusa_migrations.contract.project_report import ProjectReport

_NEW = {
    "migrations": "migration",
    "mikro_orm_migrations": "module migration",
    "link_module_migrations": "link",
    "script_migrations": "migration script",
}
"""What a name in each ledger stands for."""


def report(found: ProjectReport) -> str:
    """Tell what a command did that has ended with 0."""
    parts = []
    for done in found.commands:
        ended = f"ended with {done.exit_code} after {duration(done.seconds)}"
        parts.append(f"{shlex.join(done.argv)} {ended}.")
    new = [
        count(len(names), _NEW[ledger]) for ledger, names in (found.applied or {}).items() if names
    ]
    if new:
        parts.append(f"New in the ledgers: {', '.join(new)}.")
    elif found.applied is not None:
        parts.append("Nothing is new in the ledgers of Medusa.")
    if found.warnings:
        parts.append(f"\nWarnings:\n{bullets(found.warnings)}")
    return "\n".join(parts)
