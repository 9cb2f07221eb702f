"""The process: flags, waiting for what is missing, health, metrics, events, logs, rights."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
import yaml

from medusa_testbed import objects, operators
from medusa_testbed.kubelet.images import RUNNER, Image
from medusa_testbed.operators import DEPLOY, HOME, Operator
from medusa_testbed.shops import Shop, fails, succeeds

LEASES = "coordination.k8s.io/v1/leases"


@pytest.fixture(autouse=True)
def _quick(kubelet):
    kubelet.images[RUNNER] = Image(outcome=succeeds)


@pytest.fixture
def make(operator, cluster, rights, tmp_path):
    """Return what makes an operator of the test's own, while the worker's one rests."""
    operator.stop()
    cluster.api.delete(LEASES, HOME, HOME)
    made = []

    def new(*flags, kubeconfig=rights, **environment):
        folder = tmp_path / f"operator-{len(made)}"
        folder.mkdir()
        made.append(Operator(kubeconfig, folder, flags, environment))
        return made[-1]

    yield new
    for one in made:
        one.stop()
    cluster.api.delete(LEASES, HOME, HOME)
    operator.start()
    operator.wait()


def python_m(*flags, **environment):
    return subprocess.run(
        [sys.executable, "-m", "medusa_operator", *flags], env={"HOME": "/nonexistent"} | environment,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_flag_that_cannot_be_meant_ends_with_a_sentence():
    done = python_m("--resync", "soon")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == (
        "python -m medusa_operator: error: argument --resync: 'soon' is not a duration; "
        "write 250ms, 5s, 10m or 1h"
    )


def test_without_a_cluster_it_says_what_it_looked_for():
    done = python_m("--log-format", "text")

    assert done.returncode == 1
    assert "no Kubernetes API server to talk to: KUBECONFIG is not set" in done.stderr


def test_it_waits_for_an_api_server_that_is_not_there_yet(make, cluster, eventually):
    operator = make()
    cluster.stop_api_server()
    operator.start()
    eventually(lambda: operator.get("/readyz") == (500, "starting\n"))
    alive = operator.get("/healthz")

    cluster.start_api_server()
    operator.wait()

    assert alive == (200, "ok\n")
    assert "The API server cannot be used" in operator.lines()[0]["event"]


def test_each_line_of_the_log_names_resource_and_reason(shop, operator, eventually):
    shop.database("postgres://nobody")
    shop.declare()
    shop.wait()

    def lines():
        return [line for line in operator.lines() if line.get("namespace") == shop.namespace]

    eventually(lambda: lines()[-1].get("reason") == "UpToDate")
    assert {line["name"] for line in lines()} == {"shop"}
    assert [line["event"] for line in lines() if "reason" not in line] == ["Created a Job"]
    assert {line["level"] for line in lines()} == {"info"}


def test_events_tell_each_change_once_in_the_words_of_the_conditions(shop, kubectl, kubelet):
    kubelet.images[RUNNER] = Image(outcome=fails(5, "password is wrong"))
    shop.database("postgres://nobody")
    shop.declare()
    shop.wait("AccessDenied")
    kubelet.images[RUNNER] = Image(outcome=succeeds)
    shop.retry("again")
    shop.wait()

    found = kubectl.json("get", "events.v1.events.k8s.io")["items"]
    ours = [event for event in found if event["regarding"]["kind"] == "MedusaDatabase"]
    told = {event["reason"]: (event["type"], event["note"]) for event in ours}
    kind, note = told["AccessDenied"]
    assert (kind, note.startswith("password is wrong")) == ("Warning", True)
    assert told["UpToDate"] == ("Normal", "the database is at 1.20.11")
    assert "password is wrong" in kubectl("describe", "mdb", "shop")


def test_metrics_are_named_and_counted_as_documented(shop, operator, kubelet):
    kubelet.images[RUNNER] = Image(outcome=fails(6, "locked"))
    shop.database("postgres://nobody")
    before = operator.metric("medusadb_lock_waits_total")
    shop.declare()
    shop.wait("LockHeld")
    kubelet.images[RUNNER] = Image(outcome=succeeds)
    shop.retry("again")
    shop.wait()

    status, text = operator.get("/metrics")

    named = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    documented = set(
        re.findall(
            r"^\| `((?:medusadb|process)_\w+)` \|",
            (DEPLOY.parent / "docs" / "operator.md").read_text(),
            re.MULTILINE,
        )
    )
    assert (status, named) == (200, documented)
    assert operator.metric("medusadb_lock_waits_total") == before + 1
    assert 'medusadb_runs_total{outcome="Succeeded",reason="",step="migrate"}' in text
    assert 'medusadb_resources{condition="Ready",reason="UpToDate",status="True"}' in text


def test_a_migration_costs_few_calls(shop, cluster, operator):
    shop.database("postgres://nobody")
    mark = cluster.requests.mark()

    shop.declare()
    shop.wait()
    shop.wait_for(lambda _: "ttlSecondsAfterFinished" in shop.jobs()[0]["spec"], "expiry")

    made = cluster.requests.since(mark).of(operators.USER)
    calls = [r for r in made.all if r.namespace == shop.namespace]
    assert len(calls) <= 12, made.count()
    assert operator.metric("medusadb_api_requests_total") >= len(calls)


def test_it_can_be_kept_to_one_namespace_with_rights_in_that_one_only(
    make, cluster, kubectl, namespace
):
    cluster.api.create("v1/serviceaccounts", {"metadata": {"name": "kept"}}, namespace)
    for document in yaml.safe_load_all(
        (DEPLOY / "rbac" / "namespaced" / "operator.yaml").read_text()
    ):
        if document["kind"] == "RoleBinding":
            document["subjects"] = [
                {"kind": "ServiceAccount", "name": "kept", "namespace": namespace}
            ]
        kubectl.apply(document)
    lease = yaml.safe_load_all((DEPLOY / "rbac" / "leader-election.yaml").read_text())
    for document in lease:
        document["metadata"]["namespace"] = namespace
        if document["kind"] == "RoleBinding":
            document["subjects"] = [
                {"kind": "ServiceAccount", "name": "kept", "namespace": namespace}
            ]
        kubectl.apply(document)
    mark = cluster.requests.mark()
    operator = make(
        MEDUSA_DB_NAMESPACE=namespace, kubeconfig=cluster.service_account(namespace, "kept")
    )
    operator.start()
    operator.wait()
    shop = Shop(cluster.api, namespace)
    shop.database("postgres://nobody")
    shop.declare()
    shop.wait()

    made = cluster.requests.since(mark).of(f"system:serviceaccount:{namespace}:kept")
    assert made.denied.count() == {}
    assert [line for line in operator.lines() if line["level"] in ("warning", "error")] == []


def test_only_so_many_runs_go_on_at_once_and_the_rest_is_told_its_place(
    make, cluster, namespace, kubelet, eventually
):
    kubelet.images[RUNNER] = Image(("sleep", "600"))
    # runs that earlier tests have left count too, where they can be seen
    operator = make("--max-concurrent-runs", "2", "--namespace", namespace)
    operator.start()
    operator.wait()
    shops = [Shop(cluster.api, namespace, f"shop-{n}") for n in range(5)]
    for shop in shops:
        shop.database(f"postgres://nobody/{shop.name}")
        shop.declare()
    reasons = lambda: sorted(shop.condition().get("reason", "") for shop in shops)  # noqa: E731
    eventually(lambda: reasons().count("Queued") == 3, within=45)
    jobs = [shop for shop in shops if shop.jobs()]
    waiting = next(shop for shop in shops if shop.condition()["reason"] == "Queued")
    said = waiting.condition()["message"]

    kubelet.images[RUNNER] = Image(outcome=succeeds)
    for shop in jobs:
        kubelet.kill(namespace, shop.running_pod())
        shop.retry("again")
    for shop in shops:
        shop.wait(within=60)

    assert len(jobs) == 2
    assert said.startswith("2 runs go on, as many as the operator allows at once")


def test_it_uses_all_the_rights_it_is_given_and_asks_for_no_others(
    shop, cluster, namespace, eventually, operator
):
    operator.stop()
    cluster.api.delete(LEASES, HOME, HOME)
    mark = cluster.requests.mark()  # another test's replica may have other flags, and rights
    operator.start()
    operator.wait()
    quota = {"metadata": {"name": "small"}, "spec": {"hard": {"pods": "0"}}}
    cluster.api.create("v1/resourcequotas", quota, namespace)
    eventually(
        lambda: cluster.api.get("v1/resourcequotas", "small", namespace)["status"].get("hard")
    )
    shop.database("postgres://nobody")
    shop.declare()
    shop.wait("PodForbidden")  # lists events
    shop.change(suspend=True)  # deletes the Job
    eventually(lambda: not shop.jobs())
    cluster.api.delete("v1/resourcequotas", "small", namespace)
    document = objects.config_map("seed", {"seed.json": "{}"})
    cluster.api.create("v1/configmaps", document, namespace)
    seed = {"policy": "Once", "from": {"configMapKeyRef": {"name": "seed", "key": "seed.json"}}}
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "runner", "labels": {"medusadb.dev/allow": "true"}},
    }
    cluster.api.create("v1/serviceaccounts", account, namespace)
    job = {"serviceAccountName": "runner"}
    shop.change(suspend=False, seed=seed, job=job)  # gets the ConfigMap and the ServiceAccount
    shop.wait_for(lambda body: body["status"].get("appliedVersion"))
    eventually(lambda: shop.jobs()[0]["spec"].get("ttlSecondsAfterFinished"))  # patches the Job
    for kind in ("Deployment", "StatefulSet"):
        served = Shop(cluster.api, namespace, kind.lower())
        served.database("postgres://nobody")
        server = {"image": "shop:42", "workloadRef": {"kind": kind, "name": "nobody"}}
        served.declare("2.21.2", server=server)
        served.wait("ReferenceMissing")  # gets the workload

    made = cluster.requests.since(mark).of(operators.USER)
    granted = set()
    for file in ("operator.yaml", "leader-election.yaml"):
        for document in yaml.safe_load_all((DEPLOY / "rbac" / file).read_text()):
            for rule in document.get("rules", ()):
                granted |= {
                    (group, resource, verb)
                    for group in rule["apiGroups"]
                    for resource in rule["resources"]
                    for verb in rule["verbs"]
                }
    used = {rule for rule in made.rules if not rule[1].startswith("/")}
    denied = [request for request in made.denied.all if request.namespace in (HOME, namespace)]
    assert denied == []  # elsewhere, a namespace that goes away takes no more Events
    assert used <= granted
    assert granted - used <= {
        (
            "medusadb.dev",
            "medusadatabases/finalizers",
            "update",
        ),  # asked for by an admission plugin
        ("batch", "jobs", "get"),  # when the answer to a creation was lost
        ("medusadb.dev", "medusadatabases", "get"),  # when somebody else was faster
    }
    assert not any("secrets" in resource for _, resource, _ in granted)


@pytest.mark.usefixtures("rights")
def test_people_with_the_usual_roles_may_declare_and_not_write_the_status(kubectl):
    for role in ("view", "edit", "admin"):
        kubectl("create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}er")

    def may(role, verb, *what):
        asked = kubectl.run(
            "auth", "can-i", verb, "medusadatabases.medusadb.dev", *what, f"--as={role}er"
        )
        return asked.stdout.strip() == "yes"

    status = "--subresource=status"
    assert [
        may("view", "get"), may("view", "create"), may("edit", "create"),
        may("edit", "update", status), may("admin", "delete"), may("admin", "patch", status),
    ] == [True, False, True, False, True, False]  # fmt: skip


def test_the_watch_of_kubectl_shows_the_way(shop, kubectl):
    shop.database("postgres://nobody")
    with kubectl.background("get", "mdb", "shop", "-w") as watching:
        shop.declare()
        shop.wait()
        seen = []
        while not seen or "UpToDate" not in seen[-1]:
            seen.append(watching.stdout.readline())

    assert seen[0].split() == ["NAME", "TARGET", "APPLIED", "READY", "REASON", "AGE"]
    assert seen[-1].split()[:5] == ["shop", "1.20.11", "1.20.11", "True", "UpToDate"]


def test_kubectl_waits_for_it(shop, kubectl):
    shop.database("postgres://nobody")
    shop.declare()

    said = kubectl("wait", "mdb/shop", "--for=condition=Ready", "--timeout=60s")

    assert said == "medusadatabase.medusadb.dev/shop condition met\n"
    assert (
        json.loads(kubectl("get", "mdb", "shop", "-o", "json"))["status"]["appliedVersion"]
        == "1.20.11"
    )
