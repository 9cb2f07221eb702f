"""HTTP for watches: no answer ends one, and no object is seen into on the way to us."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import aiohttp
import structlog

from medusa_operator.api.client import Call, named, session
from medusa_operator.resource import answers
from medusa_operator.resource.parse import InvalidError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from medusa_operator.api.login import Login

PAUSE = 1.0
"""Seconds after a watch that ended without an event; kopf begins the next one at once."""
LEFT_TO_KOPF = (401, 429)
"""Refusals that kopf handles itself: it logs in again, and waits as long as it is asked to."""

logger = structlog.get_logger("watch")


class WatchRefusedError(aiohttp.ClientConnectionError):
    """The API server refused a list or a watch; kopf tries again, as after a connection that broke."""


def open_watch_session(
    login: Login, called: Callable[[Call], None], refused: Callable[[str, str, str], None]
) -> aiohttp.ClientSession:
    """Return a session for kopf.

    *refused* is called with the plural, the namespace (empty: all) and why a list or a watch was refused;
    an empty reason once one was not.
    """

    async def guarded(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        response = await handler(request)
        verb, plural, namespace = named(request.method, request.url)
        if verb not in ("list", "watch"):
            return response  # discovery
        watches = verb == "watch"
        if response.status == 410 and watches:
            response.release()
            response.status = 200
            response.content = _Lines(response.content, _gone())  # type: ignore[assignment]  # all that kopf reads of it
        elif response.status >= 400 and response.status not in LEFT_TO_KOPF:
            message = answers.refusal(await response.read()).message
            why = message or f"HTTP status {response.status}"
            refused(plural, namespace, why)
            raise WatchRefusedError(why)
        elif response.status < 400:
            refused(plural, namespace, "")
            if watches:
                response.content = _Lines(response.content, _events(response.content))  # type: ignore[assignment]
        return response

    return session(login, called, guarded, response_class=_Listed)


class _Listed(aiohttp.ClientResponse):
    """An answer; of a list kopf sees only who is in it."""

    async def json(self, **how: Any) -> Any:
        """Return a list in envelopes; what refuses is read as ever."""
        verb, *_ = named(self.method, self.url)
        if self.status >= 400 or verb != "list":
            return await super().json(**how)
        try:
            return answers.listed(await self.read())
        except InvalidError as exc:
            raise WatchRefusedError(f"the list cannot be read: {exc}") from exc


class _Lines:
    """Stands for the content of an answer, of which kopf reads chunks, and splits lines itself."""

    def __init__(self, content: aiohttp.StreamReader, lines: AsyncIterator[bytes]) -> None:
        self._content, self._lines = content, lines

    def iter_chunked(self, _size: int) -> AsyncIterator[bytes]:
        """Yield whole lines."""
        return self._lines

    def __getattr__(self, name: str) -> Any:
        """Return what the answer itself needs of its content, as when it is closed."""
        return getattr(self._content, name)


async def _gone() -> AsyncIterator[bytes]:
    yield answers.GONE


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    rest, yielded = b"", False
    async for chunk in _chunks(content):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in filter(None, lines):
            try:
                event = answers.event(line)
            except InvalidError as exc:
                logger.warning("An event cannot be read", error=str(exc)[:500])
                continue
            yielded = True
            yield event
    if rest:
        with contextlib.suppress(InvalidError):  # then it was cut, and comes again
            yield answers.event(rest)
    if not yielded:
        await asyncio.sleep(PAUSE)


async def _chunks(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Yield what comes; a connection found closed is one that broke, by whatever name."""
    chunks = content.iter_chunked(1 << 20)
    while True:
        try:
            chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except RuntimeError as exc:  # so aiohttp says where it was closed between two reads
            raise aiohttp.ClientPayloadError(f"the watch was cut: {exc}") from exc
        yield chunk
