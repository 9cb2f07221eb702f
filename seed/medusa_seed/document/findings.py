"""Pure: places in a seed document, and what was found wrong at them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medusa_migrations.contract.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_DEEP = 200
"""Levels of objects and lists in each other; a category and its `category_children` are two."""
MOST_DIGITS = 4300
"""Digits of a whole number that Python reads; longer ones are refused."""
MOST_SHOWN = 50
"""Findings that are reported in full; the others are counted."""

Place = tuple[Any, ...]
"""A place as a chain, cheap to extend: `(place it is in, key or index)`; `()` is the document."""


def spell(place: Place) -> str:
    """Spell *place* as a path: `products[3].variants[0].sku`; with its file in front, if it has one.

    The innermost link of a chain may be a file: `("10-regions.json",)`.
    """
    steps: list[str] = []
    while len(place) == 2:
        place, step = place
        whole = (
            isinstance(step, int) or len(step.splitlines()) < 2
        )  # else it would look like two findings
        steps.append(f"[{step}]" if isinstance(step, int) else f".{step if whole else repr(step)}")
    path = "".join(reversed(steps)).removeprefix(".")
    return f"{place[0]}: {path}" if place and path else path or (place[0] if place else "")


@dataclass(slots=True)
class Findings:
    """What is wrong with a document; filled while it is read."""

    lines: list[str] = field(default_factory=list)
    count: int = 0

    def add(
        self, place: Place, problem: str, *, near: tuple[str, Iterable[str]] | None = None
    ) -> None:
        """Note *problem* at *place*; *near* is a word that is unknown, and those that are known."""
        self.count += 1
        if len(self.lines) < MOST_SHOWN:
            path = spell(place)
            problem += nearest(*near) if near else ""
            self.lines.append(f"{path}: {problem}" if path else problem)

    def raise_if_any(self, document: str) -> None:
        """Raise UsageError with everything that was found in *document*."""
        if not self.count:
            return
        rest = self.count - len(self.lines)
        more = [f"- and {rest} more"] if rest else []
        what = "1 thing" if self.count == 1 else f"{self.count} things"
        raise UsageError(
            f"{document} cannot be seeded, {what} must be corrected first: {self.lines[0]}",
            reason="InvalidDocument",
            detail="" if self.count == 1 else "\n".join([*(f"- {x}" for x in self.lines), *more]),
        )


def shown(value: object, most: int = 40) -> str:
    """Spell a value of the document for a message, cut where it is long."""
    match value:
        case str():
            text = value if len(value) <= most else f"{value[:most]}..."
            return f'"{text}"'
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case dict():
            return "an object"
        case list():
            return "a list"
        case int() if abs(value) >= 10**most:
            return f"a number of more than {most} digits"
        case _:
            text = str(value)
            return text if len(text) <= most else f"{text[:most]}..."


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean ...?)` where one of *known* is like *name*, else nothing."""
    close = difflib.get_close_matches(name, list(known), 1, 0.6)
    return f'; did you mean "{close[0]}"?' if close else ""
