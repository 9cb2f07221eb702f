"""Changes a seed document at random places, and a shop behind its back."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from seed_strategies import Body

IDS = ["x_1", "x_2", "product_1", "category_0", "reg_0", "collection_0"]
VALUES: list[Any] = [
    None, "", " ", "a", "a\n", "A" * 90, "é" * 1500, "x" * 3000, "a\0", "\ud800", "usd", "EUR", "eur\n", "xyz", "de", "manual",
    "a@example.com", "A@EXAMPLE.COM", "a@example.com\n", True, False, -1, 0, 1, 1.0, 1.5, 100.5, 2**31 - 1, 2**31, -(2**31),
    10**30, 1e300, [], {}, [None], [[]], {"id": "x_1"}, {"a": {"b": [1.5, None]}}, "product-1", "category-0", "0.0", *IDS,
]  # fmt: skip
TABLES = ("product", "product_variant", "product_option", "product_option_value", "money_amount", "product_collection",
          "region", "shipping_option", "user", "product_tag", "product_type")  # fmt: skip
"""Tables whose rows Medusa deletes softly."""
ALTERED = {
    "alter table product alter title type varchar(6) using left(title, 6)":
        "alter table product alter title type varchar",
    "alter table product_variant alter title type varchar(3) using left(title, 3)":
        "alter table product_variant alter title type varchar",
    "alter table region alter name type varchar(4) using left(name, 4)":
        "alter table region alter name type varchar",
    "alter table product add points int not null default 0": "alter table product drop points",
    "create unique index shops on product (subtitle) where subtitle is not null": "drop index shops",
    "create unique index shops on product_variant (title)": "drop index shops",
    "alter table product_tag add supplier text not null": "alter table product_tag drop supplier",
    "alter table product alter subtitle set not null": "alter table product alter subtitle drop not null",
    "alter table region alter tax_code set not null": "alter table region alter tax_code drop not null",
    "alter type user_role_enum rename value 'developer' to 'coder'":
        "alter type user_role_enum rename value 'coder' to 'developer'",
}  # fmt: skip
"""What shops do to Medusa's tables, and what takes it back."""


@st.composite
def mutated(draw: st.DrawFn, body: Body) -> Body:
    """Return *body*, changed at a few places."""
    body = copy.deepcopy(body)
    for _ in range(draw(st.integers(0, 4))):
        places = list(_places(body))
        holder, key = draw(st.sampled_from(places))
        _CHANGES[draw(st.sampled_from(sorted(_CHANGES)))](draw, holder, key, places)
    return body


def _places(value: Any) -> Any:
    """Yield every object or list of *value* with each key or index of it."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def _replace(draw: st.DrawFn, holder: Any, key: Any, _places: Any) -> None:
    holder[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))


def _remove(_draw: st.DrawFn, holder: Any, key: Any, _places: Any) -> None:
    del holder[key]


def _twice(_draw: st.DrawFn, holder: Any, key: Any, _places: Any) -> None:
    if isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))


def _as_elsewhere(draw: st.DrawFn, holder: Any, key: Any, places: Any) -> None:
    """Take the value of the same key of another entry."""
    alike = [other[name] for other, name in places if name == key]
    holder[key] = copy.deepcopy(draw(st.sampled_from(alike)))


def _name(draw: st.DrawFn, holder: Any, key: Any, _places: Any) -> None:
    if isinstance(holder[key], dict):
        holder[key]["id"] = draw(st.sampled_from(IDS))


def _quantities(draw: st.DrawFn, holder: Any, key: Any, _places: Any) -> None:
    if isinstance(holder[key], dict) and "amount" in holder[key]:
        for name in ("min_quantity", "max_quantity"):
            holder[key][name] = draw(st.none() | st.integers(0, 3))


_CHANGES = {
    "replace": _replace, "remove": _remove, "twice": _twice, "elsewhere": _as_elsewhere, "name": _name,
    "name again": _name, "quantities": _quantities,
}  # fmt: skip
