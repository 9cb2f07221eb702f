"""Pure: plans what a shop is before it sells: the store, what a server's first start makes, users, keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medusa_seed.document import document as documents
from medusa_seed.document.findings import shown
from medusa_seed.document.model import KEY, RULE_TYPE, STORE, USER
from medusa_seed.planning import passwords
from medusa_seed.planning.planner import real, values, without_empty

if TYPE_CHECKING:
    from medusa_seed.document.document import Document, Placed
    from medusa_seed.planning.planner import Planner
    from medusa_seed.planning.present import Row

_PROFILES = (("default", "Default Shipping Profile"), ("gift_card", "Gift Card Profile"))


def plan_store(planner: Planner, document: Document) -> frozenset[str]:
    """Plan the store, its sales channel and shipping profiles; return the store's currencies."""
    for type_, name in _PROFILES:
        found = planner.shop.profile(type_)
        if found is None:
            found = planner.ids("sp")
            planner.insert(
                "shipping_profiles", "shipping_profile", {"id": found, "name": name, "type": type_}
            )
        planner.profiles[type_] = found
    _plan_channel(planner)
    planner.changes.place = document.store_place
    existing = planner.shop.store
    body = document.store
    given = values(STORE, body)
    if "default_currency_code" in given:
        given["default_currency_code"] = given["default_currency_code"].lower()
    if "metadata" in given:
        given["metadata"] = without_empty(planner, given["metadata"])
    if existing is not None:
        _keep_currency(planner, given, existing)
    currencies = _currencies(planner, document, existing)
    if existing is None:
        channel = {"default_sales_channel_id": planner.channel} if planner.channel else {}
        id_ = planner.ids("store")
        planner.insert("store", "store", {"id": id_, **given} | channel)
        new = sorted(currencies)
    else:
        id_ = existing["id"]
        new = sorted(currencies - planner.shop.store_currencies)
        _merge_store(planner, given, existing, new)
    for code in new:
        planner.changes.insert("store_currencies", {"store_id": id_, "currency_code": code})
    return currencies | (planner.shop.store_currencies if existing else frozenset())


def _plan_channel(planner: Planner) -> None:
    """Find or plan the default sales channel, where the version has any."""
    if not planner.columns.has("store", "default_sales_channel_id"):
        return
    existing = planner.shop.store
    if existing is not None and existing["default_sales_channel_id"]:
        planner.channel = existing["default_sales_channel_id"]
        return
    planner.channel = planner.ids("sc")
    planner.insert(
        "sales_channels",
        "sales_channel",
        {
            "id": planner.channel, "name": "Default Sales Channel", "description": "Created by Medusa",
            "is_disabled": False,
        },
    )  # fmt: skip
    if existing is not None:
        planner.changes.update(
            "store", existing["id"], {"default_sales_channel_id": planner.channel}
        )


def _currencies(planner: Planner, document: Document, existing: Row | None) -> frozenset[str]:
    """Return the currencies that the store shall have, having checked them.

    The default is compared with them as Medusa does: where the document names either.
    """
    place = (document.store_place, "currencies")
    wanted = {code.lower() for code in document.store.get("currencies", ())}
    for index, code in enumerate(document.store.get("currencies", ())):
        if code.lower() not in planner.shop.currencies:
            planner.findings.add(
                (place, index), f"{shown(code)} is not a currency of this database"
            )
    named = document.store.get("default_currency_code")
    default = named.lower() if named else (existing or {}).get("default_currency_code", "usd")
    present = planner.shop.store_currencies if existing else frozenset({"usd"})
    if wanted and default not in wanted:
        planner.findings.add(
            place, f"the default currency {shown(default)} is not among them; add it, or give another "
            "as default_currency_code",
        )  # fmt: skip
    elif named and not wanted and default not in present:
        planner.findings.add(
            (document.store_place, "default_currency_code"),
            f"{shown(default)} is not a currency of the store ({', '.join(sorted(present)) or 'it has none'}); "
            "name it in currencies as well",
        )
    return frozenset(wanted) or present


