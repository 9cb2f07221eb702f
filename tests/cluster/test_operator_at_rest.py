"""Where there is nothing to see to, the operator rests: at every resync, of every kind, in every namespace."""

from __future__ import annotations

import pytest

from medusa_testbed.kubelet.images import RUNNER, Image
from medusa_testbed.operators import OWN, permit
from medusa_testbed.shops import Shop, succeeds

QUICK = ("--resync", "200ms")
KINDS = ("medusadatabases", "jobs", "pods")


@pytest.fixture(autouse=True)
def _quick(kubelet):
    kubelet.images[RUNNER] = Image(outcome=succeeds)


def lists(operator, kind):
    """Return how often it has listed *kind*."""
    line = f'medusadb_api_requests_total{{code="200",resource="{kind}",verb="list"}} '
    found = [t for t in operator.get("/metrics")[1].splitlines() if t.startswith(line)]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


def rests(operator, eventually, resyncs=10):
    """Wait until *operator* has listed each kind that often; it must be well, and silent about it."""
    before = {kind: lists(operator, kind) for kind in KINDS}
    eventually(
        lambda: (
            operator.exited is not None
            or all(lists(operator, kind) >= before[kind] + resyncs for kind in KINDS)
        ),
        within=60,
    )
    assert operator.exited is None
    assert operator.get("/healthz") == (200, "ok\n")
    assert [line for line in operator.lines() if line["level"] in ("warning", "error")] == []


def test_a_cluster_without_a_resource_is_listed_again_and_again(solo, eventually):
    rests(solo(*QUICK, "--selector", OWN), eventually)


def test_a_resource_whose_jobs_have_gone_by_their_time_to_live_is_at_rest(
    solo, cluster, namespace, eventually
):
    operator = solo(*QUICK, "--selector", OWN)
    shop = Shop(cluster.api, namespace, "shop", ((OWN, "own"),))
    shop.database("postgres://nobody")
    shop.declare(job={"ttlSecondsAfterFinished": 0})
    shop.wait()
    eventually(lambda: not shop.jobs())

    rests(operator, eventually)

    assert shop.condition()["status"] == "True"


def test_watched_namespaces_with_nothing_in_them_are_listed_again_and_again(
    solo, cluster, kubectl, namespace, eventually
):
    other = f"{namespace}-other"
    cluster.api.create("v1/namespaces", {"metadata": {"name": other}})
    cluster.api.create("v1/serviceaccounts", {"metadata": {"name": "kept"}}, namespace)
    for space in (namespace, other):
        permit(kubectl.within(space), namespace, "kept")

    operator = solo(
        *QUICK, "--namespace", f"{namespace},{other}", "--lease-namespace", namespace,
        kubeconfig=cluster.service_account(namespace, "kept"),
    )  # fmt: skip

    rests(operator, eventually)
    cluster.api.delete("v1/namespaces", other)
