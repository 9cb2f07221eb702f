"""Pure: plans the regions and what delivers in them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from medusa_seed.document import document as documents
from medusa_seed.document.document import option_identity
from medusa_seed.document.findings import shown
from medusa_seed.document.model import REGION, SHIPPING_OPTION
from medusa_seed.planning.planner import Region, links, real, values, without_empty

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from medusa_seed.document.document import Document, Placed
    from medusa_seed.document.findings import Place
    from medusa_seed.planning.planner import Planner
    from medusa_seed.planning.present import Row

_ATTACHED = (
    ("payment_providers", "payment_provider", "region_payment_providers"),
    ("fulfillment_providers", "fulfillment_provider", "region_fulfillment_providers"),
)
"""The providers that a region has several of: their key, their table, and the table of the links."""


def plan_regions(planner: Planner, document: Document, currencies: frozenset[str]) -> None:
    """Plan the regions; *currencies* are the store's."""
    _plan_providers(planner, document)
    for row in planner.shop.rows["region"]:
        delivers = planner.shop.region_providers["region_fulfillment_providers"]
        providers = delivers.get(row["id"], frozenset())
        planner.regions[row["id"]] = Region(row["id"], row["currency_code"], providers)
    repeated = documents.repeated(document.entries("regions"), "name")
    for placed in document.entries("regions"):
        existing = _find(planner, placed, repeated)
        _plan_region(planner, placed, existing, currencies)


def _plan_providers(planner: Planner, document: Document) -> None:
    """Plan the providers that regions name: a server that starts writes into each row whether it has it."""
    for table, existing in planner.shop.providers.items():
        named = [
            name for _, body in document.entries("regions") for name in _providers(body, table)
        ]
        for name in dict.fromkeys(named):
            if name in existing:
                continue
            planner.changes.insert(table, {"id": name})
            planner.changes.counts.of(f"{table}s").created += 1
            if existing:
                planner.warnings.append(
                    f"no server of this shop had the {table.replace('_', ' ')} {shown(name)} installed so "
                    f"far ({', '.join(sorted(existing))} it had); it works once its plugin is installed"
                )


def _providers(region: Mapping[str, Any], table: str) -> Sequence[str]:
    """Return the providers of *table* that a region names."""
    if table == "tax_provider":
        name = region.get("tax_provider_id")
        return () if name is None else (name,)
    found: Sequence[str] = region.get(f"{table}s", ())
    return found


def _plan_region(
    planner: Planner, placed: Placed, row: Row | None, currencies: frozenset[str]
) -> None:
    place, body = placed
    planner.changes.place = place
    given = values(REGION, body)
    code = given["currency_code"] = given["currency_code"].lower()
    if code not in currencies and code != (row or {}).get("currency_code"):
        planner.findings.add(
            (place, "currency_code"),
            f"{shown(code)} is not a currency of the store ({', '.join(sorted(currencies)) or 'it has none'}); "
            "name it in the store's currencies as well",
        )
    if "metadata" in given:
        given["metadata"] = without_empty(planner, given["metadata"])
    kept_id = body["id"] if documents.keeps_id(body) else None
    id_ = row["id"] if row else kept_id or planner.ids("reg")
    attached, new = _attached(planner, placed, id_)
    if row is None:
        planner.insert("regions", "region", {"id": id_, **given}, attached)
        _link(planner, id_, new)
    else:
        existing = row | {
            "countries": sorted(c for c, region in planner.shop.countries.items() if region == id_)
        }
        for key, _, table in _ATTACHED:
            existing[key] = sorted(planner.shop.region_providers[table].get(id_, ()))
        merged = planner.merge(
            "regions", REGION, given | attached, existing, f"region {shown(body['name'])}"
        )
        planner.changes.update("region", id_, real(merged.write, REGION))
        _link(planner, id_, {key: value for key, value in new.items() if key in merged.write})
    delivers = frozenset(body.get("fulfillment_providers", ()))
    known = planner.regions.get(id_)
    region = Region(id_, code, delivers | (known.providers if known else frozenset()))
    planner.regions[id_] = region
    if "id" in body:
        planner.regions[body["id"]] = region


def _find(planner: Planner, placed: Placed, repeated: frozenset[str]) -> Row | None:
    """Return the row of a region: by its id, else by its name where that is not among *repeated* ones."""
    place, body = placed
    rows = planner.shop.rows["region"]
    by_id = [row for row in rows if row["id"] == body.get("id")]
    by_name = [] if body["name"] in repeated else rows
    found = by_id or [row for row in by_name if row["name"] == body["name"]]
    if len(found) > 1:
        planner.findings.add(
            (place, "name"),
            f"{len(found)} regions of this shop are called {shown(body['name'])}; give the id of the one "
            f"meant: {', '.join(row['id'] for row in found)}",
        )
    return found[0] if found else None


