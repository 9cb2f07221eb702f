"""Seed documents of every shape, and ways to break one."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

Body = dict[str, Any]

_text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12
)
_meta = st.none() | st.dictionaries(
    _text, st.none() | st.booleans() | st.integers(-9, 9) | _text | st.lists(_text, max_size=2), max_size=3
)  # fmt: skip
_amount = st.integers(0, 100_000)


def _some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Body]:
    """Objects with any of *fields*."""
    return st.fixed_dictionaries({}, optional=fields)


@st.composite
def documents(draw: st.DrawFn) -> Body:
    """Return a valid document for an empty shop with every currency and country."""
    body: Body = draw(_some(store=_stores, users=_users))
    currencies = [*(body.get("store", {}).get("currencies") or ["usd"])]
    regions = draw(_regions(currencies))
    body |= {"regions": regions, "shipping_options": draw(_options_of(regions))}
    categories = draw(_numbered("category", _category, 3))
    body["categories"] = categories
    ids = [category["id"] for category in categories]
    body["product_collections"] = draw(_numbered("collection", _collection, 2))
    collections = [one["id"] for one in body["product_collections"]]
    body["products"] = [
        draw(_product(number, ids, collections, regions, currencies))
        for number in range(draw(st.integers(0, 4)))
    ]
    keys = draw(st.lists(_text, max_size=2, unique=True))
    body["publishable_api_keys"] = [{"title": title} for title in keys]
    return body


_stores = st.sampled_from([["usd"], ["usd", "eur"], ["eur", "usd", "gbp"]]).flatmap(
    lambda codes: st.fixed_dictionaries(
        {"currencies": st.just(codes)},
        optional={"name": _text, "invite_link_template": st.none() | _text},
    )
)
_users = st.lists(
    st.fixed_dictionaries(
        {"email": st.sampled_from("abcdef").map(lambda name: f"{name}@example.com")},
        optional={
            "password": _text, "first_name": st.none() | _text, "metadata": _meta,
            "role": st.sampled_from(["admin", "member", "developer"]),
        },
    ),
    max_size=3, unique_by=lambda user: user["email"],
)  # fmt: skip


@st.composite
def _regions(draw: st.DrawFn, currencies: list[str]) -> list[Body]:
    countries = draw(st.permutations(["de", "fr", "us", "dk", "se", "no", "in"]))
    found = []
    for number in range(draw(st.integers(0, 3))):
        region = draw(
            _some(
                tax_code=st.none() | _text, gift_cards_taxable=st.booleans(), automatic_taxes=st.booleans(),
                payment_providers=st.sampled_from([[], ["manual"]]),
                fulfillment_providers=st.sampled_from([[], ["manual"], ["manual", "other"]]),
            )
        )  # fmt: skip
        count = draw(st.integers(0, 2))
        region |= {
            "id": f"reg_{number}", "name": f"Region {number}", "currency_code": draw(st.sampled_from(currencies)),
            "tax_rate": draw(st.sampled_from([0, 7.25, 19, 100])), "countries": countries[:count],
        }  # fmt: skip
        del countries[:count]
        found.append(region)
    return found


@st.composite
def _options_of(draw: st.DrawFn, regions: list[Body]) -> list[Body]:
    found = []
    for region in regions:
        for number, provider in enumerate(region.get("fulfillment_providers", ())):
            option = draw(
                _some(is_return=st.booleans(), admin_only=st.booleans(), is_giftcard=st.just(True))
            )
            option |= {
                "name": f"Option {number}", "region_id": region["id"], "provider_id": provider, "data": {},
                "price_type": "flat_rate", "amount": draw(_amount),
            }  # fmt: skip
            if draw(st.booleans()):
                option["requirements"] = [{"type": "min_subtotal", "amount": draw(_amount)}]
            found.append(option)
    return found


def _numbered(kind: str, one: st.SearchStrategy[Body], most: int) -> st.SearchStrategy[list[Body]]:
    return st.lists(one, max_size=most).map(
        lambda found: [
            entry | {"id": f"{kind}_{number}", "handle": f"{kind}-{number}"}
            for number, entry in enumerate(found)
        ]
    )


_category = st.fixed_dictionaries(
    {"name": _text}, optional={"description": _text, "is_internal": st.booleans(), "metadata": _meta}
)  # fmt: skip
_collection = st.fixed_dictionaries({"title": _text}, optional={"metadata": _meta})
_measure = st.none() | st.integers(0, 1000)


@st.composite
def _product(
    draw: st.DrawFn,
    number: int,
    categories: list[str],
    collections: list[str],
    regions: list[Body],
    currencies: list[str],
) -> Body:
    product = draw(
        _some(
            subtitle=st.none() | _text, description=st.none() | _text, is_giftcard=st.booleans(),
            status=st.sampled_from(["draft", "proposed", "published", "rejected"]), weight=_measure,
            images=st.lists(st.sampled_from(["a", "b", "c"]), max_size=3, unique=True),
            tags=st.lists(st.sampled_from("xyz"), max_size=2, unique=True).map(
                lambda values: [{"value": value} for value in values]
            ),
            type=st.sampled_from([None, {"value": "t"}, {"value": "u"}]), metadata=_meta,
            thumbnail=st.none() | st.just("t.png"), external_id=st.none() | _text, material=st.none() | _text,
        )
    )  # fmt: skip
    product |= {"title": draw(_text), "handle": f"product-{number}"}
    if categories:
        chosen = draw(st.lists(st.sampled_from(categories), max_size=2, unique=True))
        product["categories"] = [{"id": one} for one in chosen]
    if collections and draw(st.booleans()):
        product["collection_id"] = draw(st.sampled_from(collections))
    titles = draw(st.lists(_text, max_size=2, unique=True))
    product["options"] = [{"title": title} for title in titles]
    count = draw(st.integers(0, 3 if titles else 1))
    ids = [one["id"] for one in regions]
    product["variants"] = [
        draw(_variant(number, index, len(titles), ids, currencies)) for index in range(count)
    ]
    return product


@st.composite
def _variant(
    draw: st.DrawFn,
    number: int,
    index: int,
    options: int,
    regions: list[str],
    currencies: list[str],
) -> Body:
    variant = draw(
        _some(
            sku=st.none() | st.just(f"sku-{number}-{index}"), ean=st.just(f"ean-{number}-{index}"),
            allow_backorder=st.booleans(), manage_inventory=st.booleans(), length=_measure, metadata=_meta,
        )
    )  # fmt: skip
    codes = draw(st.lists(st.sampled_from(currencies), max_size=3, unique=True))
    prices: list[Body] = [{"currency_code": code, "amount": draw(_amount)} for code in codes]
    if regions and draw(st.booleans()):
        prices.append({"region_id": draw(st.sampled_from(regions)), "amount": draw(_amount)})
    return variant | {
        "title": draw(_text), "inventory_quantity": draw(st.integers(-5, 500)), "prices": prices,
        "options": [{"value": f"{index}.{place}"} for place in range(options)],
    }  # fmt: skip


def _every(found: list[Any], break_one: Callable[[Any], None]) -> bool:
    if not found:
        return False
    break_one(found[0])
    return True


def _variants(body: Body) -> list[Body]:
    return [variant for product in body["products"] for variant in product["variants"]]


def _prices(body: Body) -> list[Body]:
    return [price for variant in _variants(body) for price in variant["prices"]]


BREAKS: dict[str, Callable[[Body], bool]] = {
    "unknown section": lambda body: body.update(shops=[]) is None,
    "unknown key": lambda body: _every(body["products"], lambda one: one.update(colour="red")),
    "no title": lambda body: _every(body["products"], lambda one: one.pop("title")),
    "title of a number": lambda body: _every(body["products"], lambda one: one.update(title=7)),
    "nul": lambda body: _every(body["products"], lambda one: one.update(title="a\0")),
    "status": lambda body: _every(body["products"], lambda one: one.update(status="sold")),
    "category": lambda body: _every(
        body["products"], lambda one: one.update(categories=[{"id": "nowhere"}])
    ),
    "collection": lambda body: _every(
        body["products"], lambda one: one.update(collection_id="nowhere")
    ),
    "two alike": lambda body: _every(
        body["products"], lambda one: body["products"].append(copy.deepcopy(one))
    ),
    "options": lambda body: _every(
        _variants(body), lambda one: one["options"].append({"value": "more"})
    ),
    "stock": lambda body: _every(_variants(body), lambda one: one.pop("inventory_quantity")),
    "fraction": lambda body: _every(_prices(body), lambda one: one.update(amount=1.5)),
    "negative": lambda body: _every(_prices(body), lambda one: one.update(amount=-1)),
    "currency": lambda body: _every(
        _prices(body), lambda one: (one.pop("region_id", 0), one.update(currency_code="xyz"))
    ),
    "country": lambda body: _every(body["regions"], lambda one: one.update(countries=["xx"])),
    "currency of a region": lambda body: _every(
        body["regions"], lambda one: one.update(currency_code="jpy")
    ),
    "tax": lambda body: _every(body["regions"], lambda one: one.update(tax_rate=101)),
    "region of an option": lambda body: _every(
        body["shipping_options"], lambda one: one.update(region_id="nowhere")
    ),
    "amount of an option": lambda body: _every(
        body["shipping_options"], lambda one: one.pop("amount")
    ),
    "email": lambda body: _every(body.get("users", []), lambda one: one.update(email="nobody")),
    "role": lambda body: _every(body.get("users", []), lambda one: one.update(role="king")),
    "currencies": lambda body: body.update(store={"currencies": ["eur"]}) is None,
    "list": lambda body: body.update(products={}) is None,
}
"""Each breaks a document in one way, and says whether there was anything to break."""
