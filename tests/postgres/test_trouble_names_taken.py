"""A name that a pending migration needs and that something else has is found before anything is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

import servers
from faults import snapshot
from roles import role

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers import TestServer

pytestmark = pytest.mark.each_server

PROFILES = "addTableProductShippingProfile1680857773273"


def change(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        for one in statements:
            conn.execute(sql.SQL(one))


def planned(url: str, *options: str) -> list[dict[str, Any]]:
    done = servers.medusa_db("plan", "--to", "1.20.11", "--output", "json", *options, url=url)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout)["findings"])


@pytest.mark.parametrize(
    ("start", "statements", "said"),
    [
        pytest.param(
            "1.12.3",
            ("create view product_shipping_profile as select id from product",),
            f"the view product_shipping_profile is there already, and {PROFILES} makes a table of that "
            "name. Rename it: Medusa needs its own table to be called so",
            id="a-view-called-like-a-table",
        ),
        pytest.param(
            "1.7.0",
            (
                "create table plugin (id int)",
                'create index "IDX_product_category_handle" on plugin (id)',
            ),
            "the index IDX_product_category_handle is there already, and ",
            id="an-index-of-the-shops-own",
        ),
        pytest.param(
            "1.1.65",
            ("create type order_item_change_type_enum as (a int)",),
            "the row type order_item_change_type_enum is there already, and orderEditing1663059812399 "
            "makes an enum type of that name. Rename it",
            id="a-composite-type-called-like-an-enum-type",
        ),
        pytest.param(
            "1.1.65",
            ("create type order_item_change_type_enum as enum ('x')",),
            "the enum type order_item_change_type_enum is there already, and "
            "orderEditing1663059812399 makes it. If Medusa made it, the ledger lacks a row",
            id="an-enum-type",
        ),
        pytest.param(
            "1.1.65",
            ("create domain order_edit as text",),
            "the domain order_edit is there already, and ",
            id="a-domain-called-like-a-table",
        ),
        pytest.param(
            "1.1.18",
            ("create sequence draft_order_display_id_seq",),
            "the sequence draft_order_display_id_seq is there already, and ",
            id="a-sequence-of-a-serial-column",
        ),
    ],
)
def test_what_has_the_name_is_named_with_what_needs_it(
    shop_at: Callable[..., str], start: str, statements: tuple[str, ...], said: str
) -> None:
    url = shop_at(start)
    change(url, *statements)
    before = snapshot(url)

    done = servers.medusa_db("migrate", "--to", "1.20.11", url=url)

    assert (done.returncode, done.stdout) == (9, "")
    assert said in done.stderr
    assert snapshot(url) == before


def test_what_medusa_made_is_not_to_be_renamed_for_what_the_shop_did(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.18.0")
    change(
        url,
        "delete from migrations where name = 'orderEditing1663059812399'",
        "alter table order_edit rename to elsewhere",
        "create view order_edit as select id from elsewhere",
    )

    found = [
        f"{one['problem']}. {one['advice']}" for one in planned(url) if one["reason"] == "NameTaken"
    ]

    named = next(one for one in found if "order_edit " in one)
    assert named == (
        "the view order_edit is there already, and orderEditing1663059812399 makes a table of that name. "
        "Rename it: Medusa needs its own table to be called so"
    )
    rest = next(one for one in found if "order_item_change_type_enum" in one)
    assert "If Medusa made them, the ledger lacks a row" in rest


def test_the_same_names_in_another_schema_or_on_another_table_are_free(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")
    change(
        url,
        "create schema plugin",
        "create table plugin.product_shipping_profile (id int)",
        "create type plugin.product_shipping_profile_enum as enum ('a')",
        'create view "Product_Shipping_Profile" as select 1 as one',
    )

    assert [f for f in planned(url) if f["reason"] == "NameTaken"] == []
    done = servers.medusa_db("migrate", "--to", "1.20.11", url=url)
    assert done.returncode == 0, done.stderr


def test_a_name_that_a_migration_before_frees_is_free(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.12.3")
    change(url, "create view product_shipping_profile as select id from product")
    (tmp_path / "1600000000000_away.sql").write_text(
        "alter view product_shipping_profile rename to mine;"
    )

    done = servers.medusa_db(
        "migrate", "--to", "1.20.11", "--migrations-dir", str(tmp_path), url=url
    )

    assert done.returncode == 0, done.stderr


def test_what_medusa_has_made_without_a_row_in_the_ledger_leads_to_repair(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.20.11")
    change(url, "delete from migrations where name = 'AddMetadataToProductCategory1699564794649'")

    (found,) = (f for f in planned(url) if f["reason"] == "NameTaken")

    assert found["problem"].startswith(
        "the column product_category.metadata is there already, and "
    )
    assert "`medusa-db repair` shows what the schema proves" in found["advice"]
    assert "Drop nothing that may hold rows" in found["advice"]


def test_what_a_file_of_the_shops_own_may_not_change_is_found_with_its_owner(
    server: TestServer, tmp_path: Path
) -> None:
    with (
        server.database() as name,
        role(server, name, "grant usage, create on schema public to {}") as owner,
    ):
        change(
            server.url(name),
            "create extension pg_trgm",
            "create function stamp() returns int language sql as 'select 1'",
            "create sequence numbers",
            "create materialized view report as select 1 as one",
            "create schema plugin",
            "create table plugin.seen (id int)",
        )
        (tmp_path / "1600000000000_own.sql").write_text(
            "create or replace function stamp() returns int language sql as 'select 2';\n"
            "alter sequence numbers restart;\n"
            "drop materialized view report;\n"
            "alter table plugin.seen add column at int;\n"
        )
        before = snapshot(server.url(name))

        done = servers.medusa_db(
            "migrate",
            "--to",
            "1.20.11",
            "--migrations-dir",
            str(tmp_path),
            url=server.url(name, owner),
        )

        assert (done.returncode, done.stdout) == (5, "")
        said = (
            f"the role {owner} does not own function stamp() (own1600000000000), sequence numbers "
            "(own1600000000000), materialized view report (own1600000000000), table plugin.seen "
            "(own1600000000000), which only the owner may change or drop"
        )
        assert said in done.stderr
        assert snapshot(server.url(name)) == before
