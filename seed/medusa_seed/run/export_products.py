"""Reads the products of a shop back as entries of a seed document: those parts that a document can have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg import sql

from medusa_seed.document import handles, model
from medusa_seed.planning.present import PresentRows
from medusa_seed.shop import look, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg import Connection

    from medusa_seed.planning.present import Row, Shop
    from medusa_seed.run.left_out import LeftOut

BATCH = 500
"""Products that are read at once."""


@dataclass(slots=True)
class ExportedProducts:
    """The products of a shop, as a document has them."""

    conn: Connection[Any]
    schema: str
    shop: Shop
    left: LeftOut
    types: Mapping[str, str] = field(init=False)
    """The texts of product types, by id."""
    regions: Mapping[str, str] = field(init=False)
    """The currencies of the regions that are exported, by id."""
    collections: frozenset[str] = field(init=False)
    """The ids of the collections that are exported."""
    _made: set[str] = field(default_factory=set)
    """The handles that a seed makes from titles."""

    def __post_init__(self) -> None:
        query = sql.SQL("select id, value from {} where deleted_at is null").format(
            sql.Identifier(self.schema, "product_type")
        )
        self.types = dict(self.conn.execute(query).fetchall())
        self.regions = {row["id"]: row["currency_code"] for row in self.shop.rows["region"]}
        self.collections = frozenset(row["id"] for row in self.shop.rows["product_collection"])

    def read(self, wanted: Sequence[str] | None) -> Iterator[dict[str, Any]]:
        """Yield the products, of those *wanted* only where some are given, oldest first."""
        query = sql.SQL(
            "select * from {} where deleted_at is null and (%(h)s::text[] is null or handle = any(%(h)s))"
            ' order by created_at, id collate "C"'
        ).format(sql.Identifier(self.schema, "product"))
        with tables.by_name(self.conn.cursor("products")) as cursor:
            cursor.execute(query, {"h": wanted})
            while rows := cursor.fetchmany(BATCH):
                present = PresentRows()
                ids = [row["id"] for row in rows]
                look.attached_rows(self.conn, self.schema, self.shop.columns, ids, present)
                for row in rows:
                    yield self._product(row, present)

    def _product(self, row: Row, present: PresentRows) -> dict[str, Any]:
        exported = self.left.entry(model.PRODUCT, row, keep=() if row["handle"] else ("id",))
        if not row["handle"] and (handle := self._handle(row)):
            exported["handle"] = handle
        if (type_id := exported.pop("type_id", None)) is not None:
            if type_id in self.types:
                exported["type"] = {"value": self.types[type_id]}
            else:
                self.left.count["products without their type, which was deleted"] += 1
        if row["is_giftcard"]:
            exported.pop("discountable", None)
        if (
            exported.get("collection_id") is not None
            and row["collection_id"] not in self.collections
        ):
            del exported["collection_id"]
            self.left.count["products without their collection, which was deleted"] += 1
        linked = present.linked.get(row["id"], {})
        images = [image["url"] for image in _kept(linked.get("images", ()))]
        if images and not row["thumbnail"]:
            self.left.count["products without a thumbnail, which get their first image as one"] += 1
        if images and row["thumbnail"] in (None, "", images[0]):
            exported.pop("thumbnail", None)
        tags = {tag["value"]: tag for tag in reversed(_kept(linked.get("tags", ())))}
        options = present.options.get(row["id"], ())
        found = {
            "images": images,
            "tags": [self.left.entry(model.TAG, tag) for tag in reversed(tags.values())],
            "categories": [{"id": category["id"]} for category in linked.get("categories", ())],
            "options": self._options(options),
            "variants": list(self._variants(row, options, present)),
        }
        return exported | {key: value for key, value in found.items() if value}

    def _handle(self, row: Row) -> str:
        """Return the handle that a product without one gets; empty: the one that a seed makes from its title."""
        made = handles.from_title(row["title"])
        usable = not handles.problem(made, given=False) and made not in self._made
        if usable and not tables.fetch(
            self.conn, self.schema, self.shop.columns, "product", "handle", [made]
        ):
            self._made.add(made)
            return ""
        self.left.count["products without a handle, which get their id as one"] += 1
        return str(row["id"])

    def _options(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for row in rows:
            exported = self.left.entry(model.OPTION, row)
            title, number = exported["title"], 1
            while exported["title"] in found:
                number += 1
                exported["title"] = f"{title} ({number})"
            if number > 1:
                self.left.count[
                    "options that get a number, as their product has two of a title"
                ] += 1
            found[exported["title"]] = exported
        return list(found.values())

    def _variants(
        self, product: Row, options: Sequence[Row], present: PresentRows
    ) -> Iterator[dict[str, Any]]:
        """Yield those of the variants that a product of a document can have."""
        combinations: set[tuple[str, ...]] = set()
        index = 0
        for row in present.variants.get(product["id"], ()):
            values = present.values.get(row["id"], {})
            combination = tuple(
                values[one["id"]]["value"] for one in options if one["id"] in values
            )
            lacks = len(combination) < len(options)
            if lacks or combination in combinations:
                why = "no value for an option" if lacks else "the option values of another variant"
                self.left.warnings.append(
                    f"the variant {row['sku'] or row['title']} of the product "
                    f"{product['handle'] or product['title']} is left out: it has {why}"
                )
                continue
            combinations.add(combination)
            yield self._variant(row, index, options, present)
            index += 1

    def _variant(
        self, row: Row, index: int, options: Sequence[Row], present: PresentRows
    ) -> dict[str, Any]:
        exported = self.left.entry(model.VARIANT, row)
        if exported.get("variant_rank") in (0, index):  # 0 in a document: the place in the list
            del exported["variant_rank"]
        values = present.values.get(row["id"], {})
        found = {
            "options": [
                self.left.entry(model.OPTION_VALUE, values[option["id"]]) for option in options
            ],
            "prices": list(self._prices(present.prices.get(row["id"], ()))),
        }
        return exported | {key: value for key, value in found.items() if value}

    def _prices(self, rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
        """Yield the prices of a variant that can ever apply, regions' first as a seed makes them; count those that cannot."""
        seen: set[tuple[Any, ...]] = set()
        for row in sorted(rows, key=lambda price: price["region_id"] is None):
            region, least, most = row["region_id"], row.get("min_quantity"), row.get("max_quantity")
            same = (region,) if region else (row["currency_code"], least, most)
            why = ""
            if region is not None and region not in self.regions:
                why = "their region was deleted"
            elif least is not None and most is not None and least > most:
                why = "their min_quantity is more than their max_quantity"
            elif min(row["amount"], least or 0, most or 0) < 0:
                why = "their amount or quantity is less than 0"
            elif same in seen:
                why = "their variant has another price for the same"
            if why:
                self.left.count[f"prices that are left out, as {why}"] += 1
                continue
            seen.add(same)
            if region is not None and row["currency_code"] != self.regions[region]:
                self.left.count[
                    "prices of a region in a currency that is not its own, which get that"
                ] += 1
            yield self._price(row)

    def _price(self, row: Row) -> dict[str, Any]:
        exported = self.left.entry(model.PRICE, row)
        if row["region_id"] is not None:
            quantities = [exported.pop(f"{which}_quantity", None) for which in ("min", "max")]
            if any(one is not None for one in quantities):
                self.left.count[
                    "prices of a region without their quantities, which Medusa has none for"
                ] += 1
            return {"region_id": row["region_id"], **exported}
        return {"currency_code": row["currency_code"], **exported}


def _kept(rows: Sequence[Row]) -> list[Row]:
    """Return those of *rows* that were not deleted."""
    return [row for row in rows if row.get("deleted_at") is None]
