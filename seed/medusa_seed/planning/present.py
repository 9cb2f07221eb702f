"""Pure: what a shop has, as the planners see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Columns:
    """What the live schema can hold."""

    tables: Mapping[str, frozenset[str]]

    def has(self, table: str, column: str) -> bool:
        """Return whether there is such a column."""
        return column in self.tables.get(table, ())

    def of(self, table: str) -> frozenset[str]:
        """Return the columns of *table*; none where it does not exist."""
        return self.tables.get(table, frozenset())


@dataclass(frozen=True, slots=True)
class Shop:
    """What one look found; rows that were deleted softly are left out."""

    columns: Columns
    rows: Mapping[str, tuple[Row, ...]]
    """The settings, by table, in the order in which they were made."""
    currencies: frozenset[str]
    store_currencies: frozenset[str]
    countries: Mapping[str, str | None]
    """The region of each country, by its code of two letters."""
    providers: Mapping[str, frozenset[str]]
    """The ids of `payment_provider`, `fulfillment_provider` and `tax_provider`."""
    region_providers: Mapping[str, Mapping[str, frozenset[str]]]
    """By table, `region_payment_providers` and so on: the providers of each region."""
    types: frozenset[str]
    """Ids of product types."""
    has_products: bool
    has_orders: bool
    default_in_use: bool
    """Whether a price, a region or an order is in the store's default currency."""
    has_images: bool

    @property
    def store(self) -> Row | None:
        """The shop's own row; the oldest, should there be several."""
        return next(iter(self.rows["store"]), None)

    def profile(self, type_: str) -> str | None:
        """Return the id of the shipping profile of *type_*."""
        found = (row["id"] for row in self.rows["shipping_profile"] if row["type"] == type_)
        return next(found, None)


@dataclass(slots=True)
class PresentRows:
    """What the shop has of the products of a batch."""

    by_id: dict[str, Row] = field(default_factory=dict)
    by_handle: dict[str, Row] = field(default_factory=dict)
    options: dict[str, list[Row]] = field(default_factory=dict)
    """By product."""
    variants: dict[str, list[Row]] = field(default_factory=dict)
    """By product."""
    values: dict[str, dict[str, Row]] = field(default_factory=dict)
    """By variant and option."""
    prices: dict[str, list[Row]] = field(default_factory=dict)
    """By variant, but for those of price lists."""
    linked: dict[str, dict[str, list[Row]]] = field(default_factory=dict)
    """By product: its `images`, `tags` and `categories`."""

    def texts(self, product: str) -> dict[str, list[str]]:
        """Return what distinguishes the images, tags and categories of *product*."""
        linked = self.linked.get(product, {})
        keys = {"images": "url", "tags": "value", "categories": "id"}
        return {key: [row[keys[key]] for row in rows] for key, rows in linked.items()}


@dataclass(slots=True)
class Shared:
    """What products share: rows that are found by their value."""

    images: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
