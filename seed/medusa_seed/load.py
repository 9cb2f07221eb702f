"""Writes planned changes, set by set: COPY for new rows, one statement for updates of a kind."""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.types.json import Jsonb

from medusa_seed import catalogue, records, shop
from medusa_seed.product import identity
from medusa_seed.there import There

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

    from medusa_seed.changes import Changes
    from medusa_seed.document import Placed
    from medusa_seed.shop import Columns, Row
    from medusa_seed.there import Shared
    from medusa_seed.work import Work


def write(
    conn: Connection[Any], schema: str, there: Columns, changes: Changes, *, remembers: bool
) -> None:
    """Write *changes*, in the transaction that is open."""
    for table, columns, rows in changes.inserts:
        _copy(conn, schema, table, columns, rows)
    for (table, columns), updates in changes.updates.items():
        _update(conn, schema, table, columns, updates, dated=there.has(table, "updated_at"))
    if changes.countries:
        _countries(conn, schema, changes.countries)
    if remembers:
        records.remember(conn, schema, changes.memories)


def _copy(
    conn: Connection[Any],
    schema: str,
    table: str,
    columns: Sequence[str],
    rows: Iterable[tuple[Any, ...]],
) -> None:
    query = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(schema, table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    lines = map(_line, rows)
    with conn.cursor().copy(query) as copy:
        while piece := "".join(itertools.islice(lines, _PIECE)):
            copy.write(piece)  # the server takes it in while the next one is made


_PIECE = 500
"""Rows that are sent at a time."""
_SPECIAL = re.compile(r"[\\\t\n\r]").search
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _line(row: tuple[Any, ...]) -> str:
    """Return a row in the text format of COPY."""
    return "\t".join([_field(value) for value in row]) + "\n"


def _field(value: Any) -> str:
    kind = type(value)
    if kind is str:
        text: str = value
        return text.translate(_ESCAPES) if _SPECIAL(text) else text
    if value is None:
        return "\\N"
    if kind is bool:
        return "t" if value else "f"
    if kind is int or kind is float:
        return repr(value)
    return json.dumps(value, ensure_ascii=False).translate(_ESCAPES)


def _update(
    conn: Connection[Any],
    schema: str,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    dated: bool,
) -> None:
    name = sql.Identifier(schema, table)
    sets = [sql.SQL("{0} = new.{0}").format(sql.Identifier(column)) for column in columns]
    sets += [sql.SQL("updated_at = {}").format(sql.SQL("now()"))] * dated
    conn.execute(
        sql.SQL(
            "update {table} old set {sets} from jsonb_populate_recordset(null::{table}, %s) new"
            " where old.id = new.id"
        ).format(table=name, sets=sql.SQL(", ").join(sets)),
        [Jsonb(list(rows))],
    )


def _countries(conn: Connection[Any], schema: str, rows: Sequence[tuple[str, str]]) -> None:
    conn.execute(
        sql.SQL(
            "update {} c set region_id = new.region_id"
            " from unnest(%s::text[], %s::text[]) new (iso_2, region_id) where c.iso_2 = new.iso_2"
        ).format(sql.Identifier(schema, "country")),
        [[code for code, _ in rows], [region for _, region in rows]],
    )


def shared(conn: Connection[Any], schema: str, there: Columns, known: Shared) -> None:
    """Learn the tags and types that the shop has."""
    for table, values in (("product_tag", known.tags), ("product_type", known.types)):
        if there.of(table):
            query = sql.SQL("select value, id from {} where deleted_at is null").format(
                sql.Identifier(schema, table)
            )
            values.update(conn.execute(query).fetchall())


def images(
    conn: Connection[Any], work: Work, schema: str, batch: Sequence[Placed], known: Shared
) -> None:
    """Learn which of the batch's images the shop has."""
    if work.shop.has_images:
        urls = [url for _, says in batch for url in says.get("images", ())]
        rows = shop.fetch(conn, schema, work.columns, "image", "url", urls)
        known.images.update({row["url"]: row["id"] for row in rows})


def look(conn: Connection[Any], work: Work, schema: str, batch: Sequence[Placed]) -> There:
    """Return what the shop has of the products of *batch*, and learn what is remembered of them."""
    there = There()
    if not work.shop.has_products:
        return there
    identities = [identity(says) for _, says in batch]
    ids = [who.id for who in identities if who.id is not None]
    by_id = shop.fetch(conn, schema, work.columns, "product", "id", ids)
    handles = [who.handle for who in identities]
    by_handle = shop.fetch(conn, schema, work.columns, "product", "handle", handles)
    there.by_id = {row["id"]: row for row in by_id}
    there.by_handle = {row["handle"]: row for row in by_handle}
    products = list({row["id"]: None for row in (*by_id, *by_handle)})
    catalogue.hanging(conn, schema, work.columns, products, there)
    variants = [row["id"] for found in there.variants.values() for row in found]
    if products:
        tables = ("product", "product_variant")
        work.memories.update(records.memories(conn, schema, tables, [*products, *variants]))
    return there


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
