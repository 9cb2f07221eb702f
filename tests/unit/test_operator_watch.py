"""The end of the watches: whatever kopf waits for, the process does not wait with it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import kopf
import pytest
from aiohttp import web

from medusa_operator.api.cluster import ObjectKind
from medusa_operator.api.errors import DeadWatchError
from medusa_operator.api.watch_session import open_watch_session
from medusa_operator.loop import watch
from operator_login import plain_login

if TYPE_CHECKING:
    import aiohttp

GROUPS = {"apiextensions.k8s.io": "v1", "batch": "v1", "medusadb.dev": "v1alpha1"}
DISCOVERY: dict[str, Any] = {
    "/version": {},
    "/api": {"versions": ["v1"]},
    "/apis": {
        "groups": [
            {
                "name": name,
                "preferredVersion": {"version": version},
                "versions": [{"version": version}],
            }
            for name, version in GROUPS.items()
        ]
    },
    "/api/v1": [("pods", "Pod"), ("namespaces", "Namespace")],
    "/apis/apiextensions.k8s.io/v1": [("customresourcedefinitions", "CustomResourceDefinition")],
    "/apis/batch/v1": [("jobs", "Job")],
    "/apis/medusadb.dev/v1alpha1": [("medusadatabases", "MedusaDatabase")],
}


def served(plural: str, kind: str) -> dict[str, Any]:
    """Return a kind as discovery lists it."""
    return {
        "name": plural, "kind": kind, "singularName": kind.lower(), "namespaced": True,
        "verbs": ["list", "watch", "get", "patch"],
    }  # fmt: skip


class ApiServer:
    """Lists nothing, and answers a watch never; the watch of Jobs fails once the others wait."""

    def __init__(self) -> None:
        self.waiting: set[str] = set()
        self.all_wait = asyncio.Event()

    def waits(self, plural: str) -> None:
        """Note that a kind is watched."""
        self.waiting.add(plural)
        if len(self.waiting) == len(ObjectKind):
            self.all_wait.set()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        found = DISCOVERY.get(request.path)
        if found is not None:
            body = (
                {"resources": [served(*one) for one in found]} if isinstance(found, list) else found
            )
            return web.json_response(body)
        if "watch" in request.query:
            self.waits(request.path.rpartition("/")[2])
            await asyncio.sleep(60)
        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": []})


async def watched(*, cancelled: bool = False) -> None:
    api = ApiServer()
    runner = web.ServerRunner(web.Server(api.answer), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server = f"http://127.0.0.1:{runner.addresses[0][1]}"
    handlers = kopf.OperatorRegistry()

    async def failing(request: Any, handler: Any) -> Any:
        if request.url.path.endswith("/jobs") and "watch" in request.url.query:
            api.waits("jobs")
            await api.all_wait.wait()
            raise ZeroDivisionError("on purpose")
        return await handler(request)

    login = plain_login(server)
    sessions = []

    def opened() -> aiohttp.ClientSession:
        session = open_watch_session(login, lambda _call: None, lambda *_: None)
        session._middlewares = (failing, *session._middlewares)
        sessions.append(session)
        if cancelled:
            running.cancel()
        return session

    async def handle(**_: Any) -> None:
        pass

    for kind in ObjectKind:
        kopf.on.event(*watch._names(kind), id=kind.plural, registry=handlers)(handle)
    running = asyncio.create_task(
        watch.watch(handlers, login, opened, ["default"], "", lambda: None)
    )
    try:
        await running
    finally:
        await runner.cleanup()
        assert [session.closed for session in sessions] == [True]


def test_watches_that_wait_for_an_answer_end_with_the_one_that_failed():
    with pytest.raises(DeadWatchError, match=r"^a watch has died: on purpose$"):
        asyncio.run(asyncio.wait_for(watched(), 15))


def test_the_session_of_watches_that_are_cancelled_is_closed():
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(asyncio.wait_for(watched(cancelled=True), 15))
