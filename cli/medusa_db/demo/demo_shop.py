"""Pure: what happened in the demo shop since it was seeded, as rows for the tables of any version."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = dict[str, Any]

_CUSTOMERS = ("Ada", "Boris", "Chidi", "Dagny", "Emeka", "Freya", "Goran", "Hana", "Ines", "Jonas")
_ORDERS = 30


@dataclass(frozen=True, slots=True)
class DemoRegion:
    """A region that the seed made."""

    id: str
    currency: str
    tax_rate: float


@dataclass(frozen=True, slots=True)
class Variant:
    """Something to sell that the seed made."""

    id: str
    product: str
    title: str
    price: int


@dataclass(slots=True)
class DemoShop:
    """Rows by table, in an order that foreign keys accept."""

    tables: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, table: str, **row: Any) -> None:
        """Add one row."""
        self.tables.setdefault(table, []).append(row)


def rows(regions: Sequence[DemoRegion], variants: Sequence[Variant]) -> DemoShop:
    """Return customers, discounts, a gift card, and orders of *variants* in *regions*."""
    shop = DemoShop()
    for number, name in enumerate(_CUSTOMERS):
        shop.add(
            "customer", id=f"cus_demo_{number}", email=f"{name.lower()}@example.com",
            first_name=name, last_name="Example", has_account=number % 2 == 0,
        )  # fmt: skip
    _discounts(shop, regions[0], variants[0])
    for number in range(_ORDERS):
        _order(shop, number, regions[number % len(regions)], variants)
    return shop


def _discounts(shop: DemoShop, region: DemoRegion, variant: Variant) -> None:
    for name, type_, value in (("SPRING10", "percentage", 10), ("FIVEOFF", "fixed", 500)):
        rule = f"dru_demo_{name.lower()}"
        shop.add(
            "discount_rule", id=rule, description=name.title(), type=type_, value=value,
            allocation="total",
        )  # fmt: skip
        shop.add(
            "discount", id=f"disc_demo_{name.lower()}", code=name, is_dynamic=False,
            is_disabled=False, rule_id=rule,
        )  # fmt: skip
    shop.add(
        "discount_rule_products", discount_rule_id="dru_demo_spring10", product_id=variant.product
    )
    shop.add(
        "gift_card", id="gift_demo", code="DEMO-GIFT-CARD", value=5000, balance=3500,
        region_id=region.id,
    )  # fmt: skip


def _order(shop: DemoShop, number: int, region: DemoRegion, variants: Sequence[Variant]) -> None:
    customer = number % len(_CUSTOMERS)
    order, cart = f"order_demo_{number}", f"cart_demo_{number}"
    email = f"{_CUSTOMERS[customer].lower()}@example.com"
    shop.add("cart", id=cart, region_id=region.id, customer_id=f"cus_demo_{customer}", email=email)
    shop.add(
        "order", id=order, customer_id=f"cus_demo_{customer}", email=email, region_id=region.id,
        currency_code=region.currency, tax_rate=region.tax_rate, cart_id=cart,
    )  # fmt: skip
    for line in range(1 + number % 3):
        variant = variants[(number + line) % len(variants)]
        shop.add(
            "line_item", id=f"item_demo_{number}_{line}", cart_id=cart, order_id=order,
            title=variant.title, unit_price=variant.price, quantity=1 + line, variant_id=variant.id,
        )  # fmt: skip
    if number % 5 == 0:
        shop.add("order_discounts", order_id=order, discount_id="disc_demo_spring10")
