"""A shop written out as a document is the same shop when it is seeded elsewhere."""

from __future__ import annotations

import json

import psycopg
import pytest
from psycopg import sql

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


SINCE = """
    delete from store_currencies where currency_code in ('eur', 'usd');
    insert into store_currencies select id, 'sek' from store;
    update region set currency_code = 'nok' where id = 'reg_us';
    insert into region (id, name, currency_code, tax_rate) values ('reg_us2', 'America', 'dkk', 0);
    insert into tax_provider (id) values ('taxes');
    update region set tax_provider_id = 'taxes' where id = 'reg_us2';
    insert into region (id, name, currency_code, tax_rate, deleted_at)
        values ('reg_gone', 'Gone', 'dkk', 0, now());
    insert into fulfillment_provider (id) values ('post');
    update shipping_option set provider_id = 'post' where name = 'By mail';
    insert into shipping_option (id, name, region_id, profile_id, provider_id, price_type, amount, data)
        select o.id, o.name, o.region_id, profile_id, 'post', 'flat_rate', 1, '{}'
          from (values ('so_gone', 'Gone', 'reg_gone'), ('so_1', 'Same', 'reg_us'), ('so_2', 'Same', 'reg_us'))
               o (id, name, region_id),
               (select profile_id from shipping_option where name = 'Parcel' limit 1) p;
    update product set collection_id = 'pcol_gone' where handle = 'plate';
    insert into money_amount (id, currency_code, amount, region_id, min_quantity, max_quantity) values
        ('ma_sek', 'sek', 1, null, null, null), ('ma_isk', 'isk', 2, null, null, null),
        ('ma_gone', 'dkk', 3, 'reg_gone', null, null), ('ma_never', 'dkk', 4, null, 5, 4);
    insert into product_variant_money_amount (id, money_amount_id, variant_id)
        select 'pvma_' || m.id, m.id, v.id from money_amount m, product_variant v
         where m.id in ('ma_sek', 'ma_isk', 'ma_gone', 'ma_never') and v.sku = 'PLATE-LARGE';
    insert into publishable_api_key (id, title) values ('pk_2', 'Storefront');
"""
"""What a shop's owner does after the seed: all of it is accepted by Medusa's API."""


def test_a_shop_that_medusa_would_not_seed_like_that_is_exported_as_one_that_can_be_seeded(shop_at):
    one, other = shop_at("1.20.11"), shop_at("1.20.11")
    seed(one, everything())
    with psycopg.connect(one) as conn:
        conn.execute(
            "insert into product_collection (id, title, handle, deleted_at) values ('pcol_gone', 'G', 'g', now())"
        )
        conn.execute(SINCE)

    done = medusa_db("seed", "export", url=one)
    found = json.loads(done.stdout)
    seed(other, found)

    lines = done.stderr.replace("medusa-db: not exported as it is: ", "").splitlines()
    assert sorted(lines) == sorted([
        "the store has no currency eur, its default; a seed adds it to the store's",
        "the store has no currency nok, that of the region America; a seed adds it to the store's",
        "the store has no currency dkk, that of the region America; a seed adds it to the store's",
        ("the shipping option By mail is delivered by post, which the region Europe does not have; a seed adds "
        "it to the region"),
        ("the shipping option Same is delivered by post, which the region America does not have; a seed adds "
        "it to the region"),
        "the shipping option Gone is left out: its region was deleted",
        "products without their collection, which was deleted: 1",
        "prices that are left out, as their region was deleted: 1",
        "prices that are left out, as their min_quantity is more than their max_quantity: 1",
        "prices of a region in a currency that is not its own, which get that: 1",
    ])  # fmt: skip
    assert exported(other) == found
    assert {name: len(found[name]) for name in ("regions", "shipping_options")} == {
        "regions": 3, "shipping_options": 6
    }  # fmt: skip
    large = found["products"][1]["variants"][1]
    assert [price["currency_code"] for price in large["prices"]] == ["eur", "usd", "isk", "sek"]
    assert seed(other, found)["state"] == "nothing"


ODD = {
    "same-values": "update product_option_value set value = 'S' where variant_id = {large}",
    "no-value": "delete from product_option_value where variant_id = {large}",
    "two-titles": """
        insert into product_option (id, title, product_id) values ('opt_2', 'Size', {it});
        insert into product_option_value (id, value, option_id, variant_id)
            select 'optval_' || id, 'x', 'opt_2', id from product_variant where product_id = {it}
    """,
    "two-prices": """
        insert into money_amount (id, currency_code, amount) values ('ma_2', 'usd', 7);
        insert into product_variant_money_amount (id, money_amount_id, variant_id) values ('pvma_2', 'ma_2', {large})
    """,
    "debt": """
        update money_amount set amount = -1 where id in
            (select money_amount_id from product_variant_money_amount where variant_id = {large})
    """,
    "region": """
        update money_amount set region_id = 'reg_us', currency_code = 'eur', min_quantity = 2 where id in
            (select money_amount_id from product_variant_money_amount where variant_id = {large})
    """,
    "list": "update product set metadata = '[1]' where id = {it}",
    "deep": "update product set metadata = (repeat('[', 300) || repeat(']', 300))::jsonb where id = {it}",
    "no-type": """
        insert into product_type (id, value, deleted_at) values ('ptyp_1', 'gone', now());
        update product set type_id = 'ptyp_1' where id = {it}
    """,
    "tags": """
        insert into product_tag (id, value) values ('ptag_1', 'a'), ('ptag_2', 'a');
        insert into product_tags values ({it}, 'ptag_1'), ({it}, 'ptag_2')
    """,
    "no-thumbnail": """
        insert into image (id, url) values ('img_1', 'https://shop.test/front.png');
        insert into product_images (product_id, image_id) values ({it}, 'img_1')
    """,
    "empty-thumbnail": """
        insert into image (id, url) values ('img_2', 'https://shop.test/back.png');
        insert into product_images (product_id, image_id) values ({it}, 'img_2');
        update product set thumbnail = '' where id = {it}
    """,
    "ranks": "update product_variant set variant_rank = 0 where product_id = {it}",
    "nameless": "update product set handle = null, title = '!' where id = {it}",
    "namesake": "update product set handle = null, title = 'List' where id = {it}",
}
"""What hands, imports and plugins do to the product of that handle."""


