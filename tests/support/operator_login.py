"""Servers of a test's own that the operator logs in to: an API server, an issuer, a proxy."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from medusa_operator.api import client
from medusa_operator.api.login import Login

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from medusa_operator.api.client import Answer


def plain_login(server: str) -> Login:
    """Return a log-in to a server in clear text that asks nobody who he is."""
    return Login(ApiClient(Configuration(host=server)), "default")


def certificate(folder: Path, name: str, *names: str) -> tuple[Path, Path]:
    """Write a certificate that signs itself, valid for *names*, and its key."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    alternatives = ",".join(names) or "DNS:nowhere.invalid"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-subj", f"/CN={name}", "-addext", f"subjectAltName={alternatives}",
         "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def kubeconfig(
    file: Path,
    cluster: dict[str, Any] | None = None,
    user: dict[str, Any] | None = None,
    context: dict[str, Any] | None = None,
    **rest: Any,
) -> dict[str, str]:
    """Write a kubeconfig of one context; return the environment that names it."""
    document = {
        "current-context": "shop",
        "contexts": [{"name": "shop", "context": {"cluster": "c", "user": "u"} | (context or {})}],
        "clusters": [
            {"name": "c", "cluster": {"server": "https://127.0.0.1:6443"} | (cluster or {})}
        ],
        "users": [{"name": "u", "user": user or {}}],
    } | rest
    file.write_text(yaml.safe_dump(document))
    return {"KUBECONFIG": str(file)}


@dataclass(slots=True)
class Server:
    """Answers everything with `{}`, or what *answer* returns, and remembers who asked."""

    url: str = ""
    asked: list[web.BaseRequest] = field(default_factory=list)
    answer: Callable[[web.BaseRequest], web.Response] = lambda _request: web.json_response({})

    def sent(self, header: str) -> list[str]:
        """Return what each request had in a header; empty where it had none."""
        return [request.headers.get(header, "") for request in self.asked]


@contextlib.asynccontextmanager
async def serving(
    pair: tuple[Path, Path] | None = None, *, clients: Path | None = None
) -> AsyncIterator[Server]:
    """Run a server on 127.0.0.1, with a certificate; *clients* are the certificates it asks for."""
    server, trust = Server(), None
    if pair is not None:
        trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        trust.load_cert_chain(*pair)
    if trust is not None and clients is not None:
        trust.load_verify_locations(clients)
        trust.verify_mode = ssl.CERT_REQUIRED

    async def respond(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        server.asked.append(request)
        return server.answer(request)

    runner = web.ServerRunner(web.Server(respond), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=trust).start()
    scheme = "http" if trust is None else "https"
    server.url = f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


@dataclass(slots=True)
class Tunnel:
    """A proxy that passes on what CONNECT asks for."""

    url: str = ""
    heads: list[str] = field(default_factory=list)
    """The first lines, and headers, of what it was asked."""
    refuses: bool = False


@contextlib.asynccontextmanager
async def tunnelling() -> AsyncIterator[Tunnel]:
    """Run a proxy on 127.0.0.1."""
    tunnel = Tunnel()
    pumps: set[asyncio.Task[None]] = set()
    ends: list[asyncio.StreamWriter] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.append(writer)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        tunnel.heads.append(head)
        if tunnel.refuses:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        host, _, port = head.split()[1].rpartition(":")
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        ends.append(there_writer)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        for one in (pump(reader, there_writer), pump(there_reader, writer)):
            pumps.add(asyncio.create_task(one))

    listening = await asyncio.start_server(passed, "127.0.0.1", 0)
    tunnel.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield tunnel
    finally:
        listening.close()
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for end in ends:
            end.transport.abort()
        await asyncio.sleep(0.05)  # sockets are closed in the next rounds of the loop


async def ask(login: Login, path: str = "/api/v1/pods", times: int = 1) -> list[Answer]:
    """Send requests as the operator does."""
    async with client.opened(login, lambda _call: None) as requests:
        return [await requests.request("GET", path) for _ in range(times)]
