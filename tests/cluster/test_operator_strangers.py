"""What strangers put into the cluster neither ends the operator nor keeps it from others' resources."""

from __future__ import annotations

import itertools
import json
import os
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from medusa_testbed import proxy as cluster_proxy
from medusa_testbed.api import ApiError
from medusa_testbed.kubelet.images import RUNNER, Image
from medusa_testbed.objects import condition
from medusa_testbed.operators import OWN
from medusa_testbed.proxy import refusal
from medusa_testbed.shops import JOBS, PODS, RESOURCE, Shop, succeeds
from operator_mutations import JOB, POD, junk, mutated
from operator_mutations import RESOURCE as DATABASE

MANY = 400 if os.environ.get("MEDUSA_TEST_ALL") else 40
LABELS = {"app.kubernetes.io/managed-by": "medusa-database-operator"}


@pytest.fixture(autouse=True)
def _quick(kubelet):
    kubelet.images[RUNNER] = Image(outcome=succeeds)


@pytest.fixture
def good(cluster, namespace):
    """A resource of somebody else, in a namespace of its own."""
    other = f"{namespace}-good"
    cluster.api.create("v1/namespaces", {"metadata": {"name": other}})
    shop = Shop(cluster.api, other, "good", ((OWN, "own"),))
    shop.database("postgres://nobody")
    yield shop
    cluster.api.delete("v1/namespaces", other)


def job(name, **annotations):
    """Return a Job that says to be ours, and never runs."""
    container = {"name": "medusa-db", "image": "x"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "metadata": {"name": name, "labels": LABELS, "annotations": annotations},
        "spec": {"suspend": True, "template": template},
    }


def test_a_job_that_says_to_be_ours_ends_nothing_and_takes_no_slot(
    solo, cluster, namespace, good, eventually
):
    digits = {f"medusadb.dev/{key}": "9" * 5000 for key in ("attempt", "generation")}
    cluster.api.create(JOBS, job("digits", **digits), namespace)

    operator = solo("--selector", OWN, "--resync", "300ms", "--max-concurrent-runs", "1")
    good.declare()
    good.wait()

    eventually(lambda: operator.metric("medusadb_api_requests_total") > 60)
    assert (operator.exited, operator.get("/healthz")) == (None, (200, "ok\n"))


@pytest.mark.usefixtures("operator")
def test_a_pod_with_the_labels_of_a_run_which_its_job_takes_over_proves_nothing(
    shop, kubelet, cluster, namespace, eventually
):
    del kubelet.images[RUNNER]  # the pod that the Job made does not start
    kubelet.images["copy:1"] = Image(outcome=succeeds)
    shop.database("postgres://nobody")
    shop.declare("1.20.11")
    made = eventually(shop.jobs)[0]
    eventually(lambda: cluster.api.list(PODS, namespace))
    run = made["spec"]["template"]["spec"]["containers"][0]
    copy = {"name": run["name"], "image": "copy:1", "args": run["args"]}
    labels = made["spec"]["template"]["metadata"]["labels"]
    pod = {
        "metadata": {"name": "copy", "labels": labels},
        "spec": {"restartPolicy": "Never", "containers": [copy]},
    }

    cluster.api.create(PODS, pod, namespace)
    eventually(
        lambda: condition(cluster.api.get(JOBS, made["metadata"]["name"], namespace), "Complete")
    )
    lost = eventually(shop.history)[0]
    kubelet.images[RUNNER] = Image(outcome=succeeds)
    shop.retry("again")
    shop.wait()

    assert lost == ("migrate-1.20.11", "Failed", "PodLost")
    assert shop.history()[-1] == ("migrate-1.20.11", "Succeeded", "")


