"""Waiting until something is true, instead of sleeping."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")


def eventually(check: Callable[[], Found], within: float = 30.0, every: float = 0.05) -> Found:
    """Return what *check* yields as soon as that is true; fail where it does not become so."""
    deadline = time.monotonic() + within
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {within:g} s"
        time.sleep(every)
