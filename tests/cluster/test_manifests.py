"""What is shipped, as the API server takes it: no unknown field, nothing that `restricted` forbids."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import charts
from medusa_testbed.operators import DEPLOY, HOME

if TYPE_CHECKING:
    from medusa_testbed.control_plane import ControlPlane

EVERYTHING: dict[str, Any] = {
    "version": "1.20.11",
    "imagePullSecrets": [{"name": "registry"}],
    "database": {
        "host": "db",
        "name": "shop",
        "user": "medusa",
        "passwordSecret": {"name": "shop-db"},
        "sslMode": "verify-full",
        "caSecret": {"name": "ca"},
    },
    "seed": {"enabled": True, "configMap": {"name": "shop-seed"}},
    "job": {
        "podLabels": {"team": "shop"},
        "podAnnotations": {"sidecar.istio.io/inject": "false"},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "system-cluster-critical",
        "extraEnv": [{"name": "PGAPPNAME", "value": "shop"}],
        "extraVolumes": [{"name": "more", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
    },
    "serviceAccount": {"annotations": {"example.com/role": "migrator"}},
}


SERVER = {
    "version": "2.21.2",
    "server": {
        "image": "registry.example.com/shop:42",
        "imagePullSecrets": [{"name": "shops"}],
        "workingDir": "/server",
        "env": [{"name": "JWT_SECRET", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}],
        "envFrom": [{"secretRef": {"name": "shop-env"}}, {"configMapRef": {"name": "shop-env"}}],
        "resources": {"limits": {"memory": "2Gi"}},
    },
    "upgrade": {"acknowledged": ["2.21.2", "links"]},
    "database": EVERYTHING["database"],
    "job": EVERYTHING["job"],
    "imagePullSecrets": [{"name": "registry"}],
}
"""The same for a shop's own image."""


@pytest.fixture(autouse=True)
def _restricted(cluster: ControlPlane, namespace: str) -> None:
    labels = {f"pod-security.kubernetes.io/{how}": "restricted" for how in ("enforce", "warn")}
    cluster.api.patch("v1/namespaces", namespace, {"metadata": {"labels": labels}})


def refusals(kubectl, objects: list[charts.Object]) -> str:
    """Return what the API server has against *objects*; empty where nothing."""
    tried = kubectl.run("create", "--dry-run=server", "-f", "-", stdin=objects)
    return str(tried.stderr)


def pod(controller: charts.Object) -> charts.Object:
    """Return the pod that a Job or Deployment would create."""
    template = controller["spec"]["template"]
    name = {"name": "one", "namespace": controller["metadata"]["namespace"]}
    found = {"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"] | name}
    return found | {"spec": template["spec"] | {"serviceAccountName": "default"}}


@pytest.mark.parametrize("hook", [True, False])
def test_the_hook_charts_objects_are_accepted(kubectl, namespace, hook):
    made = charts.render(charts.HOOK, EVERYTHING | {"hook": {"enabled": hook}}, namespace=namespace)

    pods = [pod(each) for each in made if each["kind"] == "Job"]

    assert refusals(kubectl, [*made, pods[0]]) == ""
    assert refusals(kubectl, [pods[1]]) == ""


@pytest.mark.parametrize("runner", ["Carried", "Image"])
def test_the_hook_charts_objects_with_a_shops_own_image_are_accepted(kubectl, namespace, runner):
    values = SERVER | {"server": SERVER["server"] | {"runner": runner}}

    made = charts.render(charts.HOOK, values, namespace=namespace)

    assert refusals(kubectl, made) == ""
    for each in made:
        if each["kind"] == "Job":
            assert refusals(kubectl, [pod(each)]) == ""


def test_a_shop_whose_pods_migrate_in_their_own_image_is_accepted(kubectl, namespace):
    file = DEPLOY / "init-containers" / "deployment.yaml"
    [deployment] = yaml.safe_load_all(file.read_text())
    deployment["metadata"]["namespace"] = namespace

    assert refusals(kubectl, [deployment, pod(deployment)]) == ""


def test_the_page_of_init_containers_shows_what_is_in_that_manifest():
    page = (charts.ROOT / "docs" / "init-container.md").read_text()
    [_, lines] = re.findall(r"^    initContainers:\n(?:    +.+\n)+", page, re.MULTILINE)
    file = DEPLOY / "init-containers" / "deployment.yaml"
    whole = yaml.safe_load(file.read_text())["spec"]["template"]["spec"]

    for ours, its in zip(
        yaml.safe_load(lines)["initContainers"], whole["initContainers"], strict=True
    ):
        same = ours.keys() & {"name", "image", "workingDir", "command", "args"}
        assert {key: ours[key] for key in same} == {key: its[key] for key in same}
        assert ours["volumeMounts"][0] in its["volumeMounts"]


def test_the_operator_charts_objects_are_accepted(kubectl, namespace):
    values = {
        "crds": {"install": False},
        "imagePullSecrets": [{"name": "registry"}],
        "metrics": {"service": {"annotations": {"prometheus.io/scrape": "true"}}},
        "networkPolicy": {"enabled": True, "apiServer": {"cidrs": ["10.0.0.1/32", "fd00::1/128"]}},
        **EVERYTHING["job"],
    }

    made = charts.render(charts.OPERATOR, values, namespace=namespace)

    assert refusals(kubectl, [*made, pod(charts.only(made, "Deployment"))]) == ""


def test_the_manifests_are_applied_as_one(cluster, kubectl):
    if cluster.api.find("v1/namespaces", HOME) is None:  # a dry run creates nothing to be in
        cluster.api.create("v1/namespaces", {"metadata": {"name": HOME}})

    tried = kubectl.within(HOME).run("apply", "--server-side", "--dry-run=server", "--force-conflicts", "-k", DEPLOY)  # fmt: skip

    assert tried.stderr == ""
    assert len(tried.stdout.splitlines()) == len(charts.manifests("."))


def test_the_manifests_pod_is_restricted(kubectl, namespace):
    deployment = charts.only(charts.manifests("."), "Deployment")

    deployment["metadata"]["namespace"] = namespace

    assert refusals(kubectl, [deployment, pod(deployment)]) == ""


def test_the_namespaced_manifests_are_applied_as_one(kubectl, namespace):
    made = json.loads(
        json.dumps(charts.manifests("namespaced")).replace('"shop"', f'"{namespace}"')
    )

    accepted = kubectl.run("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=made)

    assert accepted.stderr == ""
    assert len(accepted.stdout.splitlines()) == len(made)


def test_the_network_policy_of_the_manifests_is_accepted(kubectl, namespace):
    policy = charts.only(charts.manifests(".", "options/network-policy"), "NetworkPolicy")

    policy["metadata"]["namespace"] = namespace

    assert refusals(kubectl, [policy]) == ""
