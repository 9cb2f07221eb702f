"""Pure: dataclasses as the API has them, read and written by pydantic; says in a sentence what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from reprlib import Repr
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    TypeAdapter,
    ValidationError,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from medusa_operator.resource.parse import InvalidError, parse_time, spell_time

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

T = TypeVar("T")

CAMEL = ConfigDict(alias_generator=to_camel)
"""What a dataclass has as `__pydantic_config__`: its fields are called `likeThis` in the API."""
CHOICE = "?"
"""Begins the tag of one of several types that a value may have; it is no part of a path."""
LEVELS = 8
"""Levels of objects and lists that are looked through for null; no body that we know has as many."""


def _time(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    try:
        return parse_time(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{str(value)[:100]!r} is not a time") from None


def _nothing(value: Any) -> bool:
    return value in (None, "", (), 0) or value == {}


Name = Annotated[str, Field(min_length=1)]
"""A text that is always there."""
Text = Annotated[str, Field(exclude_if=_nothing)]
"""A text that is left out where it is empty."""
Texts = Annotated[tuple[str, ...], Field(exclude_if=_nothing)]
Count = Annotated[StrictInt, Field(exclude_if=_nothing)]
"""A number that is left out where it is 0."""
Number = Annotated[StrictInt | None, Field(exclude_if=lambda value: value is None)]
"""A number that need not be known."""
Time = Annotated[datetime, BeforeValidator(_time), PlainSerializer(spell_time)]
Moment = Annotated[Time | None, Field(exclude_if=_nothing)]
"""A time that need not be known."""


def first(most: int) -> AfterValidator:
    """Have no more than the first *most* characters, or items, read of a text, a list or a map."""

    def cut(value: Any) -> Any:
        return dict(islice(value.items(), most)) if isinstance(value, Mapping) else value[:most]

    return AfterValidator(cut)


__all__ = ["CAMEL", "Body", "Count", "Moment", "Name", "Number", "StrictBool", "StrictInt", "Text", "Texts",
           "Time", "first"]  # fmt: skip


class Body(Generic[T]):
    """Reads and writes values of one dataclass; keys that it does not have are not read."""

    def __init__(self, kind: type[T], path: str, *, as_it_is: tuple[str, ...] = ()) -> None:
        """Take the dataclass and where its body stands, `spec`; below *as_it_is* nothing is read."""
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)
        self._path, self._as_it_is = path, frozenset(as_it_is)

    def read(self, body: object) -> T:
        """Return the value that *body* holds, where null is the same as nothing; raise InvalidError."""
        try:
            present = self._present({} if body is None else body, LEVELS)
            return self._adapter.validate_python(present)
        except ValidationError as exc:
            raise InvalidError(_sentence(self._path, exc.errors(include_url=False)[0])) from None

    def write(self, value: T) -> dict[str, Any]:
        """Return *value* as the API has it; what says nothing is left out."""
        written: dict[str, Any] = self._adapter.dump_python(value, mode="json", by_alias=True)
        return written

    def _present(self, value: Any, levels: int) -> Any:
        """Return *value* without the keys of objects that are null."""
        if type(value) is dict and levels:
            return {
                key: below if key in self._as_it_is else self._present(below, levels - 1)
                for key, below in value.items()
                if below is not None
            }
        if type(value) is list and levels:
            return [self._present(item, levels - 1) for item in value]
        return value


def too_deep(levels: int) -> PydanticCustomError:
    """Return the error of a value that is nested deeper than *levels*."""
    return PydanticCustomError(
        _TOO_DEEP, "is nested deeper than {levels} levels", {"levels": levels}
    )


_TOO_DEEP = "too_deep"
_SHORT = Repr()
"""Spells no more than the beginning of a value, however large and deep it is."""
_SHORT.maxlevel = 3
_WANTED = {
    "string_type": "a string",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "dataclass_type": "an object",
    "dict_type": "an object",
    "mapping_type": "an object",
    "tuple_type": "a list",
}


def _sentence(path: str, error: ErrorDetails) -> str:
    """Return what is wrong, and where."""
    for part in error["loc"]:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not part.startswith(CHOICE):
            path += f".{part}"
    kind, given = error["type"], error["input"]
    if kind in ("missing", "string_too_short"):
        return f"{path} is missing"
    if kind == _TOO_DEEP:
        return f"{path} {error['msg']}"
    if kind == "value_error":
        return f"{path}: {error['ctx']['error']}"
    spelt = given if isinstance(given, str) else _SHORT.repr(given)
    if kind == "enum":
        wanted = f"one of {error['ctx']['expected'].replace(' or ', ', ')}".replace("'", "")
    else:
        wanted = _WANTED.get(kind, "")
    return f"{path}: {spelt[:100]!r} " + (f"is not {wanted}" if wanted else error["msg"])
