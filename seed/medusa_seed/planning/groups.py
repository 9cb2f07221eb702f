"""Pure: plans what products are grouped by: categories and collections."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from medusa_seed.document.findings import shown, spell
from medusa_seed.document.model import CATEGORY, COLLECTION
from medusa_seed.planning.planner import real, values

if TYPE_CHECKING:
    from medusa_seed.document.document import Document, Placed
    from medusa_seed.planning.planner import Planner


def plan_categories(planner: Planner, document: Document) -> None:
    """Plan the categories, parents first; the order in a list is the rank behind those that exist."""
    rows = planner.shop.rows["product_category"]
    by_id = {row["id"]: row for row in rows}
    by_handle = {row["handle"]: row for row in rows}
    ranks: defaultdict[str | None, int] = defaultdict(int)
    for sibling in rows:
        parent = sibling["parent_category_id"]
        ranks[parent] = max(ranks[parent], sibling["rank"] + 1)
    planner.categories |= {id_: id_ for id_ in by_id}
    planned: list[tuple[str, str]] = []
    for placed in document.entries("categories"):
        body = placed.body
        planner.changes.place = placed.place
        above = None if body["parent"] is None else planned[body["parent"]]
        row = by_id.get(body.get("id", "")) or by_handle.get(body["handle"])
        if row is None:
            planned.append(_create(planner, placed, above, ranks))
        else:
            planned.append((row["id"], row["mpath"]))
            _merge(planner, placed, above, row)
        planner.categories[body.get("id", "")] = planned[-1][0]


def _create(
    planner: Planner,
    placed: Placed,
    above: tuple[str, str] | None,
    ranks: defaultdict[str | None, int],
) -> tuple[str, str]:
    body = placed.body
    id_ = body.get("id") or planner.ids("pcat")
    parent, path = above or (None, "")
    rank = ranks[parent]
    ranks[parent] += 1
    mpath = f"{path or ''}{id_}."
    made = {
        "is_internal": False, **values(CATEGORY, body), "is_active": True, "parent_category_id": parent,
        "mpath": mpath, "rank": rank,
    }  # fmt: skip
    planner.insert("categories", "product_category", {"id": id_, **made})
    return id_, mpath


def _merge(
    planner: Planner, placed: Placed, above: tuple[str, str] | None, row: dict[str, Any]
) -> None:
    place, body = placed
    given = values(CATEGORY, body)
    merged = planner.merge("categories", CATEGORY, given, row, f"category {shown(body['handle'])}")
    planner.changes.update("product_category", row["id"], real(merged.write, CATEGORY))
    if row["parent_category_id"] != (above[0] if above else None):
        planner.warnings.append(
            f"{spell(place)}: the category {shown(body['handle'])} is elsewhere in this shop's tree and "
            "stays there; move it in the admin"
        )


def plan_collections(planner: Planner, document: Document) -> None:
    """Plan the collections."""
    rows = planner.shop.rows["product_collection"]
    by_id = {row["id"]: row for row in rows}
    by_handle = {row["handle"]: row for row in rows if row["handle"] is not None}
    planner.collections |= {id_: id_ for id_ in by_id}
    for planner.changes.place, body in document.entries("product_collections"):
        given = values(COLLECTION, body)
        row = by_id.get(body.get("id", "")) or by_handle.get(body.get("handle"))
        if row is None:
            id_ = body.get("id") or planner.ids("pcol")
            planner.insert("product_collections", "product_collection", {"id": id_, **given})
        else:
            id_ = row["id"]
            merged = planner.merge(
                "product_collections", COLLECTION, given, row, f"collection {shown(body['title'])}"
            )
            planner.changes.update("product_collection", id_, real(merged.write, COLLECTION))
        planner.collections[body.get("id", "")] = id_
