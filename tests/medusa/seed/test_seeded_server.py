"""The real server on a database that our seed has filled: it sells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import medusa_seeding
from shop_api import ShopApi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from medusa_seed_documents import Document
    from medusa_testbed.medusa.server import Shop
    from servers import TestServer

VERSION = "1.20.11"


def region(name: str, currency: str, country: str) -> Document:
    return {
        "id": f"reg_{name}",
        "name": name,
        "currency_code": currency,
        "tax_rate": 20,
        "payment_providers": ["manual"],
        "fulfillment_providers": ["manual"],
        "countries": [country],
    }


def delivery(name: str, amount: int) -> Document:
    return {
        "name": f"Post in {name}",
        "region_id": f"reg_{name}",
        "provider_id": "manual",
        "data": {},
        "price_type": "flat_rate",
        "amount": amount,
    }


def variant(size: str, *amounts: int) -> Document:
    prices = zip(("eur", "usd"), amounts, strict=True)
    return {
        "title": size,
        "options": [{"value": size}],
        "inventory_quantity": 10,
        "prices": [{"currency_code": code, "amount": amount} for code, amount in prices],
    }


DOCUMENT: Document = {
    "store": {"currencies": ["eur", "usd"]},
    "users": [{"email": "Owner@Example.com", "password": "Grüße, 日本"}],
    "regions": [region("Europe", "eur", "de"), region("America", "usd", "us")],
    "shipping_options": [delivery("Europe", 500), delivery("America", 900)],
    "categories": [{"id": "pcat_clothes", "name": "Clothes"}],
    "products": [
        {
            "title": "Shirt",
            "categories": [{"id": "pcat_clothes"}],
            "images": ["https://shop.example/front.png", "https://shop.example/back.png"],
            "options": [{"title": "Size"}],
            "variants": [variant("S", 1900, 2200), variant("M", 2000, 2300)],
        }
    ],
    "publishable_api_keys": [{"id": "pk_storefront", "title": "Storefront"}],
}


@pytest.fixture(scope="module")
def api(
    server: TestServer,
    shop_of: Callable[[str], Shop],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ShopApi]:
    """The server's API, on a database that nobody but our seed has written to."""
    with server.database() as name:
        folder: Path = tmp_path_factory.mktemp("document")
        medusa_seeding.by_us(DOCUMENT, server.url(name), folder, "--to", VERSION)
        with shop_of(VERSION).started(server.url(name)) as url:
            yield ShopApi(url)


@pytest.mark.parametrize(
    ("where", "prices"),
    [
        pytest.param("Europe", {"S": 1900, "M": 2000}, id="Europe"),
        pytest.param("America", {"S": 2200, "M": 2300}, id="America"),
    ],
)
def test_products_have_the_prices_of_a_region(
    api: ShopApi, where: str, prices: dict[str, int]
) -> None:
    query = f"region_id=reg_{where}&category_id[]=pcat_clothes"

    found = api.get(f"/store/products?{query}", x_publishable_api_key="pk_storefront")

    (shirt,) = found["products"]
    assert shirt["handle"] == "shirt"
    assert [image["url"] for image in shirt["images"]] == DOCUMENT["products"][0]["images"]
    assert {each["title"]: each["calculated_price"] for each in shirt["variants"]} == prices


def test_the_seeded_user_logs_in(api: ShopApi) -> None:
    login = {"email": "owner@example.com", "password": "Grüße, 日本"}

    token = api.post("/admin/auth/token", login)["access_token"]

    seen = api.get("/admin/auth", authorization=f"Bearer {token}")
    assert (seen["user"]["email"], seen["user"]["role"]) == ("owner@example.com", "member")


def test_a_wrong_password_is_refused(api: ShopApi) -> None:
    with pytest.raises(AssertionError, match="401"):
        api.post("/admin/auth/token", {"email": "owner@example.com", "password": "Grüße"})


def test_a_cart_becomes_an_order(api: ShopApi) -> None:
    shirt = api.get("/store/products?handle=shirt")["products"][0]
    small = next(each for each in shirt["variants"] if each["title"] == "S")
    address = {
        "first_name": "Ada",
        "last_name": "Pine",
        "address_1": "1 Street",
        "city": "Town",
        "postal_code": "12345",
        "country_code": "us",
    }

    cart = api.post("/store/carts", {"region_id": "reg_America"})["cart"]
    path = f"/store/carts/{cart['id']}"
    api.post(f"{path}/line-items", {"variant_id": small["id"], "quantity": 2})
    api.post(path, {"email": "ada@example.com", "shipping_address": address})
    (post,) = api.get(f"/store/shipping-options/{cart['id']}")["shipping_options"]
    api.post(f"{path}/shipping-methods", {"option_id": post["id"]})
    api.post(f"{path}/payment-sessions")
    api.post(f"{path}/payment-session", {"provider_id": "manual"})
    done = api.post(f"{path}/complete")

    shirt = api.get("/store/products?handle=shirt")["products"][0]
    left = {each["title"]: each["inventory_quantity"] for each in shirt["variants"]}
    assert left == {"S": 8, "M": 10}
    assert done["type"] == "order"
    order = done["data"]
    assert (order["currency_code"], order["subtotal"], order["shipping_total"]) == (
        "usd",
        4400,
        900,
    )
    assert order["total"] == (4400 + 900) * 1.2
    assert order["display_id"] == 1
