"""An operator that is newer than the definition in the cluster works, and does not write without end."""

from __future__ import annotations

import copy

import pytest

from medusa_testbed.kubelet.images import RUNNER, Image
from medusa_testbed.operators import OWN
from medusa_testbed.shops import RESOURCE, Shop, succeeds

DEFINITIONS = "apiextensions.k8s.io/v1/customresourcedefinitions"
NAME = "medusadatabases.medusadb.dev"
LISTED = 'medusadb_api_requests_total{code="200",resource="medusadatabases",verb="list"} '
COMPLAINT = "The definition of MedusaDatabase in the cluster is older than the operator"


def resyncs(operator):
    """Return how often it has listed resources."""
    found = [t for t in operator.get("/metrics")[1].splitlines() if t.startswith(LISTED)]
    return float(found[0].removeprefix(LISTED)) if found else 0.0


@pytest.fixture
def _without_verified(cluster, operator, namespace, eventually):  # noqa: ARG001  it applies the definition
    """Make the definition one that does not know `status.verified`, until the test is over."""
    versions = cluster.api.get(DEFINITIONS, NAME)["spec"]["versions"]
    older = copy.deepcopy(versions)
    status = older[0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    del status["properties"]["verified"]
    probe = Shop(cluster.api, namespace, "probe")
    probe.declare()

    def drops():
        status = {"status": {"verified": {"configuration": "x", "result": "Verified"}}}
        cluster.api.patch(RESOURCE, "probe", status, namespace, part="status")
        return "verified" not in probe.status()

    cluster.api.patch(DEFINITIONS, NAME, {"spec": {"versions": older}})
    eventually(drops)
    yield
    cluster.api.patch(DEFINITIONS, NAME, {"spec": {"versions": versions}})


@pytest.mark.usefixtures("_without_verified")
def test_a_definition_that_drops_a_part_of_the_status_is_named_once(
    solo, cluster, kubelet, namespace, eventually
):
    kubelet.images[RUNNER] = Image(outcome=succeeds)
    operator = solo("--resync", "300ms", "--selector", OWN)
    shop = Shop(cluster.api, namespace, "shop", ((OWN, "own"),))
    shop.database("postgres://nobody")
    shop.declare()
    shop.wait()
    shop.ask_to_verify("1")
    eventually(lambda: any(COMPLAINT in line["event"] for line in operator.lines()))

    mark = cluster.requests.mark()
    before = resyncs(operator)
    eventually(lambda: resyncs(operator) > before + 5)

    told = [line for line in operator.lines() if COMPLAINT in line["event"]]
    written = cluster.requests.since(mark).writes.on("medusadatabases/status")
    assert (operator.exited, len(told)) == (None, 1)
    assert len(written) < 20, written.count()
