"""Runs on a shop whose old server goes on selling."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

import servers
from faults import is_locked, programs, running, snapshot
from live_shop import Moved, Row, fill, slowly, writing
from medusa_migrations.schema import affected
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from medusa_migrations.catalog.model import Catalog, DataStep, Migration
    from servers import TestServer

FLAGS = ("sales_channels", "product_categories", "publishable_api_keys", "medusa_v2")
BASE: tuple[Row, ...] = (
    ("shipping_profile", {"id": "sp_0"}),
    ("product", {"id": "prod_0", "profile_id": "sp_0"}),
    ("product_variant", {"id": "variant_0", "product_id": "prod_0"}),
    ("region", {"id": "reg_0", "currency_code": "usd", "tax_rate": 19}),
    ("customer", {"id": "cus_0"}),
    ("cart", {"id": "cart_0", "region_id": "reg_0"}),
)


@dataclass(frozen=True)
class Way:
    """A range of versions, a shop, and everything that is moved on the way."""

    start: str
    end: str
    moved: tuple[Moved, ...]
    base: tuple[Row, ...] = BASE


CHANNEL: tuple[Row, ...] = (("sales_channel", {"id": "sc_0"}),)
STORE: tuple[Row, ...] = (
    (
        "store",
        {"id": "store_0", "default_currency_code": "usd", "default_sales_channel_id": "sc_0"},
    ),
)
RETURNS = (
    Moved(
        "newTaxSystem1641636508055",
        (("line_item", {"id": "item_{n}", "metadata": '{"is_return_line": true}'}),),
        "select id from line_item where id = any(%(keys)s) and not is_return",
    ),
)
PLACED = Moved(
    "1.7.3/sales_channels",
    (("product", {"id": "prod_{n}", "handle": "p-{n}", "profile_id": "sp_0"}),),
    "select id from product where id = any(%(keys)s) and id not in"
    " (select product_id from product_sales_channel)",
)
WAYS = {
    "taxes": Way("1.1.62", "1.1.63", RETURNS),
    "taxes-again": Way("1.1.62", "1.1.65", RETURNS),
    "discounts": Way(
        "1.2.1",
        "1.3.5",
        (
            Moved(
                "1.3.0/discount_rules",
                (
                    ("discount_rule", {"id": "dru_{n}", "type": "percentage", "value": 10}),
                    (
                        "discount_rule_products",
                        {"discount_rule_id": "dru_{n}", "product_id": "prod_0"},
                    ),
                ),
                "select unnest(%(keys)s::text[]) except select discount_rule_id from discount_condition"
                " join discount_condition_product on condition_id = id and product_id = 'prod_0'",
            ),
            Moved(
                "1.3.0/line_item_adjustments",
                (
                    (
                        "line_item",
                        {"id": "item_{n}", "order_id": "order_0", "unit_price": 100, "quantity": 1},
                    ),
                ),
                "select unnest(%(keys)s::text[]) except select item_id from line_item_adjustment",
            ),
        ),
        (
            *BASE,
            ("order", {"id": "order_0", "currency_code": "usd"}),
            ("discount_rule", {"id": "dru_x", "type": "percentage", "value": 10}),
            ("discount", {"id": "disc_0", "rule_id": "dru_x"}),
            ("order_discounts", {"order_id": "order_0", "discount_id": "disc_0"}),
        ),
    ),
    "cards": Way(
        "1.7.0",
        "1.7.5",
        (
            Moved(
                "1.7.1/gift_card_tax_rate",
                (("gift_card", {"id": "gift_{n}", "code": "{n}", "region_id": "reg_0"}),),
                "select id from gift_card where id = any(%(keys)s) and tax_rate is null",
            ),
            Moved(
                "paymentSessionIsInitiated1672906846560",
                (
                    (
                        "payment_session",
                        {
                            "id": "ps_{n}",
                            "provider_id": "p-{n}",
                            "cart_id": "cart_0",
                            "data": '{"a": 1}',
                        },
                    ),
                ),
                "select id from payment_session where id = any(%(keys)s) and not is_initiated",
            ),
            PLACED,
        ),
        (*BASE, *CHANNEL, *STORE),
    ),
    "categories": Way(
        "1.7.11",
        "1.8.0",
        (
            Moved(
                "productCategoryRank1677234878504",
                (
                    (
                        "product_category",
                        {"id": "pcat_{n}", "handle": "h-{n}", "parent_category_id": "pcat_0"},
                    ),
                ),
                "select unnest(%(keys)s::text[]) except select min(id) from product_category"
                " group by parent_category_id, rank",
            ),
            Moved(
                "categoryRemoveSoftDelete1679950221063",
                (
                    (
                        "product_category",
                        {"id": "gone_{n}", "handle": "g-{n}", "deleted_at": "2022-01-01"},
                    ),
                ),
                "select id from product_category where id = any(%(keys)s)",
            ),
        ),
        (*BASE, ("product_category", {"id": "pcat_0", "handle": "h-0"})),
    ),
    "links": Way(
        "1.12.3",
        "1.20.2",  # from 1.20.3 on the link of carts is gone
        (
            Moved(
                "addTableProductShippingProfile1680857773273",
                PLACED.rows,
                "select unnest(%(keys)s::text[]) except select product_id from product_shipping_profile"
                " where profile_id = 'sp_0'",
            ),
            Moved(
                "dropMoneyAmountConstraintsForPricingModule1692953518123",
                (
                    (
                        "money_amount",
                        {"id": "ma_{n}", "currency_code": "usd", "variant_id": "variant_0"},
                    ),
                ),
                "select unnest(%(keys)s::text[]) except select money_amount_id"
                " from product_variant_money_amount where variant_id = 'variant_0'",
            ),
            Moved(
                "LineItemProductId1692870898424",
                (("line_item", {"id": "item_{n}", "variant_id": "variant_0"}),),
                "select id from line_item where id = any(%(keys)s) and product_id is distinct from 'prod_0'",
            ),
            Moved(
                "ProductSalesChannelsLink1698056997411",
                (("product_sales_channel", {"product_id": "p_{n}", "sales_channel_id": "sc_0"}),),
                "select unnest(%(keys)s::text[]) except select product_id from product_sales_channel"
                " where id like 'prodsc_%%'",
                "product_id",
            ),
            Moved(
                "PublishableKeySalesChannelLink1701894188811",
                (
                    (
                        "publishable_api_key_sales_channel",
                        {"publishable_key_id": "k_{n}", "sales_channel_id": "sc_0"},
                    ),
                ),
                "select unnest(%(keys)s::text[]) except select publishable_key_id"
                " from publishable_api_key_sales_channel where id like 'pksc_%%'",
                "publishable_key_id",
            ),
            Moved(
                "CartSalesChannelsLink1698160215000",
                (("cart", {"id": "cart_{n}", "region_id": "reg_0", "sales_channel_id": "sc_0"}),),
                "select unnest(%(keys)s::text[]) except select cart_id from cart_sales_channel",
            ),
            Moved(
                "OrderSalesChannelLink1701860329931",
                (
                    (
                        "order",
                        {"id": "order_{n}", "currency_code": "usd", "sales_channel_id": "sc_0"},
                    ),
                ),
                "select unnest(%(keys)s::text[]) except select order_id from order_sales_channel",
            ),
        ),
        (*BASE, *CHANNEL),
    ),
}
IN_CI = ("discounts", "links")
NOW = tuple(WAYS) if os.environ.get("MEDUSA_TEST_ALL") else IN_CI


def on(catalog: Catalog) -> list[str]:
    """Return the options that switch on every flag there is."""
    return [word for name in sorted(catalog.flags) for word in ("--flag", f"{name}=true")]


def test_every_item_that_moves_rows_has_a_writer(catalog: Catalog) -> None:
    texts = [text for found in catalog.texts.values() for text in found]

    moving = set()
    items: list[Migration | DataStep] = [*texts, *catalog.data_steps]
    for item in items:
        changed = affected.affected([item.text])
        if changed.read | changed.written - {"country", "currency"}:
            moving.add(item.name)

    covered = {moved.item for way in WAYS.values() for moved in way.moved}
    assert moving - covered == {"1.3.6/sales_channels"}  # 1.7.3 has the same text


@pytest.mark.parametrize("transaction", ["step", "each"])
@pytest.mark.parametrize("name", NOW)
def test_what_an_old_server_commits_meanwhile_is_not_lost(
    shop_at: Callable[..., str], catalog: Catalog, name: str, transaction: str
) -> None:
    way, flags = WAYS[name], on(catalog)
    url = shop_at(way.start, *flags)
    fill(url, way.base)

    with slowly(url, 0.05), writing(url, way.moved) as writers:
        eventually(lambda: all(len(writer.committed) > 3 for writer in writers))
        done = servers.medusa_db(
            "migrate", "--to", way.end, "--transaction", transaction, *flags, url=url
        )

    assert done.returncode == 0, done.stderr
    for writer in writers:
        refused = writer.refused and writer.refused.sqlstate
        assert refused in (None, "42703", "23502", "23505"), (writer.moved.item, writer.refused)
        lost = writer.lost()
        assert lost == [], (writer.moved.item, len(lost), len(writer.committed))


OWN = Moved(
    "pointsToTheirOwnTable1700000000000",
    (("loyalty", {"id": "l_{n}", "points": 7}),),
    "select unnest(%(keys)s::text[]) except select id from loyalty_points where points = 7",
)


@pytest.mark.parametrize("transaction", ["step", "each"])
def test_what_a_shops_own_migration_moves_is_not_lost_either(
    shop_at: Callable[..., str], tmp_path: Path, transaction: str
) -> None:
    url = shop_at("1.20.11")
    (tmp_path / "1700000000000_pointsToTheirOwnTable.sql").write_text(
        "create table loyalty_points as select id, points from public.loyalty;\n"
        "create index on loyalty_points (id);\n"
        "alter table loyalty drop column points;\n"
    )
    with psycopg.connect(url) as conn:
        conn.execute("create table loyalty (id text primary key, points integer not null)")

    with slowly(url, 0.1), writing(url, [OWN]) as (writer,):
        eventually(lambda: len(writer.committed) > 3)
        done = servers.medusa_db(
            "migrate",
            "--to",
            "1.20.11",
            "--migrations-dir",
            str(tmp_path),
            "--transaction",
            transaction,
            url=url,
        )

    assert done.returncode == 0, done.stderr
    assert writer.refused is not None
    assert (writer.refused.sqlstate, writer.lost()) == ("42703", [])


BUSY = ("line_item", "product", "money_amount", "customer", "product_variant")


def test_a_busy_shop_and_a_run_never_deadlock(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.12.3")
    over, ends = threading.Event(), list[str | None]()

    def sell(number: int) -> None:
        tables = BUSY if number % 2 else BUSY[::-1]
        with psycopg.connect(url, autocommit=True) as shop:
            while not over.is_set():
                try:
                    with shop.transaction():
                        for table in tables[number % 3 : number % 3 + 3]:
                            lock = sql.SQL("lock table {} in row exclusive mode")
                            shop.execute(lock.format(sql.Identifier(table)))
                            shop.execute("select pg_sleep(0.002)")
                    over.wait(0.08)
                except psycopg.Error as exc:
                    ends.append(exc.sqlstate)
                else:
                    ends.append(None)

    with slowly(url, 0.1), ThreadPoolExecutor(4) as pool:
        shops = [pool.submit(sell, number) for number in range(4)]
        eventually(lambda: len(ends) > 20)
        done = servers.medusa_db("migrate", "--to", "1.20.11", "--lock-wait", "60s", url=url)
        over.set()
        for shop in shops:
            shop.result()

    assert done.returncode == 0, done.stderr
    assert set(ends) == {None}


def test_a_run_that_is_killed_while_it_waits_for_its_tables_leaves_nothing(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")
    before = snapshot(url)
    waiting = (
        "select count(*) from pg_stat_activity where application_name like 'medusa-db migrate%%'"
        " and datname = current_database() and (wait_event_type = 'Lock' or %s)"
    )

    with (
        psycopg.connect(url) as holder,
        psycopg.connect(url, autocommit=True) as looker,
        running("migrate", "--to", "1.20.11", url=url) as run,
    ):
        holder.execute("lock table customer in row share mode")

        def sessions(*, any_: bool) -> int:
            row = looker.execute(waiting, [any_]).fetchone()
            return row[0] if row else 0

        eventually(lambda: sessions(any_=False))
        run.process.send_signal(signal.SIGKILL)
        eventually(lambda: not sessions(any_=True))
        held = looker.execute("select count(*) from pg_locks where mode = 'AccessExclusiveLock'")

        assert held.fetchone() == (0,)
        assert snapshot(url) == before
        assert not is_locked(url)


def test_a_vacuum_that_the_server_started_gives_way(server: TestServer) -> None:
    vacuums = (
        "select count(*) from pg_locks l join pg_class c on c.oid = l.relation"
        " where c.relname = 'money_amount' and l.mode = 'ShareUpdateExclusiveLock' and l.granted"
    )
    slow = (
        "alter table money_amount set (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0,"
        " autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)"
    )
    with servers.started(programs(server), autovacuum_naptime="1s") as own:
        url = own.url(own.at("1.12.3"))
        rows = [
            ("money_amount", {"id": f"ma_{n}", "currency_code": "usd", "variant_id": "v"})
            for n in range(500)
        ]
        fill(url, rows)
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(slow)
            conn.execute("delete from money_amount")
            eventually(lambda: conn.execute(vacuums).fetchone() != (0,))
            started = time.monotonic()
            done = servers.medusa_db("migrate", "--to", "1.20.11", "--lock-wait", "30s", url=url)
            took = time.monotonic() - started

    assert done.returncode == 0, done.stderr
    assert took < 25


def test_a_migration_that_another_tool_ran_meanwhile_is_not_run_again(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")
    name = "addTableProductShippingProfile1680857773273"

    with psycopg.connect(url) as other, running("migrate", "--to", "1.20.11", url=url) as run:
        other.execute("lock table product in access exclusive mode")
        eventually(lambda: "trying again in" in run.said)
        other.execute("insert into migrations (timestamp, name) values (1680857773273, %s)", [name])
        other.commit()
        done = run.finish()

    assert done.returncode == 6
    assert (
        f"another tool has run {name} meanwhile, of 9 migrations that were pending; nothing was changed"
        in done.stderr
    )
