"""Pure: plans products, a batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medusa_seed.document.model import PRODUCT
from medusa_seed.document.places import shown
from medusa_seed.document.product import identity
from medusa_seed.planning.variants import plan_options, plan_variants
from medusa_seed.planning.work import links, real, values

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from medusa_seed.document.document import Placed
    from medusa_seed.document.places import Place
    from medusa_seed.document.product import Identity
    from medusa_seed.planning.present import Row, Shared, There
    from medusa_seed.planning.work import Work


def plan_products(work: Work, batch: Iterable[Placed], there: There, shared: Shared) -> None:
    """Plan the products of *batch*; all else is planned."""
    columns = work.columns
    makes_handles = columns.has("product_variant_money_amount", "id")
    """Whether this Medusa makes a handle for a product that brings its own id."""
    for place, says in batch:
        who = identity(says)
        row = _find(work, who, there, place)
        given = _given(work, says, shared)
        if row is None:
            if who.id is None or makes_handles:
                given["handle"] = who.handle
            id_ = _create(work, says, who, given, shared)
            options = plan_options(work, says, id_, ())
        else:
            id_ = row["id"]
            _merge(work, says, given, row, there, shared)
            options = plan_options(work, says, id_, there.options.get(id_, ()))
        plan_variants(work, says, place, id_, options, there)


def _find(work: Work, who: Identity, there: There, place: Place) -> Row | None:
    if who.id is None:
        return there.by_handle.get(who.handle)
    row = there.by_id.get(who.id)
    other = there.by_handle.get(who.handle)
    if other is not None and other["id"] != who.id:
        work.findings.add(
            (place, "handle"),
            f"{shown(who.handle)} is the handle of another product of this shop, {other['id']}",
        )
    return row


def _given(work: Work, says: Mapping[str, Any], shared: Shared) -> dict[str, Any]:
    """Return the columns that a product gives, those that Medusa works out included."""
    given = values(PRODUCT, says)
    if not given.get("handle"):
        given.pop("handle", None)
    images = says.get("images", ())
    if not given.get("thumbnail") and images:
        given["thumbnail"] = images[0]
    if says.get("is_giftcard") and work.columns.has("product", "discountable"):
        given["discountable"] = False
    collection = says.get("collection_id") or says.get("collection", {}).get("id")
    if collection is not None:
        given["collection_id"] = work.collections[collection]
    if says.get("type") is not None:
        given["type_id"] = _named(work, "product_type", "ptyp", says["type"], shared.types)
    return given


def _create(
    work: Work, says: Mapping[str, Any], who: Identity, given: dict[str, Any], shared: Shared
) -> str:
    id_ = who.id or work.ids("prod")
    profile = work.profiles["gift_card" if says.get("is_giftcard") else "default"]
    row = {"id": id_, **given}
    if work.columns.has("product", "status"):
        row.setdefault("status", "published")
    if work.columns.has("product", "profile_id"):
        row["profile_id"] = profile
    hangs, new = _hanging(work, says, {})
    work.insert("products", "product", row, hangs)
    if work.columns.of("product_shipping_profile"):
        work.changes.insert("product_shipping_profile", {"product_id": id_, "profile_id": profile})
    if work.channel and work.columns.of("product_sales_channel"):
        link = {"product_id": id_, "sales_channel_id": work.channel}
        work.changes.insert("product_sales_channel", link)
    _link(work, says, id_, new, shared)
    return id_


def _merge(
    work: Work,
    says: Mapping[str, Any],
    given: dict[str, Any],
    row: Row,
    there: There,
    shared: Shared,
) -> None:
    id_ = row["id"]
    linked = there.texts(id_)
    hangs, new = _hanging(work, says, linked)
    present = row | {key: sorted({*linked.get(key, ())}) for key in hangs}
    merged = work.merge(
        "products", PRODUCT, given | hangs, present, f"product {shown(row['handle'])}"
    )
    work.changes.update("product", id_, real(merged.write, PRODUCT))
    written = {key: value for key, value in new.items() if key in merged.write}
    _link(work, says, id_, written, shared)


def _hanging(
    work: Work, says: Mapping[str, Any], linked: Mapping[str, list[str]]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return what hangs on a product when nothing is taken from it, and what of that is new."""
    wanted = {
        "images": says.get("images", ()),
        "tags": [tag["value"] for tag in says.get("tags", ())],
        "categories": [work.categories[one["id"]] for one in says.get("categories", ())],
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
    work: Work,
    says: Mapping[str, Any],
    id_: str,
    new: Mapping[str, list[str]],
    shared: Shared,
) -> None:
    changes, has = work.changes, work.columns.has
    images, tags = new.get("images", []), new.get("tags", [])
    if has("product_category_product", "product_id"):
        images = _old_first(images, shared.images)
    if has("product_category", "description"):
        tags = _old_first(tags, shared.tags)
    for image in _rows(images, shared.images, lambda url: _insert_image(work, url)):
        changes.insert("product_images", {"product_id": id_, "image_id": image})
    if tags:
        told = {tag["value"]: tag for tag in says["tags"]}
        for tag in _rows(tags, shared.tags, lambda value: _insert_tag(work, told[value])):
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


def _insert_image(work: Work, url: str) -> str:
    id_ = work.ids("img")
    work.changes.insert("image", {"id": id_, "url": url})
    return id_


def _insert_tag(work: Work, tag: Mapping[str, Any]) -> str:
    id_: str = tag.get("id") or work.ids("ptag")
    told = {key: tag[key] for key in ("value", "metadata") if key in tag}
    work.changes.insert("product_tag", {"id": id_, **told})
    work.changes.counts.of("tags").created += 1
    return id_


def _named(
    work: Work, table: str, prefix: str, says: Mapping[str, Any], known: dict[str, str]
) -> str:
    found = known.get(says["value"])
    if found is None:
        found = known[says["value"]] = work.ids(prefix)
        work.changes.insert(table, {"id": found, "value": says["value"]})
        work.changes.counts.of("types").created += 1
    return found
