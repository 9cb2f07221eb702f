"""Pure: what is to be written, collected by table, and counted by kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medusa_seed.document.model import ENTRIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from medusa_seed.document.findings import Place
    from medusa_seed.planning.merge import Memory, Merged

ORDER = (
    "sales_channel", "store", "store_currencies", "shipping_profile", "payment_provider",
    "fulfillment_provider", "tax_provider", "user", "region", "region_payment_providers",
    "region_fulfillment_providers", "shipping_option", "shipping_option_requirement",
    "product_category", "product_collection", "product_type", "product_tag", "image", "product",
    "product_images", "product_tags", "product_category_product", "product_sales_channel",
    "product_shipping_profile", "product_option", "product_variant", "product_option_value",
    "money_amount", "product_variant_money_amount", "publishable_api_key",
    "publishable_api_key_sales_channel", "rule_type",
)  # fmt: skip
"""Tables, each behind those that it refers to."""
_DEFAULTS = {
    entry.table: {known.name: known.default for known in entry.columns}
    for entry in ENTRIES.values()
}
"""What a column has in a row that leaves it out."""


@dataclass(slots=True)
class Count:
    """What became of the entries of one kind."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    kept: int = 0
    """Left as a merchant has them, although the document has another value."""

    def to_dict(self) -> dict[str, int]:
        """Return it for the report; `kept` only where something was."""
        body = {"created": self.created, "updated": self.updated, "unchanged": self.unchanged}
        return body | ({"kept": self.kept} if self.kept else {})


@dataclass(slots=True)
class Counts:
    """Counts by kind, in the order in which the kinds came up."""

    kinds: dict[str, Count] = field(default_factory=dict)

    def of(self, kind: str) -> Count:
        """Return the count of *kind*."""
        return self.kinds.setdefault(kind, Count())

    def merged(self, kind: str, merged: Merged) -> None:
        """Count an entry that existed already."""
        count = self.of(kind)
        if merged.write:
            count.updated += 1
        elif merged.kept:
            count.kept += 1
        else:
            count.unchanged += 1

    @property
    def changed(self) -> bool:
        """Whether anything was created or updated."""
        return any(count.created or count.updated for count in self.kinds.values())

    def to_dict(self) -> dict[str, dict[str, int]]:
        """Return them for the report."""
        return {kind: count.to_dict() for kind, count in self.kinds.items()}


@dataclass(slots=True)
class Changes:
    """Rows to insert and to update, and what to remember of them."""

    counts: Counts
    place: Place = ()
    """Where in the document the entry is that is planned now."""
    existing: list[str] = field(default_factory=list)
    """Entries that existed already, named for a person."""
    _inserts: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    updates: dict[tuple[str, tuple[str, ...]], list[dict[str, Any]]] = field(default_factory=dict)
    """By table and columns: rows with their id."""
    countries: list[tuple[str, str]] = field(default_factory=list)
    """Countries that come into a region: code and region."""
    memories: list[tuple[str, str, Memory]] = field(default_factory=list)
    """Table, id and what to remember of the row."""
    _places: dict[Any, list[Place]] = field(default_factory=dict)
    """By table, of updates by table and columns: where in the document each row is from."""

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        """Insert *row*; columns that it leaves out get their default."""
        self._inserts.setdefault(table, []).append(row)
        self._places.setdefault(table, []).append(self.place)

    def update(self, table: str, id_: str, write: Mapping[str, Any]) -> None:
        """Write *write* into the row *id_*, where there is anything to write."""
        if write:
            rows = self.updates.setdefault((table, tuple(write)), [])
            rows.append({"id": id_, **write})
            self._places.setdefault((table, tuple(write)), []).append(self.place)

    def places(self, table: str, columns: tuple[str, ...] | None = None) -> list[Place]:
        """Return where each row of *table* that is inserted, or updated in *columns*, is from."""
        return self._places[table if columns is None else (table, columns)]

    def remember(self, table: str, id_: str, memory: Memory | None, before: Memory | None) -> None:
        """Remember *memory* of a row, where it is another one than *before*."""
        if memory is not None and memory != before:
            self.memories.append((table, id_, memory))

    def exists(self, what: str, most: int = 20) -> None:
        """Note that an entry existed already."""
        if len(self.existing) < most:
            self.existing.append(what)

    @property
    def inserts(self) -> Iterator[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]:
        """Table, columns and rows, in an order that foreign keys accept; rows as they were planned."""
        for table in sorted(self._inserts, key=ORDER.index):
            rows = self._inserts[table]
            columns = tuple(dict.fromkeys(column for row in rows for column in row))
            usual = _DEFAULTS.get(table, {})
            yield (
                table,
                columns,
                [
                    tuple(row.values())
                    if tuple(row) == columns
                    else tuple([row.get(column, usual.get(column)) for column in columns])
                    for row in rows
                ],
            )
