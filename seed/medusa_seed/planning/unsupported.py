"""Pure: whether this shop can take the document: what its schema can hold, and what is referred to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medusa_seed.document import model
from medusa_seed.document.findings import shown, spell
from medusa_seed.document.model import ENTRIES, Entry, Many

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from medusa_seed.document.document import Document
    from medusa_seed.document.findings import Findings, Place
    from medusa_seed.document.product import Uses
    from medusa_seed.planning.planner import Planner
    from medusa_seed.planning.present import Columns


Missing = dict[tuple[str, str], str]
"""What the live schema lacks for a key of a kind of entry: `("region", "includes_tax")`."""


def missing(columns: Columns, document: Document) -> Missing:
    """Return the keys of *document* that the live schema has no room for."""
    found: Missing = {}
    for kind, key in document.keys:
        entry = ENTRIES[kind]
        field = entry.field(key)
        own_table_is_missing = kind != "document" and not columns.of(entry.table)
        if own_table_is_missing or (field.needs is None and not field.column):
            continue
        table, column = field.needs or (entry.table, key)
        if not columns.has(table, column):
            found[kind, key] = f"column {table}.{column}" if columns.of(table) else f"table {table}"
    return found


def check_keys(findings: Findings, document: Document, lacking: Missing, version: str) -> None:
    """Note the keys that cannot be held; *version* is that of the database."""
    for (kind, key), lacks in lacking.items():
        findings.add(
            document.keys[kind, key],
            f"this database ({version}) cannot hold it, for it has no {lacks}{_hint(key)}",
        )


def _hint(key: str) -> str:
    if key == "includes_tax":
        return "; the feature flag tax_inclusive_pricing brings it"
    if key == "rule_types":
        return "; the pricing module of medusa_v2 brings it"
    return ""


def cut(document: Document, lacking: Missing) -> None:
    """Take out of *document*, but for its products, what cannot be held.

    Products are not in categories that are left out, so *lacking* grows by that key.
    """
    if ("document", "categories") in lacking:
        lacking.setdefault(("product", "categories"), lacking["document", "categories"])
    for name, entries in list(document.lists.items()):
        section = model.DOCUMENT.field(name).shape
        if ("document", name) in lacking:
            del document.lists[name]
        elif isinstance(section, Many) and isinstance(section.of, Entry):
            of = section.of
            document.lists[name] = [
                one._replace(body=cut_entry(one.body, of, lacking)) for one in entries
            ]
    if ("product", "categories") in lacking:
        document.uses.categories.clear()


def cut_entry(body: Mapping[str, Any], entry: Entry, lacking: Missing) -> dict[str, Any]:
    """Return an entry without the keys that cannot be held."""
    kept: dict[str, Any] = {}
    for key, value in body.items():
        if (entry.name, key) in lacking:
            continue
        match _shape(entry, key):
            case Many(of=Entry() as inner):
                kept[key] = [cut_entry(one, inner, lacking) for one in value]
            case _:
                kept[key] = value
    return kept


def _shape(entry: Entry, key: str) -> model.Shape | None:
    """Return the shape of a field; None for what was put in beside the document's own keys."""
    return next((field.shape for field in entry.fields if field.name == key), None)


def check_references(planner: Planner, document: Document) -> None:
    """Find what products refer to and is neither in the document nor in the shop."""
    uses = document.uses
    _among(planner.findings, uses.currencies, planner.shop.currencies, "currency of this database")
    _warn_of_unsold(planner, uses)
    _among(planner.findings, uses.regions, planner.regions, "region of this document or shop")
    _among(
        planner.findings, uses.categories, planner.categories, "category of this document or shop"
    )
    _among(
        planner.findings,
        uses.collections,
        planner.collections,
        "collection of this document or shop",
    )
    _among(planner.findings, uses.types, planner.shop.types, "product type of this shop")


def _warn_of_unsold(planner: Planner, uses: Uses) -> None:
    """Warn of prices in currencies that the store does not sell in: Medusa takes and keeps them."""
    sold = ", ".join(sorted(planner.currencies)) or "it has none"
    planner.warnings += [
        f"{spell(place)}: {shown(code)} is not a currency of the store ({sold}); prices in it are kept, "
        "as Medusa does. To sell in it, name it in the store's currencies as well"
        for code, place in uses.currencies.items()
        if code in planner.shop.currencies and code not in planner.currencies
    ]


def _among(
    findings: Findings, used: Mapping[str, Place], known: Collection[str], what: str
) -> None:
    for value, place in used.items():
        if value not in known:
            findings.add(place, f"{shown(value)} is not a {what}")


def check_owned(
    findings: Findings, uses: Uses, key: str, owners: Mapping[str, tuple[str, str | None]]
) -> None:
    """Find values of the unique *key* that a variant of another product of the shop has.

    *owners* gives the id and the handle of the product that has each value.
    """
    for value, (id_, handle) in owners.items():
        place, product = uses.owned[key][value]
        same = product.id == id_ if product.id is not None else product.handle == handle
        if not same:
            owner = handle or id_
            findings.add(place, f"{shown(value)} is that of another product of this shop, {owner}")
