"""Lists everything: at the start, and then now and then, in case a watch has missed something."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from medusa_operator.api.cluster import ObjectKind
from medusa_operator.api.errors import ApiError, ApiRefusedError, DeadWatchError, MissingError
from medusa_operator.loop.cache import name_of
from medusa_operator.resource import answers
from medusa_operator.resource.parse import InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from medusa_operator.api.cluster import Cluster
    from medusa_operator.loop.cache import Key
    from medusa_operator.loop.health import Health
    from medusa_operator.loop.intake import Intake

GRACE = 10.0
"""Seconds that a watch has to report what a list has shown."""
KNOCK = 2.0
"""Seconds after lists at the start of which none could be had."""
AGAIN = 10.0
"""Seconds after a list that failed."""
SPREAD = 0.1
"""The part of the time between two lists over which the passes after a list are spread."""

logger = structlog.get_logger("resync")


@dataclass(frozen=True, slots=True)
class Resync:
    """Compares what lists show with what watches have reported, each namespace by itself."""

    cluster: Cluster
    intake: Intake
    health: Health
    interval: float

    async def first(self) -> None:
        """Take in everything, as soon as something can be had; what cannot is left to `revisit`."""
        while True:
            for space in self.cluster.spaces:
                await self._take_all(space)
            if not self.health.nothing_listed():
                return
            await asyncio.sleep(KNOCK)

    async def keep(self) -> None:
        """List again for ever, and let each resource be looked at."""
        wait = self.interval
        while True:
            await asyncio.sleep(wait * random.uniform(0.9, 1.1))  # noqa: S311 - no secret
            for space in self.cluster.spaces:
                if space not in self.health.unlisted:
                    await self._compare(space)
            if self.health.nothing_listed():
                wait = min(AGAIN, self.interval)
            else:
                wait = self.interval
                self.intake.look_at_all(self.interval * SPREAD)

    async def revisit(self) -> None:
        """Take in for ever what could not be listed, as soon as it can; say what cannot be watched."""
        told: set[tuple[str, str]] = set()
        while True:
            await asyncio.sleep(min(AGAIN, self.interval))
            told = self._tell(told)
            watches = {plural for plural, _ in self.health.refused}
            if ObjectKind.DATABASE.plural in watches and not await self._defined():
                raise DeadWatchError("MedusaDatabase is no longer defined in the cluster")
            for space in list(self.health.unlisted):
                await self._take_all(space)

    def _tell(self, told: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Log which watches are refused, but for those that were *told* of, and which no more; return them."""
        refused = self.health.unwatched()
        for plural, namespace in refused.keys() - told:
            why = refused[plural, namespace]
            logger.warning("A watch is refused", kind=plural, namespace=namespace, error=why)
        for plural, namespace in told - refused.keys():
            logger.info("A watch is refused no more", kind=plural, namespace=namespace)
        return set(refused)

    async def _take_all(self, space: str) -> None:
        """Take in everything; Jobs and pods after the resources, so that they are no older."""
        try:
            for kind in ObjectKind:
                async for body in self.cluster.everything(kind, space):
                    self.intake.put(kind, body)
        except ApiError as exc:
            await self._failed(space, exc)
        else:
            self._listed(space)

    async def _compare(self, space: str) -> None:
        """Compare the cache with lists of metadata; whole objects are read where a watch is dead."""
        missed: dict[tuple[ObjectKind, Key, str], int] = {}
        gone: list[tuple[ObjectKind, Key, str]] = []
        cache = self.intake.cache
        try:
            for kind in ObjectKind:
                before, listed = cache.known(kind), set()
                newest, bodies = await self.cluster.metadata(kind, space)
                for body in bodies:
                    which = _named(kind, body)
                    if which is None:
                        continue
                    listed.add(which)
                    if cache.version(*which) < answers.version(body):
                        missed[which] = answers.version(body)
                gone.extend(
                    (kind, key, uid)
                    for key, uid in before
                    if space in ("", key.namespace)
                    and (kind, key, uid) not in listed
                    and cache.version(kind, key, uid) <= newest  # else the list is older
                )
            self._listed(space)
            if missed:
                await asyncio.sleep(min(GRACE, self.interval))
            await self._make_up_for(space, missed)
        except ApiError as exc:
            await self._failed(space, exc)
        for kind, key, uid in gone:
            self.intake.remove(kind, key, uid)

    async def _make_up_for(
        self, space: str, missed: Mapping[tuple[ObjectKind, Key, str], int]
    ) -> None:
        """Take in what a list has shown and a watch has not reported in time."""
        cache = self.intake.cache
        untold = {which: new for which, new in missed.items() if cache.version(*which) < new}
        for kind in {kind for kind, *_ in untold}:
            async for body in self.cluster.everything(kind, space):  # what is gone was not missed
                which = _named(kind, body)
                if which is None or cache.version(*which) >= untold.get(which, 0):
                    continue
                if (kind.plural, space) not in self.health.refused:
                    logger.error("A watch is dead", kind=kind.plural, missed="/".join(which[1]))
                    self.health.dead_watches[kind.plural] = "/".join(which[1])
                self.intake.put(kind, body)

    def _listed(self, space: str) -> None:
        self.health.listed = time.monotonic()
        if self.health.unlisted.pop(space, "") and space:
            logger.info("A namespace is listed again", namespace=space)

    async def _failed(self, space: str, exc: ApiError) -> None:
        """Note that a list failed, and say so where that is news; raise where nothing is defined."""
        why = str(exc)
        if self.health.unlisted.get(space) != why:
            logger.warning("Listing failed", namespace=space, reason=exc.reason, error=why)
        self.health.unlisted[space] = why
        if isinstance(exc, MissingError | ApiRefusedError):
            self.health.listed = (
                time.monotonic()
            )  # it was answered: another process would fare the same
        if isinstance(exc, MissingError) and not await self._defined():
            raise DeadWatchError("MedusaDatabase is no longer defined in the cluster") from exc
        if space and isinstance(exc, MissingError | ApiRefusedError):
            self.intake.cache.forget(space)

    async def _defined(self) -> bool:
        try:
            return await self.cluster.serves_databases()
        except ApiError:
            return True  # it does not say otherwise


def _named(kind: ObjectKind, body: Mapping[str, Any]) -> tuple[ObjectKind, Key, str] | None:
    """Return what an object is known by; None for what has no name, which `Cache.put` logs."""
    try:
        return (kind, *name_of(body))
    except InvalidError:
        return None
