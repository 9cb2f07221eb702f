"""Pure: a small believable shop, as rows for the tables of any version."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]

_PRODUCTS = (
    ("Field notebook", "Stone-paper pages that take rain and pencil.", 1400, ("A6", "A5")),
    ("Brass pencil", "Turns lighter where it is held.", 2600, ("Short", "Long")),
    ("Wool beanie", "Knitted from undyed wool.", 3200, ("Grey", "Brown")),
    ("Enamel mug", "Chips honestly.", 1800, ("300 ml", "500 ml")),
    ("Canvas tote", "Carries eleven books.", 2400, ("Natural", "Black")),
    ("Hand cream", "Beeswax and little else.", 1200, ("50 ml", "100 ml")),
    ("Desk lamp", "One joint, one switch.", 8900, ("Oak", "Ash")),
    ("Linen apron", "Gets softer every year.", 5400, ("Blue", "White")),
)
_CUSTOMERS = ("Ada", "Boris", "Chidi", "Dagny", "Emeka", "Freya", "Goran", "Hana", "Ines", "Jonas")
_COUNTRIES = {"reg_demo_eu": ("de", "dk", "fr", "es", "it"), "reg_demo_us": ("us", "ca")}


@dataclass(slots=True)
class Shop:
    """Rows by table, in an order that foreign keys accept."""

    tables: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, table: str, **row: Any) -> None:
        """Add one row."""
        self.tables.setdefault(table, []).append(row)


def rows() -> Shop:
    """Return the shop: regions, products with variants and prices, customers, orders, discounts."""
    shop = Shop()
    _settings(shop)
    for number, product in enumerate(_PRODUCTS):
        _product(shop, number, *product)
    for number, name in enumerate(_CUSTOMERS):
        shop.add(
            "customer", id=f"cus_demo_{number}", email=f"{name.lower()}@example.com",
            first_name=name, last_name="Example", has_account=number % 2 == 0,
        )  # fmt: skip
    _discounts(shop)
    for number in range(30):
        _order(shop, number)
    return shop


def _settings(shop: Shop) -> None:
    shop.add("store", id="store_demo", name="Pine & Paper", default_currency_code="eur")
    for code in ("eur", "usd"):
        shop.add("store_currencies", store_id="store_demo", currency_code=code)
    shop.add("region", id="reg_demo_eu", name="Europe", currency_code="eur", tax_rate=19)
    shop.add("region", id="reg_demo_us", name="North America", currency_code="usd", tax_rate=0)
    shop.add("shipping_profile", id="sp_demo", name="Default Shipping Profile", type="default")
    shop.add("shipping_profile", id="sp_demo_gift", name="Gift Card Profile", type="gift_card")
    shop.add("product_collection", id="pcol_demo", title="Desk and field", handle="desk-and-field")
    shop.add(
        "sales_channel", id="sc_demo", name="Web shop", description="The storefront",
        is_disabled=False,
    )  # fmt: skip


def _product(
    shop: Shop, number: int, title: str, about: str, price: int, values: tuple[str, ...]
) -> None:
    product = f"prod_demo_{number}"
    shop.add(
        "product", id=product, title=title, description=about, profile_id="sp_demo",
        handle=title.lower().replace(" ", "-"), status="published", collection_id="pcol_demo",
    )  # fmt: skip
    shop.add("product_shipping_profile", profile_id="sp_demo", product_id=product)
    shop.add("product_sales_channel", product_id=product, sales_channel_id="sc_demo")
    shop.add("product_option", id=f"opt_demo_{number}", title="Kind", product_id=product)
    for rank, value in enumerate(values):
        variant = f"variant_demo_{number}_{rank}"
        shop.add(
            "product_variant", id=variant, title=value, product_id=product, variant_rank=rank,
            sku=f"DEMO-{number}-{rank}", inventory_quantity=20 + number * 3,
        )  # fmt: skip
        shop.add(
            "product_option_value", id=f"optval_demo_{number}_{rank}", value=value,
            option_id=f"opt_demo_{number}", variant_id=variant,
        )  # fmt: skip
        for code, amount in (("eur", price + 300 * rank), ("usd", price + 350 * rank)):
            money = f"ma_demo_{number}_{rank}_{code}"
            shop.add(
                "money_amount", id=money, currency_code=code, amount=amount, variant_id=variant
            )
            shop.add(
                "product_variant_money_amount", id=f"pvma_{money}", money_amount_id=money,
                variant_id=variant,
            )  # fmt: skip


def _discounts(shop: Shop) -> None:
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
        "discount_rule_products", discount_rule_id="dru_demo_spring10", product_id="prod_demo_0"
    )
    shop.add(
        "gift_card", id="gift_demo", code="DEMO-GIFT-CARD", value=5000, balance=3500,
        region_id="reg_demo_eu",
    )  # fmt: skip


def _order(shop: Shop, number: int) -> None:
    region, code = (("reg_demo_eu", "eur"), ("reg_demo_us", "usd"))[number % 2]
    customer = number % len(_CUSTOMERS)
    order, cart = f"order_demo_{number}", f"cart_demo_{number}"
    email = f"{_CUSTOMERS[customer].lower()}@example.com"
    shop.add(
        "cart", id=cart, region_id=region, customer_id=f"cus_demo_{customer}", email=email,
        sales_channel_id="sc_demo",
    )  # fmt: skip
    shop.add(
        "order", id=order, customer_id=f"cus_demo_{customer}", email=email, region_id=region,
        currency_code=code, tax_rate=19 if code == "eur" else 0, cart_id=cart,
        sales_channel_id="sc_demo",
    )  # fmt: skip
    for line in range(1 + number % 3):
        product = (number + line) % len(_PRODUCTS)
        title, _, price, _ = _PRODUCTS[product]
        shop.add(
            "line_item", id=f"item_demo_{number}_{line}", cart_id=cart, order_id=order,
            title=title, unit_price=price, quantity=1 + line, variant_id=f"variant_demo_{product}_0",
        )  # fmt: skip
    if number % 5 == 0:
        shop.add("order_discounts", order_id=order, discount_id="disc_demo_spring10")


def countries() -> dict[str, tuple[str, ...]]:
    """Return the country codes of each region."""
    return _COUNTRIES
