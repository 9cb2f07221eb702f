"""Requests to the API server by the Kubernetes client: authenticated, bounded in time, counted.

Bodies stay dictionaries: the client's models of a Job and its pod would take as much memory as the rest.
"""

from __future__ import annotations

import re
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from medusa_operator.api.login import Login

AGENT = "medusa-database-operator"
REQUEST_SECONDS = 30
CONNECT_SECONDS = 10
KEPT_SECONDS = 60
"""How long a connection is kept that nothing is asked on."""
_TIMEOUT = aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=CONNECT_SECONDS)
_ROOT = re.compile(r"/(?:api|apis/[^/]+)/v\d[^/]*(?:/|$)")


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was answered, or not, in the words of Kubernetes' own metrics."""

    verb: str
    resource: str
    """The plural, with the subresource: `jobs`, `medusadatabases/status`; empty for discovery."""
    code: str
    """The HTTP status; empty where there was no answer."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server, or a proxy on the way to it, answered."""

    status: int
    reason: str
    headers: Mapping[str, str]
    text: bytes


@dataclass(frozen=True, slots=True)
class Client:
    """The API server, spoken to as who we are; what its requests raise is aiohttp's."""

    login: Login

    async def request(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and return its whole answer."""
        asked = await self.login.api.param_serialize(
            method, path, body=body, query_params=list((query or {}).items()),
            header_params=dict(headers or {}),
        )  # fmt: skip
        response = await self.login.api.call_api(*asked, _request_timeout=_TIMEOUT)
        return Answer(
            response.status, response.reason or "", response.headers, await response.read()
        )


@asynccontextmanager
async def opened(login: Login, called: Callable[[Call], None]) -> AsyncIterator[Client]:
    """Open connections whose requests are passed to *called*."""
    connector = _connector(login, 32)
    login.api.user_agent = _agent()
    login.api.configuration.client_session_kwargs = {
        "connector": connector,
        "middlewares": (_signed(login, called, connector),),
        "trust_env": False,  # or each request would read ~/.netrc, and send what it says
    }
    try:
        yield Client(login)
    finally:
        await login.api.close()
        await connector.close()


def session(
    login: Login,
    called: Callable[[Call], None],
    *around: aiohttp.ClientMiddlewareType,
    response_class: type[aiohttp.ClientResponse],
) -> aiohttp.ClientSession:
    """Return a session for whoever builds requests by himself, with as many connections as he needs."""
    connector = _connector(login, 0)
    return aiohttp.ClientSession(
        connector=connector,
        headers={"User-Agent": _agent(), "Accept": "application/json"},
        timeout=_TIMEOUT,
        middlewares=(*around, _signed(login, called, connector)),
        response_class=response_class,
        proxy=login.api.configuration.proxy,
    )


def _connector(login: Login, connections: int) -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector(ssl=login.tls, limit=connections, keepalive_timeout=KEPT_SECONDS)


def _agent() -> str:
    return f"{AGENT}/{version(AGENT)}"


def _signed(
    login: Login, called: Callable[[Call], None], connector: aiohttp.TCPConnector
) -> aiohttp.ClientMiddlewareType:
    """Return what gives each request our proof of who we are; one that was sent elsewhere gets none."""
    home = URL(login.server).origin()

    async def signed(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if request.url.origin() != home:
            return await handler(request)
        if proof := await login.authorization():
            request.headers["Authorization"] = proof
        if connector.closed:  # meanwhile, by a log-in; aiohttp would fail over that without a word
            raise RuntimeError("Session is closed")
        request.headers.extend(login.impersonated)
        request.server_hostname = login.api.configuration.tls_server_name
        if time.monotonic() - login.certified < KEPT_SECONDS:
            request.headers["Connection"] = "close"  # it was made with the certificate before
        started, code = time.monotonic(), ""
        try:
            response = await handler(request)
            code = str(response.status)
            if response.status == 401:
                login.refused()
        except aiohttp.ClientHttpProxyError as exc:  # its text has the proxy's password in it
            raise aiohttp.ClientConnectionError(
                f"the proxy refused: {exc.status} {exc.message}"
            ) from None
        finally:
            verb, resource, _ = named(request.method, request.url)
            called(Call(verb, resource, code, time.monotonic() - started))
        return response

    return signed


def named(method: str, url: URL) -> tuple[str, str, str]:
    """Return verb, resource and namespace of a request, from its method and path.

    `/api/v1/..` and `/apis/GROUP/VERSION/..`, behind whatever the server's own URL has, then
    `namespaces/NAME` where there is one, then plural, name, subresource.
    """
    root = _ROOT.search(url.path)
    words = url.path[root.end() :].split("/") if root else []
    words = [word for word in words if word]
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
