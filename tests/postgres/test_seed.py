"""A document fills a shop once; a second time changes nothing, a changed one what it changed."""

from __future__ import annotations

import json

import psycopg
import pytest

import faults
from medusa_migrations.contract.errors import RefusedError
from medusa_seed.planning import passwords
from medusa_seed.run.once import When
from seed_documents import product, shop, written
from seed_rows import contents
from seed_runs import changed, seed
from servers import medusa_db, rows


def asked(url, query):
    with psycopg.connect(url) as conn:
        return rows(conn, query)


def test_a_document_becomes_the_rows_of_a_shop(shop_at):
    url = shop_at("1.20.11")

    seed(url, shop())

    assert asked(url, "select name, default_currency_code from store") == [("Pine & Paper", "usd")]
    assert asked(url, "select iso_2, r.name from country c join region r on r.id = region_id order by 1") == [
        ("de", "Europe"), ("fr", "Europe"),
    ]  # fmt: skip
    assert asked(url, "select handle, rank, mpath, is_active from product_category") == [
        ("kitchen", 0, "pcat_kitchen.", True)
    ]
    assert asked(
        url,
        """
        select p.handle, p.status, p.thumbnail, p.collection_id, p.metadata, s.name, f.type, v.sku,
               v.variant_rank, o.title, ov.value, array_agg(m.currency_code || m.amount order by 1)
          from product p
          join product_sales_channel pc on pc.product_id = p.id
          join sales_channel s on s.id = pc.sales_channel_id
          join product_variant v on v.product_id = p.id
          join product_option_value ov on ov.variant_id = v.id
          join product_option o on o.id = ov.option_id
          join product_shipping_profile ps on ps.product_id = p.id
          join shipping_profile f on f.id = ps.profile_id
          join product_variant_money_amount pm on pm.variant_id = v.id
          join money_amount m on m.id = pm.money_amount_id
         where p.handle = 'mug' group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 order by 9
        """,
    ) == [
        ("mug", "published", "https://images.example/mug.jpg", "pcol_winter", {"dishwasher": True},
         "Default Sales Channel", "default", f"MUG-{size.upper()}", rank, "Size", size,
         ["eur1800", "usd2000"])
        for rank, size in enumerate(("Small", "Large"))
    ]  # fmt: skip
    assert asked(url, "select count(*) from staged_job") == [(0,)]


def test_a_password_is_kept_as_a_hash_that_a_server_knows(shop_at):
    url = shop_at("1.20.11")

    seed(url, shop())

    [(email, hashed, role)] = asked(url, 'select email, password_hash, role from "user"')
    assert (email, role) == ("ada@example.com", "member")
    assert passwords.matches("supersecret", hashed)


@pytest.mark.parametrize("version", ["1.1.32", "1.3.9", "1.7.15", "1.12.3"])
def test_the_schema_decides_where_things_go(shop_at, version):
    url = shop_at(version)
    body = shop(publishable_api_keys=[])
    del body["categories"], body["publishable_api_keys"], body["products"][0]["categories"]

    seed(url, body)

    assert asked(
        url,
        "select p.handle, v.title, count(*) from product p join shipping_profile s on s.id = p.profile_id"
        " join product_variant v on v.product_id = p.id join money_amount m on m.variant_id = v.id"
        " group by 1, 2 order by 1, 2",
    ) == [("mug", "Large", 2), ("mug", "Small", 2), ("plate", "Large", 2), ("plate", "Small", 2)]


def test_a_key_that_a_version_cannot_hold_is_named(shop_at, tmp_path):
    url = shop_at("1.3.9")
    body = shop(rule_types=[{"name": "Region", "rule_attribute": "region_id"}])
    body["regions"][0]["includes_tax"] = True

    done = medusa_db("seed", "-f", str(written(body, tmp_path)), url=url)

    assert done.returncode == 2
    assert sorted(done.stderr.splitlines()[1:]) == [
        "- categories: this database (1.3.9) cannot hold it, for it has no table product_category",
        (
            "- products[0].categories: this database (1.3.9) cannot hold it, for it has no table "
            "product_category_product"
        ),
        (
            "- publishable_api_keys: this database (1.3.9) cannot hold it, for it has no table "
            "publishable_api_key"
        ),
        (
            "- regions[0].includes_tax: this database (1.3.9) cannot hold it, for it has no column "
            "region.includes_tax; the feature flag tax_inclusive_pricing brings it"
        ),
        (
            "- rule_types: this database (1.3.9) cannot hold it, for it has no table rule_type; the pricing "
            "module of medusa_v2 brings it"
        ),
    ]


