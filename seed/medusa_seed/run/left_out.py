"""Pure: what a document has of a row, and what of a shop is left out of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medusa_seed.document.findings import MOST_DEEP
from medusa_seed.planning.planner import defaults

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from medusa_seed.document.model import Entry

MOST_META = MOST_DEEP - 20
"""Levels of metadata in each other: a document has some around it."""


@dataclass(slots=True)
class LeftOut:
    """What the format cannot hold of the products, and of metadata."""

    warnings: list[str] = field(default_factory=list)
    count: Counter[str] = field(default_factory=Counter)
    """How many parts there are, by what becomes of them and why."""

    def lines(self) -> list[str]:
        """Return all of it in words."""
        return [*self.warnings, *(f"{why}: {count}" for why, count in self.count.items())]

    def entry(
        self, entry: Entry, row: Mapping[str, Any], keep: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Return what a document has of *row*: its columns that are not at their default.

        An id is included only where *keep* names it; a required key always is. Metadata that no document can
        have is counted as left out.
        """
        usual = defaults(entry)
        exported: dict[str, Any] = {}
        for column in entry.columns:
            if column.name not in row or (column.name == "id" and "id" not in keep):
                continue
            value = row[column.name]
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            if column.required or value != usual.get(column.name):
                exported[column.name] = value
        metadata = exported.get("metadata", {})
        if not isinstance(metadata, dict | None) or not _is_flat(metadata):
            del exported["metadata"]
            self.count["metadata that is left out, as it is no object or nested too deeply"] += 1
        return exported


def _is_flat(value: Any, levels: int = MOST_META) -> bool:
    """Return whether *value* has at most so many *levels* of objects and lists in each other."""
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_flat(one, levels - 1) for one in inner)
