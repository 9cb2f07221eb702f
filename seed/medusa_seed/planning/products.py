"""Pure: plans products, a batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medusa_seed.document.findings import shown
from medusa_seed.document.model import PRODUCT
from medusa_seed.document.product import identity
from medusa_seed.planning.planner import links, real, values
from medusa_seed.planning.variants import plan_options, plan_variants

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from medusa_seed.document.document import Placed
    from medusa_seed.document.findings import Place
    from medusa_seed.document.product import Identity
    from medusa_seed.planning.planner import Planner
    from medusa_seed.planning.present import PresentRows, Row, Shared


def plan_products(
    planner: Planner, batch: Iterable[Placed], existing: PresentRows, shared: Shared
) -> None:
    """Plan the products of *batch*; all else is planned."""
    columns = planner.columns
    makes_handles = columns.has("product_variant_money_amount", "id")
    """Whether this Medusa makes a handle for a product that brings its own id."""
    for place, body in batch:
        planner.changes.place = place
        who = identity(body)
        row = _find(planner, who, existing, place)
        given = _given(planner, body, shared)
        if row is None:
            if who.id is None or makes_handles:
                given["handle"] = who.handle
            id_ = _create(planner, body, who, given, shared)
            options = plan_options(planner, body, id_, ())
        else:
            id_ = row["id"]
            _merge(planner, body, given, row, existing, shared)
            options = plan_options(planner, body, id_, existing.options.get(id_, ()))
        plan_variants(planner, body, place, id_, options, existing)


def _find(planner: Planner, who: Identity, existing: PresentRows, place: Place) -> Row | None:
    if who.id is None:
        return existing.by_handle.get(who.handle)
    row = existing.by_id.get(who.id)
    other = existing.by_handle.get(who.handle)
    if other is not None and other["id"] != who.id:
        planner.findings.add(
            (place, "handle"),
            f"{shown(who.handle)} is the handle of another product of this shop, {other['id']}",
        )
    return row


def _given(planner: Planner, body: Mapping[str, Any], shared: Shared) -> dict[str, Any]:
    """Return the columns that a product gives, those that Medusa works out included."""
    given = values(PRODUCT, body)
    if not given.get("handle"):
        given.pop("handle", None)
    images = body.get("images", ())
    if not given.get("thumbnail") and images:
        given["thumbnail"] = images[0]
    if body.get("is_giftcard") and planner.columns.has("product", "discountable"):
        given["discountable"] = False
    collection = body.get("collection_id") or body.get("collection", {}).get("id")
    if collection is not None:
        given["collection_id"] = planner.collections[collection]
    if body.get("type") is not None:
        given["type_id"] = _named(planner, "product_type", "ptyp", body["type"], shared.types)
    return given


def _create(
    planner: Planner, body: Mapping[str, Any], who: Identity, given: dict[str, Any], shared: Shared
) -> str:
    id_ = who.id or planner.ids("prod")
    profile = planner.profiles["gift_card" if body.get("is_giftcard") else "default"]
    row = {"id": id_, **given}
    if planner.columns.has("product", "status"):
        row.setdefault("status", "published")
    if planner.columns.has("product", "profile_id"):
        row["profile_id"] = profile
    attached, new = _attached(planner, body, {})
    planner.insert("products", "product", row, attached)
    if planner.columns.of("product_shipping_profile"):
        planner.changes.insert(
            "product_shipping_profile", {"product_id": id_, "profile_id": profile}
        )
    if planner.channel and planner.columns.of("product_sales_channel"):
        link = {"product_id": id_, "sales_channel_id": planner.channel}
        planner.changes.insert("product_sales_channel", link)
    _link(planner, body, id_, new, shared)
    return id_


def _merge(
    planner: Planner,
    body: Mapping[str, Any],
    given: dict[str, Any],
    row: Row,
    existing: PresentRows,
    shared: Shared,
) -> None:
    id_ = row["id"]
    linked = existing.texts(id_)
    attached, new = _attached(planner, body, linked)
    present = row | {key: sorted({*linked.get(key, ())}) for key in attached}
    merged = planner.merge(
        "products", PRODUCT, given | attached, present, f"product {shown(row['handle'])}"
    )
    planner.changes.update("product", id_, real(merged.write, PRODUCT))
    written = {key: value for key, value in new.items() if key in merged.write}
    _link(planner, body, id_, written, shared)


def _attached(
    planner: Planner, body: Mapping[str, Any], linked: Mapping[str, list[str]]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return what belongs to a product when nothing is taken from it, and what of that is new."""
    wanted = {
        "images": body.get("images", ()),
        "tags": [tag["value"] for tag in body.get("tags", ())],
        "categories": [planner.categories[one["id"]] for one in body.get("categories", ())],
    }
    attached: dict[str, list[str]] = {}
    new: dict[str, list[str]] = {}
    for key, one in wanted.items():
        if one:
            attached[key], new[key] = links(one, linked.get(key, ()))
            if not linked.get(key) and key != "categories":
                new[key] = list(one)  # Medusa makes a row for each, the same text twice included
    return attached, new


def _link(
    planner: Planner,
    body: Mapping[str, Any],
    id_: str,
    new: Mapping[str, list[str]],
    shared: Shared,
) -> None:
    changes, has = planner.changes, planner.columns.has
    images, tags = new.get("images", []), new.get("tags", [])
    if has("product_category_product", "product_id"):
        images = _old_first(images, shared.images)
    if has("product_category", "description"):
        tags = _old_first(tags, shared.tags)
    for image in _rows(images, shared.images, lambda url: _insert_image(planner, url)):
        changes.insert("product_images", {"product_id": id_, "image_id": image})
    if tags:
        by_value = {tag["value"]: tag for tag in body["tags"]}
        for tag in _rows(tags, shared.tags, lambda value: _insert_tag(planner, by_value[value])):
            changes.insert("product_tags", {"product_id": id_, "product_tag_id": tag})
    for category in new.get("categories", ()):
        changes.insert(
            "product_category_product", {"product_category_id": category, "product_id": id_}
        )


def _old_first(wanted: list[str], known: Collection[str]) -> list[str]:
    """Return *wanted* as newer servers link them: those that the shop has before those it gets."""
    return sorted(wanted, key=lambda value: value not in known)


def _rows(wanted: Iterable[str], known: dict[str, str], insert: Callable[[str], str]) -> list[str]:
    """Return the ids of the rows of *wanted* values; those not *known* before are made, each."""
    found: dict[str, None] = {}
    made: dict[str, str] = {}
    for value in wanted:
        id_ = known.get(value)
        if id_ is None:
            id_ = made[value] = insert(value)
        found[id_] = None
    known.update(made)
    return list(found)


def _insert_image(planner: Planner, url: str) -> str:
    id_ = planner.ids("img")
    planner.changes.insert("image", {"id": id_, "url": url})
    return id_


def _insert_tag(planner: Planner, tag: Mapping[str, Any]) -> str:
    id_: str = tag.get("id") or planner.ids("ptag")
    values = {key: tag[key] for key in ("value", "metadata") if key in tag}
    planner.changes.insert("product_tag", {"id": id_, **values})
    planner.changes.counts.of("tags").created += 1
    return id_


def _named(
    planner: Planner, table: str, prefix: str, body: Mapping[str, Any], known: dict[str, str]
) -> str:
    found = known.get(body["value"])
    if found is None:
        found = known[body["value"]] = planner.ids(prefix)
        planner.changes.insert(table, {"id": found, "value": body["value"]})
        planner.changes.counts.of("types").created += 1
    return found