def test_a_flag_that_is_on_makes_room(shop_at):
    url = shop_at("1.12.3", "--flag", "tax_inclusive_pricing=true")
    body = shop()
    body["regions"][0]["includes_tax"] = True

    seed(url, body)

    assert asked(url, "select includes_tax from region") == [(True,)]


def test_a_second_time_changes_nothing_and_says_so(shop_at, tmp_path):
    url = shop_at("1.20.11")
    path = written(shop(), tmp_path)
    medusa_db("seed", "-f", str(path), url=url)
    before = contents(url)

    done = medusa_db("seed", "--seed-file", str(path), url=url)

    assert done.stdout.splitlines()[-1] == "Nothing to do: the shop, at 1.20.11, has all of it."
    assert contents(url) == before


def test_a_changed_document_adds_and_updates_and_takes_nothing_away(shop_at):
    url = shop_at("1.20.11")
    seed(url, shop())
    body = shop(products=[product(title="Cup", tags=[{"value": "tin"}]), product("bowl")])
    body["products"][0]["variants"][0]["prices"][0]["amount"] = 1900
    body["products"][0]["variants"] = body["products"][0]["variants"][:1]
    body["regions"][0]["countries"] = ["it"]

    report = seed(url, body)

    assert changed(report) == {
        "regions": {"updated": 1},
        "products": {"created": 1, "updated": 1},
        "options": {"created": 1},
        "variants": {"created": 2, "updated": 1},
        "prices": {"created": 4, "updated": 1},
        "tags": {"created": 1},
    }
    assert asked(url, "select handle, title from product order by 1") == [
        ("bowl", "Bowl"), ("mug", "Cup"), ("plate", "Plate"),
    ]  # fmt: skip
    assert asked(url, "select count(*) from product_variant") == [(6,)]
    assert asked(url, "select string_agg(iso_2, ' ' order by iso_2) from country where region_id is not null") == [
        ("de fr it",)
    ]  # fmt: skip
    assert asked(url, "select count(*) from product where updated_at > created_at") == [(1,)]


def test_a_variant_is_found_by_its_values_when_its_sku_changes(shop_at):
    url = shop_at("1.20.11")
    seed(url, shop())
    body = shop()
    body["products"][0]["variants"][0]["sku"] = "NEW"

    report = seed(url, body)

    assert changed(report) == {"variants": {"updated": 1}}
    assert asked(url, "select count(*) from product_variant where sku = 'NEW'") == [(1,)]


def test_what_a_merchant_changed_stays_unless_overwritten(shop_at):
    url = shop_at("1.20.11")
    seed(url, shop())
    with psycopg.connect(url) as conn:
        conn.execute("update product set title = 'Best mug' where handle = 'mug'")
        conn.execute("update product_variant set inventory_quantity = 3 where sku = 'MUG-SMALL'")
    body = shop()
    body["products"][0] |= {"title": "Cup", "subtitle": "Of tin"}

    kept = seed(url, body)
    texts = asked(url, "select title, subtitle from product where handle = 'mug'")
    written_over = seed(url, body, overwrite=True)

    assert changed(kept) == {"products": {"updated": 1}, "variants": {"kept": 1}}
    assert texts == [("Best mug", "Of tin")]
    assert changed(written_over) == {"products": {"updated": 1}, "variants": {"updated": 1}}
    assert asked(url, "select title from product where handle = 'mug'") == [("Cup",)]


def test_rows_that_were_not_seeded_are_the_merchants(shop_at):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute("insert into product (id, title, handle) values ('prod_own', 'Mine', 'mug')")

    report = seed(url, shop())

    assert report["counts"]["products"] == {"created": 1, "updated": 0, "unchanged": 0, "kept": 1}
    assert asked(url, "select title from product where handle = 'mug'") == [("Mine",)]


