"""Which resource is due: a queue with one pass at a time for each key, backoff and wake-ups."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import random
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import structlog

from medusa_operator.api.errors import ApiError, ConflictError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from medusa_operator.loop.cache import Key

FIRST_BACKOFF = 1.0
"""Seconds after the first failed pass over a resource; doubled for each further one."""
LONGEST_BACKOFF = 60.0
CONFLICT_BACKOFF = 0.2
"""The same after a write that met a newer object: that is nobody's fault, and soon over."""
JITTER = 0.1
WORKERS = 16
"""Passes at a time, over different resources."""

logger = structlog.get_logger("controller")


class PassResult(StrEnum):
    """How a pass ended."""

    DONE = "done"
    CONFLICT = "conflict"
    """It met a newer object."""
    FAILED = "failed"
    """The API server refused."""
    CRASHED = "crashed"
    """A defect of the operator."""


class _Entry(NamedTuple):
    """A key in the heap: who is let in comes first, then who is due first."""

    behind: bool
    due: float
    order: int
    key: Key


@dataclass(slots=True)
class WorkQueue:
    """Keys and when they are due; one that is being worked on is handed out again only after that."""

    clock: Callable[[], float] = time.monotonic
    _due: dict[Key, float] = field(default_factory=dict)
    _heap: list[_Entry] = field(default_factory=list)
    """Every due key that is not being worked on, and entries that a sooner one has replaced."""
    _working: set[Key] = field(default_factory=set)
    _failures: dict[Key, int] = field(default_factory=dict)
    _order: itertools.count[int] = field(default_factory=itertools.count)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _door: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One worker waits for the next key, the others for the door: else each key would wake them all."""

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Make *key* due in *delay* seconds, unless it is due sooner."""
        due = self.clock() + delay
        if self._due.get(key, float("inf")) > due:
            self._due[key] = due
            if key not in self._working:
                self._push(key)

    def prefer(self, key: Key) -> None:
        """Make *key* due at once, ahead of all that are due: others wait for what it does."""
        self._due[key] = self.clock()
        if key not in self._working:
            self._push(key, ahead=True)

    async def get(self) -> Key:
        """Wait for a key that is due and return it; the caller ends with `done` or `failed`."""
        async with self._door:
            while True:
                while self._heap and not self._counts(self._heap[0]):
                    heapq.heappop(self._heap)
                wait = self._heap[0].due - self.clock() if self._heap else None
                if wait is not None and wait <= 0:
                    key = heapq.heappop(self._heap).key
                    del self._due[key]
                    self._working.add(key)
                    return key
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._changed.wait()

    def done(self, key: Key, wake: float | None = None) -> None:
        """End a pass; look again in *wake* seconds, or only when something happens."""
        self._failures.pop(key, None)
        self._end(key)
        if wake is not None:
            self.add(key, wake)

    def failed(self, key: Key, first: float = FIRST_BACKOFF, at_least: float = 0.0) -> float:
        """End a pass that failed; return the seconds after which it is tried again."""
        count = self._failures[key] = self._failures.get(key, 0) + 1
        delay = min(LONGEST_BACKOFF, first * 2 ** min(count - 1, 16))
        delay = max(delay * random.uniform(1 - JITTER, 1 + JITTER), at_least)  # noqa: S311 - no secret
        self._end(key)
        self.add(key, delay)
        return float(delay)

    @property
    def depth(self) -> int:
        """How many keys are due and not worked on."""
        now = self.clock()
        return sum(due <= now for due in self._due.values())

    @property
    def oldest(self) -> float:
        """Seconds for which the key that waits the longest has been due."""
        now = self.clock()
        return max((now - due for due in self._due.values() if due <= now), default=0.0)

    def _counts(self, entry: _Entry) -> bool:
        """Return whether an entry of the heap is the one that counts for its key."""
        return entry.key not in self._working and self._due.get(entry.key) == entry.due

    def _push(self, key: Key, *, ahead: bool = False) -> None:
        heapq.heappush(self._heap, _Entry(not ahead, self._due[key], next(self._order), key))
        self._changed.set()

    def _end(self, key: Key) -> None:
        self._working.discard(key)
        if key in self._due:
            self._push(key)


@dataclass(frozen=True, slots=True)
class Controller:
    """Runs a pass over every key of the queue that is due."""

    queue: WorkQueue
    reconcile: Callable[[Key], Awaitable[float | None]]
    """One pass; returns the seconds until the next look, None: when something happens."""
    passed: Callable[[PassResult], None] = lambda _result: None
    """Is called with how each pass ended."""

    async def work(self) -> None:
        """Take keys and run passes for ever; several may do so at a time."""
        while True:
            key = await self.queue.get()
            with structlog.contextvars.bound_contextvars(namespace=key.namespace, name=key.name):
                self.passed(await self._pass(key))

    async def _pass(self, key: Key) -> PassResult:
        try:
            wake = await self.reconcile(key)
        except ConflictError:
            self.queue.failed(key, CONFLICT_BACKOFF)
            return PassResult.CONFLICT
        except ApiError as exc:
            delay = self.queue.failed(key, at_least=exc.retry_after)
            logger.warning(
                "The API server refused",
                reason=exc.reason,
                error=str(exc),
                retry_in=round(delay, 1),
            )
            return PassResult.FAILED
        except Exception:
            delay = self.queue.failed(key)
            logger.exception("A pass failed: a defect of the operator", retry_in=round(delay, 1))
            return PassResult.CRASHED
        self.queue.done(key, wake)
        return PassResult.DONE
