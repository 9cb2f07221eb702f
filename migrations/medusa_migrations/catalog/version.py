"""Medusa versions: their syntax and their order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SYNTAX = re.compile(r"v?(\d{1,4})\.(\d{1,4})\.(\d{1,4})")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A released Medusa server version, ordered by its three numbers."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def parse(text: str) -> Version | None:
    """Return the version that *text* spells (`1.20.11` or `v1.20.11`), None where it spells none."""
    match = _SYNTAX.fullmatch(text.strip())
    return Version(*map(int, match.groups())) if match else None


def nearest(wanted: Version, known: Sequence[Version], count: int = 3) -> list[Version]:
    """Return the *count* versions of *known* (ascending) around *wanted*, ascending."""
    below = [version for version in known if version < wanted]
    above = [version for version in known if version > wanted]
    half = max(count // 2, count - len(above))
    chosen = below[-half:]
    return chosen + above[: count - len(chosen)]


def ranges(versions: Iterable[Version], known: Sequence[Version]) -> str:
    """Spell *versions* as runs of neighbours in *known*: `1.1.65, 1.3.0 to 1.3.3`."""
    wanted = set(versions)
    runs: list[list[Version]] = []
    fresh = True
    for version in known:
        if version not in wanted:
            fresh = True
        elif fresh:
            runs.append([version])
            fresh = False
        else:
            runs[-1].append(version)
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)
