"""The API as the stand-in kubelet uses it: patient with an API server that is away."""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp

from medusa_testbed.api import ApiError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from pathlib import Path

    from medusa_testbed.api import Object

_PAUSE = 0.2
"""Seconds before a request is sent again to an API server that did not answer."""


@dataclass(slots=True)
class AsyncApi:
    """Requests that are repeated until there is an answer; within a running event loop."""

    server: str
    ca: Path
    token: str
    _session: aiohttp.ClientSession = field(init=False)

    async def __aenter__(self) -> AsyncApi:
        """Open the connections."""
        trust = ssl.create_default_context(cafile=str(self.ca))
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust, limit=0),
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=aiohttp.ClientTimeout(total=None, connect=5, sock_read=400),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close them."""
        await self._session.close()
        await asyncio.sleep(0.05)  # sockets are closed in the next rounds of the loop

    async def request(
        self, method: str, target: str, body: object = None, how: str = "application/json"
    ) -> Object:
        """Send a request until it is answered; ApiError where the answer is a refusal."""
        content = None if body is None else json.dumps(body)
        while True:
            try:
                async with self._session.request(
                    method, self.server + target, data=content, headers={"Content-Type": how}
                ) as answer:
                    found: Object = await answer.json(content_type=None)
                    if answer.status < 400:
                        return found
                    if answer.status != 429 and answer.status < 500:
                        raise ApiError(answer.status, str(found.get("message", "")))
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
                pass
            await asyncio.sleep(_PAUSE)

    async def watch(self, target: str) -> AsyncGenerator[Object, None]:
        """Yield the events of a watch until the server ends it, or goes away."""
        try:
            async with self._session.get(self.server + target) as answer:
                if answer.status >= 400:
                    return
                try:
                    async for line in _lines(answer.content):
                        yield json.loads(line)
                finally:
                    if answer.connection and answer.connection.transport:
                        answer.connection.transport.abort()  # no farewell: it would outlive the loop
        except (aiohttp.ClientError, OSError, TimeoutError):
            return


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Yield lines of any length."""
    buffer = b""
    async for piece in content.iter_any():
        *lines, buffer = (buffer + piece).split(b"\n")
        for line in lines:
            yield line
