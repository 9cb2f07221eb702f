"""Pure: what a person reads after a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_db.show.text import bullets, count, duration, table

if TYPE_CHECKING:
    from medusa_migrations.contract.report import Report
    from medusa_seed.shop.records import Seed


def report(found: Report) -> str:
    """Tell what a seed did."""
    seed = found.seed
    parts: list[str] = []
    if found.migrations:
        parts.append(
            f"Migrated from {found.before} to {found.after}: {count(len(found.migrations), 'migration')}."
        )
    counts = seed.get("counts", {})
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
    parts.append(("\n" if parts else "") + _verdict(found))
    return "\n".join(parts)


def seeded(seed: Seed | None) -> str:
    """Tell of the last seed in a line; empty where there was none."""
    if seed is None:
        return ""
    return f"{seed.document}, {seed.started_at:%Y-%m-%d %H:%M:%S}, by {seed.by_whom}"


def _verdict(found: Report) -> str:
    seed = found.seed
    if seed.get("skipped"):
        return f"Nothing to do: {seed['skipped']}."
    if seed.get("dryRun"):
        return "A dry run: nothing was written."
    if found.state == "nothing":
        return f"Nothing to do: the shop, at {found.after}, has all of it."
    created = sum(numbers["created"] for numbers in seed["counts"].values())
    updated = sum(numbers["updated"] for numbers in seed["counts"].values())
    return (
        f"Seeded the shop, at {found.after}: {created} created, {updated} updated, in "
        f"{duration(found.seconds)}."
    )
