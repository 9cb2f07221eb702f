"""The pages of the process: `/healthz`, `/readyz` and `/metrics` over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from medusa_operator.loop.health import State

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from prometheus_client import CollectorRegistry

    from medusa_operator.loop.health import Health

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Denial:
    """Why somebody may not read a page."""

    status: int
    message: str


Guard = Callable[[str], Awaitable[Denial | None]]
"""Returns why whoever sends this Authorization header may not read the metrics; None: they may."""


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
        return _answer(health.problems(), "ok")

    async def readyz(_request: web.Request) -> web.Response:
        waits = ["starting"] if health.state is State.STARTING else []
        if why := health.nothing_listed():
            waits.append(f"nothing can be listed: {why}")
        return _answer(
            waits + health.problems(), "\n".join([health.state, *health.away(), *health.late()])
        )

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
