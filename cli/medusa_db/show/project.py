"""Pure: what a command of a project's Medusa did, for a person."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from medusa_db.show.text import bullets, count, duration, notes_command, table
from medusa_migrations.catalog import version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medusa_migrations.contract.project_report import ProjectReport
    from medusa_migrations.records.project_runs import ProjectRun
    from medusa_project.packages.installation import Project
    from medusa_project.run.ledgers import Ledgers
    from medusa_project.run.pending import Unapplied

_NEW = {
    "migrations": "migration",
    "mikro_orm_migrations": "module migration",
    "link_module_migrations": "link",
    "script_migrations": "migration script",
}
"""What a name in each ledger stands for."""


def plan(found: ProjectReport) -> str:
    """Show what would run, and what for."""
    pending = found.pending or {}
    parts = [f"Medusa {found.medusa} is installed."]
    if not found.commands:
        parts.append("Nothing is pending.")
    for kind, one in (
        ("migrations", "migration"),
        ("links", "link"),
        ("scripts", "migration script"),
    ):
        if names := pending.get(kind):
            lines = (
                [f"{one['table']} ({one['action']})" for one in names] if kind == "links" else names
            )
            parts.append(f"\n{count(len(names), one)} pending:\n{bullets(lines)}")
    if found.destructive:
        lines = [
            f"{one['migration']}: {one['says']} ({one['rows']:,} rows)" for one in found.destructive
        ]
        parts.append(f"\nDropped, with rows:\n{bullets(lines)}")
    parts += _crossed(found)
    if found.commands:
        lines = [shlex.join(one.argv) for one in found.commands]
        parts.append(f"\nIt would run:\n{bullets(lines)}")
    if found.reason and found.reason != "Pending":
        parts.append(f"\nmigrate would be refused ({found.reason}): {found.message}")
    if found.warnings:
        parts.append(f"\nWarnings:\n{bullets(found.warnings)}")
    return "\n".join(parts)


def status(
    ledgers: Ledgers,
    schema: str,
    runs: Sequence[ProjectRun],
    project: Project | None,
    left: Unapplied | None,
    seed: Sequence[Sequence[str]] = (),
) -> str:
    """Show what the ledgers have, what is *left*, which runs there were, and the rows that tell of its *seed*."""
    major = "v1" if ledgers.is_v1 else "v2" if ledgers.is_v2 else "none"
    rows = [["medusa", major if project is None else f"{project.version} is installed"]]
    rows += [["schema", schema]]
    rows += [[ledger, str(len(names))] for ledger, names in ledgers.names.items()]
    if left is not None:
        rows += [["pending", ", ".join(f"{n} {kind}" for kind, n in left.counts.items())]]
        rows += [["left as it is", f"{link.table} ({link.action})"] for link in left.skipped]
    rows += [["unfinished", name] for name in ledgers.unfinished]
    rows += [list(row) for row in seed]
    wide = max(len(row[0]) for row in rows)
    parts = ["\n".join(f"{name:<{wide}}  {value}" for name, value in rows)]
    if runs:
        lines = [
            [
                run.finished_at.strftime("%Y-%m-%d %H:%M:%S") if run.finished_at else "",
                run.medusa,
                str(len(run.migrations)),
                duration(run.seconds),
                run.by_whom,
            ]
            for run in runs[:10]
        ]
        parts.append(table(["FINISHED", "MEDUSA", "MIGRATIONS", "TOOK", "BY"], lines))
    return "\n\n".join(parts)


def verified(found: ProjectReport) -> str:
    """Tell that nothing was found."""
    parts = [
        f"The database has all that Medusa {found.medusa} wants in it, by its ledgers and its tables of links."
    ]
    if found.warnings:
        parts.append(f"\nWarnings:\n{bullets(found.warnings)}")
    return "\n".join(parts)


def report(found: ProjectReport) -> str:
    """Tell what commands did that have ended with 0."""
    parts = []
    if not found.commands:
        parts.append(f"Medusa {found.medusa} wants nothing that is not there.")
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
    parts += _crossed(found)
    if found.warnings:
        parts.append(f"\nWarnings:\n{bullets(found.warnings)}")
    return "\n".join(parts)


def seeded(found: ProjectReport) -> str:
    """Tell what became of a seed that did not fail."""
    seed = found.seed
    if seed is None or seed.skipped:
        parts = [f"Nothing to do: {seed.skipped if seed else 'nothing was asked'}."]
    else:
        parts = [
            f"{shlex.join(done.argv)} ended with {done.exit_code} after {duration(done.seconds)}."
            for done in found.commands
        ]
        parts.append(f"{seed.document} is recorded as the shop's seed.")
    if found.warnings:
        parts.append(f"\nWarnings:\n{bullets(found.warnings)}")
    return "\n".join(parts)


def _crossed(found: ProjectReport) -> list[str]:
    """Show in one line each what the releases on the way ask."""
    if not found.notes:
        return []
    lines = [
        f"{one['version']}  {one['severity'].upper()}  {one['summary']}" for one in found.notes
    ]
    command = notes_command(None, version.parse(found.notes[-1]["version"]))
    return [f"\nThe releases on the way ask ({command}):\n{bullets(lines)}"]
