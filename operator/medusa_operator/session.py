"""HTTP to the API server: authenticated, bounded in time, counted."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarl import URL

    from medusa_operator.access import Access

AGENT = "medusa-database-operator"
REQUEST_SECONDS = 30
CONNECT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was answered, or not, in the words of Kubernetes' own metrics."""

    verb: str
    resource: str
    """The plural, with the subresource: `jobs`, `medusadatabases/status`; empty for discovery."""
    code: str
    """The HTTP status; empty where there was no answer."""
    seconds: float


def open_session(
    access: Access,
    called: Callable[[Call], None],
    *around: aiohttp.ClientMiddlewareType,
    response_class: type[aiohttp.ClientResponse] = aiohttp.ClientResponse,
    connections: int = 32,
) -> aiohttp.ClientSession:
    """Return a session whose requests carry our token and are told to *called*; 0: any connections."""

    async def ours(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        request.headers.update(access.token.header())
        started, code = time.monotonic(), ""
        try:
            response = await handler(request)
            code = str(response.status)
            if response.status == 401:
                access.token.refused()
        finally:
            verb, resource, _ = named(request.method, request.url)
            called(Call(verb, resource, code, time.monotonic() - started))
        return response

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=access.tls, limit=connections, keepalive_timeout=60),
        headers={"User-Agent": f"{AGENT}/{version(AGENT)}", "Accept": "application/json"},
        timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=CONNECT_SECONDS),
        middlewares=(*around, ours),
        response_class=response_class,
    )


def named(method: str, url: URL) -> tuple[str, str, str]:
    """Return verb, resource and namespace of a request, from its method and path.

    `/api/v1/..` and `/apis/GROUP/VERSION/..`, then `namespaces/NAME` where there is one, then
    plural, name, subresource.
    """
    words = url.path.strip("/").split("/")
    words = words[2:] if words[0] == "api" else words[3:]
    namespace = ""
    if words[:1] == ["namespaces"] and len(words) > 2:
        namespace, words = words[1], words[2:]
    match method, len(words):
        case "GET", 1:
            verb = "watch" if "watch" in url.query else "list"
        case "POST", _:
            verb = "create"
        case "PUT", _:
            verb = "update"
        case other, _:
            verb = other.lower()
    return verb, "/".join([*words[:1], *words[2:3]]), namespace
