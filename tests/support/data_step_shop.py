"""A shop of random rows in the tables that the data steps read and write, in any version's schema."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from psycopg import Connection

OPENED = datetime(2021, 3, 1, tzinfo=UTC)
"""No row of a filled shop is older than this."""

CLOSED = datetime(2022, 3, 1, tzinfo=UTC)
"""No row of a filled shop is younger than this, so whatever is younger was written by a script."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows a shop gets; the number of line items is about three times the orders."""

    orders: int
    products: int
    rules: int
    gift_cards: int


SMALL = Size(orders=250, products=500, rules=250, gift_cards=600)
"""Below a thousand rows in every query of Medusa's scripts, where they lose none."""

LARGE = Size(orders=2_500, products=3_200, rules=4_000, gift_cards=5_200)
"""Several thousand rows in every query; Medusa's scripts page through them and lose some."""


def fill(url: str, size: Size, seed: int, *, hollow: bool = False) -> None:
    """Fill the empty schema at *url*; the same seed and size give the same rows.

    What the version does not have, a table or a column, is left out. *hollow* adds orders whose
    discountable items are worth nothing in all.
    """
    with psycopg.connect(url) as conn:
        _Shop(conn, size, seed, hollow=hollow).fill()


class _Shop:
    def __init__(self, conn: Connection[Any], size: Size, seed: int, *, hollow: bool) -> None:
        self._conn = conn
        self._size = size
        self._hollow = hollow
        self._random = random.Random(seed)
        self._columns: dict[str, set[str]] = defaultdict(set)
        known = """
            select table_name, column_name from information_schema.columns
            where table_schema = current_schema
        """
        for table, column in conn.execute(known):
            self._columns[table].add(column)

    def fill(self) -> None:
        regions = self._regions()
        self._sales_channels()
        products = self._products()
        rules = self._rules(products)
        discounts = self._discounts(rules)
        self._orders(regions, discounts)
        self._gift_cards(regions)

    def _regions(self) -> list[str]:
        rows = [
            (f"reg_{n}", f"Region {n}", "eur", rate, self._moment(), self._sometimes(0.2))
            for n, rate in enumerate((0, 7, 12.5, 19, 25))
        ]
        columns = ("id", "name", "currency_code", "tax_rate", "created_at", "deleted_at")
        self._insert("region", columns, rows)
        return [row[0] for row in rows]

    def _sales_channels(self) -> None:
        channels = [(f"sc_{n}", f"Channel {n}", self._moment()) for n in range(3)]
        self._insert("sales_channel", ("id", "name", "created_at"), channels)
        store = ("store_0", "usd", "sc_1", self._moment())
        columns = ("id", "default_currency_code", "default_sales_channel_id", "created_at")
        self._insert("store", columns, [store])

    def _products(self) -> list[str]:
        profile = ("sp_0", "Profile", "default", self._moment())
        self._insert("shipping_profile", ("id", "name", "type", "created_at"), [profile])
        rows = [
            (f"prod_{n}", f"Product {n}", "sp_0", self._moment(), self._sometimes(0.1))
            for n in range(self._size.products)
        ]
        columns = ("id", "title", "profile_id", "created_at", "deleted_at")
        self._insert("product", columns, rows)
        products = [row[0] for row in rows]
        links = [
            (f"prodsc_{product}_{channel}", product, channel)
            for product in products
            if self._random.random() < 0.2
            for channel in self._random.sample(("sc_0", "sc_1", "sc_2"), self._random.randint(1, 3))
        ]
        self._insert("product_sales_channel", ("id", "product_id", "sales_channel_id"), links)
        return products

    def _rules(self, products: list[str]) -> list[str]:
        pick = self._random
        rows = []
        for n in range(self._size.rules):
            kind = pick.choice(("percentage", "percentage", "fixed", "fixed", "free_shipping"))
            value = pick.randint(0, 100) if kind == "percentage" else pick.randint(0, 30_000)
            share = pick.choice(("item", "total", None))
            rows.append((f"dru_{n}", kind, value, share, self._moment(), self._sometimes(0.05)))
        columns = ("id", "type", "value", "allocation", "created_at", "deleted_at")
        self._insert("discount_rule", columns, rows)
        rules = [row[0] for row in rows]
        named = [
            (rule, product)
            for rule in rules
            if pick.random() < 0.5
            for product in pick.sample(products, pick.randint(1, 4))
        ]
        self._insert("discount_rule_products", ("discount_rule_id", "product_id"), named)
        self._conditions(rules, products)
        return rules

    def _conditions(self, rules: list[str], products: list[str]) -> None:
        kinds = [
            (kind, operator)
            for kind in ("products", "product_tags")
            for operator in ("in", "not_in")
        ]
        rows = [
            (f"discon_{n}_{rule}", *kind, rule, self._moment(), self._sometimes(0.2))
            for rule in rules
            if self._random.random() < 0.2
            for n, kind in enumerate(self._random.sample(kinds, self._random.randint(1, 3)))
        ]
        columns = ("id", "type", "operator", "discount_rule_id", "created_at", "deleted_at")
        self._insert("discount_condition", columns, rows)
        linked = [
            (self._random.choice(products), row[0], self._moment())
            for row in rows
            if self._random.random() < 0.5
        ]
        linked_columns = ("product_id", "condition_id", "created_at")
        self._insert("discount_condition_product", linked_columns, linked)

    def _discounts(self, rules: list[str]) -> list[str]:
        rows = []
        for n, rule in enumerate([*rules, *rules[: len(rules) // 3], None]):
            disabled = self._random.random() < 0.1
            row = (f"disc_{n}", f"CODE{n}", False, disabled, rule)
            rows.append((*row, self._moment(), self._sometimes(0.1)))
        columns = ("id", "code", "is_dynamic", "is_disabled", "rule_id", "created_at", "deleted_at")
        self._insert("discount", columns, rows)
        return [row[0] for row in rows]

    def _orders(self, regions: list[str], discounts: list[str]) -> None:
        email = "one@shop.test"
        self._insert("customer", ("id", "email", "created_at"), [("cus_0", email, self._moment())])
        rows = [
            (f"order_{n}", "cus_0", email, self._random.choice(regions), "eur", self._moment())
            for n in range(self._size.orders)
        ]
        columns = ("id", "customer_id", "email", "region_id", "currency_code", "created_at")
        self._insert("order", columns, rows)
        orders = [row[0] for row in rows]
        used = [
            (order, discount)
            for order in orders
            for discount in self._random.sample(discounts, self._random.choice((0, 1, 1, 2)))
        ]
        self._insert("order_discounts", ("order_id", "discount_id"), used)
        self._items(orders, used)

    def _items(self, orders: list[str], used: list[tuple[str, str]]) -> None:
        pick = self._random
        items: list[tuple[Any, ...]] = []
        for order in [*orders, None, None, None]:
            hollow = self._hollow and pick.random() < 0.05
            bare = pick.random() < 0.05
            for _ in range(pick.randint(0, 5)):
                price = 0 if hollow else pick.choice((1, 5, 99, 250, 1_001, 19_999, 120_000))
                quantity = pick.randint(1, 7)
                returned = pick.choice((None, None, quantity))
                allowed = not bare and pick.random() < 0.85
                row = (f"item_{len(items)}", order, "Item", price, quantity, returned, allowed)
                items.append((*row, self._moment()))
        columns = ("id", "order_id", "title", "unit_price", "quantity", "returned_quantity")
        self._insert("line_item", (*columns, "allow_discounts", "created_at"), items)

        discounts: dict[str | None, list[str]] = defaultdict(list)
        for order, discount in used:
            discounts[order].append(discount)
        applied = [
            (item[0], discount)
            for item in items
            for discount in discounts[item[1]]
            if pick.random() < 0.1
        ]
        rows: list[tuple[Any, ...]] = [
            (f"lia_old_{n}", item, "discount", discount, pick.randint(0, 500))
            for n, (item, discount) in enumerate(applied)
        ]
        rows += [
            (f"lia_hand_{n}", item[0], "by hand", None, pick.randint(0, 500))
            for n, item in enumerate(pick.sample(items, min(5, len(items))))
        ]
        adjusted = ("id", "item_id", "description", "discount_id", "amount")
        self._insert("line_item_adjustment", adjusted, rows)

    def _gift_cards(self, regions: list[str]) -> None:
        rows = []
        for n in range(self._size.gift_cards):
            region = self._random.choice(regions)
            row = (f"gift_{n}", f"GIFT{n}", 1_000, 500, region, self._moment(), self._moment())
            rows.append((*row, self._sometimes(0.1)))
        columns = ("id", "code", "value", "balance", "region_id", "created_at", "updated_at")
        self._insert("gift_card", (*columns, "deleted_at"), rows)
        if "tax_rate" not in self._columns["gift_card"]:
            return
        rates = [
            (rate, row[0])
            for row in rows
            if (rate := self._random.choice((None, None, 0, 5.5))) is not None
        ]
        rate_one = "update gift_card set tax_rate = %s where id = %s"
        self._conn.cursor().executemany(rate_one, rates)

    def _insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        if "created_at" in columns and table != "gift_card":
            at = columns.index("created_at")
            columns = (*columns, "updated_at")
            rows = [(*row, row[at]) for row in rows]
        places = [n for n, column in enumerate(columns) if column in self._columns[table]]
        if not places:
            return
        names = sql.SQL(", ").join(sql.Identifier(columns[place]) for place in places)
        copy = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(table), names)
        with self._conn.cursor() as cursor, cursor.copy(copy) as target:
            for row in rows:
                target.write_row([row[place] for place in places])

    def _moment(self) -> datetime:
        seconds = int((CLOSED - OPENED).total_seconds())
        return OPENED + timedelta(seconds=self._random.randrange(seconds))

    def _sometimes(self, share: float) -> datetime | None:
        return self._moment() if self._random.random() < share else None
