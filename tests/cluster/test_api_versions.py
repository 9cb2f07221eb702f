"""The way of the API from version to version: old objects under the new definition, v1 beside v1alpha1."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from medusa_testbed.kubectl import Kubectl
from medusa_testbed.kubelet.images import RUNNER, Image
from medusa_testbed.operators import DEPLOY, OWN
from medusa_testbed.shops import RESOURCE, Shop, succeeds

FIRST = Path(__file__).parent / "definitions" / "first.yaml"
PRESENT = DEPLOY / "crd" / "medusadatabases.yaml"
CRD = "customresourcedefinition/medusadatabases.medusadb.dev"
KEY = {"name": "shop-db", "key": "url"}
STATUS = {
    "observedGeneration": 1,
    "appliedVersion": "1.12.3",
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "UpToDate",
            "message": "the database is at 1.12.3",
            "lastTransitionTime": "2024-01-02T03:04:05Z",
            "observedGeneration": 1,
        }
    ],
}
SPECS = {
    "url": {"version": "1.12.3", "database": {"urlSecretRef": KEY}},
    "parts": {
        "version": "1.20.11",
        "database": {
            "host": "postgres", "port": 5433, "nameSecretRef": KEY, "user": "medusa",
            "passwordSecretRef": KEY, "sslMode": "verify-full",
            "caConfigMapRef": {"name": "ca", "key": "ca.crt"}, "schema": "boutique",
        },
        "featureFlags": {"sales_channels": True, "tax_inclusive_pricing": False},
        "baseline": "1.11.0",
        "upgrade": {
            "stops": ["1.12.3"], "approval": "Manual", "acknowledged": ["1.13.0"], "allowOlder": True,
            "transaction": "Each",
        },
        "dataSteps": {"skip": False, "extra": ["1.3.0/discount_rules"]},
        "timeouts": {"connect": "1m", "lock": "20m", "lockTimeout": "1s", "statement": "1h", "run": "2h"},
        "retry": {"limit": 3},
        "deletionPolicy": "Cancel",
    },
    "job": {
        "version": "1.20.11",
        "database": {"urlSecretRef": KEY},
        "seed": {"policy": "OnChange", "from": {"configMapKeyRef": {"name": "seed", "key": "seed.json"}}},
        "job": {
            "image": "medusa-db:test", "imagePullPolicy": "IfNotPresent", "serviceAccountName": "shop",
            "resources": {"limits": {"memory": "1Gi"}}, "ttlSecondsAfterFinished": 60,
            "activeDeadlineSeconds": 7200,
            "template": {
                "metadata": {"labels": {"team": "shop"}, "annotations": {"sidecar.istio.io/inject": "false"}},
                "spec": {
                    "nodeSelector": {"disk": "fast"},
                    "tolerations": [{"key": "batch", "operator": "Exists"}],
                    "imagePullSecrets": [{"name": "registry"}],
                    "volumes": [{"name": "more", "emptyDir": {}}],
                    "containers": [
                        {"name": "medusa-db", "env": [{"name": "PGAPPNAME", "value": "shop"}],
                         "volumeMounts": [{"name": "more", "mountPath": "/more"}]}
                    ],
                },
            },
        },
        "suspend": True,
    },
}  # fmt: skip
"""Of every kind of field of the first release one, in as many resources as that needs."""


@pytest.fixture
def define(cluster, rights, tmp_path):
    """Return what puts a definition into the cluster; behind the test the present one is there again."""
    del rights
    kubectl = Kubectl(cluster.kubeconfig, tmp_path, "default")

    def apply(definition):
        file = tmp_path / "definition.yaml"
        file.write_text(definition if isinstance(definition, str) else yaml.safe_dump(definition))
        kubectl("apply", "--server-side", "--force-conflicts", "-f", file)
        kubectl("wait", "--for=condition=Established", CRD)

    yield apply
    apply(PRESENT.read_text())


def body(name, spec, version="v1alpha1"):
    return {
        "apiVersion": f"medusadb.dev/{version}",
        "kind": "MedusaDatabase",
        "metadata": {"name": name, "labels": {OWN: "first"}},
        "spec": spec,
    }


def within(part, whole):
    """Whether *whole* says everything that *part* does; what was filled in by defaults may be more."""
    if isinstance(part, dict):
        return all(key in whole and within(value, whole[key]) for key, value in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(within, part, whole))
    return part == whole


@pytest.mark.parametrize("name", SPECS)
def test_a_resource_of_the_first_release_is_kept_whole(cluster, define, kubectl, namespace, name):
    define(FIRST.read_text())
    kubectl.apply(body(name, SPECS[name]))
    cluster.api.patch(RESOURCE, name, {"status": STATUS}, namespace, part="status")
    before = cluster.api.get(RESOURCE, name, namespace)

    define(PRESENT.read_text())
    after = cluster.api.get(RESOURCE, name, namespace)
    affected = kubectl("annotate", "mdb", name, "note=x")

    assert within(SPECS[name], before["spec"])
    assert within(before["spec"], after["spec"])
    assert within(before["status"], after["status"])
    assert "annotated" in affected  # what is stored is valid under the present definition
    assert within(before["spec"], cluster.api.get(RESOURCE, name, namespace)["spec"])


def test_a_resource_of_the_first_release_is_reconciled(
    cluster, define, kubectl, namespace, operator, kubelet
):
    kubelet.images[RUNNER] = Image(outcome=succeeds)
    define(FIRST.read_text())
    shop = Shop(cluster.api, namespace, "url")
    shop.database("postgres://nobody")
    kubectl.apply(
        body("url", SPECS["url"] | {"database": {"urlSecretRef": {"name": "url-db", "key": "url"}}})
    )
    cluster.api.patch(RESOURCE, "url", {"status": STATUS}, namespace, part="status")

    define(PRESENT.read_text())
    operator.revive()
    kubectl("label", "mdb", "url", f"{OWN}-")
    shop.change(version="1.20.11", upgrade={"approval": "Automatic"})

    shop.wait()
    assert shop.status()["appliedVersion"] == "1.20.11"


def with_v1():
    """Return the present definition with v1 served beside v1alpha1, as a later release will."""
    definition = yaml.safe_load(PRESENT.read_text())
    [alpha] = definition["spec"]["versions"]
    definition["spec"]["versions"] = [
        alpha,
        copy.deepcopy(alpha) | {"name": "v1", "storage": False},
    ]
    return definition


def test_v1_beside_v1alpha1_is_the_same_resource_without_a_webhook(
    cluster, define, kubectl, namespace, operator, kubelet, eventually
):
    kubelet.images[RUNNER] = Image(outcome=succeeds)
    define(with_v1())
    operator.revive()
    shop = Shop(cluster.api, namespace)
    shop.database("postgres://nobody")
    eventually(lambda: "v1 " in kubectl("api-resources", "--api-group=medusadb.dev") + " ")
    spec = {
        "version": "1.12.3",
        "database": {"urlSecretRef": KEY},
        "upgrade": {"approval": "Automatic"},
    }

    made = body("shop", spec, "v1")
    del made["metadata"]["labels"]
    kubectl.apply(made)
    shop.wait()
    kubectl.apply(body("other", SPECS["job"]))

    first, second = (
        kubectl.json("get", f"medusadatabases.{each}.medusadb.dev", "shop")
        for each in ("v1", "v1alpha1")
    )
    assert [each.pop("apiVersion") for each in (first, second)] == [
        "medusadb.dev/v1",
        "medusadb.dev/v1alpha1",
    ]
    for each in (first, second):
        each["metadata"].pop("managedFields", None)
    assert first == second
    assert within(
        SPECS["job"], kubectl.json("get", "medusadatabases.v1.medusadb.dev", "other")["spec"]
    )


def test_the_stored_version_moves_and_the_old_one_goes(kubectl, eventually):
    # on a group of its own: what has been stored as v1 cannot be taken back to v1alpha1 only
    def define(definition):
        kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=definition)

    definition = with_v1()
    definition["metadata"]["name"] = "medusadatabases.moved.medusadb.dev"
    definition["spec"]["group"] = "moved.medusadb.dev"
    definition["spec"]["names"].pop("shortNames")
    definition["spec"]["names"].pop("categories")
    alpha, first = definition["spec"]["versions"]
    name = f"crd/{definition['metadata']['name']}"
    old, new = (f"medusadatabases.{each}.moved.medusadb.dev" for each in ("v1alpha1", "v1"))
    define(definition)
    resource = body("parts", SPECS["parts"]) | {"apiVersion": "moved.medusadb.dev/v1alpha1"}
    eventually(lambda: kubectl.run("get", old).returncode == 0)
    kubectl.apply(resource)

    only = copy.deepcopy(definition)
    only["spec"]["versions"] = [first | {"storage": True}]
    too_early = kubectl.run(
        "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=only
    ).stderr
    alpha["storage"], first["storage"] = False, True
    define(definition)
    stored = kubectl.json("get", name)["status"]["storedVersions"]
    # every object is written once, without a change: it is stored as v1 then
    kubectl("replace", "-f", "-", stdin=kubectl.json("get", new, "parts"))
    kubectl(
        "patch", name, "--subresource", "status", "--type", "merge", "-p",
        '{"status":{"storedVersions":["v1"]}}',
    )  # fmt: skip
    definition["spec"]["versions"] = [first]
    define(definition)

    assert "must remain in spec.versions until a storage migration" in too_early
    assert stored == ["v1alpha1", "v1"]
    eventually(lambda: kubectl.run("get", old).returncode != 0)
    assert within(SPECS["parts"], kubectl.json("get", new, "parts")["spec"])
    kubectl("delete", name)


def test_a_definition_that_is_taken_back_drops_what_it_does_not_know(
    cluster, define, kubectl, namespace
):
    newer = yaml.safe_load(PRESENT.read_text())
    spec = newer["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["later"] = {"type": "string"}
    define(newer)
    kubectl.apply(body("shop", SPECS["url"] | {"later": "x"}))
    there = cluster.api.get(RESOURCE, "shop", namespace)["spec"].get("later")

    define(PRESENT.read_text())
    hidden = cluster.api.get(RESOURCE, "shop", namespace)["spec"].get("later")
    define(newer)
    again = cluster.api.get(RESOURCE, "shop", namespace)["spec"].get("later")
    define(PRESENT.read_text())
    kubectl("annotate", "mdb", "shop", "note=x")
    define(newer)
    lost = cluster.api.get(RESOURCE, "shop", namespace)["spec"].get("later")

    # it is only hidden until the object is written the next time, then it is gone
    assert (there, hidden, again, lost) == ("x", None, "x", None)
