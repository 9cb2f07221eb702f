"""What tells whether the process works: `/healthz`, `/readyz` and `/metrics` over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from prometheus_client import CollectorRegistry

Address = tuple[str, int]
LAG_SECONDS = 1.0
"""Between two looks at how late the event loop is."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not read a page."""

    status: int
    message: str


Guard = Callable[[str], Awaitable[Refusal | None]]
"""Returns why whoever sends this Authorization header may not read the metrics; None: they may."""


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
    deaf: dict[str, str] = field(default_factory=dict)
    """Watches that failed to tell of a change, and which one."""
    unlisted: dict[str, str] = field(default_factory=dict)
    """Namespaces that could not be listed at the last attempt, and why; the empty one stands for all."""
    refused: dict[tuple[str, str], str] = field(default_factory=dict)
    """Watches that the API server refuses for now, by plural and namespace, and why."""
    listed: float = field(default_factory=time.monotonic)
    """When everything was listed last."""
    lag: float = 0.0
    """Seconds by which the event loop was late at the last look."""

    def ill(self) -> list[str]:
        """Return what is wrong, in sentences; a process that is ill should be started again."""
        said = [
            f"the watch of {kind} is dead: it never told of {what}"
            for kind, what in self.deaf.items()
        ]
        silent = time.monotonic() - self.listed
        if self.state is State.LEADING and silent > 3 * self.resync + 30:
            said.append(f"nothing could be listed for {silent:.0f} s")
        return said

    def away(self) -> list[str]:
        """Return which namespaces are not seen to, in sentences; the others are."""
        return [
            f"namespace {namespace} cannot be listed: {why}"
            for namespace, why in sorted(self.unlisted.items())
            if namespace
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


@asynccontextmanager
async def served(
    health: Health,
    registry: CollectorRegistry,
    probes: Address | None,
    metrics: Address | None,
    guard: Guard | None = None,
) -> AsyncIterator[None]:
    """Answer on both addresses, which may be one; None: not at all. *guard* is asked for the metrics."""

    async def healthz(_request: web.Request) -> web.Response:
        return _answer(health.ill(), "ok")

    async def readyz(_request: web.Request) -> web.Response:
        waits = ["starting"] if health.state is State.STARTING else []
        if why := health.nothing_listed():
            waits.append(f"nothing can be listed: {why}")
        return _answer(waits + health.ill(), "\n".join([health.state, *health.away()]))

    async def scrape(request: web.Request) -> web.Response:
        if guard and (refusal := await guard(request.headers.get("Authorization", ""))):
            asks = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else {}
            return web.Response(status=refusal.status, text=refusal.message + "\n", headers=asks)
        return web.Response(
            body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    routes: dict[Address, list[web.RouteDef]] = {}
    if probes is not None:
        routes[probes] = [web.get("/healthz", healthz), web.get("/readyz", readyz)]
    if metrics is not None:
        routes.setdefault(metrics, []).append(web.get("/metrics", scrape))
    runners = [await _listening(address, defs) for address, defs in routes.items()]
    try:
        yield
    finally:
        for runner in runners:
            await runner.cleanup()


async def _listening(address: Address, routes: Sequence[web.RouteDef]) -> web.AppRunner:
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, *address).start()
    return runner


def _answer(wrong: list[str], right: str) -> web.Response:
    return web.Response(status=500 if wrong else 200, text="\n".join(wrong or [right]) + "\n")
