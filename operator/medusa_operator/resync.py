"""Lists everything: at the start, and then now and then, in case a watch has missed something."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from medusa_operator.cluster import METADATA, Kind
from medusa_operator.errors import ApiError, DeadWatchError, MissingError
from medusa_operator.parse import InvalidError
from medusa_operator.view import name_of, version_of

if TYPE_CHECKING:
    from medusa_operator.cluster import Cluster
    from medusa_operator.health import Health
    from medusa_operator.hear import Hearing
    from medusa_operator.view import Key

GRACE = 10.0
"""Seconds that a watch has to tell of what a list has shown."""
KNOCK = 2.0
"""Seconds after a list at the start that failed."""
AGAIN = 10.0
"""Seconds after a list that failed."""
SPREAD = 0.1
"""The part of the time between two lists over which the passes after a list are spread."""

logger = structlog.get_logger("resync")


@dataclass(frozen=True, slots=True)
class Resync:
    """Compares what lists show with what watches have told."""

    cluster: Cluster
    hearing: Hearing
    health: Health
    interval: float

    async def first(self) -> None:
        """Take in everything, as soon as that can be had."""
        while True:
            try:
                await self._take_all()
            except ApiError as exc:
                logger.warning("Listing failed", reason=exc.reason, error=str(exc))
                await asyncio.sleep(exc.retry_after or KNOCK)
            else:
                return

    async def _take_all(self) -> None:
        """Take in everything; Jobs and pods after the resources, so that they are no older."""
        for kind in Kind:
            async for body in self.cluster.everything(kind):
                self.hearing.take(kind, body)
        self.health.listed = time.monotonic()

    async def keep(self) -> None:
        """List again for ever, and let each resource be looked at."""
        wait = self.interval
        while True:
            await asyncio.sleep(wait * random.uniform(0.9, 1.1))  # noqa: S311 - no secret
            try:
                await self._compare()
            except MissingError as exc:
                raise DeadWatchError("MedusaDatabase is no longer defined in the cluster") from exc
            except ApiError as exc:
                logger.warning("Listing failed", reason=exc.reason, error=str(exc))
                wait = min(AGAIN, self.interval)
                continue
            wait = self.interval
            self.hearing.look_at_all(self.interval * SPREAD)

    async def _compare(self) -> None:
        """Hold the view against lists of metadata; whole objects are read where a watch is dead."""
        missed: dict[tuple[Kind, Key, str], int] = {}
        gone: list[tuple[Kind, Key, str]] = []
        view = self.hearing.view
        for kind in Kind:
            before, listed = view.known(kind), set()
            async for body in self.cluster.everything(kind, accept=METADATA):
                try:
                    key, uid = name_of(body)
                except InvalidError as exc:
                    logger.warning("Unreadable", kind=kind.plural, error=str(exc))
                    continue
                listed.add((key, uid))
                if view.version(kind, key, uid) < version_of(body):
                    missed[kind, key, uid] = version_of(body)
            gone.extend((kind, key, uid) for key, uid in before if (key, uid) not in listed)
        self.health.listed = time.monotonic()
        if missed:
            await asyncio.sleep(min(GRACE, self.interval))
        untold = {which: new for which, new in missed.items() if view.version(*which) < new}
        for kind in {kind for kind, *_ in untold}:
            async for body in self.cluster.everything(kind):  # what is gone by now was not missed
                which = (kind, *name_of(body))
                if view.version(*which) < untold.get(which, 0):
                    logger.error("A watch is dead", kind=kind.plural, missed="/".join(which[1]))
                    self.health.deaf[kind.plural] = "/".join(which[1])
                    self.hearing.take(kind, body)
        for kind, key, uid in gone:
            self.hearing.lose(kind, key, uid)
