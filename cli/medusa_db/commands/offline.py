"""`notes`, `versions`, `create-migration` and `demo`: no database of yours needed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medusa_db import streams
from medusa_db.commands import options, output
from medusa_db.demo import demo as demonstration
from medusa_db.show import plan_json, text
from medusa_migrations.catalog import load, release_notes
from medusa_migrations.catalog.version import Version
from medusa_migrations.contract.errors import UsageError
from medusa_project.packages import recipes

_V2 = 2

if TYPE_CHECKING:
    from medusa_db.arguments.offline import (
        CreateMigrationArguments,
        DemoArguments,
        NotesArguments,
        VersionsArguments,
    )


def notes(args: NotesArguments) -> int:
    """Tell the notes between two versions."""
    catalog = load.read()
    if (args.to or args.from_ or catalog.newest).major == _V2:
        after, to = args.from_, args.to or Version(*recipes.NEWEST_KNOWN)
        if after is not None and after.major < _V2:
            raise UsageError(
                f"--from {after} is Medusa v1: v2 needs a database of its own, and there is no way up; leave --from out"
            )
        found = list(release_notes.between(after, to))
    else:
        after = options.known(catalog, args.from_, "--from")
        to = options.known(catalog, args.to, "--to") or catalog.newest
        found = catalog.notes_between(after, to)
    if after is not None and after > to:
        raise UsageError(f"--from {after} is later than --to {to}; notes are for the way up")
    if args.output == "json":
        output.print_json([plan_json.note(one) for one in found])
    elif args.output == "markdown":
        output.print_result(text.notes_markdown(found))
    else:
        output.print_result(text.notes(found) or f"No notes above {after} up to {to}.")
    return 0


def versions(args: VersionsArguments) -> int:
    """List every known version."""
    catalog = load.read()
    rows: list[dict[str, Any]] = []
    for release in catalog.releases:
        flags = catalog.defaults(release.version)
        gating = {
            flag
            for migration in catalog.present(release.version)
            for flag in catalog.gates(migration, release.version)
        }
        rows.append(
            {
                "version": str(release.version),
                "date": release.date,
                "package": release.package,
                "migrations": len(catalog.enabled(release.version, {})),
                "flags": {name: flags[name] for name in sorted(gating)},
            }
        )
    if args.output == "json":
        output.print_json(rows)
    else:
        output.print_result(
            text.table(
                ("VERSION", "DATE", "PUBLISHED", "MIGRATIONS", "FLAGS THAT GATE SOME"),
                [
                    (
                        row["version"], row["date"] or "-", "package" if row["package"] else "tag",
                        str(row["migrations"]),
                        ", ".join(f"{n} {'on' if on else 'off'}" for n, on in row["flags"].items()),
                    )
                    for row in rows
                ],
            )
        )  # fmt: skip
    return 0


def create_migration(args: CreateMigrationArguments) -> int:
    """Make an empty migration file, named as it must be to run behind all that are there."""
    name = args.name
    if not name.isidentifier() or not name.isascii() or name[-1].isdigit():
        raise UsageError(
            f"{name!r} cannot be a migration's name; use letters, digits and _, and end in a letter: "
            "add_loyalty_points"
        )
    folder = Path(args.migrations_dir)
    newest = max(
        (int(one.name[:13]) for one in folder.glob("*.sql") if re.match(r"[0-9]{13}_", one.name)),
        default=0,
    )
    stamp = max(int(datetime.now(UTC).timestamp() * 1000), newest + 1)
    file = folder / f"{stamp}_{name}.sql"
    body = f"-- {name.replace('_', ' ')}\n\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(body)
    except OSError as exc:
        raise UsageError(f"{file} cannot be written: {exc}") from exc
    output.print_result(str(file), within=streams.END)
    return 0


def demo(args: DemoArguments) -> int:
    """Show the whole job on a private PostgreSQL."""
    catalog = load.read()
    start = options.require_known(catalog, args.from_, "--from")
    target = options.known(catalog, args.to, "--to") or catalog.newest
    return demonstration.run(catalog, start, target, keep=args.keep)
