"""Seed documents of any size, and the commands that load them."""

from __future__ import annotations

import json
import os
import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import contestants
from contestants import TARGET, Contestant, UnavailableError
from measure import Invocation
from medusa_testbed.medusa import packages, server

if TYPE_CHECKING:
    from collections.abc import Mapping

Document = dict[str, Any]

OURS = "`medusa-db seed`"
MEDUSA = "Medusa's own `seed`"

VARIANTS = 5
"""How many variants a product of a document made here has, each with a price in two currencies."""
SHAPES = ((1, 1_000), (1, 10_000), (1, 50_000), (20_000, 1), (200_000, 1))
"""Products, and variants of each, of the documents that are seeded twice."""

_STARTER = "medusa-starter-seed.json"
_ROOT = Path(__file__).parent.parent


def document(products: int, variants: int = VARIANTS) -> Document:
    """Return a document of a shop with *products* products of so many *variants*, in two regions."""
    return {
        "store": {"currencies": ["eur", "usd"]},
        "users": [{"email": "admin@shop.example", "password": "not a secret"}],
        "regions": [_region("Europe", "eur", "de"), _region("America", "usd", "us")],
        "shipping_options": [],
        "products": [_product(number, variants) for number in range(products)],
    }


@cache
def starter() -> Document | None:
    """Return the document of Medusa's starter: beside the project, in MEDUSA_TEST_DATA, or none."""
    folder = os.environ.get("MEDUSA_TEST_DATA") or _ROOT.parent / "shared" / "data"
    file = Path(folder) / _STARTER
    return json.loads(file.read_text()) if file.exists() else None


def counts(given: Document) -> Mapping[str, int]:
    """Return how many rows the tables must have once *given* is loaded."""
    variants = [each for product in given["products"] for each in product["variants"]]
    return {
        "user": len(given["users"]),
        "region": len(given["regions"]),
        "shipping_option": len(given["shipping_options"]),
        "product": len(given["products"]),
        "product_variant": len(variants),
        "product_option_value": sum(len(each["options"]) for each in variants),
        "money_amount": sum(len(each["prices"]) for each in variants),
        "product_sales_channel": len(given["products"]),
    }


def written(given: Document, folder: Path) -> Path:
    """Return a file in *folder* that holds *given*."""
    products = given["products"]
    file = folder / f"seed-{len(products)}-{len(products[0]['variants'])}.json"
    if not file.exists():
        file.write_text(json.dumps(given, indent=2))
    return file


def named(products: int, variants: int, which: str) -> str:
    """Return the name of a seed of a document of that shape, *which* is the first or the second."""
    return f"{OURS}, {products:,} products of {variants:,} variants, {which}"


def ours(file: Path, name: str = OURS, *, migrate: bool = False) -> Contestant:
    """Return our own command."""
    program = contestants.medusa_db()
    options = ("--to", TARGET) if migrate else ("--no-migrate",)
    command = (program, "seed", "-f", str(file), *options)
    return Contestant(
        name,
        lambda url: Invocation(command, contestants.environment(DATABASE_URL=url), file.parent),
    )


def medusa(shop: Path, file: Path, name: str = MEDUSA, *, migrate: bool = False) -> Contestant:
    """Return Medusa's own command in a shop made in the folder *shop*."""
    node = shutil.which("node")
    if node is None:
        raise UnavailableError("Node is not installed")
    shop.mkdir(exist_ok=True)
    if not (shop / "node_modules").exists():
        try:
            server.make_shop(shop)
        except packages.InstallError as exc:
            raise UnavailableError(f"Medusa cannot be installed: {exc}") from exc
    cli = "node_modules/@medusajs/medusa-cli/cli.js"
    command = (node, cli, "seed", "-f", str(file), f"--migrate={str(migrate).lower()}")
    return Contestant(
        name,
        lambda url: Invocation(
            command, contestants.environment(DATABASE_URL=url, MEDUSA_DISABLE_TELEMETRY="1"), shop
        ),
    )


def _region(name: str, currency: str, country: str) -> Document:
    return {
        "id": f"reg_{name}",
        "name": name,
        "currency_code": currency,
        "tax_rate": 0,
        "payment_providers": ["manual"],
        "fulfillment_providers": ["manual"],
        "countries": [country],
    }


def _product(number: int, variants: int) -> Document:
    return {
        "title": f"Product {number}",
        "handle": f"product-{number}",
        "description": "What it is made of, and what it is good for. " * 5,
        "images": [f"https://shop.example/{number}/{side}.png" for side in ("front", "back")],
        "options": [{"title": "Size"}],
        "variants": [
            {
                "title": f"Size {size}",
                "sku": f"SKU-{number}-{size}",
                "options": [{"value": f"Size {size}"}],
                "inventory_quantity": 100,
                "prices": [
                    {"currency_code": "eur", "amount": 1000 + number % 9000 + size},
                    {"currency_code": "usd", "amount": 1100 + number % 9000 + size},
                ],
            }
            for size in range(variants)
        ],
    }
