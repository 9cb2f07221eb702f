"""A shop that Medusa has made and run is the same shop when it is exported and seeded elsewhere."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

import medusa_seeding
import servers
from medusa_seed_documents import generated
from shop_api import ShopApi

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from medusa_seed_documents import Document
    from medusa_testbed.medusa.server import Shop
    from servers import TestServer

VERSIONS = ("1.20.11", "1.12.3", "1.7.15", "1.3.9")
SAMPLE = VERSIONS if os.environ.get("MEDUSA_TEST_ALL") else ("1.20.11", "1.3.9")


def exported(url: str) -> Document:
    """Return the shop at *url* as a document."""
    done = servers.medusa_db("seed", "export", url=url)
    assert done.returncode == 0, done.stderr
    found: Document = json.loads(done.stdout)
    return found


def comparable(found: Document) -> Document:
    """Return *found* without the order of regions, of products and of a product's images.

    A seed gives all of its rows one time, so rows with ids of their own have no order any more. Products share
    images, which are in the order in which the first product of each was made.
    """
    products = [
        product
        | {"images": sorted(product.get("images", ()))}
        | {"thumbnail": product.get("thumbnail") or next(iter(product.get("images", ())), None)}
        for product in found["products"]
    ]
    return {
        **found,
        "regions": sorted(found["regions"], key=lambda entry: str(entry["name"])),
        "products": sorted(products, key=lambda entry: str(entry["title"])),
    }


@pytest.mark.parametrize("version", SAMPLE)
def test_what_medusas_seed_has_made(
    server: TestServer,
    made_by_medusa: Callable[..., str],
    shop_of: Callable[[str], Shop],
    tmp_path: Path,
    version: str,
) -> None:
    with (
        server.database(made_by_medusa(version)) as theirs,
        server.database(made_by_medusa(version)) as ours,
    ):
        medusa_seeding.by_medusa(shop_of(version), generated(7, version), server.url(theirs))
        found = exported(server.url(theirs))

        medusa_seeding.by_us(found, server.url(ours), tmp_path, "--no-migrate")

        assert comparable(exported(server.url(ours))) == comparable(found)
    assert len(found["products"]) == len(generated(7, version)["products"])


SHIRT: Document = {
    "title": "Linen shirt",
    "subtitle": 'It\'s "cool"',
    "is_giftcard": False,
    "discountable": False,
    "weight": 250,
    "hs_code": "620520",
    "metadata": {"care": ["wash", 30], "note": None},
    "type": {"value": "Shirts"},
    "tags": [{"value": "summer"}, {"value": "linen"}],
    "images": ["https://shop.example/front.png", "https://shop.example/back.png"],
    "options": [{"title": "Size"}, {"title": "Color"}],
    "variants": [
        {
            "title": f"{size} {color}",
            "sku": f"LINEN-{size}-{color}",
            "inventory_quantity": 7,
            "options": [{"value": size}, {"value": color}],
            "prices": [
                {"currency_code": "eur", "amount": 4900},
                {"region_id": "reg_fixed", "amount": 4500, "min_quantity": 1, "max_quantity": 5},
            ],
        }
        for size in ("S", "M")
        for color in ("blue", "white")
    ],
}
BEFORE: Document = {
    "store": {"currencies": ["eur", "usd"]},
    "users": [{"email": "owner@shop.example", "password": "not a secret"}],
    "regions": [
        {
            "id": "reg_fixed",
            "name": "Europe",
            "currency_code": "eur",
            "tax_rate": 20,
            "payment_providers": ["manual"],
            "fulfillment_providers": ["manual"],
            "countries": ["de", "at"],
        }
    ],
    "shipping_options": [],
    "products": [],
}


def worked_with(api: ShopApi) -> None:
    """Do in the admin what a merchant does in the first week."""
    login = {"email": "owner@shop.example", "password": "not a secret"}
    token = api.post("/admin/auth/token", login)["access_token"]

    def admin(path: str, body: Document | None = None) -> Any:
        return api.post(f"/admin/{path}", body, authorization=f"Bearer {token}")

    collection = admin("collections", {"title": "New in", "handle": "new-in"})["collection"]
    shirt = admin("products", SHIRT | {"collection_id": collection["id"]})["product"]
    second = admin("products", SHIRT | {"title": "Gone", "variants": [], "handle": "gone"})[
        "product"
    ]
    api.delete(f"/admin/products/{second['id']}", authorization=f"Bearer {token}")
    blue, white, *_ = shirt["variants"]
    admin(
        f"products/{shirt['id']}/variants/{blue['id']}", {"title": "Sky", "inventory_quantity": 3}
    )
    api.delete(
        f"/admin/products/{shirt['id']}/variants/{white['id']}", authorization=f"Bearer {token}"
    )
    admin(
        f"products/{shirt['id']}",
        {"status": "published", "thumbnail": "https://shop.example/t.png"},
    )
    channel = admin("sales-channels", {"name": "Outlet", "description": "Old stock"})
    admin(
        f"sales-channels/{channel['sales_channel']['id']}/products/batch",
        {"product_ids": [{"id": shirt["id"]}]},
    )
    admin("publishable-api-keys", {"title": "Storefront"})
    option = {
        "name": "Post", "region_id": "reg_fixed", "provider_id": "manual", "price_type": "flat_rate",
        "amount": 500, "data": {}, "requirements": [{"type": "min_subtotal", "amount": 1000}],
    }  # fmt: skip
    admin("shipping-options", option)
    admin("regions", {
        "name": "America", "currency_code": "usd", "tax_rate": 7.25, "payment_providers": ["manual"],
        "fulfillment_providers": ["manual"], "countries": ["us"],
    })  # fmt: skip


def test_what_a_merchant_has_made_in_the_admin(
    server: TestServer,
    made_by_medusa: Callable[..., str],
    shop_of: Callable[[str], Shop],
    tmp_path: Path,
) -> None:
    with (
        server.database(made_by_medusa("1.20.11")) as theirs,
        server.database(made_by_medusa("1.20.11")) as ours,
    ):
        medusa_seeding.by_us(BEFORE, server.url(theirs), tmp_path, "--no-migrate")
        with shop_of("1.20.11").started(server.url(theirs)) as url:
            worked_with(ShopApi(url))
        found = exported(server.url(theirs))

        medusa_seeding.by_us(found, server.url(ours), tmp_path, "--no-migrate")

        assert comparable(exported(server.url(ours))) == comparable(found)
    (shirt,) = found["products"]
    assert [each["title"] for each in shirt["variants"]] == ["Sky", "M blue", "M white"]
    assert (shirt["weight"], shirt["hs_code"]) == (250, "620520")
    assert (
        "status" not in shirt
    )  # it is published, as every product of a document that says nothing
    assert shirt["metadata"] == SHIRT["metadata"]
