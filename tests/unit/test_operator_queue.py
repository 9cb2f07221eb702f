"""The queue of the operator: one pass at a time for a key, backoff, wake-ups."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from medusa_operator.api.errors import ApiError, ConflictError
from medusa_operator.loop.cache import Key
from medusa_operator.loop.queue import Controller, WorkQueue

if TYPE_CHECKING:
    from collections.abc import Coroutine

SHOP = Key("default", "shop")
OTHER = Key("default", "other")


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    """Keys that passes were run over, and what the next ones do."""

    queue: WorkQueue
    passes: list[Key] = field(default_factory=list)
    outcomes: list[float | Exception | None] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    wanted: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: int = 0
    most_at_once: int = 0

    async def reconcile(self, key: Key) -> float | None:
        self.passes.append(key)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def passed(self, result: str) -> None:
        self.results.append(result)
        if len(self.results) >= self.wanted:
            self.enough.set()

    async def until(self, count: int) -> None:
        """Work with two workers until *count* passes have ended."""
        self.wanted = count
        self.enough.clear()
        controller = Controller(self.queue, self.reconcile, self.passed)
        workers = [asyncio.create_task(controller.work()) for _ in range(2)]
        async with asyncio.timeout(30):
            await self.enough.wait()
        for worker in workers:
            worker.cancel()


def run(part: Coroutine[object, object, None]) -> None:
    asyncio.run(part)


def taken(queue: WorkQueue, count: int) -> list[Key]:
    async def take() -> list[Key]:
        async with asyncio.timeout(30):
            return [await queue.get() for _ in range(count)]

    return asyncio.run(take())


def test_who_is_let_in_twice_is_not_worked_on_twice_at_once():
    queue = WorkQueue(Clock())
    queue.add(SHOP)
    queue.prefer(SHOP)
    assert taken(queue, 1) == [SHOP]

    queue.prefer(SHOP)
    queue.add(OTHER)

    assert taken(queue, 1) == [OTHER]
    queue.done(SHOP)
    assert taken(queue, 1) == [SHOP]


def test_who_is_let_in_comes_before_all_that_are_due_and_in_the_order_of_the_line():
    clock = Clock()
    queue = WorkQueue(clock)
    for key, delay in ((SHOP, 0), (OTHER, 5)):
        queue.add(key, delay)
    clock.now = 10.0

    queue.prefer(Key("default", "first"))
    queue.prefer(OTHER)

    assert [key.name for key in taken(queue, 3)] == ["first", "other", "shop"]
    assert queue.depth == 0


def test_a_key_that_is_added_twice_is_due_once():
    queue = WorkQueue(Clock())

    queue.add(SHOP)
    queue.add(SHOP)

    assert taken(queue, 1) == [SHOP]
    assert queue.depth == 0


def test_the_key_that_is_due_the_longest_comes_first():
    clock = Clock()
    queue = WorkQueue(clock)

    queue.add(SHOP, 5)
    queue.add(OTHER, 2)
    clock.now = 10

    assert taken(queue, 2) == [OTHER, SHOP]


def test_an_event_makes_a_key_due_that_would_have_waited():
    queue = WorkQueue(Clock())

    queue.add(SHOP, 60)
    queue.add(SHOP)

    assert taken(queue, 1) == [SHOP]
    assert queue.depth == 0


def test_a_later_wake_up_does_not_put_off_a_sooner_one():
    clock = Clock()
    queue = WorkQueue(clock)

    queue.add(SHOP, 1)
    queue.add(SHOP, 60)
    clock.now = 1

    assert queue.depth == 1


def test_a_key_that_is_worked_on_is_handed_out_again_only_after_that():
    queue = WorkQueue(Clock())
    queue.add(SHOP)
    assert taken(queue, 1) == [SHOP]

    queue.add(SHOP)
    queue.add(OTHER)
    first = taken(queue, 1)
    queue.done(SHOP)

    assert first == [OTHER]
    assert taken(queue, 1) == [SHOP]


def test_a_pass_that_asks_for_it_is_followed_by_another():
    clock = Clock()
    queue = WorkQueue(clock)
    queue.add(SHOP)
    taken(queue, 1)

    queue.done(SHOP, 30)
    before = queue.depth
    clock.now = 30

    assert (before, queue.depth) == (0, 1)


def test_failed_passes_are_tried_again_ever_later_and_at_most_a_minute_later():
    queue = WorkQueue(Clock())

    delays = [round(queue.failed(SHOP)) for _ in range(9)]

    assert all(abs(delay - wanted) <= wanted / 10 + 0.5 for delay, wanted in zip(
        delays, (1, 2, 4, 8, 16, 32, 60, 60, 60), strict=True
    ))  # fmt: skip


def test_a_pass_that_succeeds_ends_the_backoff():
    queue = WorkQueue(Clock())
    for _ in range(5):
        queue.failed(SHOP)

    queue.done(SHOP)

    assert queue.failed(SHOP) < 1.5


def test_the_api_server_may_ask_for_more_patience():
    queue = WorkQueue(Clock())

    assert queue.failed(SHOP, at_least=30) == 30


def test_the_oldest_key_tells_how_long_the_queue_is_behind():
    clock = Clock()
    queue = WorkQueue(clock)

    queue.add(SHOP)
    queue.add(OTHER, 100)
    clock.now = 7

    assert (queue.depth, queue.oldest) == (1, 7)


def test_passes_over_one_key_never_overlap_and_those_over_two_do():
    world = World(WorkQueue())

    async def story() -> None:
        for _ in range(3):
            world.queue.add(SHOP)
            await world.until(len(world.results) + 1)
        alone = world.most_at_once
        world.queue.add(SHOP)
        world.queue.add(OTHER)
        await world.until(len(world.results) + 2)
        assert alone == 1

    run(story())

    assert world.most_at_once == 2


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        pytest.param(None, "done", id="well"),
        pytest.param(ConflictError("changed"), "conflict", id="a-newer-object"),
        pytest.param(ApiError("no"), "failed", id="the-api-refuses"),
        pytest.param(ZeroDivisionError(), "crashed", id="a-defect-of-ours"),
    ],
)
def test_a_worker_outlives_every_pass(outcome: Exception | None, result: str):
    world = World(WorkQueue(), outcomes=[outcome])
    world.queue.add(SHOP)

    async def story() -> None:
        await world.until(1)
        world.queue.add(SHOP)
        await world.until(2)

    with capture_logs():  # a traceback drawn for a terminal takes longer than the backoff
        run(story())

    assert world.results == [result, "done"]
    assert world.passes == [SHOP, SHOP]
