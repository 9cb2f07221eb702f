"""Where there is nothing to see to, the operator rests: at every resync, of every kind, in every namespace."""

from __future__ import annotations

import pytest
import yaml

from cluster_images import RUNNER, Image
from cluster_operator import DEPLOY, HOME, OWN, Operator
from cluster_shop import Shop, succeeds

LEASES = "coordination.k8s.io/v1/leases"
QUICK = ("--resync", "200ms")
KINDS = ("medusadatabases", "jobs", "pods")


@pytest.fixture(autouse=True)
def _quick(kubelet):
    kubelet.images[RUNNER] = Image(outcome=succeeds)


@pytest.fixture
def make(operator, cluster, rights, tmp_path):
    """Return what starts an operator of the test's own, while the worker's one rests."""
    operator.stop()
    cluster.api.delete(LEASES, HOME, HOME)
    made = []

    def new(*flags, kubeconfig=rights, **environment):
        folder = tmp_path / f"operator-{len(made)}"
        folder.mkdir()
        made.append(Operator(kubeconfig, folder, flags, environment))
        made[-1].start()
        made[-1].wait()
        return made[-1]

    yield new
    for one in made:
        one.stop()
    cluster.api.delete(LEASES, HOME, HOME)
    operator.start()
    operator.wait()


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


def test_a_cluster_without_a_resource_is_listed_again_and_again(make, eventually):
    rests(make(*QUICK, "--selector", OWN), eventually)


def test_a_resource_whose_jobs_have_gone_by_their_time_to_live_is_at_rest(
    make, cluster, namespace, eventually
):
    operator = make(*QUICK, "--selector", OWN)
    shop = Shop(cluster.api, namespace, "shop", ((OWN, "own"),))
    shop.database("postgres://nobody")
    shop.declare(job={"ttlSecondsAfterFinished": 0})
    shop.wait()
    eventually(lambda: not shop.jobs())

    rests(operator, eventually)

    assert shop.condition()["status"] == "True"


def test_watched_namespaces_with_nothing_in_them_are_listed_again_and_again(
    make, cluster, kubectl, namespace, eventually
):
    other = f"{namespace}-other"
    cluster.api.create("v1/namespaces", {"metadata": {"name": other}})
    cluster.api.create("v1/serviceaccounts", {"metadata": {"name": "kept"}}, namespace)
    for space in (namespace, other):
        permit(kubectl.within(space), namespace, "kept")

    operator = make(
        *QUICK, "--namespace", f"{namespace},{other}", "--lease-namespace", namespace,
        kubeconfig=cluster.service_account(namespace, "kept"),
    )  # fmt: skip

    rests(operator, eventually)
    cluster.api.delete("v1/namespaces", other)


def permit(kubectl, home, account):
    """Give ServiceAccount *account* of namespace *home* the rights of `deploy/rbac/namespaced`."""
    files = (DEPLOY / "rbac" / "namespaced" / "operator.yaml", DEPLOY / "rbac/leader-election.yaml")
    for document in (d for file in files for d in yaml.safe_load_all(file.read_text())):
        document["metadata"].pop("namespace", None)
        if document["kind"] == "RoleBinding":
            document["subjects"] = [{"kind": "ServiceAccount", "name": account, "namespace": home}]
        kubectl.apply(document)
