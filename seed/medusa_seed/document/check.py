"""Pure: compares a value of a document with the model, noting everything that is wrong with it."""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

from medusa_seed.document.findings import nearest, shown
from medusa_seed.document.model import (
    Choice,
    Entry,
    Free,
    Itself,
    Many,
    Null,
    Number,
    Shape,
    Text,
    Truth,
    Whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from medusa_seed.document.findings import Findings, Place

    Check = Callable[[Any, Place, Any, Findings], Any]
    """Takes a value, the place it is in, its key there, and where to note what is wrong; returns the
    value as it is meant."""


@functools.cache
def checker(shape: Shape) -> Check:
    """Return the function that checks values of *shape*.

    What it returns is meaningful only where it noted nothing: objects with the keys that are given,
    whole numbers as `int`, codes as written.
    """
    match shape:
        case Text():
            return _text(shape)
        case Whole():
            return _whole(shape)
        case Number():
            return _number(shape)
        case Truth():
            return _truth
        case Choice():
            return _choice(shape)
        case Free():
            return _free
        case Many():
            return _many(shape)
        case Entry():
            return _entry(shape)
        case Itself():
            raise TypeError("only an entry can hold itself")


def _text(shape: Text) -> Check:
    # JSON Schema's `$` is the end; Python's matches before a line's end there as well
    pattern = re.compile(shape.pattern.removesuffix("$") + r"\Z") if shape.pattern else None

    def check(value: Any, place: Place, key: Any, found: Findings) -> Any:
        if type(value) is not str:
            hint = "; write it in quotes" if isinstance(value, bool | int | float) else ""
            what = "something else" if shape.secret else shown(value)
            found.add((place, key), f"{what} where a text belongs{hint}")
        elif "\x00" in value:
            found.add((place, key), "holds a NUL character, which PostgreSQL cannot store")
        elif pattern is not None and not pattern.search(value):
            found.add((place, key), f"{shown(value)} is not {shape.like}")
        elif not value.isascii() and not _encodes(value):
            found.add((place, key), "holds half of a surrogate pair, which is no character")
        elif shape.most is not None and len(value) * 4 > shape.most < len(value.encode()):
            found.add((place, key), f"is longer than {shape.most} bytes, and must be unique")
        return value

    return check


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _whole(shape: Whole) -> Check:
    def check(value: Any, place: Place, key: Any, found: Findings) -> Any:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int:
            hint = "; amounts count the smallest unit, 1950 for 19.50" if key == "amount" else ""
            found.add((place, key), f"{shown(value)} where a whole number belongs{hint}")
        elif value < shape.least:
            found.add((place, key), f"{shown(value)} is less than {shape.least}")
        elif value > shape.most:
            found.add((place, key), f"{shown(value)} is more than {shape.most}")
        return value

    return check


def _number(shape: Number) -> Check:
    def check(value: Any, place: Place, key: Any, found: Findings) -> Any:
        if type(value) not in (int, float):
            found.add((place, key), f"{shown(value)} where a number belongs")
        elif not shape.least <= value <= shape.most:
            found.add(
                (place, key), f"{shown(value)} is not between {shape.least:g} and {shape.most:g}"
            )
        return value

    return check


def _truth(value: Any, place: Place, key: Any, found: Findings) -> Any:
    if type(value) is not bool:
        found.add((place, key), f"{shown(value)} where true or false belongs")
    return value


def _choice(shape: Choice) -> Check:
    words = frozenset(shape.words)

    def check(value: Any, place: Place, key: Any, found: Findings) -> Any:
        if type(value) is not str or value not in words:
            near = nearest(value, shape.words) if isinstance(value, str) else ""
            found.add((place, key), f"{shown(value)} is none of {', '.join(shape.words)}{near}")
        return value

    return check


def _free(value: Any, place: Place, key: Any, found: Findings) -> Any:
    if type(value) is not dict:
        found.add((place, key), f"{shown(value)} where an object belongs")
        return value
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_unknown_to_json)
        text.encode()
    except RecursionError:
        found.add((place, key), "is nested too deeply")
    except UnicodeEncodeError:
        found.add((place, key), "holds half of a surrogate pair, which is no character")
    except TypeError as exc:
        found.add((place, key), f"holds what JSON cannot say: {exc}; write it in quotes")
    except ValueError:
        found.add((place, key), "holds what JSON cannot say: an infinite number, or `nan`")
    else:
        if "\\u0000" in text and "\\u0000" in text.replace("\\\\", ""):
            found.add((place, key), "holds a NUL character, which PostgreSQL cannot store")
    return value


def _unknown_to_json(value: object) -> NoReturn:
    """Refuse what YAML has and JSON lacks: a date, a set, bytes."""
    raise TypeError(shown(value))


def _many(shape: Many) -> Check:
    one = checker(shape.of)

    def check(value: Any, place: Place, key: Any, found: Findings) -> Any:
        if type(value) is not list:
            found.add((place, key), f"{shown(value)} where a list belongs")
            return []
        here = (place, key)
        return [one(item, here, index, found) for index, item in enumerate(value)]

    return check


def in_place_of(entry: Entry, value: Any) -> str:
    """Return how a message calls *value*, which stands where an *entry* belongs, or a list of them."""
    return "something else" if entry.secret else shown(value)


def _entry(entry: Entry) -> Check:
    checks: dict[str, tuple[Check, Null]] = {}
    required = tuple(field.name for field in entry.fields if field.required)

    def check(value: Any, place: Place, key: Any, found: Findings) -> Any:
        here = place if key is None else (place, key)
        if type(value) is not dict:
            found.add(here, f"{in_place_of(entry, value)} where an object belongs")
            return {}
        kept: dict[str, Any] = {}
        for name, item in value.items():
            known = checks.get(name)
            if known is None:
                found.add((here, name), f"is no key of a {entry.name}", near=(name, checks))
            elif item is not None:
                kept[name] = known[0](item, here, name, found)
            elif known[1] is Null.VALUE:
                kept[name] = None
            elif known[1] is Null.REFUSED:
                found.add((here, name), "null where a value belongs")
        for name in required:
            if name not in kept and name not in value:
                found.add((here, name), "is missing")
        return kept

    for field in entry.fields:
        match field.shape:
            case Many(of=Itself()):
                checks[field.name] = (_children(check), field.null)
            case shape:
                checks[field.name] = (checker(shape), field.null)
    return check


def _children(one: Check) -> Check:
    def check(value: Any, place: Place, key: Any, found: Findings) -> Any:
        if type(value) is not list:
            found.add((place, key), f"{shown(value)} where a list belongs")
            return []
        here = (place, key)
        return [one(item, here, index, found) for index, item in enumerate(value)]

    return check
