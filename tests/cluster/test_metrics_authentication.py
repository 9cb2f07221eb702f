"""/metrics behind the API server's own judgement: who has a token, and who may read."""

from __future__ import annotations

import pytest

import charts
from medusa_testbed.kubectl import Kubectl
from medusa_testbed.operators import DEPLOY, HOME, USER, Operator

SHIPPED = DEPLOY / "metrics-authentication" / "rbac.yaml"


@pytest.fixture
def guarded(operator, cluster, rights, tmp_path):
    """A second replica, which stands by and asks for a token; it has the rights that are shipped."""
    operator.revive()
    kubectl = Kubectl(cluster.kubeconfig, tmp_path, HOME)
    kubectl("apply", "--server-side", "-f", SHIPPED)
    replica = Operator(rights, tmp_path, ("--metrics-authentication", "token"))
    replica.start()
    replica.wait("standing by")
    yield replica
    replica.stop()
    kubectl("delete", "--ignore-not-found", "-f", SHIPPED)


@pytest.fixture
def token(cluster, kubectl, namespace):
    """Return what makes a ServiceAccount and returns its token; one that may read, if asked."""

    def made(name, *, may=False):
        cluster.api.create("v1/serviceaccounts", {"metadata": {"name": name}}, namespace)
        if may:
            kubectl(
                "create", "clusterrolebinding", f"{namespace}-{name}",
                "--clusterrole", "medusa-database-operator-metrics-reader",
                "--serviceaccount", f"{namespace}:{name}",
            )  # fmt: skip
        return cluster.service_account_token(namespace, name)

    yield made
    for binding in cluster.api.list("rbac.authorization.k8s.io/v1/clusterrolebindings"):
        if binding["metadata"]["name"].startswith(namespace):
            kubectl("delete", "clusterrolebinding", binding["metadata"]["name"])


def test_only_a_service_account_that_may_reads_the_metrics(guarded, token, namespace, cluster):
    may, may_not = token("prometheus", may=True), token("stranger")
    mark = cluster.requests.mark()

    allowed = [guarded.get("/metrics", token=may) for _ in range(3)]
    refused = [guarded.get("/metrics", token=each) for each in ("", "nonsense", may_not)]

    assert [status for status, _ in allowed] == [200, 200, 200]
    assert "medusadb_leader 0.0" in allowed[0][1]
    who = f"system:serviceaccount:{namespace}:stranger"
    assert [status for status, _ in refused] == [401, 401, 403]
    assert [text.partition(":")[0] for _, text in refused[:1]] == ["a bearer token is needed"]
    assert refused[1][1] == "the API server does not know this token, or it has expired\n"
    assert refused[2][1].startswith(
        f"{who} may not read this: a ClusterRole has to allow the verb get"
    )
    made = cluster.requests.since(mark).of(USER).count()
    assert made["create tokenreviews"] == 3  # once for each token
    assert made["create subjectaccessreviews"] == 2
    log = (guarded.folder / "operator.log").read_text()
    assert not [each for each in (may, may_not, "nonsense") if each in log]


def test_the_probes_need_no_token(guarded):
    assert guarded.get("/healthz") == (200, "ok\n")
    assert guarded.get("/readyz") == (200, "standing by\n")


def test_an_operator_without_the_rights_says_which(guarded, kubectl, token):
    may = token("prometheus", may=True)
    kubectl("delete", "clusterrolebinding", "medusa-database-operator-metrics-auth")

    status, text = guarded.get("/metrics", token=may)

    assert status == 503
    assert "needs the verb create on tokenreviews and subjectaccessreviews" in text


def test_the_component_switches_it_on(tmp_path):
    (tmp_path / "kustomization.yaml").write_text(
        "resources: [deploy]\ncomponents: [deploy/metrics-authentication]\n"
    )
    (tmp_path / "deploy").symlink_to(DEPLOY)

    made = charts.manifests(tmp_path)

    [container] = charts.only(made, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert {"name": "MEDUSA_DB_METRICS_AUTHENTICATION", "value": "token"} in container["env"]
    assert charts.only(made, "ClusterRole", "-metrics-auth")["rules"] == [
        {
            "apiGroups": ["authentication.k8s.io"],
            "resources": ["tokenreviews"],
            "verbs": ["create"],
        },
        {
            "apiGroups": ["authorization.k8s.io"],
            "resources": ["subjectaccessreviews"],
            "verbs": ["create"],
        },
    ]
