"""Whatever the API server leaves out, or a proxy makes of its answers, is read or refused by name."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medusa_operator.api import client
from medusa_operator.api.cluster import Cluster, ObjectKind
from medusa_operator.api.errors import (
    AnswerError,
    ApiError,
    ApiRefusedError,
    MissingError,
    concerns_status,
)
from medusa_operator.api.lease import Leader
from medusa_operator.loop.cache import Cache, Key
from medusa_operator.loop.health import Health
from medusa_operator.loop.intake import Intake
from medusa_operator.loop.observe import _content, _when
from medusa_operator.loop.queue import WorkQueue
from medusa_operator.loop.resync import Resync
from medusa_operator.resource import answers
from medusa_operator.resource.model import InvalidError
from operator_login import plain_login
from operator_mutations import (
    CONFIG_MAP,
    DISCOVERY,
    EVENT,
    JOB,
    LEASE,
    NOTHING,
    POD,
    RESOURCE,
    junk,
    mutated,
    page,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

BODIES = {ObjectKind.DATABASE: RESOURCE, ObjectKind.JOB: JOB, ObjectKind.POD: POD}
LISTS = [page(RESOURCE), page(JOB), page(POD), page(), NOTHING, page({"metadata": JOB["metadata"]})]
often = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Api:
    """A real HTTP server that answers everything with the same."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner, self.status, self.text = runner, 200, b""
        self.open = contextlib.AsyncExitStack()

    def ask(self, call: Callable[[Cluster], Awaitable[Any]], answer: Any, status: int = 200) -> Any:
        self.status = status
        self.text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return self.runner.run(self._ask(call))

    async def _ask(self, call: Callable[[Cluster], Awaitable[Any]]) -> Any:
        return await call(Cluster(self.requests))

    async def start(self) -> None:
        async def respond(_request: web.Request) -> web.Response:
            return web.Response(status=self.status, body=self.text)

        self.app = web.AppRunner(web.Application())
        self.app.app.router.add_route("*", "/{path:.*}", respond)
        await self.app.setup()
        site = web.TCPSite(self.app, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{self.app.addresses[0][1]}"
        self.requests = await self.open.enter_async_context(
            client.opened(plain_login(url), lambda _call: None)
        )

    async def close(self) -> None:
        await self.open.aclose()
        await self.app.cleanup()


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with asyncio.Runner() as runner:
        made = Api(runner)
        runner.run(made.start())
        yield made
        runner.run(made.close())


async def listed(cluster: Cluster) -> list[Any]:
    return (await cluster.metadata(ObjectKind.JOB, ""))[1]


def test_a_list_of_nothing_is_empty_however_it_is_spelt(api):
    spelt = [NOTHING, page(), {"metadata": None, "items": []}, {"metadata": {}}, {}]

    assert [api.ask(listed, answer) for answer in spelt] == [[]] * 5


def test_a_resync_of_nothing_keeps_what_it_knows_to_be_nothing(api):
    async def resynced(cluster: Cluster) -> tuple[list[Any], dict[str, str]]:
        health, cache = Health(resync=1), Cache()
        resync = Resync(cluster, Intake(cache, WorkQueue(), 0), health, 0.01)
        await resync.first()
        for _ in range(3):
            await resync._compare("")
        return cache.known(ObjectKind.JOB), health.dead_watches

    assert api.ask(resynced, NOTHING) == ([], {})


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"<html>sign in</html>", id="a proxy's page"),
        pytest.param(b"", id="empty"),
        pytest.param(json.dumps(page(JOB)).encode()[:-40], id="cut"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"\xff\xfe\x00", id="not text"),
        pytest.param({"items": {"a": 1}}, id="items are an object"),
        pytest.param({"items": ["x"]}, id="an item is a string"),
        pytest.param({"items": [], "metadata": {"continue": 5}}, id="a number for a token"),
    ],
)
def test_an_answer_that_is_no_list_is_refused_by_name(api, answer):
    with pytest.raises(AnswerError, match=r"^the answer to /apis/batch/v1/jobs cannot be read: "):
        api.ask(listed, answer)


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"null", b"", {"message": None, "reason": 3}])
def test_a_refusal_need_not_be_a_status(api, answer):
    with pytest.raises(MissingError) as refused:
        api.ask(lambda cluster: cluster.job("default", "shop"), answer, status=404)

    assert (refused.value.status, refused.value.reason) == (404, "")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("", 0), ("7", 7), ("9" * 400, 300), ("-1", 0), ("٣", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0)],
)  # fmt: skip
def test_what_an_answer_asks_us_to_wait_is_bounded(header, seconds):
    assert answers.retry_after(header) == seconds


@often
@given(answer=st.sampled_from(LISTS).flatmap(lambda body: mutated(body, junk)))
def test_a_list_is_read_or_refused_whatever_is_in_it(api, answer):
    async def resynced(cluster: Cluster) -> None:
        resync = Resync(cluster, Intake(Cache(), WorkQueue(), 0), Health(resync=1), 0.001)
        await resync._take_all("")
        await resync._compare("")

    api.ask(resynced, answer)


