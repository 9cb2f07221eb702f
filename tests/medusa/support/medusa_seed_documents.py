"""Random seed documents from a seed, made to use every key of Medusa's format."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import product
from random import Random
from typing import Any

Document = dict[str, Any]

SINCE = {
    "categories": (1, 8, 0),
    "publishable_api_keys": (1, 12, 1),
    "product_collections": (1, 17, 4),
}
"""The lists of a document that Medusa's seed knows only from a version on."""

COUNTRIES = ("de", "dk", "es", "fr", "gb", "it", "no", "pl", "pt", "se", "us", "ca", "jp", "nz")
CURRENCIES = ("usd", "eur", "dkk", "gbp", "jpy")
TEXTS = (
    "plain",
    " padded ",
    'it\'s "quoted" and \\ escaped',
    "%s %(x)s {} $1 :name ?",
    "Grüße aus Malmö",
    "日本語の名前",
    "👟🧦 für dich",
    "two\nlines\tand a tab",
    "null",
    "<b>bold</b> &amp; <script>alert(1)</script>",
    "'; drop table product; --",
    "camelCase XMLHttp 2x4 1st",
    "ﬁ Łódź Æther 'n'",
    "\\N \\. \x1f",
)
METADATA: tuple[Any, ...] = (
    None,
    {},
    {"plain": "text", "empty": {"": []}, "none": None},
    {"nested": {"list": [1, 2.5, "drei", None, True]}, "quote'": 'double " and \\ and 日本'},
    {"number": -12, "more": 0.125, "large": 9007199254740991},
)


def generated(seed: int, version: str, *, includes_tax: bool = False) -> Document:
    """Return document number *seed* for Medusa *version*: the same one each time.

    The first entry of a list has every key, the others any. With *includes_tax*, the keys are
    used that the feature flag tax_inclusive_pricing adds.
    """
    numbers = tuple(int(part) for part in version.split("."))
    return _Author(Random(f"{seed} of {version}"), numbers, includes_tax).document()


def fitted(document: Document, version: str) -> Document:
    """Return *document* without the lists that Medusa's seed of *version* does not know."""
    numbers = tuple(int(part) for part in version.split("."))
    kept = deepcopy(document)
    for name, since in SINCE.items():
        if numbers < since:
            kept.pop(name, None)
    for entry in kept.get("products", ()):
        if numbers < SINCE["categories"]:
            entry.pop("categories", None)
        if numbers < SINCE["product_collections"]:
            entry.pop("collection", None)
            entry.pop("collection_id", None)
    return kept


def passwords(document: Document) -> list[str]:
    """Return every password that *document* gives."""
    return [user["password"] for user in document.get("users", ()) if user.get("password")]


