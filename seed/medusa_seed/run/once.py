"""Pure: whether a seed is due: one rule for seed documents, and for scripts of the shop's own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class When(StrEnum):
    """When a seed runs."""

    ALWAYS = "always"
    ONCE = "once"
    ON_CHANGE = "on change"


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a seed does nothing."""

    why: str
    loaded: bool = False
    """Whether what it asks for was seeded before."""


def skip(
    when: When,
    what: str,
    checksum: str,
    latest: Callable[[], str | None],
    has_products: Callable[[], bool],
) -> Skip | None:
    """Return why *what* with this *checksum* is not to be seeded; None where it is.

    *latest* returns the checksum of the seed that was recorded last, None where none was; *has_products* whether the
    shop has any. Both are only called where that matters.
    """
    if when is When.ALWAYS:
        return None
    last = latest()
    if last == checksum:
        return Skip(f"this very {what} was the last one seeded", loaded=True)
    if when is When.ON_CHANGE:
        return None
    if last is not None:
        return Skip("the shop was seeded before")
    return Skip("the shop has products") if has_products() else None