def test_the_store_that_a_servers_first_start_made_is_filled_in(shop_at):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute("insert into store (id) values ('store_first')")
        conn.execute("insert into store_currencies values ('store_first', 'usd')")

    seed(url, shop())

    assert asked(url, "select id, name from store") == [("store_first", "Pine & Paper")]
    assert asked(url, "select currency_code from store_currencies order by 1") == [
        ("eur",),
        ("usd",),
    ]


@pytest.mark.parametrize(
    ("if_exists", "title"), [("update", "Cup"), ("skip", "Mug")], ids=("update", "skip")
)
def test_rows_that_are_there_are_updated_or_skipped(shop_at, if_exists, title):
    url = shop_at("1.20.11")
    seed(url, shop())

    report = seed(url, shop(products=[product(title="Cup"), product("bowl")]), if_exists=if_exists)

    assert asked(url, "select handle, title from product where handle <> 'plate' order by 1") == [
        ("bowl", "Bowl"), ("mug", title),
    ]  # fmt: skip
    assert report["counts"]["products"]["created"] == 1


def test_rows_that_are_there_can_be_refused(shop_at):
    url = shop_at("1.20.11")
    seed(url, {"store": {"currencies": ["usd", "eur"]}, "products": [product()]})
    before = contents(url)

    with pytest.raises(RefusedError) as caught:
        seed(url, {"products": [product("bowl"), product()]}, if_exists="fail")

    assert str(caught.value) == (
        'the shop has product "mug", variant "MUG-SMALL", variant "MUG-LARGE" already, and --if-exists '
        "fail asks for none of them; no row was written"
    )
    assert contents(url) == before


def test_a_dry_run_tells_the_plan_and_changes_nothing(shop_at):
    url = shop_at("1.20.11")
    before = contents(url)

    report = seed(url, shop(), dry_run=True)

    assert report["counts"]["products"] == {"created": 2, "updated": 0, "unchanged": 0}
    assert (report["dryRun"], contents(url)) == (True, before)


def test_a_dry_run_does_not_look_past_migrations(shop_at, tmp_path):
    url = shop_at("1.12.3")
    path = str(written(shop(), tmp_path))
    before = faults.snapshot(url)

    done = medusa_db("seed", "-f", path, "--to", "1.20.11", "--dry-run", url=url)

    assert (done.returncode, faults.snapshot(url)) == (9, before)
    assert "9 migrations and data steps to 1.20.11 come first" in done.stderr


def test_an_empty_database_is_migrated_first(url, tmp_path):
    report = tmp_path / "report.json"

    done = medusa_db("seed", "--demo", "--report-file", str(report), "--run-id", "job-1", url=url)

    body = json.loads(report.read_text())
    assert done.returncode == 0, done.stderr
    assert (body["command"], body["runId"], body["state"], body["version"]) == (
        "seed", "job-1", "done", "1.20.11",
    )  # fmt: skip
    assert body["seed"]["recorded"] is True
    assert body["seed"]["counts"]["products"] == {"created": 13, "updated": 0, "unchanged": 0}
    assert len(report.read_bytes()) <= 4096


def test_a_shop_stays_at_its_version_unless_asked(shop_at):
    url = shop_at("1.12.3")

    seed(url, shop())

    assert asked(url, "select count(*) from migrations") == [(66,)]


def test_once_does_nothing_where_a_seed_was_recorded(shop_at):
    url = shop_at("1.20.11")
    first = seed(url, shop(), when=When.ONCE)
    before = contents(url)

    second = seed(url, {"products": [product("bowl")]}, when=When.ONCE)
    same = seed(url, shop(), when=When.ONCE)

    assert (first["state"], second["state"], same["state"]) == ("done", "nothing", "nothing")
    assert [found["loaded"] for found in (first, second, same)] == [True, False, True]
    assert second["skipped"] == "the shop was seeded before"
    assert contents(url) == before


