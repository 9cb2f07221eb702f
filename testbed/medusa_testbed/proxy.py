"""Stands between an operator and the API server: counts, cuts, delays and answers in its place."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from medusa_testbed.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from medusa_testbed.control_plane import ControlPlane

_HOP = {
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "transfer-encoding",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request of the operator."""

    method: str
    path: str
    watch: bool

    @property
    def housekeeping(self) -> bool:
        """Whether it belongs to no resource: election, discovery, lists and watches."""
        return (
            self.watch
            or "/leases" in self.path
            or not self.path.startswith(("/api/v1/namespaces/", "/apis/"))
            or (self.method == "GET" and self.path.rsplit("/", 1)[-1] in _LISTED)
            or self.path.count("/") < 4
        )


_LISTED = ("medusadatabases", "jobs", "pods")
Answer = tuple[int, dict[str, Any]]


@dataclass(slots=True)
class Proxy:
    """What happens to each request; every test sets what it needs."""

    server: str
    ca: Path
    port: int = field(default_factory=free_port)
    before: Callable[[Call], Answer | None] = lambda _call: None
    """Called before a request is passed on; an answer is given instead of passing it on."""
    after: Callable[[Call], Answer | None] = lambda _call: None
    """Called when the API server has done it; an answer is given instead of the real one."""
    silent: frozenset[str] = frozenset()
    """Plurals whose watches stay open and tell nothing."""
    _streams: set[asyncio.Task[Any]] = field(default_factory=set)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def close_watches(self) -> None:
        """Cut every watch, as a load balancer does."""

        def cut() -> None:
            for stream in list(self._streams):
                stream.cancel()

        self.loop.call_soon_threadsafe(cut)

    def kubeconfig(self, original: Path, file: Path) -> Path:
        """Write a KUBECONFIG for the same user that goes through here."""
        config = json.loads(original.read_text())
        config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{self.port}"}
        file.write_text(json.dumps(config))
        return file

    async def serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        """Pass requests on until *stop*."""
        trusted = ssl.create_default_context(cafile=str(self.ca))
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trusted, limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
        ) as session:

            async def handle(request: web.BaseRequest) -> web.StreamResponse:
                return await self._pass(session, request)

            runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", self.port).start()
            ready.set()
            await stop.wait()
            await runner.cleanup()
            await _cancel_others()  # it leaves the streams whose client is gone
        await asyncio.sleep(0.05)  # sockets are closed in the next rounds of the loop

    async def _pass(
        self, session: aiohttp.ClientSession, request: web.BaseRequest
    ) -> web.StreamResponse:
        call = Call(request.method, request.path, "watch" in request.query)
        if (instead := self.before(call)) is not None:
            return web.json_response(instead[1], status=instead[0])
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP}
        body = await request.read()
        try:
            async with session.request(
                request.method, self.server + request.path_qs, headers=headers, data=body or None
            ) as answer:
                kept = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP}
                if call.watch and answer.status == 200:
                    return await self._stream(request, answer, kept)
                content = await answer.read()
        except (aiohttp.ClientError, OSError):  # the API server has gone away
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)
        if (instead := self.after(call)) is not None:
            return web.json_response(instead[1], status=instead[0])
        return web.Response(status=answer.status, body=content, headers=kept)

    async def _stream(
        self, request: web.BaseRequest, answer: aiohttp.ClientResponse, headers: dict[str, str]
    ) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._streams.add(task)
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        try:
            async for data in answer.content.iter_any():
                if request.path.rsplit("/", 1)[-1] not in self.silent:
                    await response.write(data)
        except asyncio.CancelledError:
            for connection in (request, answer.connection):
                if connection is not None and connection.transport is not None:
                    connection.transport.abort()
        finally:
            self._streams.discard(task)
        return response


async def _cancel_others() -> None:
    """Cancel every other task of the loop, and wait for its end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def refusal(status: int, reason: str) -> Answer:
    """Return what the API server answers when it refuses."""
    return status, {
        "kind": "Status",
        "status": "Failure",
        "reason": reason,
        "message": "on purpose",
        "code": status,
    }


@contextmanager
def between(cluster: ControlPlane) -> Iterator[Proxy]:
    """Run a proxy in a thread for the duration of a `with`."""
    proxy = Proxy(cluster.server, cluster.ca)
    ready, stop = threading.Event(), asyncio.Event()

    def run() -> None:
        with suppress(asyncio.CancelledError):
            proxy.loop.run_until_complete(proxy.serve(ready, stop))
        proxy.loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield proxy
    finally:
        proxy.loop.call_soon_threadsafe(stop.set)
        thread.join(10)
