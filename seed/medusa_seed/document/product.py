"""Pure: what the products of a document must be to each other, checked while they pass by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from medusa_seed.document import handles
from medusa_seed.document.findings import Findings, Place, shown, spell

if TYPE_CHECKING:
    from collections.abc import Mapping

UNIQUE = ("sku", "barcode", "ean", "upc")
"""Keys of a variant that no other variant of the shop may have."""


class Identity(NamedTuple):
    """By what a product is found again: its id where it gives one, else its handle."""

    id: str | None
    handle: str


def identity(body: Mapping[str, Any]) -> Identity:
    """Return the identity of a product."""
    return Identity(body.get("id"), body.get("handle") or handles.from_title(body["title"]))


class Owned(NamedTuple):
    """Where a key of a variant is, and whose it is."""

    place: Place
    product: Identity


@dataclass(slots=True)
class Uses:
    """What products refer to, each with the first place that does; and what they may own alone."""

    currencies: dict[str, Place] = field(default_factory=dict)
    regions: dict[str, Place] = field(default_factory=dict)
    categories: dict[str, Place] = field(default_factory=dict)
    collections: dict[str, Place] = field(default_factory=dict)
    types: dict[str, Place] = field(default_factory=dict)
    handles: dict[str, Owned] = field(default_factory=dict)
    ids: dict[str, Owned] = field(default_factory=dict)
    owned: dict[str, dict[str, Owned]] = field(
        default_factory=lambda: {name: {} for name in ("id", *UNIQUE)}
    )
    """For each key of a variant that is unique: its values."""
    parts: dict[str, dict[str, Place]] = field(
        default_factory=lambda: {kind: {} for kind in ("option", "option value", "price")}
    )
    """The ids that are given to the parts of products."""
    tags: dict[str, tuple[str, Place]] = field(default_factory=dict)
    """By id that is given to a tag: its value."""


@dataclass(slots=True)
class ProductRules:
    """Checks one product after the other: by the rules, and against those before it."""

    uses: Uses
    keys: dict[tuple[str, str], Place]
    findings: Findings
    warnings: list[str] = field(default_factory=list)
    _warned: set[str] = field(default_factory=set)
    _known: dict[str, set[str]] = field(default_factory=dict)
    """The keys of each kind that were noted already."""

    def check(self, body: Mapping[str, Any], place: Place) -> None:
        """Check the product *body*, which the model allows."""
        who = identity(body)
        self._identity(body, who, place)
        self._keys("product", body, place)
        self._links(body, place)
        options = self._options(body, place)
        combinations: dict[tuple[str, ...], Place] = {}
        for index, variant in enumerate(body.get("variants", ())):
            here: Place = ((place, "variants"), index)
            self._keys("variant", variant, here)
            for key, owners in self.uses.owned.items():
                value = variant.get(key)
                if value is not None:
                    self._own(owners, value, Owned((here, key), who))
            self._values(variant, options, combinations, here)
            self._prices(variant.get("prices", ()), here)

    def _keys(self, kind: str, body: Mapping[str, Any], place: Place) -> None:
        if "id" in body and kind in self.uses.parts:
            here: Place = (place, "id")
            first = self.uses.parts[kind].setdefault(body["id"], here)
            if first is not here:
                self.findings.add(here, f"{shown(body['id'])} is that of {_above(first)} already")
        known = self._known.setdefault(kind, set())
        if not body.keys() <= known:
            for key in body.keys() - known:
                self.keys.setdefault((kind, key), (place, key))
            known.update(body)

    def _own(self, owners: dict[str, Owned], value: str, owner: Owned) -> None:
        first = owners.setdefault(value, owner)
        if first is not owner:
            self.findings.add(
                owner.place, f"{shown(value)} is that of {_above(first.place)} already"
            )

    def _identity(self, body: Mapping[str, Any], who: Identity, place: Place) -> None:
        given = bool(body.get("handle"))
        problem = handles.problem(who.handle, given=given)
        if problem:
            self.findings.add((place, "title"), problem)
            return
        owner = Owned((place, "handle"), who)
        self._own(self.uses.handles, who.handle, owner)
        if who.id is not None:
            self._own(self.uses.ids, who.id, Owned((place, "id"), who))

    def _links(self, body: Mapping[str, Any], place: Place) -> None:
        collection = body.get("collection", {}).get("id")
        direct = body.get("collection_id")
        if collection is not None and direct is not None and collection != direct:
            self.findings.add((place, "collection"), "is another one than collection_id says")
        for value, key in ((collection, "collection"), (direct, "collection_id")):
            if value is not None:
                self.uses.collections.setdefault(value, (place, key))
        if body.get("type") is not None and body.get("type_id") is not None:
            self.findings.add((place, "type"), "is given, and type_id as well; leave one out")
        if body.get("type_id") is not None:
            self.uses.types.setdefault(body["type_id"], (place, "type_id"))
        for index, tag in enumerate(body.get("tags", ())):
            here: Place = ((place, "tags"), index)
            self._keys("tag", tag, here)
            self._tag(tag, here)
        for index, category in enumerate(body.get("categories", ())):
            self.uses.categories.setdefault(
                category["id"], ((((place, "categories"), index)), "id")
            )
        if body.get("is_giftcard") and body.get("discountable"):
            self._warn("discountable", (place, "discountable"), "a gift card is never discountable")

    def _tag(self, tag: Mapping[str, Any], place: Place) -> None:
        """Check that the id of a tag is that of one value only."""
        if "id" in tag:
            value, first = self.uses.tags.setdefault(tag["id"], (tag["value"], (place, "id")))
            if value != tag["value"]:
                self.findings.add(
                    (place, "id"),
                    f"{shown(tag['id'])} is that of {_above(first)} already, which is {shown(value)}",
                )

    def _options(self, body: Mapping[str, Any], place: Place) -> list[tuple[str, frozenset[str]]]:
        """Return title and allowed values of each option."""
        found: list[tuple[str, frozenset[str]]] = []
        titles: set[str] = set()
        for index, option in enumerate(body.get("options", ())):
            here: Place = ((place, "options"), index)
            self._keys("option", option, here)
            if option["title"] in titles:
                self.findings.add((here, "title"), f"{shown(option['title'])} is an option already")
            titles.add(option["title"])
            found.append((option["title"], frozenset(option.get("values", ()))))
        return found

    def _values(
        self,
        variant: Mapping[str, Any],
        options: list[tuple[str, frozenset[str]]],
        combinations: dict[tuple[str, ...], Place],
        place: Place,
    ) -> None:
        given = variant.get("options", ())
        if len(given) != len(options):
            self.findings.add(
                (place, "options"),
                f"has {len(given)} values, and the product has {len(options)} options"
                + (f": {', '.join(title for title, _ in options)}" if options else ""),
            )
            return
        for index, (value, (title, allowed)) in enumerate(zip(given, options, strict=True)):
            self._keys("option value", value, ((place, "options"), index))
            if allowed and value["value"] not in allowed:
                self.findings.add(
                    ((((place, "options"), index)), "value"),
                    f"{shown(value['value'])} is none of the values of {shown(title)}: "
                    f"{', '.join(sorted(allowed))}",
                )
        combination = tuple(value["value"] for value in given)
        first = combinations.setdefault(combination, place)
        if first is not place:
            self.findings.add((place, "options"), f"are those of {spell(first)} already")

    def _prices(self, prices: Any, place: Place) -> None:
        seen: set[tuple[Any, ...]] = set()
        for index, price in enumerate(prices):
            self._keys("price", price, ((place, "prices"), index))
            code, region = price.get("currency_code"), price.get("region_id")
            if region is not None:
                here: Place = ((place, "prices"), index)
                self.uses.regions.setdefault(region, (here, "region_id"))
                if "min_quantity" in price or "max_quantity" in price:
                    self._warn(
                        "quantity",
                        here,
                        "a region's price has no quantities in Medusa; they are dropped",
                    )
                same: tuple[Any, ...] = (region,)
            elif code is None:
                self.findings.add(
                    ((place, "prices"), index), "has neither currency_code nor region_id"
                )
                continue
            else:
                code = code.lower()
                if code not in self.uses.currencies:
                    self.uses.currencies[code] = (
                        (((place, "prices"), index)),
                        "currency_code",
                    )
                least, most = price.get("min_quantity"), price.get("max_quantity")
                if least is not None and most is not None and least > most:
                    self.findings.add(
                        (((place, "prices"), index), "min_quantity"),
                        f"{least} is more than max_quantity, {most}: the price would never apply",
                    )
                same = (code, least, most)
            if same in seen:
                self.findings.add(
                    ((place, "prices"), index), f"is a second price for {shown(same[0])}"
                )
            seen.add(same)

    def _warn(self, what: str, place: Place, text: str) -> None:
        """Warn once of each thing."""
        if what not in self._warned:
            self._warned.add(what)
            self.warnings.append(f"{spell(place)}: {text}")


def _above(place: Place) -> str:
    return spell(place[0])
