"""What tells two seeded databases apart, and what does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import medusa_likeness
import medusa_seeding
from medusa_equality import clock
from medusa_seed_documents import Document, passwords

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from servers import TestServer

DOCUMENT: Document = {
    "store": {"currencies": ["usd", "eur"]},
    "users": [{"email": "someone@example.com", "password": "hush"}],
    "regions": [
        {
            "id": "europe",
            "name": "Europe",
            "currency_code": "eur",
            "tax_rate": 19,
            "payment_providers": ["manual"],
            "fulfillment_providers": ["manual"],
            "countries": ["de", "fr"],
        },
        {"id": "else", "name": "Elsewhere", "currency_code": "usd", "tax_rate": 0},
    ],
    "shipping_options": [
        {
            "name": "Post",
            "region_id": "europe",
            "provider_id": "manual",
            "data": {},
            "price_type": "flat_rate",
            "amount": 500,
            "requirements": [{"type": "min_subtotal", "amount": 1000}],
        }
    ],
    "categories": [{"name": "Clothes", "category_children": [{"name": "Shirts"}]}],
    "products": [
        {
            "title": "Shirt",
            "options": [{"title": "Size"}],
            "variants": [
                {
                    "title": "Shirt",
                    "variant_rank": 1,
                    "inventory_quantity": 1,
                    "options": [{"value": size}],
                    "prices": [{"currency_code": "eur", "amount": amount}],
                }
                for size, amount in (("S", 1900), ("M", 2100))
            ],
        },
        {"title": "Cap"},
    ],
}
"""Its two variants differ in nothing but what refers to them."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """A database with that shop, not to be touched, and the time before it was filled."""

    server: TestServer
    name: str
    since: datetime

    def difference(self, changed: psycopg.Connection[Any], since: datetime | None = None) -> str:
        """Return how a changed copy of it differs."""
        changed.commit()
        with psycopg.connect(self.server.url(self.name)) as conn:
            left, right = (
                medusa_likeness.read(each, since=since or self.since, passwords=passwords(DOCUMENT))
                for each in (conn, changed)
            )
        return medusa_likeness.difference(left, right, names=("left", "right"))


@pytest.fixture(scope="module")
def seeded(server: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    since = clock(server.admin_url)
    with server.database(server.at("1.20.11")) as name:
        folder = tmp_path_factory.mktemp("document")
        medusa_seeding.by_us(DOCUMENT, server.url(name), folder, "--no-migrate")
        yield Seeded(server, name, since)


@pytest.fixture
def changed(server: TestServer, seeded: Seeded) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a copy of it."""
    with server.database(seeded.name) as name, psycopg.connect(server.url(name)) as conn:
        yield conn


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param(
            "update product set subtitle = 'another' where title = 'Cap'",
            "product: created_at=now, discountable=true, handle=cap, id=prod_*, is_giftcard=false, "
            "status=published, subtitle=another, title=Cap, updated_at=now (only right)",
            id="value",
        ),
        pytest.param("update product set handle = null", "product: ", id="null"),
        pytest.param(
            "delete from shipping_option_requirement",
            "shipping_option_requirement: amount=1000, id=sor_*, shipping_option_id=so_*, "
            "type=min_subtotal (only left)",
            id="missing-row",
        ),
        pytest.param(
            "insert into currency (code, symbol, symbol_native, name) values ('xyz', '', '', '')",
            "currency: code=xyz, name=, symbol=, symbol_native= (only right)",
            id="extra-row",
        ),
        pytest.param(
            "insert into tax_provider (id) values ('mine')",
            "tax_provider: id=mine, is_installed=true (only right)",
            id="extra-row-in-a-table-that-was-empty",
        ),
        pytest.param(
            "update product_variant_money_amount set id = replace(id, 'pvma__', 'pvma_')",
            "product_variant_money_amount: created_at=now, id=pvma_*",
            id="prefix-of-an-id",
        ),
        pytest.param("update store set created_at = '2020-01-01'", "created_at=1577", id="time"),
        pytest.param(
            "update \"user\" set password_hash = translate(password_hash, 'abc', 'bca')",
            "password_hash=a hash of 'hush'",
            id="password",
        ),
        pytest.param(
            "update country set region_id = (select id from region where name = 'Elsewhere') "
            "where region_id is not null",
            "linked otherwise: country: display_name=France, id=75, iso_2=fr, iso_3=fra, "
            "name=FRANCE, num_code=250, region_id=reg_* | region_id -> region: ",
            id="reference",
        ),
        pytest.param(
            "update product_category set mpath = id || '.'",
            "mpath=pcat_*., name=Shirts",
            id="path-of-ids",
        ),
        pytest.param(
            "update product_variant_money_amount link set variant_id = "
            "(select id from product_variant where id <> link.variant_id)",
            "linked otherwise: product_variant: ",
            id="swapped-links-between-rows-that-say-the-same",
        ),
        pytest.param(
            "update product set subtitle = subtitle where title = 'Shirt'",
            "order of product: ",
            id="order",
        ),
        pytest.param(
            "select nextval('order_display_id_seq')",
            "sequence order_display_id_seq is at 1 (only right)",
            id="sequence",
        ),
    ],
)
def test_a_change_is_named(
    seeded: Seeded, changed: psycopg.Connection[Any], change: str, named: str
) -> None:
    changed.execute(change)

    found = seeded.difference(changed)

    assert named in found


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("select", id="nothing"),
        pytest.param(
            "insert into staged_job (id, event_name, data) values ('job_1', 'user.created', '{}')",
            id="events",
        ),
        pytest.param(
            "update product_variant_money_amount set id = left(id, 6) || upper(left(md5(id), 26))",
            id="made-up-ids",
        ),
        pytest.param("update region set updated_at = now()", id="times-of-the-run"),
    ],
)
def test_what_is_chance_does_not_count(
    seeded: Seeded, changed: psycopg.Connection[Any], change: str
) -> None:
    changed.execute(change)

    found = seeded.difference(changed)

    assert not found, found


def test_a_long_difference_is_cut(seeded: Seeded, changed: psycopg.Connection[Any]) -> None:
    changed.execute("delete from currency where code not in (select currency_code from region)")

    lines = seeded.difference(changed).splitlines()

    assert len(lines) == 31
    assert lines[-1].startswith("... and ")


def test_times_before_the_run_are_compared(
    seeded: Seeded, changed: psycopg.Connection[Any]
) -> None:
    changed.execute("update store set created_at = created_at + interval '1 second'")

    early = seeded.difference(changed)
    late = seeded.difference(changed, seeded.since + timedelta(days=1))

    assert not early
    assert "store: created_at=" in late
