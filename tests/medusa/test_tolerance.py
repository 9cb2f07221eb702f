"""Where Medusa's migrations say `if exists` or `if not exists`, ours pass over the same things."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from medusa_equality import clock, differences, migrate
from medusa_migrations.catalog import version as versions
from medusa_replay import replay
from medusa_testbed.medusa import packages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from medusa_migrations.catalog.model import Catalog
    from servers import TestServer

pytestmark = pytest.mark.each_server

_UP = re.compile(r"(\w+)\.prototype\.up = .*?(?=\w+\.prototype\.down = |\Z)", re.DOTALL)
_OPTIONAL = re.compile(r'if\s+(?:not\s+)?exists\s+(?:"?public"?\.)?"?(\w+)', re.IGNORECASE)

STRICT_HERE = {
    # its columns have types that only this migration makes: a table of that name is another one
    ("paymentCollection1664880666982", "payment_collection"),
    # read by the statement before, which would have failed without it
    ("addTableProductShippingProfile1680857773273", "profile_id"),
    ("dropMoneyAmountConstraintsForPricingModule1692953518123", "variant_id"),
    # the runner makes it
    ("productSearchGinIndexes1679950645254", "pg_trgm"),
}


def optional(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield migration and object of everything that the package in *folder* calls optional."""
    for file in sorted((folder / "dist/migrations").glob("*.js")):
        text = file.read_text(encoding="utf-8").replace("\\n", "\n").replace('\\"', '"')
        for up in _UP.finditer(text):
            yield from ((up[1], name) for name in _OPTIONAL.findall(up[0]))


def test_what_medusa_calls_optional_is_optional_here(catalog: Catalog) -> None:
    missing, ever, here = {}, set(), set()
    for published in packages.published_versions():
        version = versions.parse(published)
        assert version is not None
        theirs = set(optional(packages.medusa(published)))
        ours = {
            (migration.name, name)
            for migration in catalog.present(version)
            for name in _OPTIONAL.findall(migration.statements)
        }
        if theirs - ours - STRICT_HERE:
            missing[published] = theirs - ours - STRICT_HERE
        ever |= theirs
        here |= ours

    assert missing == {}
    assert ever >= STRICT_HERE
    assert here - ever == set()  # some became optional later; here they are from the start


V2 = {"medusa_v2": True, "sales_channels": True}
SHOPS = {
    "early-columns": (
        "1.4.1", "1.5.0", {"order_editing": True},
        "alter table line_item add order_edit_id character varying, add original_item_id character varying",
    ),
    "a-gift-cards-tax-rate": (
        "1.6.5", "1.20.11", {},
        """
        alter table gift_card add tax_rate real;
        drop index "UniqPaymentSessionCartIdProviderId";
        """,
    ),
    "an-index-by-hand": (
        "1.7.15", "1.9.0", {},
        """
        drop index "IDX_product_category_handle";
        create unique index "IDX_product_category_handle" on product_category (handle);
        alter table product_category add description text not null default '';
        """,
    ),
    "indexes-as-medusa-advised": (
        "1.11.0", "1.12.3", {},
        """
        drop index "IDX_17a06d728e4cfbc5bd2ddb70af", "IDX_cdf4388f294b30a25c627d69fe";
        create index idx_money_amount_variant_id on money_amount (variant_id);
        create index idx_product_option_value_option_id on product_option_value (option_id);
        create extension pg_trgm;
        create index idx_gin_product_title on product using gin (title gin_trgm_ops) where deleted_at is null;
        """,
    ),
    "keys-lost-in-a-restore": (
        "1.12.3", "1.20.11", {},
        """
        alter table line_item_tax_line drop constraint "FK_5077fa54b0d037e984385dfe8ad";
        alter table line_item_adjustment drop constraint "FK_be9aea2ccf3567007b6227da4d2";
        alter table money_amount drop constraint "FK_17a06d728e4cfbc5bd2ddb70af0";
        alter table product_sales_channel drop constraint "FK_5a4d5e1e60f97633547821ec8d6";
        drop index "IDX_00605f9d662c06b81c1b60ce24";
        create table product_shipping_profile (profile_id text not null, product_id text not null);
        create index idx_product_shipping_profile_product_id on product_shipping_profile (product_id);
        alter table publishable_api_key_sales_channel add id text;
        insert into publishable_api_key_sales_channel values ('sc_0', 'pk_0', 'mine');
        """,
    ),
    "with-modules": (
        "1.12.3", "1.20.11", V2,
        """
        alter table line_item drop constraint "FK_5371cbaa3be5200f373d24e3d5b", add product_id text;
        alter table discount_rule_products drop constraint "FK_be66106a673b88a81c603abe7eb";
        alter table claim_item drop constraint "FK_64980511ca32c8e92b417644afa";
        alter table product_sales_channel add created_at timestamptz not null default now(), add id text;
        alter table "order" drop constraint "FK_6ff7e874f01b478c115fdd462eb";
        """,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHOPS)
def test_a_shop_that_was_changed_by_hand_is_upgraded_as_medusa_does(
    server: TestServer, made_by_medusa: Callable[..., str], name: str
) -> None:
    start, end, flags, changes = SHOPS[name]
    template = made_by_medusa(start, flags)
    with server.database(template) as left, server.database(template) as right:
        theirs, ours = server.url(left), server.url(right)
        for url in (theirs, ours):
            with psycopg.connect(url) as conn:
                conn.execute(sql.SQL(changes))
        since = clock(theirs)

        replay(end, theirs, flags)
        report = migrate(end, ours, flags)

        assert differences(theirs, ours, since=since) == ""
        assert report["verified"] is True
        told = [w for w in report["warnings"] if "is there already" in w or "is not there" in w]
        assert told != []