def test_status_tells_what_a_shop_was_seeded_with(shop_at):
    url = shop_at("1.20.11")
    before = medusa_db("status", "--output", "json", url=url)
    report = seed(url, shop())

    after = medusa_db("status", "--output", "json", url=url)
    status = medusa_db("status", url=url)

    assert json.loads(before.stdout)["seed"] is None
    found = json.loads(after.stdout)["seed"]
    assert (found["document"], found["checksum"]) == ("seed.json", report["checksum"])
    assert (found["counts"], found["version"]) == (report["counts"], "1.20.11")
    [line] = [line for line in status.stdout.splitlines() if line.startswith("seeded ")]
    assert line.split() == ["seeded", "seed.json,", *line.split()[2:4], "by", "postgres"]


def test_once_does_nothing_where_there_are_products(shop_at):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute("insert into product (id, title) values ('prod_own', 'Mine')")

    report = seed(url, shop(), when=When.ONCE)

    assert (report["state"], report["skipped"]) == ("nothing", "the shop has products")


def test_on_change_does_something_only_for_another_document(shop_at):
    url = shop_at("1.20.11")

    states = [
        seed(url, body, when=When.ON_CHANGE)["state"]
        for body in (shop(), shop(), shop(store={"name": "Other"}), shop())
    ]

    assert states == ["done", "nothing", "done", "done"]


def test_a_seed_is_recorded_with_its_checksum(shop_at):
    url = shop_at("1.20.11")

    report = seed(url, shop())

    [(checksum, document, counts, version)] = asked(
        url, "select checksum, document, counts, version from medusa_db.seed"
    )
    assert (checksum, document, version) == (report["checksum"], "seed.json", "1.20.11")
    assert counts == report["counts"]


def test_an_empty_document_does_nothing(shop_at):
    url = shop_at("1.20.11")
    before = contents(url)

    report = seed(url, {})

    assert (report["state"], contents(url)) == ("nothing", before)


def test_a_document_of_empty_lists_makes_what_a_servers_first_start_makes(shop_at):
    url = shop_at("1.20.11")

    report = seed(url, {"users": [], "regions": [], "shipping_options": [], "products": []})

    assert changed(report) == {
        "shipping_profiles": {"created": 2}, "sales_channels": {"created": 1}, "store": {"created": 1},
    }  # fmt: skip
    assert asked(url, "select name, default_currency_code, currency_code from store join store_currencies"
                      " on store_id = id") == [("Medusa Store", "usd", "usd")]  # fmt: skip


def test_products_share_images_tags_and_types(shop_at):
    url = shop_at("1.20.11")
    alike = {"images": ["a", "b"], "tags": [{"value": "x"}], "type": {"value": "t"}}
    body = {
        "store": {"currencies": ["usd", "eur"]},
        "products": [
            product("mug", **alike),
            product("bowl", **alike | {"images": ["b", "c"]}),
        ],
    }

    seed(url, body)

    assert asked(url, "select url, count(*) from image join product_images on image_id = id group by 1 order by 1") == [
        ("a", 1), ("b", 2), ("c", 1),
    ]  # fmt: skip
    assert asked(
        url, "select (select count(*) from product_tag), (select count(*) from product_type)"
    ) == [(1, 1)]


def test_categories_get_their_ranks_behind_those_that_are_there(shop_at):
    url = shop_at("1.20.11")
    seed(url, {"categories": [{"name": "A", "category_children": [{"name": "B"}]}]})

    seed(url, {"categories": [{"name": "C"}, {"name": "A", "category_children": [{"name": "D"}]}]})

    assert asked(url, "select c.name, p.name, c.rank from product_category c"
                      " left join product_category p on p.id = c.parent_category_id order by 1") == [
        ("A", None, 0), ("B", "A", 0), ("C", None, 1), ("D", "A", 1),
    ]  # fmt: skip


def test_a_price_may_be_for_a_region(shop_at):
    url = shop_at("1.20.11")
    mug = product()
    mug["variants"][0]["prices"] = [
        {"currency_code": "USD", "amount": 5},
        {"region_id": "eu", "amount": 4},
    ]

    seed(url, shop(products=[mug | {"variants": mug["variants"][:1]}]))

    assert asked(url, "select m.currency_code, amount, r.name from money_amount m"
                      " left join region r on r.id = m.region_id order by 2") == [
        ("eur", 4, "Europe"), ("usd", 5, None),
    ]  # fmt: skip
