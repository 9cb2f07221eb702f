"""Looks at products, and at what belongs to them: variants with their values and prices, images, tags, categories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from medusa_seed.document.product import identity
from medusa_seed.planning.present import PresentRows
from medusa_seed.shop import records
from medusa_seed.shop import tables as shop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from medusa_seed.document.document import Placed
    from medusa_seed.planning.planner import Planner
    from medusa_seed.planning.present import Columns, Row, Shared

_REMEMBERED = ("product", "product_variant")
_LINKS = (
    ("images", "product_images", "image_id", "image"),
    ("tags", "product_tags", "product_tag_id", "product_tag"),
    ("categories", "product_category_product", "product_category_id", "product_category"),
)


def shared(conn: Connection[Any], schema: str, existing: Columns, known: Shared) -> None:
    """Learn the tags and types that the shop has."""
    for table, values in (("product_tag", known.tags), ("product_type", known.types)):
        if existing.of(table):
            query = sql.SQL("select value, id from {} where deleted_at is null").format(
                sql.Identifier(schema, table)
            )
            values.update(conn.execute(query).fetchall())


def images(
    conn: Connection[Any], planner: Planner, schema: str, batch: Sequence[Placed], known: Shared
) -> None:
    """Learn which of the batch's images the shop has."""
    if planner.shop.has_images:
        urls = [url for _, body in batch for url in body.get("images", ())]
        rows = shop.fetch(conn, schema, planner.columns, "image", "url", urls)
        known.images.update({row["url"]: row["id"] for row in rows})


def products(
    conn: Connection[Any], planner: Planner, schema: str, batch: Sequence[Placed]
) -> PresentRows:
    """Return what the shop has of the products of *batch*; the planner gets what is remembered of those."""
    existing = PresentRows()
    if not planner.shop.has_products:
        return existing
    identities = [identity(body) for _, body in batch]
    ids = [who.id for who in identities if who.id is not None]
    by_id = shop.fetch(conn, schema, planner.columns, "product", "id", ids)
    handles = [who.handle for who in identities]
    by_handle = shop.fetch(conn, schema, planner.columns, "product", "handle", handles)
    existing.by_id = {row["id"]: row for row in by_id}
    existing.by_handle = {row["handle"]: row for row in by_handle}
    found = list({row["id"]: None for row in (*by_id, *by_handle)})
    attached_rows(conn, schema, planner.columns, found, existing)
    variants = [row["id"] for rows in existing.variants.values() for row in rows]
    for key in [key for key in planner.memories if key[0] in _REMEMBERED]:
        del planner.memories[key]  # of the batch before
    if found:
        planner.memories |= records.memories(conn, schema, _REMEMBERED, [*found, *variants])
    return existing


def owners(
    conn: Connection[Any], schema: str, key: str, values: Sequence[str]
) -> dict[str, tuple[str, str | None]]:
    """Return, for each of *values* that a variant of the shop has as its *key*: its product's id and handle."""
    query = sql.SQL(
        "select v.{key}, p.id, p.handle from {variants} v join {products} p on p.id = v.product_id"
        " where v.{key} = any(%s) and v.deleted_at is null"
    ).format(
        key=sql.Identifier(key),
        variants=sql.Identifier(schema, "product_variant"),
        products=sql.Identifier(schema, "product"),
    )
    return {value: (id_, handle) for value, id_, handle in conn.execute(query, [list(values)])}


def attached_rows(
    conn: Connection[Any],
    schema: str,
    columns: Columns,
    products: Sequence[str],
    existing: PresentRows,
) -> None:
    """Learn what belongs to *products*, ids, and put it into *existing*; each kind oldest first."""
    if not products:
        return

    def fetch(table: str, key: str, values: Sequence[str]) -> list[Row]:
        return shop.fetch(conn, schema, columns, table, key, values)

    for row in fetch("product_option", "product_id", products):
        existing.options.setdefault(row["product_id"], []).append(row)
    variants = fetch("product_variant", "product_id", products)
    for row in sorted(variants, key=lambda one: one.get("variant_rank") or 0):
        existing.variants.setdefault(row["product_id"], []).append(row)
    ids = [row["id"] for row in variants]
    for row in fetch("product_option_value", "variant_id", ids):
        existing.values.setdefault(row["variant_id"], {})[row["option_id"]] = row
    if columns.has("money_amount", "variant_id"):
        prices = fetch("money_amount", "variant_id", ids)
        owners = {row["id"]: row["variant_id"] for row in prices}
    else:
        pairs = fetch("product_variant_money_amount", "variant_id", ids)
        owners = {pair["money_amount_id"]: pair["variant_id"] for pair in pairs}
        prices = fetch("money_amount", "id", list(owners))
    for row in prices:
        if row.get("price_list_id") is None:
            existing.prices.setdefault(owners[row["id"]], []).append(row)
    _links(conn, schema, columns, products, existing)


def _links(
    conn: Connection[Any],
    schema: str,
    columns: Columns,
    products: Sequence[str],
    existing: PresentRows,
) -> None:
    for key, link, column, table in _LINKS:
        if not columns.of(link):
            continue
        query = sql.SQL(
            "select l.product_id as linked_product, t.* from {} l join {} t on t.id = l.{}"
            ' where l.product_id = any(%s) order by t.created_at, t.id collate "C"'
        ).format(
            sql.Identifier(schema, link), sql.Identifier(schema, table), sql.Identifier(column)
        )
        with shop.by_name(conn.cursor()) as cursor:
            for row in cursor.execute(query, [list(products)]):
                linked = existing.linked.setdefault(row.pop("linked_product"), {})
                linked.setdefault(key, []).append(row)
