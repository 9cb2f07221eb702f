"""The control plane is a real one, and tells what it was asked."""

from __future__ import annotations

from collections import Counter

from medusa_testbed.kubectl import Verdict, kstatus
from medusa_testbed.objects import config_map


def test_kubectl_and_api_server_are_of_one_version(kubectl):
    told = kubectl.json("version")

    assert told["clientVersion"]["gitVersion"] == told["serverVersion"]["gitVersion"]


def test_a_service_account_has_the_rights_of_its_roles_and_no_more(kubectl, cluster, namespace):
    kubectl("create", "serviceaccount", "reader")
    kubectl("create", "role", "reader", "--verb=get,list", "--resource=configmaps")
    kubectl(
        "create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={namespace}:reader"
    )
    reader = kubectl.using(cluster.service_account(namespace, "reader"))

    allowed = reader.run("get", "configmaps")
    refused = reader.run("get", "secrets")

    assert allowed.returncode == 0, allowed.stderr
    assert f'User "system:serviceaccount:{namespace}:reader" cannot list' in refused.stderr


def test_requests_are_told_by_user_and_verb(kubectl, cluster, namespace):
    kubectl("create", "serviceaccount", "writer")
    kubectl(
        "create", "rolebinding", "w", "--clusterrole=edit", f"--serviceaccount={namespace}:writer"
    )
    writer = kubectl.using(cluster.service_account(namespace, "writer"))
    kubectl("get", "configmaps")
    mark = cluster.requests.mark()

    writer("create", "configmap", "a", "--from-literal=k=v")
    writer("get", "configmap", "a")
    writer.run("get", "nodes", "some")

    user = f"system:serviceaccount:{namespace}:writer"
    made = cluster.requests.since(mark).of(user)
    told = Counter({"create configmaps": 1, "get configmaps": 1, "get nodes": 1})
    assert {name: made.count()[name] for name in told} == told
    assert made.writes.count() == Counter({"create configmaps": 1})
    assert made.denied.rules == {("", "nodes", "get")}


def test_the_api_server_comes_back_with_all_it_had(kubectl, cluster):
    kubectl.apply(config_map("kept", {"a": "1"}))

    cluster.stop_api_server()
    away = kubectl.run("get", "configmap", "kept")
    cluster.start_api_server()

    assert "refused" in away.stderr
    assert kubectl.json("get", "configmap", "kept")["data"] == {"a": "1"}


def test_kstatus_is_asked_about_objects(kubectl):
    kubectl.apply(config_map("plain", {}))
    waiting = {
        "apiVersion": "example.com/v1",
        "kind": "Thing",
        "metadata": {"name": "x", "generation": 2},
        "status": {"observedGeneration": 1},
    }

    told = kstatus([kubectl.json("get", "configmap", "plain"), waiting])

    assert [verdict.status for verdict in told] == ["Current", "InProgress"]
    assert told[0] == Verdict("Current", "Resource is always ready")


def test_helm_installs_on_the_cluster(kubectl, tmp_path):
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: small\nversion: 1.0.0\n")
    (chart / "templates" / "c.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-helm}\ndata: {a: b}\n"
    )

    kubectl.helm("install", "small", chart)

    assert kubectl.json("get", "configmap", "from-helm")["data"] == {"a": "b"}