@pytest.mark.usefixtures("permissive")
@pytest.mark.parametrize("levels", [1500, 9000])
def test_a_template_nested_however_deep_is_an_invalid_spec_of_its_owner_only(
    levels, solo, cluster, namespace, kubectl, good, tmp_path
):
    operator = solo("--selector", OWN, "--resync", "300ms")
    shop = Shop(cluster.api, namespace, "deep", ((OWN, "own"),))
    shop.database("postgres://nobody")
    body = {
        "apiVersion": "medusadb.dev/v1alpha1",
        "kind": "MedusaDatabase",
        "metadata": {"name": "deep", "labels": {OWN: "own"}},
        "spec": {
            "version": "1.20.11",
            "database": {"urlSecretRef": {"name": "deep-db", "key": "url"}},
            "job": {"template": "DEEP"},
        },
    }
    file = tmp_path / "deep.json"
    file.write_text(json.dumps(body).replace('"DEEP"', '{"a":' * levels + "1" + "}" * levels))

    kubectl("create", "--validate=false", "-f", file)
    said = kubectl("wait", "mdb/deep", "--for=condition=Stalled", "--timeout=60s")
    good.declare()
    good.wait()

    assert said == "medusadatabase.medusadb.dev/deep condition met\n"
    message = kubectl(
        "get", "mdb", "deep", "-o", 'jsonpath={.status.conditions[?(@.type=="Stalled")].message}'
    )
    assert message == "spec.job.template is nested deeper than 32 levels"
    assert (operator.exited, operator.get("/healthz")) == (None, (200, "ok\n"))
    operator.stop()
    operator.start()
    operator.wait()
    kubectl("delete", "mdb", "deep", "--timeout=30s")


USUAL = {"version": "1.20.11", "database": {"urlSecretRef": {"name": "old-db", "key": "url"}}}
OLDER = {
    "no-version": {"database": USUAL["database"]},
    "no-database": {"version": "1.20.11"},
    "a-baseline-alone": {"baseline": "1.20.11"},
    "nothing": {},
    "words-for-versions": {**USUAL, "baseline": "first", "version": "latest"},
    "a-long-version": {**USUAL, "version": "1.20.11.1", "baseline": "1.20"},
    "an-interval-in-words": {**USUAL, "verify": {"interval": "often"}},
    "a-variable-without-a-name": {
        **USUAL, "version": "2.11.1", "server": {"image": "shop:1", "env": [{"value": "x"}]}
    },
    "a-server-that-is-a-word": {**USUAL, "server": "shop:1"},
}  # fmt: skip


def old(spec):
    meta = {"name": "old", "labels": {OWN: "own"}}
    kind = {"apiVersion": "medusadb.dev/v1alpha1", "kind": "MedusaDatabase"}
    return {**kind, "metadata": meta, "spec": spec}


@pytest.mark.parametrize("spec", OLDER.values(), ids=OLDER)
def test_a_spec_from_before_the_definition_is_reported_to_its_owner(
    spec, store, solo, cluster, namespace
):
    store(old(spec))

    operator = solo("--selector", OWN, "--resync", "300ms")

    shop = Shop(cluster.api, namespace, "old", ((OWN, "own"),))
    assert shop.wait("InvalidSpec")["message"].startswith("spec")
    assert [line for line in operator.lines() if "defect" in line["event"]] == []


@pytest.mark.parametrize("spec", ["1.20.11", {**USUAL, "version": 2}], ids=["text", "number"])
def test_a_spec_with_which_no_status_can_be_stored_is_reported_by_one_event(
    spec, store, solo, cluster, namespace, eventually
):
    def events():
        found = cluster.api.list("events.k8s.io/v1/events", namespace)
        return [event for event in found if event["regarding"]["name"] == "old"]

    store(old(spec))

    operator = solo("--selector", OWN, "--resync", "300ms")

    event = eventually(events)[0]
    assert (event["type"], event["reason"]) == ("Warning", "InvalidSpec")
    assert "the API server stores no status of this resource" in event["note"]
    refused = operator.metric("medusadb_passes_total")
    eventually(lambda: operator.metric("medusadb_passes_total") > refused + 5)
    assert len(events()) == 1
    assert [line for line in operator.lines() if "defect" in line["event"]] == []


STATUSES = {
    "steps-without-a-state": {"steps": [{"name": "migrate-1.20.11"}]},
    "steps-that-are-words": {"steps": ["migrate-1.20.11"]},
    "steps-that-are-no-list": {"steps": "all"},
    "a-version-in-words": {"appliedVersion": "latest"},
    "a-version-that-is-a-number": {"appliedVersion": 1},
    "proven-by-a-word": {"proven": "yes"},
    "conditions-that-are-no-list": {"conditions": {"Ready": True}},
    "no-object": "Ready",
}