def sizes(handle):
    variants = [
        {"title": size, "sku": f"{handle}-{size}", "inventory_quantity": 1, "options": [{"value": size}],
         "prices": [{"currency_code": "usd", "amount": 1}]}
        for size in "SL"
    ]  # fmt: skip
    return product(handle, options=[{"title": "Size"}], variants=variants)


def test_a_product_that_no_document_can_have_is_exported_without_that_by_name(shop_at):
    one, other = shop_at("1.20.11"), shop_at("1.20.11")
    body = everything()
    body["products"] = [sizes(handle) for handle in ODD]
    seed(one, body)
    with psycopg.connect(one) as conn:
        for handle, statements in ODD.items():
            it = f"(select id from product where handle = '{handle}')"
            large = f"(select id from product_variant where sku = '{handle}-L')"
            for statement in statements.split(";"):
                conn.execute(sql.SQL(statement.replace("{it}", it).replace("{large}", large)))

    done = medusa_db("seed", "export", url=one)
    found = json.loads(done.stdout)
    seed(other, found)

    lines = done.stderr.replace("medusa-db: not exported as it is: ", "").splitlines()
    assert sorted(lines) == [
        "metadata that is left out, as it is no object or nested too deeply: 2",
        "options that get a number, as their product has two of a title: 1",
        "prices of a region in a currency that is not its own, which get that: 1",
        "prices of a region without their quantities, which Medusa has none for: 1",
        "prices that are left out, as their amount or quantity is less than 0: 1",
        "prices that are left out, as their variant has another price for the same: 1",
        "products without a handle, which get their id as one: 2",
        "products without a thumbnail, which get their first image as one: 2",
        "products without their type, which was deleted: 1",
        "the variant no-value-L of the product no-value is left out: it has no value for an option",
        "the variant same-values-L of the product same-values is left out: it has the option values of another variant",
    ]
    assert by_handle(exported(other)) == by_handle(found)
    assert seed(other, found)["state"] == "nothing"


def by_handle(body):
    """Return the products of *body*, without ids, by their handles."""
    return {
        one["handle"]: {key: value for key, value in one.items() if key != "id"}
        for one in body["products"]
    }


def test_a_shop_whose_owner_sells_in_fewer_currencies_takes_its_own_document_again(shop_at):
    url = shop_at("1.20.11")
    body = everything()
    seed(url, body)
    with psycopg.connect(url) as conn:
        conn.execute("delete from store_currencies where currency_code in ('eur', 'usd')")
    del body["store"]

    assert seed(url, body)["state"] == "nothing"


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


def test_what_the_format_cannot_say_is_on_stderr(shop_at):
    url = shop_at("1.20.11")
    seed(url, shop())
    with psycopg.connect(url) as conn:
        conn.execute("update product_category set is_active = false")

    done = medusa_db("seed", "export", url=url)

    assert done.returncode == 0
    assert done.stderr == (
        "medusa-db: not exported as it is: the category kitchen is not active; a seed makes it so\n"
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


def test_a_moment_that_python_does_not_know_disturbs_no_export_and_no_seed(shop_at):
    shop = shop_at("1.20.11")
    seed(shop, everything())
    before = exported(shop)
    with psycopg.connect(shop) as conn:
        conn.execute(
            "update product set updated_at = '0044-03-15 BC', created_at = 'infinity' where handle = 'mug'"
        )
        conn.execute("update region set created_at = '-infinity'")
        conn.execute("alter table product add sold_until date default 'infinity'")
        conn.execute("alter table product_variant add sold_until timestamp default '-infinity'")

    assert by_handle(exported(shop)) == by_handle(before)
    assert seed(shop, before)["state"] == "nothing"


def test_what_a_seed_would_refuse_is_said_of_an_export_which_is_json_all_the_same(shop_at):
    shop = shop_at("1.20.11")
    seed(shop, everything())
    with psycopg.connect(shop) as conn:
        conn.execute("update region set tax_rate = 'nan'")

    done = medusa_db("seed", "export", url=shop)

    body = json.loads(done.stdout, parse_constant=pytest.fail)
    assert {region["tax_rate"] for region in body["regions"]} == {None}
    assert (
        "medusa-db: a seed refuses the document until this is corrected: regions[0].tax_rate: null where a value belongs"
        in done.stderr
    )


def test_a_category_below_itself_is_exported_with_what_is_below_it(shop_at):
    one, other = shop_at("1.20.11"), shop_at("1.20.11")
    seed(one, {"categories": [{"name": "a", "category_children": [{"name": "b"}]}, {"name": "c"}]})
    with psycopg.connect(one) as conn:
        conn.execute(
            "update product_category set parent_category_id = (select id from product_category where handle = 'b')"
            " where handle = 'a'"
        )

    done = medusa_db("seed", "export", url=one)
    found = json.loads(done.stdout)
    seed(other, found)

    assert "the category a is below itself; it is exported without the one above it" in done.stderr
    assert exported(other)["categories"] == found["categories"]
    assert [each["handle"] for each in found["categories"]] == ["c", "a"]
