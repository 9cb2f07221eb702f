"""Ids as Medusa makes them: a prefix and a ULID, which sorts by the moment it was made."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(high + low for high in _DIGITS for low in _DIGITS)


def _head() -> str:
    """Return the first 19 of a ULID's 26 digits: the moment, and 45 bits of chance."""
    number = (time.time_ns() // 1_000_000 << 45) + secrets.randbits(45)
    digits: list[str] = []
    for _ in range(19):
        digits.append(_DIGITS[number & 31])
        number >>= 5
    return "".join(reversed(digits))


@dataclass(slots=True)
class Ids:
    """Makes ids that are all different, and sort in the order in which they were made."""

    _start: str = field(default_factory=_head)
    _next: int = field(default_factory=lambda: secrets.randbits(34))

    def made(self, id_: str) -> bool:
        """Return whether *id_* was made here."""
        return self._start in id_

    def __call__(self, prefix: str) -> str:
        """Return the next id: *prefix*, `_` and 26 digits."""
        number = self._next
        self._next = number + 1
        return (
            f"{prefix}_{self._start}{_DIGITS[number >> 30]}{_PAIRS[number >> 20 & 1023]}"
            f"{_PAIRS[number >> 10 & 1023]}{_PAIRS[number & 1023]}"
        )
