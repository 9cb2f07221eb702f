"""Reads a shop back as a seed document: catalogue, regions and settings; nothing about people."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medusa_migrations.contract.errors import UsageError
from medusa_migrations.postgres import row_security
from medusa_seed.document import document, model
from medusa_seed.document.files import Piece
from medusa_seed.document.findings import Findings
from medusa_seed.run.export_products import ExportedProducts
from medusa_seed.run.left_out import LeftOut
from medusa_seed.shop import tables, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from psycopg import Connection

    from medusa_seed.planning.present import Row, Shop


def write(
    conn: Connection[Any], schema: str, wanted: Sequence[str] | None, out: Callable[[str], object]
) -> list[str]:
    """Write the shop in *schema* to *out*; return what the format cannot hold of it, and what a seed refuses of that.

    All of it is of one moment. Raises UsageError, before anything is written, where there is no shop or
    one of *wanted* is no product's.
    """
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read, read only")
        conn.execute(row_security.OFF)
        visible.check(conn, schema)
        found = tables.read(conn, schema)
        if found.store is None:
            raise UsageError(f"there is no shop in the schema {schema} to export", reason="NoShop")
        _check_handles(conn, schema, found, wanted)
        left = LeftOut()
        settings = ExportedSettings(found, left)
        products = ExportedProducts(conn, schema, found, left)
        findings = Findings()
        read = document.read(_written(settings, products.read(wanted), out), findings)
    changed = [*settings.warnings, *left.lines(), *read.warnings]
    return [
        *(f"not exported as it is: {line}" for line in changed),
        *(
            f"a seed refuses the document until this is corrected: {line}"
            for line in findings.lines
        ),
    ]


def _check_handles(
    conn: Connection[Any], schema: str, shop: Shop, wanted: Sequence[str] | None
) -> None:
    found = tables.fetch(conn, schema, shop.columns, "product", "handle", wanted or ())
    missing = [one for one in wanted or () if one not in {row["handle"] for row in found}]
    if missing:
        raise UsageError(f"no product of this shop has the handle {', '.join(missing)}")


def _written(
    settings: ExportedSettings, products: Iterator[dict[str, Any]], out: Callable[[str], object]
) -> Iterator[Piece]:
    """Yield the pieces of the document, having written each: what is written is also checked."""
    mark = "{\n  "
    for key, value in settings.found().items():
        out(f"{mark}{json.dumps(key)}: {_spell(value, 1)}")
        mark = ",\n  "
        if isinstance(value, list):
            yield from (Piece("", key, index, one) for index, one in enumerate(value))
        else:
            yield Piece("", key, None, value)
    out(f'{mark}"products": [')
    mark = "\n    "
    for index, product in enumerate(products):
        out(f"{mark}{_spell(product, 2)}")
        mark = ",\n    "
        yield Piece("", "products", index, product)
    out("]\n}\n" if mark == "\n    " else "\n  ]\n}\n")


def _spell(value: Any, depth: int) -> str:
    """Spell *value* as JSON, its lines but the first indented."""
    return json.dumps(value, ensure_ascii=False, indent=2).replace("\n", "\n" + "  " * depth)


@dataclass(slots=True)
class ExportedSettings:
    """The settings of a shop, as a document has them."""

    shop: Shop
    left: LeftOut
    warnings: list[str] = field(default_factory=list)
    """What the shop has and the format cannot hold."""
    regions: frozenset[str] = field(init=False)
    """The ids of the regions that are exported."""

    def __post_init__(self) -> None:
        self.regions = frozenset(row["id"] for row in self.shop.rows["region"])

    def found(self) -> dict[str, Any]:
        """Return the document, but for its products."""
        found = {
            "store": self._store(),
            "regions": [self._region(row) for row in self.shop.rows["region"]],
            "shipping_options": self._shipping_options(),
            "categories": self._categories(),
            "product_collections": [
                self.left.entry(model.COLLECTION, row, keep=("id",))
                for row in self.shop.rows["product_collection"]
            ],
            "publishable_api_keys": [
                self.left.entry(model.KEY, row, keep=("id",))
                for row in self.shop.rows["publishable_api_key"]
                if row["revoked_at"] is None
            ],
        }
        return {key: value for key, value in found.items() if value}

    def _store(self) -> dict[str, Any]:
        row = self.shop.store
        if row is None:
            return {}
        exported = self.left.entry(model.STORE, row)
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
        exported = self.left.entry(model.REGION, row, keep=("id",))
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
            requirements[row["shipping_option_id"]].append(self.left.entry(model.REQUIREMENT, row))
        found = []
        options = [row for row in self.shop.rows["shipping_option"] if self._has_region(row)]
        identities = Counter(map(_identity, options))
        for row in options:
            keep = ("id",) if identities[_identity(row)] > 1 else ()
            exported = {
                "region_id": row["region_id"], **self.left.entry(model.SHIPPING_OPTION, row, keep=keep)
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

        left = {row["id"]: row for row in self.shop.rows["product_category"]}

        def below(parent: str | None) -> list[dict[str, Any]]:
            inner = sorted(children.pop(parent, []), key=lambda one: one.get("rank", 0))
            return [exported(row) for row in inner]

        def exported(row: Row) -> dict[str, Any]:
            del left[row["id"]]
            written = self.left.entry(model.CATEGORY, row, keep=("id",))
            inner = below(row["id"])
            return written | ({"category_children": inner} if inner else {})

        found = below(None)
        while left:  # what is below itself is below none of the others
            row = next(iter(left.values()))
            self.warnings.append(
                f"the category {row['handle']} is below itself; it is exported without the one above it"
            )
            children[row["parent_category_id"]].remove(row)
            found.append(exported(row))
        return found


def _identity(option: Row) -> tuple[Any, ...]:
    """Return what makes a shipping option of the shop the same one."""
    return (option["region_id"], option["name"], option["is_return"], option["profile_id"])
