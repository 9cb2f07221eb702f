"""A shop written out as a document is the same shop when it is seeded elsewhere."""

from __future__ import annotations

import json

import psycopg
import pytest

from seed_documents import product, shop, written
from seed_runs import exported, seed
from servers import medusa_db


def everything():
    """A document that uses what the format has."""
    body = shop()
    body["store"] |= {"default_currency_code": "eur", "metadata": {"a": [1]}}
    body["regions"] += [
        {
            "id": "reg_us",
            "name": "America",
            "currency_code": "usd",
            "tax_rate": 7.25,
            "tax_code": "T",
            "gift_cards_taxable": False,
            "automatic_taxes": False,
            "countries": ["us"],
        },
    ]
    body["shipping_options"] += [
        {**body["shipping_options"][0], "name": "By mail", "is_giftcard": True, "admin_only": True},
        {
            **body["shipping_options"][0],
            "is_return": True,
            "metadata": {"x": None},
            "requirements": [
                {"type": "max_subtotal", "amount": 9},
                {"type": "min_subtotal", "amount": 1},
            ],
        },
        {
            **body["shipping_options"][0],
            "name": "Worked out",
            "price_type": "calculated",
            "amount": None,
        },
    ]
    body["categories"] += [
        {
            "id": "pcat_a",
            "name": "A",
            "description": "About",
            "category_children": [
                {"name": "B", "is_internal": True},
                {"name": "C", "metadata": {"k": 1}},
            ],
        },
    ]
    card = product(
        "card",
        is_giftcard=True,
        status="draft",
        subtitle="S",
        thumbnail="other.png",
        weight=5,
        hs_code="1",
        origin_country="de",
        mid_code="m",
        material="paper",
        external_id="x",
        images=["1.png", "2.png"],
    )
    card["options"][0]["metadata"] = {"o": 1}
    card["variants"][0] |= {
        "barcode": "b",
        "ean": "e",
        "upc": "u",
        "allow_backorder": True,
        "manage_inventory": False,
        "variant_rank": 7,
        "length": 1,
        "height": 2,
        "width": 3,
        "metadata": {"v": []},
        "prices": [
            {"region_id": "reg_us", "amount": 1},
            {"currency_code": "usd", "amount": 2, "min_quantity": 10, "max_quantity": 20},
        ],
    }
    card["variants"][0]["options"][0]["metadata"] = {"ov": 1}
    plain = product("plain", discountable=False)
    del plain["options"], plain["variants"]
    body["products"] += [card, plain]
    return body  # fmt: skip


@pytest.mark.parametrize("version", ["1.20.11", "1.12.3"])
def test_an_exported_shop_is_the_same_when_it_is_seeded_elsewhere(shop_at, version):
    one, other = shop_at(version), shop_at(version)
    body = everything()
    if version == "1.12.3":
        del body["categories"][1]["category_children"][1]["metadata"]
    seed(one, body)

    found = exported(one)
    seed(other, found)

    assert exported(other) == found
    assert {name: len(found[name]) for name in found if name != "store"} == {
        "regions": 2, "shipping_options": 4, "categories": 2, "product_collections": 1, "products": 4,
        "publishable_api_keys": 1,
    }  # fmt: skip


def test_an_export_says_what_the_document_said(shop_at):
    url = shop_at("1.20.11")
    seed(url, everything())

    found = exported(url)

    assert "users" not in found
    assert found["store"] == {
        "name": "Pine & Paper", "default_currency_code": "eur", "metadata": {"a": [1]},
        "currencies": ["eur", "usd"],
    }  # fmt: skip
    assert found["products"][1] == product("plate", options=[{"title": "Size"}])
    assert found["products"][3] == {"title": "Plain", "handle": "plain", "discountable": False}


def test_a_shop_that_takes_its_own_export_changes_nothing(shop_at):
    url = shop_at("1.20.11")
    seed(url, everything())

    report = seed(url, exported(url), overwrite=True)

    assert report["state"] == "nothing"


def test_some_products_can_be_named(shop_at):
    url = shop_at("1.20.11")
    seed(url, everything())

    done = medusa_db("seed", "export", "--products", "plate, card", url=url)
    wrong = medusa_db("seed", "export", "--products", "plate,spoon", url=url)

    assert [one["handle"] for one in json.loads(done.stdout)["products"]] == ["plate", "card"]
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "medusa-db: no product of this shop has the handle spoon\n"


def test_what_the_format_cannot_say_is_told(shop_at):
    url = shop_at("1.20.11")
    seed(url, shop())
    with psycopg.connect(url) as conn:
        conn.execute("update product_category set is_active = false")

    done = medusa_db("seed", "export", url=url)

    assert done.returncode == 0
    assert done.stderr == (
        "medusa-db: the format has no place for all of it: the category kitchen is not active; a seed makes it so\n"
    )


def test_an_export_can_be_piped_into_a_seed(shop_at, tmp_path):
    one, other = shop_at("1.20.11"), shop_at("1.20.11")
    seed(one, shop())
    path = written(medusa_db("seed", "export", url=one).stdout, tmp_path)

    done = medusa_db("seed", "-f", str(path), url=other)

    assert done.returncode == 0, done.stderr


def test_a_database_without_a_shop_cannot_be_exported(url):
    done = medusa_db("seed", "export", url=url)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "medusa-db: there is no shop in the schema public to export\n"