@dataclass
class _Author:
    random: Random
    version: tuple[int, ...]
    includes_tax: bool
    number: int = 0
    currencies: list[str] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)
    real_regions: list[tuple[str, str]] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    collections: list[str] = field(default_factory=list)

    def document(self) -> Document:
        """Sections that others refer to come first."""
        made: Document = {
            "$schema": "https://shop.example/seed.schema.json",
            "store": self.store(),
            "users": self.several(self.user, 2, 4),
            "regions": self.several(self.region, 2, 4),
            "shipping_options": self.several(self.shipping_option, 2, 6),
        }
        if self.version >= SINCE["categories"]:
            made["categories"] = self.several(self.category, 2, 4)
            self.categories = sorted(_ids(made["categories"]))
        if self.version >= SINCE["product_collections"]:
            made["product_collections"] = self.several(self.collection, 2, 3)
            self.collections = sorted(_ids(made["product_collections"]))
        made["products"] = self.several(self.product, 4, 8)
        if self.version >= SINCE["publishable_api_keys"]:
            made["publishable_api_keys"] = self.several(self.key, 1, 3)
        sections = list(made.items())
        self.random.shuffle(sections)
        return dict(sections)

    def several(self, make: Any, least: int, most: int) -> list[Document]:
        return [make(whole=not n) for n in range(self.random.randint(least, most))]

    def entry(self, needed: Document, optional: Document, *, whole: bool) -> Document:
        """Return all of *needed* and some of *optional*, in any order; all where *whole*."""
        kept = {k: v for k, v in optional.items() if whole or self.random.random() < 0.5}
        items = list((needed | kept).items())
        self.random.shuffle(items)
        return dict(items)

    def text(self) -> str:
        return self.random.choice(TEXTS)

    def name(self, kind: str) -> str:
        """Return a text that no other entry of the document has."""
        self.number += 1
        return f"{kind} {self.number} {self.text()}"

    def own_id(self, prefix: str) -> str:
        self.number += 1
        return f"{prefix}_own_{self.number}"

    def maybe(self) -> bool:
        return self.random.random() < 0.5

    def code(self, code: str) -> str:
        return code.upper() if self.maybe() else code

    def store(self) -> Document:
        self.currencies = ["usd", *self.random.sample(CURRENCIES[1:], 3)]
        later = {"default_location_id": self.own_id("sloc")} if self.version >= (1, 7, 15) else {}
        return {
            "name": self.name("Shop"),
            "currencies": [self.code(each) for each in self.currencies],
            "default_currency_code": self.code(self.random.choice(self.currencies)),
            "swap_link_template": f"https://shop.example/swap/{{cart_id}}?{self.text()}",
            "payment_link_template": "https://shop.example/pay/{cart_id}",
            "invite_link_template": "https://shop.example/invite/{invite_token}",
            "metadata": self.random.choice(METADATA[1:]),
            **later,
        }

    def user(self, *, whole: bool) -> Document:
        self.number += 1
        return self.entry(
            {"email": f"Someone.{self.number}@Example.com"},
            {
                "id": self.own_id("usr"),
                "password": f"pass {self.text()} {self.number}",
                "first_name": self.text(),
                "last_name": self.text(),
                "role": self.random.choice(("admin", "member", "developer")),
                "api_token": self.own_id("token"),
                "metadata": self.random.choice(METADATA),
            },
            whole=whole,
        )

    def region(self, *, whole: bool) -> Document:
        known = len(self.regions)
        currency = self.random.choice(self.currencies)
        own = whole or (known != 1 and self.maybe())
        name = self.own_id("reg") if own else f"region {known}"
        self.regions.append(name)
        if own:
            self.real_regions.append((name, currency))
        tax = {"includes_tax": self.maybe()} if self.includes_tax else {}
        return self.entry(
            {
                "id": name,
                "name": self.name("Region"),
                "currency_code": self.code(currency),
                "tax_rate": self.random.choice((0, 7, 19, 7.775, 25.5, 100)),
                "payment_providers": ["manual"],
                "fulfillment_providers": ["manual"],
            },
            {
                "tax_code": self.text(),
                "gift_cards_taxable": self.maybe(),
                "automatic_taxes": self.maybe(),
                "tax_provider_id": None,
                "countries": [self.code(each) for each in COUNTRIES[known * 3 : known * 3 + 3]],
                "metadata": self.random.choice(METADATA),
                **tax,
            },
            whole=whole,
        )

    def shipping_option(self, *, whole: bool) -> Document:
        least = self.random.randrange(1000)
        bounds = [
            {"type": "min_subtotal", "amount": least},
            {"type": "max_subtotal", "amount": least + self.random.randrange(1000)},
        ]
        tax = {"includes_tax": self.maybe()} if self.includes_tax else {}
        return self.entry(
            {
                "name": self.name("Delivery"),
                "region_id": self.random.choice(self.regions),
                "provider_id": "manual",
                "data": self.random.choice(METADATA[1:]),
                "price_type": "flat_rate",
                "amount": self.random.choice((0, 1, 995, 2**31 - 1)),
            },
            {
                "id": self.own_id("so"),
                "is_return": self.maybe(),
                "admin_only": self.maybe(),
                "is_giftcard": self.maybe(),
                "requirements": self.random.sample(bounds, self.random.randint(2 * whole, 2)),
                "metadata": self.random.choice(METADATA),
                **tax,
            },
            whole=whole,
        )

    def category(self, *, whole: bool, depth: int = 0) -> Document:
        more = {"metadata": self.random.choice(METADATA)} if self.version >= (1, 18, 0) else {}
        own = self.own_id("pcat") if self.maybe() else self.own_id("a category of mine")
        optional = {
            "id": own,
            "handle": f"handle-{own}",
            "description": self.text(),
            "is_active": self.maybe(),
            "is_internal": self.maybe(),
            "rank": self.random.randrange(9),
            "category_children": [
                self.category(whole=False, depth=depth + 1)
                for _ in range(self.random.randint(whole, 3) if depth < 3 else 0)
            ],
            **more,
        }
        return self.entry({"name": self.name("Category")}, optional, whole=whole)

    def collection(self, *, whole: bool) -> Document:
        own = self.own_id("pcol")
        optional = {
            "id": own,
            "handle": f"Handle/{own}",
            "metadata": self.random.choice(METADATA),
        }
        return self.entry({"title": self.name("Collection")}, optional, whole=whole)

    def key(self, *, whole: bool) -> Document:
        return self.entry({"title": self.name("Key")}, {"id": self.own_id("pk")}, whole=whole)

    def product(self, *, whole: bool) -> Document:
        title = self.name("Product")
        own = self.own_id("prod")
        images = [f"https://shop.example/{n} of {self.text()}.png" for n in range(6)]
        optional: Document = {
            "id": own,
            "subtitle": self.text(),
            "description": self.text() * self.random.choice((1, 3, 500)),
            "handle": f"Handle {own}/{self.text()}",
            "is_giftcard": self.random.random() < 0.3,
            "discountable": self.maybe(),
            "status": self.random.choice(("draft", "proposed", "published", "rejected")),
            "images": self.random.sample(images, self.random.randint(whole, 4)),
            "thumbnail": self.random.choice((None, "", "https://shop.example/thumbnail.png")),
            "external_id": self.text(),
            "type": {"value": self.text()} if whole or self.maybe() else None,
            "tags": self.tags(whole),
            "metadata": self.random.choice(METADATA),
            **self.measures(),
            **self.places(),
        }
        return self.entry({"title": title}, optional, whole=whole) | self.what_is_sold(whole)

    def measures(self) -> Document:
        sizes = {
            name: self.random.choice((None, 0, 7, 2**31 - 1))
            for name in ("weight", "length", "height", "width")
        }
        texts = {
            name: self.random.choice((None, "", self.text()))
            for name in ("hs_code", "origin_country", "mid_code", "material")
        }
        return sizes | texts

    def tags(self, whole: bool) -> list[Document]:
        """Return tags; a text that another product has used too is the same tag."""
        tags = [
            self.entry({"value": value}, {"metadata": self.random.choice(METADATA)}, whole=False)
            for value in self.random.sample(TEXTS, self.random.randint(0, 3))
        ]
        if whole:
            own = {"id": self.own_id("ptag"), "metadata": {"of": "its own"}}
            tags.append({"value": self.name("Tag"), **own})
        return tags

    def places(self) -> Document:
        made: Document = {}
        if self.categories:
            count = self.random.randint(1, min(3, len(self.categories)))
            chosen = self.random.sample(self.categories, count)
            made["categories"] = [{"id": each} for each in chosen]
        if self.collections:
            made["collection_id"] = self.random.choice(self.collections)
            made["collection"] = {"id": made["collection_id"]}
        return made

    def what_is_sold(self, whole: bool) -> Document:
        """Return options and variants that fit; now and then neither."""
        if not whole and self.random.random() < 0.2:
            return {"options": []} if self.maybe() else {}
        titles = [f"Option {n} {self.text()}" for n in range(self.random.randint(int(whole), 3))]
        values = [[f"{n} {self.text()}" for n in range(self.random.randint(1, 3))] for _ in titles]
        options = [
            self.entry(
                {"title": title},
                {
                    "id": self.own_id("opt"),
                    "values": those,
                    "metadata": self.random.choice(METADATA),
                },
                whole=whole and not n,
            )
            for n, (title, those) in enumerate(zip(titles, values, strict=True))
        ]
        combined = list(product(*values))
        self.random.shuffle(combined)
        variants = [
            self.variant(chosen, whole=whole and not n) for n, chosen in enumerate(combined[:6])
        ]
        return {"options": options, "variants": variants}

    def variant(self, values: tuple[str, ...], *, whole: bool) -> Document:
        own = self.own_id("variant")
        return self.entry(
            {
                "title": self.text(),
                "options": [
                    self.entry(
                        {"value": value},
                        {"id": self.own_id("optval"), "metadata": self.random.choice(METADATA)},
                        whole=whole,
                    )
                    for value in values
                ],
                "inventory_quantity": self.random.choice((0, 1, -3, 2**31 - 1)),
            },
            {
                "id": own,
                "sku": f"sku {own} {self.text()}",
                "barcode": f"barcode {own}",
                "ean": f"ean {own}",
                "upc": f"upc {own}",
                "allow_backorder": self.maybe(),
                "manage_inventory": self.maybe(),
                "variant_rank": self.random.choice((0, 1, 5, 17)),
                "prices": self.prices(whole),
                "metadata": self.random.choice(METADATA),
                **self.measures(),
            },
            whole=whole,
        )

    def prices(self, whole: bool) -> list[Document]:
        """Return a price for some currencies and, where Medusa's seed can do it, some regions."""
        amounts = (0, 1, 1950, 2**31 - 1)
        count = len(self.currencies) if whole else self.random.randint(0, len(self.currencies))
        prices = [
            self.entry(
                {"currency_code": self.code(each), "amount": self.random.choice(amounts)},
                {"id": self.own_id("ma"), "min_quantity": 1, "max_quantity": 10},
                whole=whole,
            )
            for each in self.random.sample(self.currencies, count)
        ]
        if self.version >= (1, 7, 14):
            for region, currency in self.real_regions:
                if whole or self.random.random() < 0.3:
                    needed = {"region_id": region, "amount": self.random.choice(amounts)}
                    optional = {"currency_code": currency}
                    prices.append(self.entry(needed, optional, whole=whole))
        self.random.shuffle(prices)
        return prices


def _ids(entries: list[Document]) -> set[str]:
    """Return the ids of *entries* and of those in them."""
    inner = [_ids(each.get("category_children", [])) for each in entries]
    return {each["id"] for each in entries if "id" in each}.union(*inner)


def keys(value: Any, path: str = "") -> set[str]:
    """Return every key that a document uses, as `products.variants.sku`; metadata is one key."""
    found: set[str] = set()
    if isinstance(value, list):
        for item in value:
            found |= keys(item, path)
    elif isinstance(value, dict) and not path.endswith(("metadata", "data")):
        for key, item in value.items():
            place = f"{path}.{key}".removeprefix(".")
            place = place.replace(".category_children.", ".")
            found |= {place} | keys(item, place)
    return found


def dumped(document: Document) -> str:
    """Return *document* as a file would hold it."""
    return json.dumps(document, ensure_ascii=False, indent=1)
