"""Pure: plans what a shop is before it sells: the store, what a server's first start makes, users, keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medusa_seed.document.model import KEY, RULE_TYPE, STORE, USER
from medusa_seed.document.places import shown
from medusa_seed.planning import passwords
from medusa_seed.planning.work import real, values, without_empty

if TYPE_CHECKING:
    from medusa_seed.document.document import Document, Placed
    from medusa_seed.planning.present import Row
    from medusa_seed.planning.work import Work

_PROFILES = (("default", "Default Shipping Profile"), ("gift_card", "Gift Card Profile"))


def plan_store(work: Work, document: Document) -> frozenset[str]:
    """Plan the store, its sales channel and shipping profiles; return the store's currencies."""
    for type_, name in _PROFILES:
        found = work.shop.profile(type_)
        if found is None:
            found = work.ids("sp")
            work.insert(
                "shipping_profiles", "shipping_profile", {"id": found, "name": name, "type": type_}
            )
        work.profiles[type_] = found
    _plan_channel(work)
    there = work.shop.store
    says = document.store
    given = values(STORE, says)
    if "default_currency_code" in given:
        given["default_currency_code"] = given["default_currency_code"].lower()
    if "metadata" in given:
        given["metadata"] = without_empty(work, given["metadata"])
    if there is not None:
        _keep_currency(work, given, there)
    currencies = _currencies(work, document, given, there)
    if there is None:
        channel = {"default_sales_channel_id": work.channel} if work.channel else {}
        id_ = work.ids("store")
        work.insert("store", "store", {"id": id_, **given} | channel)
        new = sorted(currencies)
    else:
        id_ = there["id"]
        new = sorted(currencies - work.shop.store_currencies)
        _merge_store(work, given, there, new)
    for code in new:
        work.changes.insert("store_currencies", {"store_id": id_, "currency_code": code})
    return currencies | (work.shop.store_currencies if there else frozenset())


def _plan_channel(work: Work) -> None:
    """Find or plan the default sales channel, where the version has any."""
    if not work.columns.has("store", "default_sales_channel_id"):
        return
    there = work.shop.store
    if there is not None and there["default_sales_channel_id"]:
        work.channel = there["default_sales_channel_id"]
        return
    work.channel = work.ids("sc")
    work.insert(
        "sales_channels",
        "sales_channel",
        {
            "id": work.channel, "name": "Default Sales Channel", "description": "Created by Medusa",
            "is_disabled": False,
        },
    )  # fmt: skip
    if there is not None:
        work.changes.update("store", there["id"], {"default_sales_channel_id": work.channel})


def _currencies(
    work: Work, document: Document, given: dict[str, Any], there: Row | None
) -> frozenset[str]:
    """Return the currencies that the store shall have, having checked them."""
    place = (document.store_place, "currencies")
    wanted = {code.lower() for code in document.store.get("currencies", ())}
    for index, code in enumerate(document.store.get("currencies", ())):
        if code.lower() not in work.shop.currencies:
            work.findings.add((place, index), f"{shown(code)} is not a currency of this database")
    default = given.get("default_currency_code") or (there or {}).get(
        "default_currency_code", "usd"
    )
    present = work.shop.store_currencies if there else frozenset({"usd"})
    if wanted and default not in wanted:
        work.findings.add(
            place, f"the default currency {shown(default)} is not among them; add it, or give another "
            "as default_currency_code",
        )  # fmt: skip
    elif not wanted and default not in present:
        work.findings.add(
            (document.store_place, "default_currency_code"),
            f"{shown(default)} is not a currency of the store ({', '.join(sorted(present))}); name it in "
            "currencies as well",
        )
    return frozenset(wanted) or present


def _keep_currency(work: Work, given: dict[str, Any], there: Row) -> None:
    """Leave a default currency alone that the shop is using and that no seed of ours has set."""
    wanted, used = given.get("default_currency_code"), there["default_currency_code"]
    if wanted in (None, used) or work.policy.overwrite or not work.shop.default_in_use:
        return
    if ("store", there["id"]) not in work.memories:
        del given["default_currency_code"]
        work.warnings.append(
            f"the default currency stays {used}, in which the shop has prices, regions or orders; "
            f"--overwrite makes it {wanted}"
        )


def _merge_store(work: Work, given: dict[str, Any], there: Row, new: list[str]) -> None:
    """Merge the store with its row; one that we do not know is as the server's first start left it."""
    merged = work.merge("store", STORE, given, there, "", made={})
    if new and not merged.write:
        count = work.changes.counts.of("store")
        count.updated += 1
        if merged.kept:
            count.kept -= 1
        else:
            count.unchanged -= 1
    work.changes.update("store", there["id"], real(merged.write, STORE))


def plan_users(work: Work, document: Document) -> None:
    """Plan who may log in."""
    there = {row["email"]: row for row in work.shop.rows["user"]}
    for placed in document.entries("users"):
        _plan_user(work, placed, there)


def _plan_user(work: Work, placed: Placed, there: dict[str, Row]) -> None:
    says = placed.says
    given = values(USER, says)
    email = given["email"] = given["email"].lower()
    password = says.get("password")
    row = there.get(email)
    if row is None:
        if password:
            given["password_hash"] = passwords.hashed(password)
        work.insert("users", "user", {"id": says.get("id") or work.ids("usr"), **given})
        return
    if password:
        stored = row["password_hash"]
        given["password_hash"] = (
            stored if passwords.matches(password, stored) else passwords.hashed(password)
        )
    merged = work.merge("users", USER, given, row, f"user {email}")
    work.changes.update("user", row["id"], real(merged.write, USER))


def plan_keys(work: Work, document: Document) -> None:
    """Plan the publishable keys, each for the default sales channel."""
    by_id = {row["id"]: row for row in work.shop.rows["publishable_api_key"]}
    by_title = {row["title"]: row for row in reversed(work.shop.rows["publishable_api_key"])}
    for _, says in document.entries("publishable_api_keys"):
        given = values(KEY, says)
        row = by_id.get(says.get("id", "")) or by_title.get(says["title"])
        if row is not None:
            merged = work.merge(
                "publishable_api_keys", KEY, given, row, f"publishable key {shown(says['title'])}"
            )
            work.changes.update("publishable_api_key", row["id"], real(merged.write, KEY))
            continue
        id_ = says.get("id") or work.ids("pk")
        made = {"created_by": ""}  # nobody was logged in
        work.insert("publishable_api_keys", "publishable_api_key", {"id": id_, **given, **made})
        if work.channel:
            table = "publishable_api_key_sales_channel"
            link = {"publishable_key_id": id_, "sales_channel_id": work.channel}
            if work.columns.has(table, "id"):
                link = {"id": work.ids("pksc"), **link}
            work.changes.insert(table, link)


def plan_rule_types(work: Work, document: Document) -> None:
    """Plan the rule types of the pricing module, where its table is there."""
    there = {row["rule_attribute"]: row for row in work.shop.rows["rule_type"]}
    for _, says in document.entries("rule_types"):
        given = values(RULE_TYPE, says)
        row = there.get(says["rule_attribute"])
        if row is None:
            id_ = says.get("id") or work.ids("rul-typ")
            work.insert("rule_types", "rule_type", {"id": id_, **given})
        else:
            merged = work.merge(
                "rule_types", RULE_TYPE, given, row, f"rule type {shown(says['rule_attribute'])}"
            )
            work.changes.update("rule_type", row["id"], real(merged.write, RULE_TYPE))
