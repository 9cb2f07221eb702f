"""Pure: a plan and its notes for machines."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from medusa_migrations import durations, touches
from medusa_migrations.catalog import DataStep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from medusa_migrations.catalog import Note
    from medusa_migrations.findings import Finding
    from medusa_migrations.plan import Held, Item, Plan


def to_dict(
    place: str,
    path: Plan,
    sizes: Mapping[str, tuple[int, int]],
    held: Sequence[Held],
    findings: Sequence[Finding],
) -> dict[str, Any]:
    """Return everything a plan says; *place* is where the database is.

    *held* gives the tables that each step locks together.
    """
    return {
        "from": [str(version) for version in path.proof.versions],
        "place": place,
        "target": str(path.target),
        "nothing": path.nothing,
        "flags": dict(path.flags),
        "foreign": list(path.proof.foreign),
        "steps": [
            {
                "target": str(step.target),
                "items": [_item(item, sizes) for item in step.items],
                "locks": [
                    {"mode": mode, "tables": [_table(name, sizes) for name in tables]}
                    for mode, tables in locks
                ],
                "work": _work(step.items, sizes),
            }
            for step, locks in zip(path.steps, held, strict=True)
        ],
        "assumedDone": [step.name for step in path.assumed_done],
        "notes": [note(one) for one in path.notes],
        "maybeNotes": [note(one) for one in path.maybe_notes],
        "breaking": [str(one.version) for one in path.breaking],
        "findings": [
            {
                "problem": finding.problem,
                "advice": finding.advice,
                "reason": finding.reason,
                "fatal": finding.error is not None,
                "keys": list(finding.keys),
            }
            for finding in findings
        ],
    }


def _table(name: str, sizes: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    rows, bytes_ = sizes.get(name, (0, 0))
    return {"table": name, "rows": rows, "bytes": bytes_}


def _work(items: Sequence[Item], sizes: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    """Return what takes time while the tables are locked, and about how long in all."""
    found = durations.work(items, sizes)
    return {
        "aboutSeconds": round(sum(one.seconds for one in found), 1),
        "parts": [
            {"does": one.kind, "table": one.table, "rows": one.rows, "times": one.times}
            for one in found
            if one.rows
        ],
    }


def _item(item: Item, sizes: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    body: dict[str, Any] = {"name": item.name, "about": item.about}
    if isinstance(item, DataStep):
        return {"kind": "data step", **body}
    locks = [
        {
            "table": lock.table,
            "mode": lock.mode,
            "rewrite": lock.rewrite,
            "rows": sizes[lock.table][0],
            "bytes": sizes[lock.table][1],
        }
        for lock in item.locks
        if lock.table in sizes
    ]
    body |= {"of": str(item.version or "shop"), "locks": locks}
    if item.version is None:
        body["unseen"] = touches.touched([item.statements]).unseen
    return {"kind": "migration", **body}


def note(found: Note) -> dict[str, Any]:
    """Return one note."""
    body = dataclasses.asdict(found) | {
        "version": str(found.version),
        "severity": str(found.severity),
    }
    body["olderServersBreak"] = body.pop("older_servers_break")
    return {key: value for key, value in body.items() if value not in ("", (), [], False)}
