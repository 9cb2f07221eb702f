"""Reads a shop back as a seed document: catalogue, regions and settings; nothing about people."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import dict_row

from medusa_migrations.contract.errors import UsageError
from medusa_migrations.postgres import row_security
from medusa_seed.document import document, model
from medusa_seed.document.files import Piece
from medusa_seed.document.findings import Findings
from medusa_seed.planning.planner import defaults
from medusa_seed.planning.present import PresentRows
from medusa_seed.shop import look, tables, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from psycopg import Connection

    from medusa_seed.document.model import Entry
    from medusa_seed.planning.present import Row, Shop

BATCH = 500
"""Products that are read at once."""


def write(
    conn: Connection[Any], schema: str, handles: Sequence[str] | None, out: Callable[[str], object]
) -> list[str]:
    """Write the shop in *schema* to *out*; return what the format cannot hold of it.

    All of it is of one moment. Raises UsageError, before anything is written, where there is no shop or
    one of *handles* is no product's.
    """
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read, read only")
        conn.execute(row_security.OFF)
        visible.check(conn, schema)
        found = tables.read(conn, schema)
        if found.store is None:
            raise UsageError(f"there is no shop in the schema {schema} to export", reason="NoShop")
        _check_handles(conn, schema, found, handles)
        query = sql.SQL("select id, value from {}").format(sql.Identifier(schema, "product_type"))
        export = Export(conn, schema, found, dict(conn.execute(query).fetchall()))
        findings = Findings()
        document.read(_written(export, handles, out), findings)
    left_out = [f"{why}: {count}" for why, count in export.left_out.items()]
    return [*export.warnings, *left_out, *findings.lines]


def _check_handles(
    conn: Connection[Any], schema: str, shop: Shop, handles: Sequence[str] | None
) -> None:
    found = tables.fetch(conn, schema, shop.columns, "product", "handle", handles or ())
    missing = [one for one in handles or () if one not in {row["handle"] for row in found}]
    if missing:
        raise UsageError(f"no product of this shop has the handle {', '.join(missing)}")


def _written(
    export: Export, handles: Sequence[str] | None, out: Callable[[str], object]
) -> Iterator[Piece]:
    """Yield the pieces of the document, having written each: what is written is also checked."""
    mark = "{\n  "
    for key, value in export.settings().items():
        out(f"{mark}{json.dumps(key)}: {_spell(value, 1)}")
        mark = ",\n  "
        if isinstance(value, list):
            yield from (Piece("", key, index, one) for index, one in enumerate(value))
        else:
            yield Piece("", key, None, value)
    out(f'{mark}"products": [')
    mark = "\n    "
    for index, product in enumerate(export.products(handles)):
        out(f"{mark}{_spell(product, 2)}")
        mark = ",\n    "
        yield Piece("", "products", index, product)
    out("]\n}\n" if mark == "\n    " else "\n  ]\n}\n")


def _spell(value: Any, depth: int) -> str:
    """Spell *value* as JSON, its lines but the first indented."""
    return json.dumps(value, ensure_ascii=False, indent=2).replace("\n", "\n" + "  " * depth)


@dataclass(slots=True)
class Export:
    """One export while it goes on."""

    conn: Connection[Any]
    schema: str
    shop: Shop
    types: Mapping[str, str]
    """The texts of product types, by id."""
    warnings: list[str] = field(default_factory=list)
    """What the shop has and the format cannot hold."""
    left_out: Counter[str] = field(default_factory=Counter)
    """How many parts of products are not exported, by the reason."""
    regions: frozenset[str] = field(init=False)
    """The ids of the regions that are exported."""
    collections: frozenset[str] = field(init=False)
    """The ids of the collections that are exported."""

    def __post_init__(self) -> None:
        self.regions = frozenset(row["id"] for row in self.shop.rows["region"])
        self.collections = frozenset(row["id"] for row in self.shop.rows["product_collection"])

    def settings(self) -> dict[str, Any]:
        """Return the document, but for its products."""
        found = {
            "store": self._store(),
            "regions": [self._region(row) for row in self.shop.rows["region"]],
            "shipping_options": self._shipping_options(),
            "categories": self._categories(),
            "product_collections": [
                _exported(model.COLLECTION, row, keep=("id",))
                for row in self.shop.rows["product_collection"]
            ],
            "publishable_api_keys": [
                _exported(model.KEY, row, keep=("id",))
                for row in self.shop.rows["publishable_api_key"]
                if row["revoked_at"] is None
            ],
        }
        return {key: value for key, value in found.items() if value}

    def products(self, handles: Sequence[str] | None) -> Iterator[dict[str, Any]]:
        """Yield the products, of those *handles* only where some are given, oldest first."""
        query = sql.SQL(
            "select * from {} where deleted_at is null and (%(h)s::text[] is null or handle = any(%(h)s))"
            " order by created_at, id"
        ).format(sql.Identifier(self.schema, "product"))
        with self.conn.cursor("products", row_factory=dict_row) as cursor:
            cursor.execute(query, {"h": handles})
            while rows := cursor.fetchmany(BATCH):
                present = PresentRows()
                ids = [row["id"] for row in rows]
                look.attached_rows(self.conn, self.schema, self.shop.columns, ids, present)
                for row in rows:
                    yield self._product(row, present)

    def _store(self) -> dict[str, Any]:
        row = self.shop.store
        if row is None:
            return {}
        exported = _exported(model.STORE, row)
        currencies = self.shop.store_currencies
        needed = {row["default_currency_code"]: "its default"}
        for region in self.shop.rows["region"]:
            needed.setdefault(region["currency_code"], f"that of the region {region['name']}")
        for code, whose in needed.items():
            if code not in currencies:
                self.warnings.append(
                    f"the store has no currency {code}, {whose}; a seed adds it to the store's"
                )
        exported["currencies"] = sorted(currencies | needed.keys())
        return exported

    def _region(self, row: Row) -> dict[str, Any]:
        exported = _exported(model.REGION, row, keep=("id",))
        exported["countries"] = sorted(
            c for c, region in self.shop.countries.items() if region == row["id"]
        )
        for key in ("payment_providers", "fulfillment_providers"):
            exported[key] = sorted(self.shop.region_providers[f"region_{key}"].get(row["id"], ()))
        delivers = exported["fulfillment_providers"]
        for option in self.shop.rows["shipping_option"]:
            if option["region_id"] == row["id"] and option["provider_id"] not in delivers:
                delivers.append(option["provider_id"])
                self.warnings.append(
                    f"the shipping option {option['name']} is delivered by {option['provider_id']}, which the "
                    f"region {row['name']} does not have; a seed adds it to the region"
                )
        if not row["id"].startswith("reg_"):
            self.warnings.append(f"the region {row['name']} gets another id than {row['id']}")
        return exported

    def _shipping_options(self) -> list[dict[str, Any]]:
        gift, plain = self.shop.profile("gift_card"), self.shop.profile("default")
        requirements: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self.shop.rows["shipping_option_requirement"]:
            requirements[row["shipping_option_id"]].append(_exported(model.REQUIREMENT, row))
        found = []
        options = [row for row in self.shop.rows["shipping_option"] if self._has_region(row)]
        identities = Counter(map(_identity, options))
        for row in options:
            keep = ("id",) if identities[_identity(row)] > 1 else ()
            exported = {
                "region_id": row["region_id"], **_exported(model.SHIPPING_OPTION, row, keep=keep)
            }  # fmt: skip
            if row["profile_id"] == gift:
                exported["is_giftcard"] = True
            elif row["profile_id"] != plain:
                self.warnings.append(
                    f"the shipping option {row['name']} is in a profile of its own"
                )
            if requirements[row["id"]]:
                exported["requirements"] = sorted(
                    requirements[row["id"]], key=lambda one: str(one["type"])
                )
            found.append(exported)
        return found

    def _has_region(self, option: Row) -> bool:
        if option["region_id"] in self.regions:
            return True
        self.warnings.append(
            f"the shipping option {option['name']} is left out: its region was deleted"
        )
        return False

    def _categories(self) -> list[dict[str, Any]]:
        children: defaultdict[str | None, list[Row]] = defaultdict(list)
        for row in self.shop.rows["product_category"]:
            children[row["parent_category_id"]].append(row)
            if not row["is_active"]:
                self.warnings.append(
                    f"the category {row['handle']} is not active; a seed makes it so"
                )

        def below(parent: str | None) -> list[dict[str, Any]]:
            found = []
            for row in sorted(children[parent], key=lambda one: one.get("rank", 0)):
                exported = _exported(model.CATEGORY, row, keep=("id",))
                inner = below(row["id"])
                found.append(exported | ({"category_children": inner} if inner else {}))
            return found

        return below(None)

    def _product(self, row: Row, present: PresentRows) -> dict[str, Any]:
        exported = _exported(model.PRODUCT, row, keep=() if row["handle"] else ("id",))
        if exported.pop("type_id", None) is not None:
            exported["type"] = {"value": self.types[row["type_id"]]}
        if row["is_giftcard"]:
            exported.pop("discountable", None)
        if (
            exported.get("collection_id") is not None
            and row["collection_id"] not in self.collections
        ):
            del exported["collection_id"]
            self.left_out["products without their collection, which was deleted"] += 1
        linked = present.linked.get(row["id"], {})
        images = [image["url"] for image in linked.get("images", ())]
        if images and row["thumbnail"] == images[0]:
            exported.pop("thumbnail", None)
        found = {
            "images": images,
            "tags": [_exported(model.TAG, tag) for tag in linked.get("tags", ())],
            "categories": [{"id": category["id"]} for category in linked.get("categories", ())],
            "options": [_exported(model.OPTION, one) for one in present.options.get(row["id"], ())],
            "variants": [
                self._variant(variant, index, present)
                for index, variant in enumerate(present.variants.get(row["id"], ()))
            ],
        }
        return exported | {key: value for key, value in found.items() if value}

    def _variant(self, row: Row, index: int, present: PresentRows) -> dict[str, Any]:
        exported = _exported(model.VARIANT, row)
        if exported.get("variant_rank") == index:
            del exported["variant_rank"]
        values = present.values.get(row["id"], {})
        prices = present.prices.get(row["id"], ())
        found = {
            "options": [
                _exported(model.OPTION_VALUE, values[option["id"]])
                for option in present.options.get(row["product_id"], ())
                if option["id"] in values
            ],
            "prices": [_price(price) for price in prices if self._applies(price)],
        }
        return exported | {key: value for key, value in found.items() if value}

    def _applies(self, price: Row) -> bool:
        """Return whether a price can ever apply; count those that cannot."""
        why, least, most = "", price.get("min_quantity"), price.get("max_quantity")
        if price["region_id"] is not None and price["region_id"] not in self.regions:
            why = "prices that are left out, as their region was deleted"
        elif least is not None and most is not None and least > most:
            why = "prices that are left out, as their min_quantity is more than their max_quantity"
        if why:
            self.left_out[why] += 1
        return not why


def _identity(option: Row) -> tuple[Any, ...]:
    """Return what makes a shipping option of the shop the same one."""
    return (option["region_id"], option["name"], option["is_return"], option["profile_id"])


def _exported(entry: Entry, row: Mapping[str, Any], keep: Sequence[str] = ()) -> dict[str, Any]:
    """Return what a document has of *row*: its columns that are not at their default.

    An id is included only where *keep* names it; a required key always is.
    """
    usual = defaults(entry)
    exported: dict[str, Any] = {}
    for column in entry.columns:
        if column.name not in row or (column.name == "id" and "id" not in keep):
            continue
        value = row[column.name]
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if column.required or value != usual.get(column.name):
            exported[column.name] = value
    return exported


def _price(row: Row) -> dict[str, Any]:
    exported = _exported(model.PRICE, row)
    if row["region_id"] is not None:
        return {"region_id": row["region_id"], **exported}
    return {"currency_code": row["currency_code"], **exported}
