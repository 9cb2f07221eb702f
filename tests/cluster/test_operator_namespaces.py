"""Watched namespaces come and go, and the operator's own one, too; the others do not notice."""

from __future__ import annotations

import pytest

from medusa_testbed.kubelet.images import RUNNER, Image
from medusa_testbed.operators import permit
from medusa_testbed.shops import FINALIZER, Shop, succeeds

SPACES = "v1/namespaces"


@pytest.fixture(autouse=True)
def _quick(kubelet):
    kubelet.images[RUNNER] = Image(outcome=succeeds)


@pytest.fixture
def other(cluster, namespace):
    """A second namespace, with no rights of the operator in it yet."""
    name = f"{namespace}-other"
    cluster.api.create(SPACES, {"metadata": {"name": name}})
    yield name
    if cluster.api.find(SPACES, name):
        cluster.api.delete(SPACES, name)


@pytest.fixture
def kept(solo, cluster, kubectl, namespace, other):
    """Return what starts an operator for both namespaces, with rights in the first."""
    cluster.api.create("v1/serviceaccounts", {"metadata": {"name": "kept"}}, namespace)
    permit(kubectl, namespace, "kept")

    def start(wait="leading"):
        return solo(
            "--namespace", f"{namespace},{other}", "--resync", "500ms",
            kubeconfig=cluster.service_account(namespace, "kept"), POD_NAMESPACE=namespace, wait=wait,
        )  # fmt: skip

    return start


def declared(cluster, namespace):
    shop = Shop(cluster.api, namespace)
    shop.database("postgres://nobody")
    shop.declare()
    return shop


def up(operator, namespace):
    """Return whether the operator's metrics say that it can list *namespace*."""
    return (
        f'medusadb_namespace_up{{watched_namespace="{namespace}"}} 1.0'
        in operator.get("/metrics")[1]
    )


def troubles(operator, namespace):
    """Return how often it logged that *namespace* cannot be listed."""
    lines = [line for line in operator.lines() if line["event"] == "Listing failed"]
    return [line["namespace"] for line in lines].count(namespace)


def test_a_namespace_without_rights_is_named_and_seen_to_once_it_has_them(
    kept, cluster, kubectl, namespace, other, eventually
):
    operator = kept()
    first, second = declared(cluster, namespace), declared(cluster, other)
    first.wait()
    ready, health = operator.get("/readyz"), operator.get("/healthz")
    states = up(operator, namespace), up(operator, other)

    permit(kubectl.within(other), namespace, "kept")
    second.wait(within=60)

    assert ready[0] == 200
    assert ready[1].splitlines()[0] == "leading"
    assert ready[1].splitlines()[1].startswith(f"namespace {other} cannot be listed: ")
    assert (health, states) == ((200, "ok\n"), (True, False))
    eventually(lambda: operator.get("/readyz") == (200, "leading\n"))
    assert up(operator, other)
    assert troubles(operator, other) == 1


def test_a_namespace_that_is_deleted_leaves_the_others_alone_and_may_come_back(
    kept, cluster, kubectl, namespace, other, eventually
):
    permit(kubectl.within(other), namespace, "kept")
    operator = kept()
    declared(cluster, other).wait()

    cluster.api.delete(SPACES, other)
    eventually(lambda: cluster.api.find(SPACES, other) is None, within=60)
    eventually(lambda: not up(operator, other))
    declared(cluster, namespace).wait()
    health = operator.get("/healthz")
    cluster.api.create(SPACES, {"metadata": {"name": other}})
    permit(kubectl.within(other), namespace, "kept")
    eventually(lambda: cluster.api.find("v1/serviceaccounts", "default", other))
    declared(cluster, other).wait(within=60)

    assert (operator.exited, health) == (None, (200, "ok\n"))
    eventually(lambda: up(operator, other))
    assert operator.get("/healthz") == (200, "ok\n")


def test_where_no_namespace_can_be_listed_it_says_so_and_goes_on_trying(
    kept, cluster, kubectl, namespace, eventually
):
    kubectl("delete", "role", "medusa-database-operator")
    operator = kept(wait=None)
    ready = eventually(
        lambda: (found := operator.get("/readyz"))[1].startswith("nothing can be") and found
    )
    health = operator.get("/healthz")

    permit(kubectl, namespace, "kept")
    operator.wait()

    assert (ready[0], health) == (500, (200, "ok\n"))
    declared(cluster, namespace).wait()


def test_an_operator_that_is_deleted_with_its_namespace_leaves_nothing_behind(
    solo, cluster, kubelet, other, kubectl, eventually
):
    kubelet.images[RUNNER] = Image(("sleep", "600"))
    cluster.api.create("v1/serviceaccounts", {"metadata": {"name": "kept"}}, other)
    permit(kubectl.within(other), other, "kept")
    operator = solo(
        "--namespace", other, kubeconfig=cluster.service_account(other, "kept"), POD_NAMESPACE=other
    )
    shop = declared(cluster, other)
    shop.wait_for(lambda body: FINALIZER in body["metadata"].get("finalizers", ()), "the finalizer")
    shop.running_pod()

    cluster.api.delete(SPACES, other)
    status = operator.stop()  # as the kubelet does: the pods of a namespace are deleted first

    assert status == 0
    eventually(lambda: cluster.api.find(SPACES, other) is None, within=60)
