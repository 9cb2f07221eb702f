"""What lists show that watches did not tell: made up for, and told apart from what came and went."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medusa_operator.cluster import METADATA, Kind
from medusa_operator.controller import Queue
from medusa_operator.health import Health
from medusa_operator.hear import Hearing
from medusa_operator.resync import Resync
from medusa_operator.view import Key, View
from operator_bodies import resource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SHOP = Key("default", "shop")


@dataclass
class Lists:
    """An API server that only lists: resources, in turn as they were when each list was made."""

    resources: list[list[dict[str, Any]]]
    asked: list[str] = field(default_factory=list)

    async def everything(self, kind: Kind, *, accept: str = "") -> AsyncIterator[dict[str, Any]]:
        if kind is not Kind.DATABASE:
            return
        self.asked.append(accept)
        found = self.resources.pop(0) if len(self.resources) > 1 else self.resources[0]
        for body in found:
            yield {"metadata": body["metadata"]} if accept == METADATA else body


def resynced(*lists: list[dict[str, Any]]) -> tuple[View, Health, list[str]]:
    """Let a resync work on *lists*, of which the last one is repeated."""
    view, health, api = View(), Health(resync=1), Lists(list(lists))
    resync = Resync(api, Hearing(view, Queue(), 0), health, 0.01)  # type: ignore[arg-type]

    async def keep() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await resync.keep()

    asyncio.run(keep())
    return view, health, api.asked


def test_what_a_watch_never_tells_of_is_read_whole_and_the_watch_is_dead():
    view, health, asked = resynced([resource()])

    assert view.database(SHOP) is not None
    assert health.deaf == {"medusadatabases": "default/shop"}
    assert asked[:3] == [METADATA, "", METADATA]
    assert asked.count("") == 1


def test_what_came_and_went_before_a_watch_could_tell_was_not_missed():
    view, health, _ = resynced([resource()], [])

    assert (view.database(SHOP), health.deaf) == (None, {})