@often
@given(
    answer=st.sampled_from([DISCOVERY, LEASE, CONFIG_MAP, page(EVENT), page(POD), JOB]).flatmap(
        lambda body: mutated(body, junk)
    )
)
def test_every_call_returns_or_says_what_it_could_not_read(api, answer):
    async def asked(cluster: Cluster) -> None:
        calls = (
            cluster.serves_databases(),
            cluster.pods("default", "a", "b"),
            cluster.warnings("default", "Pod", "shop"),
            cluster.config_map("default", "seed"),
            cluster.lease("medusa-db", "lease"),
            cluster.delete_job("default", "shop", "uid"),
            cluster.database("default", "shop"),
        )
        for call in calls:
            with contextlib.suppress(ApiError):
                await call

    api.ask(asked, answer)


@often
@given(lease=mutated(LEASE))
def test_a_lease_that_says_nothing_is_free_or_held(api, lease):
    async def tried(cluster: Cluster) -> tuple[bool, bool]:
        leader = Leader(cluster, "medusa-db", "lease", "us")
        ours = await leader._try()
        leader.held = True
        await leader.release()
        return ours, leader.held

    ours, held = api.ask(tried, lease)

    assert (isinstance(ours, bool), held) == (True, False)


@often
@given(kind=st.sampled_from(ObjectKind), data=st.data())
def test_an_object_is_taken_in_or_noted_whatever_is_in_it(kind, data):
    body = data.draw(mutated(BODIES[kind], junk))

    cache = Cache()
    cache.put(kind, body)

    assert len(cache.known(kind)) == 1


@given(config_map=mutated(CONFIG_MAP), event=mutated(EVENT))
def test_a_config_map_or_an_event_in_which_nothing_is_said_has_no_content(config_map, event):
    assert _content(config_map, "other") is None
    assert _content(config_map, "seed.json") in (b"{}", b"", b"{}", b"[]", None)
    assert isinstance(_when(event), str)


def test_metadata_may_leave_out_labels_and_annotations():
    cache = Cache()
    bare = {**POD, "metadata": {**POD["metadata"], "labels": None, "annotations": None}}

    assert cache.put(ObjectKind.POD, bare) is None
    assert cache.known(ObjectKind.POD) == [(Key("default", POD["metadata"]["name"]), "pod-1")]


def nested(levels: int, kind: str = "object") -> str:
    """Return JSON of that depth."""
    begin, end = ("[", "]") if kind == "list" else ('{"a":', "}")
    return begin * levels + "1" + end * levels


@pytest.mark.parametrize("kind", ["list", "object"])
@pytest.mark.parametrize("levels", [10, 98, 99, 200, 900, 1500, 9000, 100_000])
def test_json_of_any_depth_is_read(levels, kind):
    body = {"metadata": {"name": 'a"}{['}, "deep": "DEEP", "after": [1]}
    text = json.dumps(body).replace('"DEEP"', nested(levels, kind))

    found = answers.read(text.encode())

    assert (found["metadata"], found["after"]) == ({"name": 'a"}{['}, [1])
    depth, at = 0, found["deep"]
    while isinstance(at, list | dict):
        depth, at = depth + 1, at[0] if isinstance(at, list) else at["a"]
    assert depth == levels if levels < 100 else depth >= 99


@pytest.mark.parametrize("levels", [31, 40, 900, 1500, 9000, 100_000])
def test_a_template_that_is_nested_too_deep_is_an_invalid_spec(levels):
    body = {**RESOURCE, "spec": {**RESOURCE["spec"], "job": {"template": "DEEP"}}}
    text = json.dumps(body).replace('"DEEP"', nested(levels))
    cache = Cache()

    cache.put(ObjectKind.DATABASE, answers.read(text.encode()))

    spec = cache.database(Key("default", "shop")).spec
    if levels <= 32:
        assert not isinstance(spec, InvalidError)
    else:
        assert str(spec) == "spec.job.template is nested deeper than 32 levels"


def test_an_event_shows_on_its_way_only_whose_it_is():
    line = json.dumps({"type": "MODIFIED", "object": POD}).encode()

    seen = json.loads(answers.event(line))

    assert seen["type"] == "MODIFIED"
    assert seen["object"]["metadata"] == {
        "namespace": "default", "name": POD["metadata"]["name"], "uid": "pod-1", "resourceVersion": "8",
    }  # fmt: skip
    assert answers.opened(seen["object"]) == POD


def test_every_error_of_a_watch_asks_for_a_new_list():
    error = {"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "etcd"}}

    assert answers.event(json.dumps(error).encode()) == answers.GONE


@given(body=mutated(POD, junk))
def test_whatever_an_object_holds_it_passes_as_it_is(body):
    line = json.dumps({"type": "ADDED", "object": body}).encode()

    seen = json.loads(answers.event(line))["object"]

    assert all(isinstance(value, str) for value in seen["metadata"].values())
    assert answers.opened(seen) == body
    assert answers.opened(answers.enveloped(body)) == body


@pytest.mark.parametrize(
    ("fields", "concerned"),
    [
        pytest.param((), True, id="a-policy-names-none"),
        pytest.param(("status.conditions[0].reason",), True, id="status"),
        pytest.param(("spec", "status"), True, id="both"),
        pytest.param(("<nil>",), False, id="a-rule-about-all-of-it"),
        pytest.param(("<nil>", "spec.baseline"), False, id="spec"),
    ],
)
def test_a_refused_status_is_distinguished_from_a_spec_that_the_definition_refuses(
    fields, concerned
):
    causes = [{"reason": "FieldValueInvalid", "message": "no", "field": field} for field in fields]
    said = answers.refusal(json.dumps({"message": "no", "details": {"causes": causes}}).encode())

    refused = ApiRefusedError(said.message, status=422, causes=said.causes, fields=said.fields)

    assert concerns_status(refused) is concerned
