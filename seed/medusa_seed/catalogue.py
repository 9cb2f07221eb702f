"""Reads what hangs on products: options, variants with their values and prices, images, tags, categories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import dict_row

from medusa_seed import shop

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

    from medusa_seed.shop import Columns, Row
    from medusa_seed.there import There

_LINKS = (
    ("images", "product_images", "image_id", "image"),
    ("tags", "product_tags", "product_tag_id", "product_tag"),
    ("categories", "product_category_product", "product_category_id", "product_category"),
)


def hanging(
    conn: Connection[Any], schema: str, columns: Columns, products: Sequence[str], there: There
) -> None:
    """Learn what hangs on *products*, ids, and put it into *there*; each kind oldest first."""
    if not products:
        return

    def fetch(table: str, key: str, values: Sequence[str]) -> list[Row]:
        return _oldest_first(shop.fetch(conn, schema, columns, table, key, values))

    for row in fetch("product_option", "product_id", products):
        there.options.setdefault(row["product_id"], []).append(row)
    variants = fetch("product_variant", "product_id", products)
    for row in sorted(variants, key=lambda one: one.get("variant_rank") or 0):
        there.variants.setdefault(row["product_id"], []).append(row)
    ids = [row["id"] for row in variants]
    for row in fetch("product_option_value", "variant_id", ids):
        there.values.setdefault(row["variant_id"], {})[row["option_id"]] = row
    if columns.has("money_amount", "variant_id"):
        prices = fetch("money_amount", "variant_id", ids)
        owners = {row["id"]: row["variant_id"] for row in prices}
    else:
        pairs = fetch("product_variant_money_amount", "variant_id", ids)
        owners = {pair["money_amount_id"]: pair["variant_id"] for pair in pairs}
        prices = fetch("money_amount", "id", list(owners))
    for row in prices:
        if row.get("price_list_id") is None:
            there.prices.setdefault(owners[row["id"]], []).append(row)
    _links(conn, schema, columns, products, there)


def _oldest_first(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["created_at"], row["id"]))


def _links(
    conn: Connection[Any], schema: str, columns: Columns, products: Sequence[str], there: There
) -> None:
    for key, link, column, table in _LINKS:
        if not columns.of(link):
            continue
        query = sql.SQL(
            "select l.product_id as linked_product, t.* from {} l join {} t on t.id = l.{}"
            " where l.product_id = any(%s) order by t.created_at, t.id"
        ).format(
            sql.Identifier(schema, link), sql.Identifier(schema, table), sql.Identifier(column)
        )
        with conn.cursor(row_factory=dict_row) as cursor:
            for row in cursor.execute(query, [list(products)]):
                linked = there.linked.setdefault(row.pop("linked_product"), {})
                linked.setdefault(key, []).append(row)
