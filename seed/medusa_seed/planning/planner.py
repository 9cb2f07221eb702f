"""Pure: what planning a document needs to know, and where the parts of the plan come together."""

from __future__ import annotations

import functools
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medusa_seed.document.model import ENTRIES
from medusa_seed.planning import merge

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from medusa_seed.document.findings import Findings
    from medusa_seed.document.model import Entry
    from medusa_seed.planning.changes import Changes
    from medusa_seed.planning.ids import Ids
    from medusa_seed.planning.merge import Memory, Merged, Policy
    from medusa_seed.planning.present import Columns, Row, Shop

_GIVEN: defaultdict[str, frozenset[str]] = defaultdict(
    frozenset,
    {
        entry.table: frozenset(known.name for known in entry.columns if known.name != "id")
        | {"password_hash"}
        for entry in ENTRIES.values()
    },
)
"""The columns of each table that a document can give."""
Memories = dict[tuple[str, str], "Memory"]
"""What is remembered of rows, by table and id."""


@dataclass(frozen=True, slots=True)
class Region:
    """A region that shipping options and prices may name."""

    id: str
    currency: str
    providers: frozenset[str]
    """Who can deliver there."""


@dataclass(slots=True)
class Planner:
    """The plan for one document while it is made."""

    shop: Shop
    policy: Policy
    ids: Ids
    changes: Changes
    findings: Findings
    memories: Memories
    warnings: list[str] = field(default_factory=list)
    regions: dict[str, Region] = field(default_factory=dict)
    """By id, and by the name that the document uses for it."""
    categories: dict[str, str] = field(default_factory=dict)
    """Ids of categories, by id as the document gives it."""
    collections: dict[str, str] = field(default_factory=dict)
    """Ids of collections, by id as the document gives it."""
    profiles: dict[str, str] = field(default_factory=dict)
    """Ids of shipping profiles, by type."""
    currencies: frozenset[str] = frozenset()
    """Those that the store sells in when the document is seeded."""
    channel: str | None = None
    """The id of the default sales channel; None where the version has none."""

    @property
    def columns(self) -> Columns:
        """What the live schema can hold."""
        return self.shop.columns

    def insert(
        self,
        kind: str,
        table: str,
        row: Mapping[str, Any],
        attached: Mapping[str, Any] | None = None,
    ) -> None:
        """Insert the row of an entry, count it, and remember its values and what *attached* on it."""
        self.changes.insert(table, row)
        self.changes.counts.of(kind).created += 1
        remembered = {name: value for name, value in row.items() if name in _GIVEN[table]}
        self.changes.memories.append(
            (table, row["id"], merge.remember(remembered | dict(attached or {})))
        )

    def merge(
        self,
        kind: str,
        entry: Entry,
        given: Mapping[str, Any],
        existing: Row,
        shown: str,
        *,
        made: Memory | None = None,
    ) -> Merged:
        """Merge *given* with the row *existing*, count it, and remember it; writing is left to others.

        *shown* names the entry where it must not exist yet; empty where that is no question. A row
        that is not remembered is taken for one that was *made* like that.
        """
        before = self.memories.get((entry.table, existing["id"]))
        memory = made if before is None else before
        merged = merge.merge(given, existing, memory, defaults(entry), self.policy)
        self.changes.counts.merged(kind, merged)
        self.changes.remember(entry.table, existing["id"], merged.memory, before)
        if shown:
            self.changes.exists(shown)
        return merged


@functools.cache
def defaults(entry: Entry) -> dict[str, Any]:
    """Return what a row of *entry* has where a key is left out."""
    return {found.name: found.default for found in entry.columns if found.default is not None}


@functools.cache
def _columns(entry: Entry) -> tuple[str, ...]:
    return tuple(found.name for found in entry.columns if found.name != "id")


def values(entry: Entry, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns, but for the id, that an entry gives."""
    return {name: body[name] for name in _columns(entry) if name in body}


def real(write: Mapping[str, Any], entry: Entry) -> dict[str, Any]:
    """Return the part of *write* that goes into columns, and not to what belongs to the row."""
    names = (*_columns(entry), "password_hash")
    return {name: write[name] for name in names if name in write}


def links(wanted: Iterable[str], existing: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the list that results when nothing is taken away, and what of it is new."""
    new = [value for value in dict.fromkeys(wanted) if value not in existing]
    return sorted({*existing, *new}), new


def without_empty(planner: Planner, metadata: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return metadata of a store or region as Medusa keeps it: an empty text deletes its key.

    That came with the version that can put products into categories.
    """
    if metadata is None or not planner.columns.of("product_category_product"):
        return metadata
    return {key: value for key, value in metadata.items() if value != ""}