def _attached(
    planner: Planner, placed: Placed, id_: str
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return what belongs to a region when nothing is taken from it, and what of that is new."""
    place, body = placed
    attached: dict[str, list[str]] = {}
    new: dict[str, list[str]] = {}
    if "countries" in body:
        codes = [code.lower() for code in body["countries"]]
        for index, code in enumerate(codes):
            _check_country(planner, ((place, "countries"), index), code, id_)
        existing = [code for code, region in planner.shop.countries.items() if region == id_]
        attached["countries"], new["countries"] = links(codes, existing)
    for key, _, table in _ATTACHED:
        if key in body:
            present = planner.shop.region_providers[table].get(id_, frozenset())
            attached[key], new[key] = links(body[key], present)
    return attached, new


def _check_country(planner: Planner, place: Place, code: str, id_: str) -> None:
    if code not in planner.shop.countries:
        planner.findings.add(place, f"{shown(code)} is not a country of this database")
        return
    other = planner.shop.countries[code]
    if other is not None and other != id_:
        names = [row["name"] for row in planner.shop.rows["region"] if row["id"] == other]
        named = shown(names[0]) if names else other
        planner.findings.add(place, f"{shown(code)} is in another region of this shop, {named}")


def _link(planner: Planner, id_: str, new: Mapping[str, list[str]]) -> None:
    planner.changes.countries += [(code, id_) for code in new.get("countries", ())]
    for key, _, table in _ATTACHED:
        for name in new.get(key, ()):
            planner.changes.insert(table, {"region_id": id_, "provider_id": name})


def plan_shipping_options(planner: Planner, document: Document) -> None:
    """Plan how regions are delivered to; the regions are planned."""
    gift = planner.profiles["gift_card"]
    by_id = {row["id"]: row for row in planner.shop.rows["shipping_option"]}
    existing = {
        option_identity(row["region_id"], row | {"is_giftcard": row["profile_id"] == gift}): row
        for row in planner.shop.rows["shipping_option"]
    }
    identities = Counter(
        option_identity(body["region_id"], body) for _, body in document.entries("shipping_options")
    )
    for placed in document.entries("shipping_options"):
        place, body = placed
        planner.changes.place = place
        region = planner.regions.get(body["region_id"])
        if region is None:
            named = [one["id"] for _, one in document.entries("regions") if "id" in one]
            known = ", ".join([*named, *(one["id"] for one in planner.shop.rows["region"])][:10])
            planner.findings.add(
                (place, "region_id"),
                f"{shown(body['region_id'])} is no region of this document or shop; there are "
                f"{known or 'none'}",
            )
            continue
        if body["provider_id"] not in region.providers:
            known = ", ".join(sorted(region.providers)) or "none"
            planner.findings.add(
                (place, "provider_id"),
                f"{shown(body['provider_id'])} is no fulfillment provider of that region ({known})",
            )
        row = by_id.get(body.get("id", ""))
        if row is None and identities[option_identity(body["region_id"], body)] == 1:
            row = existing.get(option_identity(region.id, body))
        _plan_option(planner, body, region, row)


def _plan_option(
    planner: Planner, body: Mapping[str, Any], region: Region, row: Row | None
) -> None:
    given = values(SHIPPING_OPTION, body)
    if given["price_type"] == "calculated":
        given["amount"] = None
    bounds = {one["type"]: one["amount"] for one in body.get("requirements", ())}
    attached = {f"requirement {type_}": amount for type_, amount in bounds.items()}
    if row is None:
        id_ = body.get("id") or planner.ids("so")
        profile = planner.profiles["gift_card" if body.get("is_giftcard") else "default"]
        made = {"id": id_, **given, "region_id": region.id, "profile_id": profile}
        planner.insert("shipping_options", "shipping_option", made, attached)
        for type_, amount in bounds.items():
            _require(planner, id_, type_, amount)
        return
    present = {
        one["type"]: one
        for one in planner.shop.rows["shipping_option_requirement"]
        if one["shipping_option_id"] == row["id"]
    }
    existing = row | {f"requirement {type_}": one["amount"] for type_, one in present.items()}
    merged = planner.merge(
        "shipping_options", SHIPPING_OPTION, given | attached, existing,
        f"shipping option {shown(body['name'])}",
    )  # fmt: skip
    planner.changes.update("shipping_option", row["id"], real(merged.write, SHIPPING_OPTION))
    for type_, amount in bounds.items():
        if f"requirement {type_}" not in merged.write:
            continue
        if type_ in present:
            planner.changes.update(
                "shipping_option_requirement", present[type_]["id"], {"amount": amount}
            )
        else:
            _require(planner, row["id"], type_, amount)


def _require(planner: Planner, option: str, type_: str, amount: int) -> None:
    planner.changes.insert(
        "shipping_option_requirement",
        {"id": planner.ids("sor"), "shipping_option_id": option, "type": type_, "amount": amount},
    )
