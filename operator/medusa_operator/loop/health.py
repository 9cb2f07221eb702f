"""Whether the process works, as far as it can see itself."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from enum import StrEnum

LAG_SECONDS = 1.0
"""Between two looks at how late the event loop is."""


class State(StrEnum):
    """How far a replica is."""

    STARTING = "starting"
    STANDING_BY = "standing by"
    LEADING = "leading"


@dataclass(slots=True)
class Health:
    """What is known of our own working."""

    resync: float
    """Seconds between two lists of everything."""
    state: State = State.STARTING
    namespaces: tuple[str, ...] = ()
    """Those that are watched; none: all."""
    dead_watches: dict[str, str] = field(default_factory=dict)
    """Watches that failed to report a change, and which one."""
    unlisted: dict[str, str] = field(default_factory=dict)
    """Namespaces that could not be listed at the last attempt, and why; the empty one stands for all."""
    refused: dict[tuple[str, str], str] = field(default_factory=dict)
    """Watches that the API server refuses for now, by plural and namespace, and why."""
    listed: float = field(default_factory=time.monotonic)
    """When everything was listed last."""
    lag: float = 0.0
    """Seconds by which the event loop was late at the last look."""

    def problems(self) -> list[str]:
        """Return what is wrong, in sentences; a process with problems should be started again."""
        problems = [
            f"the watch of {kind} is dead: it did not report {what}"
            for kind, what in self.dead_watches.items()
        ]
        silent = time.monotonic() - self.listed
        if self.state is State.LEADING and silent > 3 * self.resync + 30:
            problems.append(f"nothing could be listed for {silent:.0f} s")
        return problems

    def away(self) -> list[str]:
        """Return which namespaces are not handled, in sentences; the others are."""
        return [
            f"namespace {namespace} cannot be listed: {why}"
            for namespace, why in sorted(self.unlisted.items())
            if namespace
        ]

    def unwatched(self) -> dict[tuple[str, str], str]:
        """Return the watches that are refused where lists are not, and why."""
        return {
            (plural, namespace): why
            for (plural, namespace), why in sorted(self.refused.items())
            if namespace not in self.unlisted
        }

    def late(self) -> list[str]:
        """Return which changes are seen at the next resync only, in sentences."""
        return [
            f"{plural}{f' of namespace {namespace}' if namespace else ''} cannot be watched, and are seen at each resync "
            f"only: {why}"
            for (plural, namespace), why in self.unwatched().items()
        ]

    def nothing_listed(self) -> str:
        """Return why nothing at all can be listed; empty where something can."""
        spaces = self.namespaces or ("",)
        whys = [self.unlisted[space] for space in spaces if space in self.unlisted]
        return whys[0] if len(whys) == len(spaces) else ""

    def watch_refused(self, plural: str, namespace: str, why: str) -> None:
        """Take in that a watch is refused, or, where *why* is empty, that it is not."""
        if why:
            self.refused[plural, namespace] = why
        else:
            self.refused.pop((plural, namespace), None)

    async def watch_lag(self) -> None:
        """Measure for ever how late the event loop is."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(LAG_SECONDS)
            self.lag = max(0.0, time.monotonic() - before - LAG_SECONDS)
