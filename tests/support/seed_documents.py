"""Small seed documents, to be changed by each test."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from medusa_seed.document import document, files
from medusa_seed.document.findings import Findings

if TYPE_CHECKING:
    from pathlib import Path

    from medusa_seed.document.document import Document

_REGION = {
    "id": "eu", "name": "Europe", "currency_code": "eur", "tax_rate": 19, "countries": ["de", "fr"],
    "payment_providers": ["manual"], "fulfillment_providers": ["manual"],
}  # fmt: skip
_OPTION = {
    "name": "Parcel", "region_id": "eu", "provider_id": "manual", "data": {"id": "manual-fulfillment"},
    "price_type": "flat_rate", "amount": 590,
}  # fmt: skip


def product(handle: str = "mug", **more: Any) -> dict[str, Any]:
    """Return a product with two variants, each with two prices."""
    variants = [
        {
            "title": size, "sku": f"{handle}-{size}".upper(), "inventory_quantity": 10,
            "options": [{"value": size}],
            "prices": [
                {"currency_code": "eur", "amount": 1800}, {"currency_code": "usd", "amount": 2000},
            ],
        }
        for size in ("Small", "Large")
    ]  # fmt: skip
    return {
        "title": handle.title(), "handle": handle, "options": [{"title": "Size", "values": ["Small", "Large"]}],
        "variants": variants,
    } | more  # fmt: skip


def shop(**more: Any) -> dict[str, Any]:
    """Return a whole document: a store, a user, a region with an option, a category, two products."""
    return copy.deepcopy(
        {
            "store": {"name": "Pine & Paper", "currencies": ["usd", "eur"]},
            "users": [{"email": "Ada@Example.com", "password": "supersecret"}],
            "regions": [_REGION],
            "shipping_options": [_OPTION],
            "categories": [{"id": "pcat_kitchen", "name": "Kitchen"}],
            "product_collections": [{"id": "pcol_winter", "title": "Winter", "handle": "winter"}],
            "products": [
                product(
                    categories=[{"id": "pcat_kitchen"}], collection_id="pcol_winter",
                    images=["https://images.example/mug.jpg"], tags=[{"value": "enamel"}],
                    type={"value": "Kitchen"}, metadata={"dishwasher": True},
                ),
                product("plate"),
            ],
            "publishable_api_keys": [{"title": "Storefront"}],
        }
        | more
    )  # fmt: skip


def broken(body: Any, tmp_path: Path) -> list[str]:
    """Return what is found wrong with the document *body*."""
    return read(body, tmp_path)[1].lines


def read(body: Any, tmp_path: Path) -> tuple[Document, Findings]:
    """Read the document *body* as a command does."""
    with files.opened(str(written(body, tmp_path))) as source:
        findings = Findings()
        return document.read(source.pieces(), findings), findings


def written(body: Any, tmp_path: Path, name: str = "seed.json") -> Path:
    """Write *body* into a file and return its path."""
    path = tmp_path / name
    path.write_text(body if isinstance(body, str) else json.dumps(body), encoding="utf-8")
    return path
