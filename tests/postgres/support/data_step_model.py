"""What the data steps must leave behind, worked out row by row in Python instead of SQL."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from data_step_rows import Tables

Facts = set[tuple[Any, ...]]

STEPS = (
    "1.3.0/discount_rules",
    "1.3.0/line_item_adjustments",
    "1.3.6/sales_channels",
    "1.7.1/gift_card_tax_rate",
    "1.7.3/sales_channels",
)
"""The steps of the catalog that this module knows the effect of."""


def must(step: str, before: Tables) -> Facts:
    """Return the facts that must hold once *step* was done to *before*."""
    effects: dict[str, Callable[[Tables], Facts]] = {
        "discount_rules": _conditions,
        "line_item_adjustments": _adjustments,
        "sales_channels": _channels,
        "gift_card_tax_rate": _tax_rates,
    }
    return effects[step.partition("/")[2]](before)


def held(step: str, after: Tables) -> Facts:
    """Return the same facts as they are in *after*."""
    found: dict[str, Callable[[Tables], Facts]] = {
        "discount_rules": lambda tables: (
            {(*key, deleted) for key, deleted in _known_conditions(tables).items()}
            | _condition_products(tables)
        ),
        "line_item_adjustments": lambda tables: {
            (row["item_id"], row["discount_id"], int(row["amount"]))
            for row in tables["line_item_adjustment"]
            if row["discount_id"] is not None
        },
        "sales_channels": _links,
        "gift_card_tax_rate": lambda tables: {
            (row["id"], row["tax_rate"]) for row in tables["gift_card"]
        },
    }
    return found[step.partition("/")[2]](after)


def hollow_orders(tables: Tables) -> set[str]:
    """Return the orders with a fixed discount and nothing of worth that it could apply to."""
    worth: dict[str, int] = defaultdict(int)
    for row in tables["line_item"]:
        if row["order_id"] is not None:
            worth[row["order_id"]] += _worth(row) if row["allow_discounts"] else 0
    rules = _rules_by_discount(tables)
    return {
        use["order_id"]
        for use in tables["order_discounts"]
        if use["order_id"] in worth
        and worth[use["order_id"]] == 0
        and rules.get(use["discount_id"], {}).get("type") == "fixed"
    }


def _adjustments(tables: Tables) -> Facts:
    result = {
        (row["item_id"], row["discount_id"]): int(row["amount"])
        for row in tables["line_item_adjustment"]
        if row["discount_id"] is not None
    }
    rules = _rules_by_discount(tables)
    items: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in tables["line_item"]:
        if row["order_id"] is not None:
            items[row["order_id"]].append(row)
    for use in tables["order_discounts"]:
        rule = rules.get(use["discount_id"])
        if rule is None or rule["type"] == "free_shipping":
            continue
        order = items[use["order_id"]]
        whole = sum(_worth(row) for row in order if row["allow_discounts"])
        for row in order:
            key = (row["id"], use["discount_id"])
            result.setdefault(key, _amount(rule, _worth(row), whole))
    return {(*key, amount) for key, amount in result.items()}


def _rules_by_discount(tables: Tables) -> dict[str, dict[str, Any]]:
    """Return the rule of each discount; neither of the two is deleted."""
    rules = {row["id"]: row for row in tables["discount_rule"] if row["deleted_at"] is None}
    return {
        row["id"]: rules[row["rule_id"]]
        for row in tables["discount"]
        if row["deleted_at"] is None and row["rule_id"] in rules
    }


def _worth(item: dict[str, Any]) -> int:
    return int(item["quantity"]) * int(item["unit_price"])


def _amount(rule: dict[str, Any], worth: int, whole: int) -> int:
    """Round half to even, as `round` does for a double in Python and in PostgreSQL."""
    value = int(rule["value"])
    if rule["type"] == "percentage":
        return round(worth * (value / 100))
    return round(worth * (min(value, whole) / whole)) if whole else 0


def _conditions(tables: Tables) -> Facts:
    conditions = _known_conditions(tables)
    live = {row["id"] for row in tables["discount_rule"] if row["deleted_at"] is None}
    named: dict[str, list[str]] = defaultdict(list)
    for row in tables["discount_rule_products"]:
        named[row["discount_rule_id"]].append(row["product_id"])
    for rule in live & named.keys():
        conditions.setdefault((rule, "products", "in"), False)
    products = _condition_products(tables) | {
        (*key, product)
        for key, deleted in conditions.items()
        if not deleted and key[0] in live
        for product in named[key[0]]
    }
    return products | {(*key, deleted) for key, deleted in conditions.items()}


def _known_conditions(tables: Tables) -> dict[tuple[str, str, str], bool]:
    """Return whether each condition, by rule, type and operator, is deleted."""
    return {_key(row): row["deleted_at"] is not None for row in tables["discount_condition"]}


def _condition_products(tables: Tables) -> Facts:
    keys = {row["id"]: _key(row) for row in tables["discount_condition"]}
    rows = tables["discount_condition_product"]
    return {(*keys[row["condition_id"]], row["product_id"]) for row in rows}


def _key(condition: dict[str, Any]) -> tuple[str, str, str]:
    return condition["discount_rule_id"], condition["type"], condition["operator"]


def _channels(tables: Tables) -> Facts:
    links = _links(tables)
    placed = {product for product, _ in links}
    default = tables["store"][0]["default_sales_channel_id"]
    live = {row["id"] for row in tables["product"] if row["deleted_at"] is None}
    return links | {(product, default) for product in live - placed}


def _links(tables: Tables) -> Facts:
    rows = tables["product_sales_channel"]
    return {(row["product_id"], row["sales_channel_id"]) for row in rows}


def _tax_rates(tables: Tables) -> Facts:
    regions = {row["id"]: row["tax_rate"] for row in tables["region"]}
    return {
        (row["id"], regions[row["region_id"]] if row.get("tax_rate") is None else row["tax_rate"])
        for row in tables["gift_card"]
    }
