"""Pure: reads values out of the bodies that the Kubernetes API gives; says where one is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from reprlib import Repr
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

E = TypeVar("E", bound=StrEnum)

_SHORT = Repr()
"""Spells no more than the beginning of a value, however large and deep it is."""
_SHORT.maxlevel = 3

DIGITS = 20
"""A number of more digits is none of Kubernetes', whose integers have 64 bits."""


class InvalidError(ValueError):
    """A body says something that is not valid; the text is a sentence for its owner."""


@dataclass(slots=True, eq=False)
class BodyField:
    """A value in a body, and where it stands; made often, so it spells its path only when asked."""

    value: Any
    name: str
    above: BodyField | None = None

    @property
    def path(self) -> str:
        """Where it stands, `spec.database.host`."""
        above = self.above.path if self.above is not None else ""
        return f"{above}.{self.name}" if above and self.name[:1] != "[" else above + self.name

    def __getitem__(self, key: str) -> BodyField:
        value = self.value
        return BodyField((value if type(value) is dict else self.mapping()).get(key), key, self)

    def __bool__(self) -> bool:
        return self.value is not None

    def mapping(self) -> Mapping[str, Any]:
        """Return a mapping; nothing is an empty one."""
        if self.value is None:
            return {}
        if not isinstance(self.value, Mapping):
            raise self._wrong("an object")
        return self.value

    def items(self) -> Iterator[BodyField]:
        """Yield the items of a list; nothing is an empty one."""
        if self.value is None:
            return
        if isinstance(self.value, str) or not isinstance(self.value, Sequence):
            raise self._wrong("a list")
        for number, item in enumerate(self.value):
            yield BodyField(item, f"[{number}]", self)

    def text(self, default: str = "") -> str:
        """Return a string."""
        if self.value is None:
            return default
        if not isinstance(self.value, str):
            raise self._wrong("a string")
        return self.value

    def required(self) -> str:
        """Return a string that must be there."""
        found = self.text()
        if not found:
            raise InvalidError(f"{self.path} is missing")
        return found

    def texts(self) -> tuple[str, ...]:
        """Return a list of strings."""
        return tuple(item.text() for item in self.items())

    def number(self, default: int = 0) -> int:
        """Return an integer."""
        if self.value is None:
            return default
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self._wrong("a whole number")
        return self.value

    def truth(self, *, default: bool = False) -> bool:
        """Return a boolean."""
        if self.value is None:
            return default
        if not isinstance(self.value, bool):
            raise self._wrong("true or false")
        return self.value

    def member(self, kind: type[E], default: E) -> E:
        """Return one of a closed set of words."""
        found = self.text(default)
        try:
            return kind(found)
        except ValueError:
            raise self._wrong(f"one of {', '.join(kind)}") from None

    def time(self) -> datetime | None:
        """Return a point in time."""
        found = self.text()
        try:
            return parse_time(found) if found else None
        except (ValueError, OverflowError):
            raise self._wrong("a time") from None

    def _wrong(self, wanted: str) -> InvalidError:
        shown = self.value if isinstance(self.value, str) else _SHORT.repr(self.value)
        return InvalidError(f"{self.path}: {shown[:100]!r} is not {wanted}")


def parse_time(text: str) -> datetime:
    """Return the time that RFC 3339 *text* names; raise ValueError where it names none."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def spell_time(time: datetime) -> str:
    """Return *time* as the API spells it, in whole seconds."""
    return time.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def nested_deeper(value: Any, levels: int) -> bool:
    """Return whether objects and lists within *value* are nested deeper than *levels*."""
    layer = [value] if isinstance(value, Mapping | list) else []
    for _ in range(levels):
        inner = (v for x in layer for v in (x.values() if isinstance(x, Mapping) else x))
        layer = [below for below in inner if isinstance(below, Mapping | list)]
    return bool(layer)