@pytest.mark.parametrize("status", STATUSES.values(), ids=STATUSES)
def test_a_status_from_before_the_definition_is_replaced(status, store, solo, cluster, namespace):
    shop = Shop(cluster.api, namespace, "old", ((OWN, "own"),))
    shop.database("postgres://nobody")
    store(old(USUAL), status)

    solo("--selector", OWN, "--resync", "300ms")

    shop.wait()


@pytest.mark.usefixtures("permissive")
def test_objects_mutated_at_random_neither_end_the_operator_nor_keep_it_from_others(
    solo, cluster, namespace, good, eventually
):
    operator = solo("--selector", OWN, "--resync", "500ms")
    numbers = itertools.count()

    def put(kind, body, status):
        name = f"stranger-{next(numbers)}"
        meta = body.get("metadata") if isinstance(body.get("metadata"), dict) else {}
        labels = LABELS | {OWN: "own", "medusadb.dev/database-uid": "uid-1"}
        kept = {key: meta.get(key) for key in ("annotations", "finalizers") if meta.get(key)}
        kept.pop("finalizers", None)
        said = {key: value for key, value in body.items() if key not in ("metadata", "status")}
        with suppress(ApiError):  # the API server refuses much of it
            cluster.api.create(
                kind, said | {"metadata": kept | {"name": name, "labels": labels}}, namespace
            )
            cluster.api.patch(kind, name, {"status": status}, namespace, part="status")

    @settings(
        max_examples=MANY, deadline=None, phases=[Phase.generate], database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(
        what=st.one_of(
            st.tuples(st.just(RESOURCE), mutated(DATABASE, junk)),
            st.tuples(st.just(RESOURCE), mutated(DATABASE, junk)),
            st.tuples(st.just(JOBS), mutated(JOB, junk)),
            st.tuples(st.just(PODS), mutated(POD, junk)),
        )
    )
    def strangers(what):
        kind, body = what
        put(kind, body, body.get("status"))
        assert operator.exited is None

    strangers()
    good.declare()
    good.wait(within=60)

    lists = operator.metric("medusadb_api_requests_total")
    eventually(lambda: operator.metric("medusadb_api_requests_total") > lists + 20)
    assert operator.exited is None
    assert operator.get("/healthz") == (200, "ok\n")
    assert [line for line in operator.lines() if "defect" in line["event"]] == []


@pytest.fixture
def proxied(cluster, rights, solo, tmp_path):
    """Return what starts an operator behind a proxy, and the proxy."""
    with cluster_proxy.between(cluster) as proxy:
        yield (
            lambda: solo(
                "--selector", OWN, kubeconfig=proxy.kubeconfig(rights, tmp_path / "proxied")
            ),
            proxy,
        )


ANSWERS = {
    "410": refusal(410, "Expired"),
    "an error event": (200, {"type": "ERROR", "object": {"code": 500}}),
    "403": refusal(403, "Forbidden"),
    "404": refusal(404, "NotFound"),
    "400": refusal(400, "BadRequest"),
    "503": refusal(503, "Unavailable"),
    "an event of nothing": (200, {"type": "ADDED", "object": None}),
    "no event": (200, {"items": None}),
}
SOME = list(ANSWERS)[: None if os.environ.get("MEDUSA_TEST_ALL") else 3]


@pytest.mark.parametrize("answer", [pytest.param(ANSWERS[name], id=name) for name in SOME])
def test_no_answer_to_a_watch_ends_the_process(answer, proxied, good, eventually):
    start, proxy = proxied
    refused = []

    def refuse(call):
        if call.watch:
            refused.append(call.path)
            return answer
        return None

    proxy.before = refuse
    operator = start()
    eventually(lambda: len(refused) >= 6)
    proxy.before = lambda _call: None
    good.declare()

    good.wait(within=60)
    assert operator.exited is None
