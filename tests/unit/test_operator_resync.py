"""What lists show that watches did not tell: made up for, and told apart from what came and went."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from medusa_operator.api.cluster import ObjectKind
from medusa_operator.api.errors import (
    ApiRefusedError,
    ApiUnreachableError,
    DeadWatchError,
    MissingError,
)
from medusa_operator.loop.cache import Cache, Key
from medusa_operator.loop.health import Health
from medusa_operator.loop.intake import Intake
from medusa_operator.loop.queue import WorkQueue
from medusa_operator.loop.resync import Resync
from operator_bodies import resource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from medusa_operator.api.errors import ApiError

SHOP = Key("default", "shop")


@dataclass
class Lists:
    """An API server that only lists: resources, in turn as they were when each list was made."""

    resources: list[list[dict[str, Any]]]
    version: int = 10
    """How new each list of metadata is."""
    spaces: tuple[str, ...] = ("",)
    closed: dict[str, ApiError] = field(default_factory=dict)
    """Namespaces that are refused."""
    asked: list[str] = field(default_factory=list)
    defined: bool = True

    def _next(self, kind: ObjectKind, space: str, what: str) -> list[dict[str, Any]]:
        if space in self.closed:
            raise self.closed[space]
        if kind is not ObjectKind.DATABASE:
            return []
        self.asked.append(what)
        found = self.resources.pop(0) if len(self.resources) > 1 else self.resources[0]
        return [body for body in found if space in ("", body["metadata"]["namespace"])]

    async def everything(self, kind: ObjectKind, space: str) -> AsyncIterator[dict[str, Any]]:
        for body in self._next(kind, space, "whole"):
            yield body

    async def metadata(self, kind: ObjectKind, space: str) -> tuple[int, list[dict[str, Any]]]:
        bodies = self._next(kind, space, "metadata")
        return self.version, [{"metadata": body["metadata"]} for body in bodies]

    async def serves_databases(self) -> bool:
        return self.defined


def made(api: Lists, cache: Cache | None = None) -> Resync:
    """Return a resync that works on *api*, with nothing known but what is in *cache*."""
    health = Health(resync=1, namespaces=tuple(s for s in api.spaces if s))
    return Resync(api, Intake(cache or Cache(), WorkQueue(), 0), health, 0.01)  # type: ignore[arg-type]


def resynced(*lists: list[dict[str, Any]]) -> tuple[Cache, Health, list[str]]:
    """Let a resync work on *lists*, of which the last one is repeated."""
    api = Lists(list(lists))
    resync = made(api)

    async def keep() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await resync.keep()

    asyncio.run(keep())
    return resync.intake.cache, resync.health, api.asked


def test_what_a_watch_never_tells_of_is_read_whole_and_the_watch_is_dead():
    cache, health, asked = resynced([resource()])

    assert cache.database(SHOP) is not None
    assert health.dead_watches == {"medusadatabases": "default/shop"}
    assert asked[:3] == ["metadata", "whole", "metadata"]
    assert asked.count("whole") == 1


def test_what_came_and_went_before_a_watch_could_tell_was_not_missed():
    cache, health, _ = resynced([resource()], [])

    assert (cache.database(SHOP), health.dead_watches) == (None, {})


def named(name: str, namespace: str = "default", version: int = 1) -> dict[str, Any]:
    uid = f"uid-{namespace}-{name}"
    return resource(
        meta={"name": name, "namespace": namespace, "uid": uid, "resourceVersion": str(version)}
    )


def test_a_list_that_is_older_than_what_a_watch_has_told_takes_nothing_away():
    cache = Cache()
    for body in (named("new", version=20), named("gone", version=9)):
        cache.put(ObjectKind.DATABASE, body)

    asyncio.run(made(Lists([[]], version=10), cache)._compare(""))

    assert [key.name for key, _ in cache.known(ObjectKind.DATABASE)] == ["new"]


FORBIDDEN = ApiRefusedError("medusadatabases is forbidden", status=403, reason="Forbidden")
SPACES = ("team-a", "team-b")
BOTH = [named("a", "team-a"), named("b", "team-b")]


def test_a_namespace_that_is_forbidden_at_the_start_leaves_the_others_alone():
    resync = made(Lists([BOTH], spaces=SPACES, closed={"team-b": FORBIDDEN}))

    asyncio.run(resync.first())

    assert list(resync.intake.cache.known(ObjectKind.DATABASE)) == [
        (Key("team-a", "a"), "uid-team-a-a")
    ]
    assert resync.health.away() == [
        "namespace team-b cannot be listed: medusadatabases is forbidden"
    ]
    assert resync.health.problems() == []


def test_a_namespace_that_goes_is_forgotten_and_taken_in_when_it_is_back():
    api = Lists([BOTH], spaces=SPACES)
    resync = made(api)

    async def comes_and_goes() -> list[list[str]]:
        await resync.first()
        seen = [[key.name for key, _ in resync.intake.cache.known(ObjectKind.DATABASE)]]
        api.closed["team-b"] = FORBIDDEN
        for space in SPACES:
            await resync._compare(space)
        seen.append([key.name for key, _ in resync.intake.cache.known(ObjectKind.DATABASE)])
        api.closed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await resync.revisit()
        seen.append([key.name for key, _ in resync.intake.cache.known(ObjectKind.DATABASE)])
        return seen

    assert asyncio.run(comes_and_goes()) == [["a", "b"], ["a"], ["a", "b"]]
    assert (resync.health.unlisted, resync.health.dead_watches) == ({}, {})


def test_what_an_api_server_that_does_not_answer_had_told_is_kept():
    api = Lists([BOTH], spaces=SPACES)
    resync = made(api)

    async def cut_off() -> None:
        await resync.first()
        api.closed = dict.fromkeys(SPACES, ApiUnreachableError("it did not answer"))
        for space in SPACES:
            await resync._compare(space)

    asyncio.run(cut_off())

    assert len(resync.intake.cache.known(ObjectKind.DATABASE)) == 2
    assert resync.health.nothing_listed() == "it did not answer"


def test_a_list_that_a_proxy_calls_missing_does_not_end_the_process():
    resync = made(Lists([[]], closed={"": MissingError("404 page not found", status=404)}))

    asyncio.run(resync._compare(""))

    assert resync.health.nothing_listed() == "404 page not found"


def test_a_watch_that_is_refused_is_not_dead():
    resync = made(Lists([[named("a")]]))
    resync.health.watch_refused("medusadatabases", "", "forbidden")

    asyncio.run(resync._compare(""))

    assert resync.health.dead_watches == {}
    assert resync.intake.cache.database(Key("default", "a")) is not None


def test_a_watch_that_is_refused_is_told_of_once_where_lists_are_not():
    resync = made(Lists([[]]))
    resync.health.watch_refused("pods", "", "may not watch pods")
    resync.health.watch_refused("jobs", "gone", "no such namespace")
    resync.health.unlisted["gone"] = "no such namespace"

    with capture_logs() as logs:
        told = resync._tell(set())
        told = resync._tell(told)
        resync.health.watch_refused("pods", "", "")
        told = resync._tell(told)

    assert told == set()
    assert [(line["event"], line["kind"], line.get("error")) for line in logs] == [
        ("A watch is refused", "pods", "may not watch pods"),
        ("A watch is refused no more", "pods", None),
    ]


def test_what_cannot_be_watched_is_said_beside_the_state():
    resync = made(Lists([[]]))
    resync.health.watch_refused("pods", "", "forbidden")
    resync.health.watch_refused("jobs", "shop", "forbidden")

    assert resync.health.late() == [
        "jobs of namespace shop cannot be watched, and are seen at each resync only: forbidden",
        "pods cannot be watched, and are seen at each resync only: forbidden",
    ]


def test_where_the_definition_is_gone_the_process_ends_soon():
    resync = made(Lists([[]], defined=False))
    resync.health.watch_refused("medusadatabases", "", "404 page not found")

    with pytest.raises(DeadWatchError, match="no longer defined"):
        asyncio.run(resync.revisit())
