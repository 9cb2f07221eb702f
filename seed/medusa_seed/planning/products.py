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
    planner: Planner, batch: Iterable[Placed], there: PresentRows, shared: Shared
) -> None:
    """Plan the products of *batch*; all else is planned."""
    columns = planner.columns
    makes_handles = columns.has("product_variant_money_amount", "id")
    """Whether this Medusa makes a handle for a product that brings its own id."""
    for place, says in batch:
        planner.changes.place = place
        who = identity(says)
        row = _find(planner, who, there, place)
        given = _given(planner, says, shared)
        if row is None:
            if who.id is None or makes_handles:
                given["handle"] = who.handle
            id_ = _create(planner, says, who, given, shared)
            options = plan_options(planner, says, id_, ())
        else:
            id_ = row["id"]
            _merge(planner, says, given, row, there, shared)
            options = plan_options(planner, says, id_, there.options.get(id_, ()))
        plan_variants(planner, says, place, id_, options, there)


def _find(planner: Planner, who: Identity, there: PresentRows, place: Place) -> Row | None:
    if who.id is None:
        return there.by_handle.get(who.handle)
    row = there.by_id.get(who.id)
    other = there.by_handle.get(who.handle)
    if other is not None and other["id"] != who.id:
        planner.findings.add(
            (place, "handle"),
            f"{shown(who.handle)} is the handle of another product of this shop, {other['id']}",
        )
    return row


def _given(planner: Planner, says: Mapping[str, Any], shared: Shared) -> dict[str, Any]:
    """Return the columns that a product gives, those that Medusa works out included."""
    given = values(PRODUCT, says)
    if not given.get("handle"):
        given.pop("handle", None)
    images = says.get("images", ())
    if not given.get("thumbnail") and images:
        given["thumbnail"] = images[0]
    if says.get("is_giftcard") and planner.columns.has("product", "discountable"):
        given["discountable"] = False
    collection = says.get("collection_id") or says.get("collection", {}).get("id")
    if collection is not None:
        given["collection_id"] = planner.collections[collection]
    if says.get("type") is not None:
        given["type_id"] = _named(planner, "product_type", "ptyp", says["type"], shared.types)
    return given


def _create(
    planner: Planner, says: Mapping[str, Any], who: Identity, given: dict[str, Any], shared: Shared
) -> str:
    id_ = who.id or planner.ids("prod")
    profile = planner.profiles["gift_card" if says.get("is_giftcard") else "default"]
    row = {"id": id_, **given}
    if planner.columns.has("product", "status"):
        row.setdefault("status", "published")
    if planner.columns.has("product", "profile_id"):
        row["profile_id"] = profile
    hangs, new = _hanging(planner, says, {})
    planner.insert("products", "product", row, hangs)
    if planner.columns.of("product_shipping_profile"):
        planner.changes.insert(
            "product_shipping_profile", {"product_id": id_, "profile_id": profile}
        )
    if planner.channel and planner.columns.of("product_sales_channel"):
        link = {"product_id": id_, "sales_channel_id": planner.channel}
        planner.changes.insert("product_sales_channel", link)
    _link(planner, says, id_, new, shared)
    return id_


def _merge(
    planner: Planner,
    says: Mapping[str, Any],
    given: dict[str, Any],
    row: Row,
    there: PresentRows,
    shared: Shared,
) -> None:
    id_ = row["id"]
    linked = there.texts(id_)
    hangs, new = _hanging(planner, says, linked)
    present = row | {key: sorted({*linked.get(key, ())}) for key in hangs}
    merged = planner.merge(
        "products", PRODUCT, given | hangs, present, f"product {shown(row['handle'])}"
    )
    planner.changes.update("product", id_, real(merged.write, PRODUCT))
    written = {key: value for key, value in new.items() if key in merged.write}
    _link(planner, says, id_, written, shared)


def _hanging(
    planner: Planner, says: Mapping[str, Any], linked: Mapping[str, list[str]]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return what hangs on a product when nothing is taken from it, and what of that is new."""
    wanted = {
        "images": says.get("images", ()),
        "tags": [tag["value"] for tag in says.get("tags", ())],
        "categories": [planner.categories[one["id"]] for one in says.get("categories", ())],
    }
    hangs: dict[str, list[str]] = {}
    new: dict[str, list[str]] = {}
    for key, one in wanted.items():
        if one:
            hangs[key], new[key] = links(one, linked.get(key, ()))
            if not linked.get(key) and key != "categories":
                new[key] = list(one)  # Medusa makes a row for each, the same text twice included
    return hangs, new


def _link(
    planner: Planner,
    says: Mapping[str, Any],
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
        by_value = {tag["value"]: tag for tag in says["tags"]}
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
    planner: Planner, table: str, prefix: str, says: Mapping[str, Any], known: dict[str, str]
) -> str:
    found = known.get(says["value"])
    if found is None:
        found = known[says["value"]] = planner.ids(prefix)
        planner.changes.insert(table, {"id": found, "value": says["value"]})
        planner.changes.counts.of("types").created += 1
    return found
