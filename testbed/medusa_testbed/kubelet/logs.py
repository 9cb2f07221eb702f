"""What `kubectl logs` asks a kubelet for, by way of the API server."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from medusa_testbed.kubelet.status import ADDRESS
from medusa_testbed.processes import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from medusa_testbed.kubelet.container import Container

_PAUSE = 0.1
"""Seconds between two looks for more of a log that is followed."""


@asynccontextmanager
async def served(
    certificate: Path, find: Callable[[str, str, str], Container | None]
) -> AsyncIterator[int]:
    """Serve the logs of the containers that *find* knows; yield the port."""

    async def answer(request: web.Request) -> web.StreamResponse:
        words = request.match_info
        container = find(words["namespace"], words["pod"], words["container"])
        if container is None or not container.log.exists():
            text = f'container "{words["container"]}" in pod "{words["pod"]}" is waiting to start'
            raise web.HTTPBadRequest(text=text)
        return await _send(container, request)

    app = web.Application()
    app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", answer)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=0, shutdown_timeout=0)
    await runner.setup()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, certificate.with_suffix(".key"))
    port = free_port()
    try:
        await web.TCPSite(runner, ADDRESS, port, ssl_context=tls).start()
        yield port
    finally:
        await runner.cleanup()


async def _send(container: Container, request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    with container.log.open("rb") as log:
        text = log.read()
        if lines := request.query.get("tailLines"):
            text = b"".join(text.splitlines(keepends=True)[-int(lines) :]) if int(lines) else b""
        await response.write(text)
        while request.query.get("follow") == "true":
            over = not container.pid
            await response.write(log.read())
            if over:
                break
            await asyncio.sleep(_PAUSE)
    await response.write_eof()
    return response