def _keep_currency(planner: Planner, given: dict[str, Any], existing: Row) -> None:
    """Leave a default currency alone that the shop is using and that no seed of ours has set."""
    wanted, used = given.get("default_currency_code"), existing["default_currency_code"]
    if wanted in (None, used) or planner.policy.overwrite or not planner.shop.default_in_use:
        return
    if ("store", existing["id"]) not in planner.memories:
        del given["default_currency_code"]
        planner.warnings.append(
            f"the default currency stays {used}, in which the shop has prices, regions or orders; "
            f"--overwrite makes it {wanted}"
        )


def _merge_store(planner: Planner, given: dict[str, Any], existing: Row, new: list[str]) -> None:
    """Merge the store with its row; one that we do not know is as the server's first start left it."""
    merged = planner.merge("store", STORE, given, existing, "", made={})
    if new and not merged.write:
        count = planner.changes.counts.of("store")
        count.updated += 1
        if merged.kept:
            count.kept -= 1
        else:
            count.unchanged -= 1
    planner.changes.update("store", existing["id"], real(merged.write, STORE))


def plan_users(planner: Planner, document: Document) -> None:
    """Plan who may log in."""
    existing = {row["email"]: row for row in planner.shop.rows["user"]}
    for placed in document.entries("users"):
        _plan_user(planner, placed, existing)


def _plan_user(planner: Planner, placed: Placed, existing: dict[str, Row]) -> None:
    body = placed.body
    planner.changes.place = placed.place
    given = values(USER, body)
    email = given["email"] = given["email"].lower()
    password = body.get("password")
    row = existing.get(email)
    if row is None:
        if password:
            given["password_hash"] = passwords.hashed(password)
        planner.insert("users", "user", {"id": body.get("id") or planner.ids("usr"), **given})
        return
    if password:
        stored = row["password_hash"]
        given["password_hash"] = (
            stored if passwords.matches(password, stored) else passwords.hashed(password)
        )
    merged = planner.merge("users", USER, given, row, f"user {email}")
    planner.changes.update("user", row["id"], real(merged.write, USER))


def plan_keys(planner: Planner, document: Document) -> None:
    """Plan the publishable keys, each for the default sales channel."""
    by_id = {row["id"]: row for row in planner.shop.rows["publishable_api_key"]}
    by_title = {row["title"]: row for row in reversed(planner.shop.rows["publishable_api_key"])}
    for title in documents.repeated(document.entries("publishable_api_keys"), "title"):
        by_title.pop(title, None)
    for planner.changes.place, body in document.entries("publishable_api_keys"):
        given = values(KEY, body)
        row = by_id.get(body.get("id", "")) or by_title.get(body["title"])
        if row is not None:
            merged = planner.merge(
                "publishable_api_keys", KEY, given, row, f"publishable key {shown(body['title'])}"
            )
            planner.changes.update("publishable_api_key", row["id"], real(merged.write, KEY))
            continue
        id_ = body.get("id") or planner.ids("pk")
        made = {"created_by": ""}  # nobody was logged in
        planner.insert("publishable_api_keys", "publishable_api_key", {"id": id_, **given, **made})
        if planner.channel:
            table = "publishable_api_key_sales_channel"
            link = {"publishable_key_id": id_, "sales_channel_id": planner.channel}
            if planner.columns.has(table, "id"):
                link = {"id": planner.ids("pksc"), **link}
            planner.changes.insert(table, link)


def plan_rule_types(planner: Planner, document: Document) -> None:
    """Plan the rule types of the pricing module, where its table exists."""
    existing = {row["rule_attribute"]: row for row in planner.shop.rows["rule_type"]}
    for planner.changes.place, body in document.entries("rule_types"):
        given = values(RULE_TYPE, body)
        row = existing.get(body["rule_attribute"])
        if row is None:
            id_ = body.get("id") or planner.ids("rul-typ")
            planner.insert("rule_types", "rule_type", {"id": id_, **given})
        else:
            merged = planner.merge(
                "rule_types", RULE_TYPE, given, row, f"rule type {shown(body['rule_attribute'])}"
            )
            planner.changes.update("rule_type", row["id"], real(merged.write, RULE_TYPE))
