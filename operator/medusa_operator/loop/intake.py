"""What is to be looked at because an object has changed: puts it into the cache and its resource into the queue."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from medusa_operator.api.cluster import ObjectKind
from medusa_operator.loop.cache import Key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from medusa_operator.loop.cache import Cache
    from medusa_operator.loop.queue import WorkQueue

SETTLE = 0.1
"""Seconds that a Job or a pod may go on changing before its resource is looked at."""


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes in what watches and lists report."""

    cache: Cache
    queue: WorkQueue
    limit: int
    """Jobs at a time in all; 0: no limit."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def put(self, kind: ObjectKind, body: Mapping[str, Any]) -> None:
        """An object is there, perhaps changed."""
        concerned = self.cache.put(kind, body)
        if concerned is not None:
            self.queue.add(concerned, 0 if kind is ObjectKind.DATABASE else SETTLE)
            if kind is ObjectKind.JOB:
                self._admit_others(concerned)

    def remove(self, kind: ObjectKind, key: Key, uid: str) -> None:
        """An object is gone."""
        others = []
        if kind is ObjectKind.DATABASE and (database := self.cache.database(key)) is not None:
            others = self.cache.sharing(database)
        concerned = self.cache.remove(kind, key, uid)
        if concerned is None:
            return
        self.queue.add(concerned)
        for other in others:
            self.queue.add(other)
        if kind is not ObjectKind.POD:
            self._admit_others(concerned)

    def look_at_all(self, within: float) -> None:
        """Let every resource be looked at in the next *within* seconds."""
        for database in self.cache.databases():
            key = Key(database.namespace, database.name)
            self.queue.add(key, random.uniform(0, within))  # noqa: S311 - no secret

    def admit_next(self) -> None:
        """A slot, or a place in line, may have become free: look at those that waited the longest."""
        for other in self.cache.next_in_line(self.limit, self.clock()):
            self.queue.prefer(other)

    def _admit_others(self, key: Key) -> None:
        """A Job may have ended: look at those that waited for it."""
        database = self.cache.database(key)
        if database is not None and not self.cache.running(database.uid):
            for other in self.cache.sharing(database):
                self.queue.add(other)
        self.admit_next()
