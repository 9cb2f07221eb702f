"""Drift of every kind is named; what is foreign or a known variant is not drift."""

from __future__ import annotations

import json

import psycopg
import pytest

from servers import medusa_db

DRIFT = [
    ("drop table note cascade", "table note is missing"),
    ("alter table store drop column swap_link_template", "column store.swap_link_template is missing"),
    (
        "alter table store alter column name type text",
        "column store.name is text instead of character varying",
    ),
    (
        "alter table store alter column swap_link_template set not null",
        "column store.swap_link_template does not take null",
    ),
    (
        "alter table store alter column default_currency_code drop not null",
        "column store.default_currency_code takes null",
    ),
    (
        "alter table store alter column name set default 'x'",
        "column store.name has the default 'x' instead of 'Medusa Store'",
    ),
    (
        'alter table store drop constraint "FK_55beebaa09e947cccca554af222"',
        "table store: constraint FK_55beebaa09e947cccca554af222 is missing",
    ),
    (
        "drop index idx_product_variant_money_amount_variant_id",
        "index idx_product_variant_money_amount_variant_id is missing",
    ),
    (
        "alter type order_status_enum add value 'lost'",
        ("type order_status_enum has the values pending, completed, archived, canceled,"
        " requires_action, lost instead of pending, completed, archived, canceled, requires_action"),
    ),
    ("drop extension pg_trgm cascade", "extension pg_trgm is missing"),
    (
        "alter sequence order_display_id_seq rename to gone",
        "sequence order_display_id_seq is missing",
    ),
    (
        "alter table product add column profile_id varchar",
        "column product.profile_id is left over from another version",
    ),
]  # fmt: skip


def _verify(url, *options):
    done = medusa_db("verify", "--output", "json", *options, url=url)
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(("change", "sentence"), DRIFT, ids=[change for change, _ in DRIFT])
def test_each_kind_of_drift_is_named(shop_at, change, sentence):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute(change)

    code, found = _verify(url)

    assert code == 8
    assert sentence in found["drift"]


def test_columns_in_another_order_are_drift(shop_at):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute("alter table image drop column metadata, drop column url")
        conn.execute("alter table image add column metadata jsonb, add column url varchar not null")

    code, found = _verify(url)

    assert code == 8
    assert found["drift"] == ["table image has its columns in another order from url on"]


def test_foreign_objects_are_counted_and_allowed(shop_at):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute("create table loyalty (id serial primary key, note text)")
        conn.execute("create index on product (title)")
        conn.execute("alter table product add column shelf text")
        conn.execute("create type mood as enum ('good')")

    code, found = _verify(url)

    assert code == 0
    assert found["drift"] == []
    assert found["foreign"] == [
        "column product.shelf",
        "index product_title_idx on product",
        "table loyalty",
        "type mood",
    ]


def test_the_ledger_counts_as_well(shop_at):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute("delete from migrations where name like 'AlterCustomer%'")

    code, found = _verify(url, "--to", "1.20.11")

    assert code == 8
    assert found["pending"] == ["AlterCustomerUniqueConstraint1709888477798"]


@pytest.mark.parametrize(
    ("start", "variant"),
    [
        ("1.1.63", ["newTaxSystem1641636508055 as of 1.1.63"]),
        ("1.1.65", ["addBatchJobModel1649775522087 as of 1.1.65"]),
        ("1.3.2", ["addBatchJobModel1649775522087 as of 1.1.65"]),
        ("1.7.15", []),
        ("1.7.11", ["multiLocation1671711415179 as of 1.7.3"]),
    ],
)
def test_an_upgrade_from_an_older_text_is_a_known_variant(shop_at, start, variant):
    url = shop_at(start)
    if start == "1.7.15":
        with psycopg.connect(url) as conn:
            conn.execute("create table typeorm_metadata (type varchar not null)")

    done = medusa_db("migrate", url=url)
    code, found = _verify(url)

    assert done.returncode == 0, done.stderr
    assert code == 0
    assert found["drift"] == []
    assert found["foreign"] == []
    assert set(found["variant"]) <= set(variant)


def test_a_database_without_a_proven_version_wants_one_named(url):
    done = medusa_db("verify", url=url)

    assert done.returncode == 9
    assert "its ledger proves no version to verify" in done.stderr
