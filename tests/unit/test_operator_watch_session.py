"""What kopf sees of a list and of a watch, whatever the API server, or a proxy, answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import ClientPayloadError, ClientSession, web

from medusa_operator.api import watch_session
from medusa_operator.api.credentials import Credential
from medusa_operator.api.watch_session import WatchRefusedError, open_watch_session
from medusa_operator.resource import answers
from operator_login import plain_login
from operator_mutations import POD, page

ADDED = json.dumps({"type": "ADDED", "object": POD}).encode()
PODS = "/api/v1/namespaces/default/pods"


class Asked:
    """One request of kopf, to a real HTTP server that answers with *chunks*."""

    def __init__(self, status: int, *chunks: bytes) -> None:
        self.status, self.chunks = status, chunks
        self.refused: dict[tuple[str, str], str] = {("pods", "default"): "before"}

    def watch(self) -> list[dict[str, Any]]:
        """Return the events that kopf would read, as it reads them."""
        return asyncio.run(self._asked("?watch=true"))

    def list(self) -> dict[str, Any]:
        """Return the list that kopf would read."""
        return asyncio.run(self._asked(""))

    async def _asked(self, query: str) -> Any:
        runner = web.ServerRunner(web.Server(self._answer))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server = f"http://127.0.0.1:{runner.addresses[0][1]}"
        session = open_watch_session(plain_login(server), lambda _call: None, self._refused)
        try:
            response = await session.request("get", f"{server}{PODS}{query}")
            async with response:
                if not query:
                    return await response.json()
                text = b"".join([chunk async for chunk in response.content.iter_chunked(1024)])
            return [json.loads(line) for line in text.splitlines()]
        finally:
            await session.close()
            await runner.cleanup()

    def _refused(self, plural: str, namespace: str, why: str) -> None:
        self.refused[plural, namespace] = why

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(status=self.status)
        await response.prepare(request)
        for chunk in self.chunks:
            await response.write(chunk)
        return response


def test_events_arrive_whole_however_they_are_cut_into_chunks():
    text = ADDED + b"\n" + ADDED + b"\n"
    asked = Asked(200, *(text[at : at + 100] for at in range(0, len(text), 100)))

    events = asked.watch()

    assert [answers.opened(event["object"]) for event in events] == [POD, POD]
    assert asked.refused == {("pods", "default"): ""}


def test_the_last_event_needs_no_end_of_line():
    assert len(Asked(200, ADDED + b"\n" + ADDED).watch()) == 2


def test_what_is_no_event_is_left_out():
    lines = [b"{", b"[]", b"null", b'{"type": 5}', b"\xff", ADDED, b'{"type": "ADDED", "obj']

    assert len(Asked(200, b"\n".join(lines)).watch()) == 1


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(Asked(410, b"{}"), id="410"),
        pytest.param(Asked(200, b'{"type": "ERROR", "object": {"code": 500}}\n'), id="an ERROR"),
    ],
)
def test_where_a_watch_cannot_go_on_it_begins_anew_with_a_list(asked):
    assert asked.watch() == [{"type": "ERROR", "object": {"code": 410}}]


@pytest.mark.parametrize("status", [400, 403, 404, 410, 422, 500, 503])
def test_a_list_that_is_refused_looks_like_a_broken_connection(status):
    asked = Asked(status, b'{"message": "no"}')

    with pytest.raises(WatchRefusedError, match=r"^no$"):
        asked.list()

    assert asked.refused == {("pods", "default"): "no"}


@pytest.mark.parametrize("status", [401, 429])
def test_kopf_logs_in_again_and_is_patient_by_itself(status):
    assert Asked(status, b'{"kind": "Status"}').watch() == [{"kind": "Status"}]


def test_a_session_that_is_closed_while_a_token_is_renewed_sends_kopf_to_log_in_again():
    class Renewed:
        """A source of tokens that takes as long as kopf's own log-in, which closes the session."""

        pause = 1.0

        async def get(self) -> Credential:
            await session.close()
            return Credential("new", seconds=60)

    async def asked():
        nonlocal session
        login = plain_login("http://127.0.0.1:1")
        login.source, login._due, login._end = Renewed(), 0, 0
        session = open_watch_session(login, lambda _call: None, lambda *_: None)
        await session.request("get", f"http://127.0.0.1:1{PODS}?watch=true")

    session: ClientSession
    with pytest.raises(RuntimeError, match=r"^Session is closed$"):  # kopf knows it by its class
        asyncio.run(asked())
    assert session.closed


def test_a_list_shows_only_whose_the_objects_are():
    found = Asked(200, json.dumps(page(POD)).encode()).list()

    assert set(found["items"][0]) == {"metadata", "enveloped"}
    assert answers.opened(found["items"][0]) == POD


@pytest.mark.parametrize("text", [b"<html>", b"", b'{"items": 5}', b"[]"])
def test_a_list_that_cannot_be_read_looks_like_a_broken_connection(text):
    with pytest.raises(WatchRefusedError, match=r"^the list cannot be read: "):
        Asked(200, text).list()


def test_a_connection_found_closed_between_two_reads_is_one_that_broke():
    class Content:
        """Content of an answer, as aiohttp has it when the connection went while nobody read."""

        async def iter_chunked(self, _size):
            yield ADDED + b"\n"
            raise RuntimeError("Connection closed.")  # StreamReader._wait

    async def watched():
        lines = watch_session._events(Content())
        assert json.loads(await anext(lines))["type"] == "ADDED"
        await anext(lines)

    with pytest.raises(ClientPayloadError, match="the watch was cut: Connection closed"):
        asyncio.run(watched())
