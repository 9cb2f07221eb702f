"""Pure: plans the options, variants and prices of one product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medusa_seed.document.findings import shown
from medusa_seed.document.model import VARIANT
from medusa_seed.planning import merge
from medusa_seed.planning.planner import real, values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from medusa_seed.document.findings import Place
    from medusa_seed.planning.merge import Merged
    from medusa_seed.planning.planner import Planner
    from medusa_seed.planning.present import PresentRows, Row


def plan_options(
    planner: Planner, body: Mapping[str, Any], product: str, existing: Sequence[Row]
) -> dict[str, str]:
    """Plan the options of *product*; return their ids by title, in the document's order."""
    present = {row["title"]: row for row in existing}
    options = body.get("options", ())
    found: dict[str, str] = {option["title"]: "" for option in options}
    for option in sorted(options, key=lambda one: "id" in one):  # as a server happens to write them
        title = option["title"]
        row = present.get(title)
        if row is None:
            found[title] = option.get("id") or planner.ids("opt")
            new = {"id": found[title], "title": title, "product_id": product}
            if option.get("metadata") is not None:
                new["metadata"] = option["metadata"]
            planner.changes.insert("product_option", new)
            planner.changes.counts.of("options").created += 1
        else:
            found[title] = row["id"]
            _merge_option(planner, option, row)
    for title in present.keys() - found.keys():
        found.setdefault(title, "")
    return found


def _merge_option(planner: Planner, option: Mapping[str, Any], row: Row) -> None:
    """Merge what an option may have beside its title, by which it was found."""
    given = {"metadata": option["metadata"]} if "metadata" in option else {}
    merged = merge.merge(given, row, {}, {}, planner.policy)
    planner.changes.update("product_option", row["id"], merged.write)
    planner.changes.counts.merged("options", merged)


def plan_variants(
    planner: Planner,
    body: Mapping[str, Any],
    place: Place,
    product: str,
    options: Mapping[str, str],
    existing: PresentRows,
) -> None:
    """Plan the variants of *product*, whose *options* are planned."""
    rows = existing.variants.get(product, ())
    titles = [option["title"] for option in body.get("options", ())]
    known = [options[title] for title in titles]
    unnamed = [title for title, id_ in options.items() if not id_]
    finder = _Finder(rows, known, existing) if rows else None
    count = len(rows)
    for index, variant in enumerate(body.get("variants", ())):
        row = finder.find(variant) if finder else None
        given = values(VARIANT, variant)
        if planner.columns.has("product_variant", "variant_rank") and not given.get("variant_rank"):
            given["variant_rank"] = index if row is not None else count
        if row is not None:
            _merge(planner, variant, given, row, titles, known, existing)
            continue
        if unnamed:
            planner.findings.add(
                ((place, "variants"), index),
                f"needs a value for {', '.join(map(shown, unnamed))} as well: the product has that option "
                "in this shop",
            )
        count += 1
        _create(planner, variant, given, product, titles, known)


class _Finder:
    """Finds the row of a variant: by id, by sku, by its values."""

    def __init__(self, rows: Sequence[Row], options: Sequence[str], existing: PresentRows) -> None:
        self._found: set[str] = set()
        self._by_id = {row["id"]: row for row in rows}
        self._by_sku = {row["sku"]: row for row in rows if row["sku"] is not None}
        self._by_values: dict[tuple[str, ...], Row] = {}
        for row in rows:
            present = existing.values.get(row["id"], {})
            if all(option in present for option in options):
                combination = tuple(present[option]["value"] for option in options)
                self._by_values.setdefault(combination, row)

    def find(self, variant: Mapping[str, Any]) -> Row | None:
        """Return the row of *variant*, None where there is none; each row is found once."""
        for row in (
            self._by_id.get(variant.get("id", "")),
            self._by_sku.get(variant.get("sku")),
            self._by_values.get(tuple([one["value"] for one in variant.get("options", ())])),
        ):
            if row is not None and row["id"] not in self._found:
                self._found.add(row["id"])
                return row
        return None


def _create(
    planner: Planner,
    variant: Mapping[str, Any],
    given: dict[str, Any],
    product: str,
    titles: Sequence[str],
    options: Sequence[str],
) -> None:
    id_ = variant.get("id") or planner.ids("variant")
    attached: dict[str, Any] = {}
    for title, option, value in zip(titles, options, variant.get("options", ()), strict=True):
        _insert_value(planner, value, option, id_)
        attached[f"option {title}"] = value["value"]
    for key, price in _prices(planner, variant).items():
        _insert_price(planner, price, id_)
        attached[key] = price["amount"]
    planner.insert(
        "variants", "product_variant", {"id": id_, **given, "product_id": product}, attached
    )


