"""Shops that were changed by hand: what Medusa's migrations pass over, and what is something else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

import servers
from faults import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.each_server

TAX_LINE = "lineItemTaxAdjustmentOnCascadeDelete1680857773272"


def change(url: str, statements: str) -> None:
    with psycopg.connect(url) as conn:
        conn.execute(sql.SQL(statements))


def test_what_was_there_already_or_was_missing_is_in_the_report(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.7.0")
    change(
        url,
        'alter table line_item_tax_line drop constraint "FK_5077fa54b0d037e984385dfe8ad";'
        " alter table gift_card add tax_rate real",
    )

    plan = json.loads(
        servers.medusa_db("plan", "--to", "1.20.11", "--output", "json", url=url).stdout
    )
    done = servers.medusa_db("migrate", "--to", "1.20.11", "--output", "json", url=url)

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    expected = [
        (
            "column gift_card.tax_rate is there already, as addTaxRateToGiftCards1670855241304 would make "
            "it. It stays as it is"
        ),
        (
            f"constraint FK_5077fa54b0d037e984385dfe8ad on line_item_tax_line is not there, and {TAX_LINE} "
            "would drop or change it. It is passed over, as Medusa's own migration does"
        ),
    ]
    assert [w for w in report["warnings"] if " there" in w] == expected
    found = [f"{f['problem']}. {f['advice']}" for f in plan["findings"] if " there" in f["problem"]]
    assert found == expected
    assert report["verified"] is True


@pytest.mark.parametrize(
    ("start", "statements", "said"),
    [
        pytest.param(
            "1.7.0",
            "alter table gift_card add tax_rate text not null",
            "column gift_card.tax_rate is there already, and is not what "
            "addTaxRateToGiftCards1670855241304 makes: column gift_card.tax_rate is text instead of real; "
            "column gift_card.tax_rate does not take null.",
            id="a-column-of-another-type",
        ),
        pytest.param(
            "1.11.0",
            "create index idx_money_amount_region_id on money_amount (currency_code)",
            "index idx_money_amount_region_id is there already, and is not what "
            "productDomainImprovedIndexes1679950645254 makes: index idx_money_amount_region_id is btree "
            "(currency_code) instead of btree (region_id).",
            id="an-index-on-another-column",
        ),
        pytest.param(
            "1.12.3",
            "create table product_shipping_profile (profile_id integer, product_id text not null)",
            "table product_shipping_profile is there already, and is not what "
            "addTableProductShippingProfile1680857773273 makes: column "
            "product_shipping_profile.profile_id is integer instead of text; column "
            "product_shipping_profile.profile_id takes null.",
            id="a-table-of-the-shops-own",
        ),
    ],
)
def test_another_object_of_that_name_is_refused_before_anything_is_written(
    shop_at: Callable[..., str], start: str, statements: str, said: str
) -> None:
    url = shop_at(start)
    change(url, statements)
    before = snapshot(url)

    done = servers.medusa_db("migrate", "--to", "1.20.11", url=url)

    assert (done.returncode, done.stdout) == (9, "")
    assert said in done.stderr
    assert "Make it the same, or rename it. Drop nothing that may hold rows" in done.stderr
    assert snapshot(url) == before
