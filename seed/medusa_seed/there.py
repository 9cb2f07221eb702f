"""Pure: what a shop has of the products of a batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medusa_seed.shop import Row


@dataclass(slots=True)
class There:
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
        """Return what tells the images, tags and categories of *product* apart."""
        linked = self.linked.get(product, {})
        told = {"images": "url", "tags": "value", "categories": "id"}
        return {key: [row[told[key]] for row in rows] for key, rows in linked.items()}


@dataclass(slots=True)
class Shared:
    """What products share: rows that are found by their value."""

    images: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
