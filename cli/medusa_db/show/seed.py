"""Pure: what a person reads after a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_db.show.text import bullets, count, duration, table
from medusa_migrations.contract.report import RunState

if TYPE_CHECKING:
    from medusa_migrations.run.outcome import Outcome
    from medusa_seed.shop.records import Seed, Unfinished


def report(found: Outcome, seconds: float) -> str:
    """Say what a seed did, in so many *seconds*."""
    parts: list[str] = []
    migrations = found.committed.migrations
    if migrations:
        parts.append(
            f"Migrated from {found.before} to {found.after}: {count(len(migrations), 'migration')}."
        )
    counts = found.seed.counts if found.seed else {}
    if counts:
        head = ("", "CREATED", "UPDATED", "UNCHANGED", "KEPT")
        rows = [
            (
                kind.replace("_", " "),
                *(
                    str(numbers.get(key, 0) or "")
                    for key in ("created", "updated", "unchanged", "kept")
                ),
            )
            for kind, numbers in counts.items()
        ]
        parts.append(table(head, rows))
    kept = sum(numbers.get("kept", 0) for numbers in counts.values())
    if kept:
        parts.append(
            f"\nKept: {count(kept, 'entry') if kept == 1 else f'{kept} entries'} that the shop has "
            "changed, or that this tool did not seed; --overwrite writes over them."
        )
    if found.warnings:
        parts.append(f"\nWarnings:\n{bullets(found.warnings)}")
    parts.append(("\n" if parts else "") + _verdict(found, seconds))
    return "\n".join(parts)


def seeded(seed: Seed | None) -> str:
    """Describe the last seed in a line; empty where none was run."""
    if seed is None:
        return ""
    return f"{seed.document}, {seed.started_at:%Y-%m-%d %H:%M:%S}, by {seed.by_whom}"


def begun(seed: Unfinished) -> str:
    """Describe a script that has not come to its end in a line."""
    return f"{seed.script}, begun {seed.started_at:%Y-%m-%d %H:%M:%S}, by {seed.by_whom}"


def _verdict(found: Outcome, seconds: float) -> str:
    seed = found.seed
    if seed and seed.skipped:
        return f"Nothing to do: {seed.skipped}."
    if seed and seed.dry_run:
        return "A dry run: nothing was written."
    if found.state is RunState.NOTHING:
        return f"Nothing to do: the shop, at {found.after}, has all of it."
    counts = seed.counts if seed else {}
    created = sum(numbers["created"] for numbers in counts.values())
    updated = sum(numbers["updated"] for numbers in counts.values())
    return (
        f"Seeded the shop, at {found.after}: {created} created, {updated} updated, in "
        f"{duration(seconds)}."
    )