def _insert_value(planner: Planner, value: Mapping[str, Any], option: str, variant: str) -> None:
    row = {
        "id": value.get("id") or planner.ids("optval"), "value": value["value"], "option_id": option,
        "variant_id": variant,
    }  # fmt: skip
    if value.get("metadata") is not None:
        row["metadata"] = value["metadata"]
    planner.changes.insert("product_option_value", row)


def _prices(planner: Planner, variant: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the prices as rows, by the name that a memory has for each; regions' first."""
    regional: dict[str, dict[str, Any]] = {}
    plain: dict[str, dict[str, Any]] = {}
    for price in variant.get("prices", ()):
        row: dict[str, Any] = {"id": price.get("id"), "amount": price["amount"]}
        if price.get("region_id") is not None:
            region = planner.regions[price["region_id"]]
            row |= {"currency_code": region.currency, "region_id": region.id}
            regional[price_name(row)] = row
        else:
            row["currency_code"] = price["currency_code"].lower()
            for key in ("min_quantity", "max_quantity"):
                if key in price:
                    row[key] = price[key]
            plain[price_name(row)] = row
    return regional | plain


def price_name(row: Mapping[str, Any]) -> str:
    """Return what distinguishes a price of a variant from its others."""
    least, most = row.get("min_quantity"), row.get("max_quantity")
    quantities = "" if least is None and most is None else f" {least} {most}"
    return f"price {row.get('region_id') or row['currency_code']}{quantities}"


def _insert_price(planner: Planner, price: Mapping[str, Any], variant: str) -> None:
    id_ = price["id"] or planner.ids("ma")
    row = {**price, "id": id_}
    if planner.columns.has("money_amount", "variant_id"):
        row["variant_id"] = variant
    else:
        planner.changes.insert(
            "product_variant_money_amount",
            {"id": planner.ids("pvma_"), "money_amount_id": id_, "variant_id": variant},
        )
    planner.changes.insert("money_amount", row)
    planner.changes.counts.of("prices").created += 1


def _merge(
    planner: Planner,
    variant: Mapping[str, Any],
    given: dict[str, Any],
    row: Row,
    titles: Sequence[str],
    options: Sequence[str],
    existing: PresentRows,
) -> None:
    id_ = row["id"]
    present = existing.values.get(id_, {})
    prices = {price_name(price): price for price in existing.prices.get(id_, ())}
    wanted = _prices(planner, variant)
    wanted_values = {
        f"option {title}": (option, value)
        for title, option, value in zip(titles, options, variant.get("options", ()), strict=True)
    }
    attached = {key: value["value"] for key, (_, value) in wanted_values.items()}
    attached |= {key: price["amount"] for key, price in wanted.items()}
    full = row | {key: price["amount"] for key, price in prices.items()}
    for title, option in zip(titles, options, strict=True):
        if option in present:
            full[f"option {title}"] = present[option]["value"]
    shown_as = f"variant {shown(variant.get('sku') or variant['title'])}"
    merged = planner.merge("variants", VARIANT, given | attached, full, shown_as)
    planner.changes.update("product_variant", id_, real(merged.write, VARIANT))
    for key, (option, value) in wanted_values.items():
        if key not in merged.write:
            continue
        if option in present:
            update = {"value": value["value"]}
            planner.changes.update("product_option_value", present[option]["id"], update)
        else:
            _insert_value(planner, value, option, id_)
    _merge_prices(planner, wanted, prices, merged, id_)


def _merge_prices(
    planner: Planner,
    wanted: Mapping[str, dict[str, Any]],
    existing: Mapping[str, Row],
    merged: Merged,
    variant: str,
) -> None:
    for key, price in wanted.items():
        row = existing.get(key)
        if row is None:
            if key in merged.write:
                _insert_price(planner, price, variant)
            continue
        count = planner.changes.counts.of("prices")
        if key in merged.write:
            planner.changes.update("money_amount", row["id"], {"amount": price["amount"]})
            count.updated += 1
        elif key in merged.kept:
            count.kept += 1
        else:
            count.unchanged += 1
