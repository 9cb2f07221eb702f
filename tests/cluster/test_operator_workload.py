"""Runs that take over what the workload has that serves the shop, with the shipped rights."""

from __future__ import annotations

import pytest

from medusa_testbed import objects
from medusa_testbed.kubelet.images import RUNNER, Image
from medusa_testbed.operators import USER, permit
from medusa_testbed.shops import Shop, succeeds_in_project
from medusa_testbed.waiting import eventually
from shop_images import CARRIED, hollow, project, publish, publish_runner

DEPLOYMENTS, STATEFUL_SETS = "apps/v1/deployments", "apps/v1/statefulsets"
SERVER = {"image": "shop:42", "workloadRef": {"name": "shop"}}
NEEDS = 'if (process.env.SHOP_REGION !== "north") throw new Error("SHOP_REGION is not set")\n'


@pytest.fixture
def quick(kubelet):
    """The shop's image, whose runs end at once, and well."""
    for image in (RUNNER, "shop:42"):
        kubelet.images[image] = Image(outcome=succeeds_in_project)


def serves(kind="Deployment", name="shop", pod=None, annotations=None, more=None, **container):
    """Return a workload without replicas, so that nothing of it runs here."""
    labels = {"app": "shop"}
    server = {"name": "server", "image": "shop:41"} | container
    template = {
        "metadata": {"labels": labels, "annotations": annotations or {}},
        "spec": {"containers": [server]} | (pod or {}),
    }
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    return {
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec | (more or {}),
    }  # fmt: skip


def pod_of(shop):
    (job,) = shop.jobs()
    return job["spec"]["template"]["spec"]


def events(kubectl):
    """Return the reasons of the Events of resources."""
    found = kubectl.json("get", "events")["items"]
    return {one["reason"] for one in found if one["involvedObject"]["kind"] == "MedusaDatabase"}


def variables(shop):
    return {one["name"]: one.get("value") for one in pod_of(shop)["containers"][0]["env"]}


def test_a_shop_is_migrated_with_the_variables_and_files_of_its_deployment(
    shop, url, kubelet, cluster, tmp_path
):
    publish_runner(kubelet, tmp_path)
    folder = project(tmp_path / "shop", "1.7.15")
    config = folder / "medusa-config.js"
    config.write_text(NEEDS + config.read_text())
    publish(kubelet, "shop:42", folder)
    shop.database(url)
    settings = objects.config_map("shop-env", {"SHOP_REGION": "north"})
    cluster.api.create("v1/configmaps", settings, shop.namespace)

    shop.declare(
        "1.7.15", server={"image": "shop:42", "workingDir": "/server"}, job={"image": CARRIED}
    )
    alone = shop.wait("NotVerified", within=90)
    shop.change(server={"workloadRef": {"name": "shop"}, "workingDir": None})
    waiting = shop.wait("ReferenceMissing")
    eventually(lambda: "finalizers" not in shop.get()["metadata"])  # which goes behind the status
    deployment = serves(
        workingDir="/server",
        env=[{"name": "DATABASE_URL", "value": "postgres://elsewhere"}],
        envFrom=[{"configMapRef": {"name": "shop-env"}}],
        volumeMounts=[{"name": "config", "mountPath": "/etc/shop"}],
        pod={"volumes": [{"name": "config", "configMap": {"name": "shop-env"}}]},
    )
    cluster.api.create(DEPLOYMENTS, deployment, shop.namespace)
    shop.wait(within=120)

    assert "SHOP_REGION is not set" in alone["message"]
    assert waiting["message"] == (
        "the run waits: Deployment shop of spec.server.workloadRef is not there"
    )
    assert shop.status()["migrations"] == {"migrations": 60}
    assert shop.history() == [
        ("migrate-1.7.15", "Failed", "NotVerified"), ("migrate-1.7.15", "Succeeded", ""),
    ]  # fmt: skip


@pytest.mark.usefixtures("quick")
def test_it_is_asked_for_when_a_job_is_to_be_made_and_not_at_rest(shop, cluster):
    shop.database("postgres://nobody")
    deployment = serves(env=[{"name": "A", "value": "old"}])
    cluster.api.create(DEPLOYMENTS, deployment, shop.namespace)
    mark = cluster.requests.mark()

    shop.declare("2.21.2", server=SERVER)
    shop.wait()
    first = variables(shop)["A"]
    asked = cluster.requests.since(mark).of(USER).on("deployments").count()
    mark = cluster.requests.mark()
    changed = serves(env=[{"name": "A", "value": "new"}])
    cluster.api.patch(DEPLOYMENTS, "shop", {"spec": changed["spec"]}, shop.namespace)
    shop.change(timeouts={"run": "2h"}, suspend=False)
    shop.wait()
    rested = cluster.requests.since(mark).of(USER).on("deployments").count()
    jobs = len(shop.jobs())
    shop.ask_to_verify("one")
    shop.wait_verified("Verified", "one")

    assert (first, rested, jobs) == ("old", {}, 1)
    assert asked == {"get deployments": 2}  # what is found is reported before a Job is made
    (verify,) = (job for job in shop.jobs() if "-verify-" in job["metadata"]["name"])
    env = verify["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "A", "value": "new"} in env
    again = cluster.requests.since(mark).of(USER).on("deployments").count()
    assert again.keys() == {"get deployments"}
    assert again["get deployments"] <= 3  # a look that met a newer resource is repeated


@pytest.mark.usefixtures("quick")
def test_without_the_right_it_waits_and_says_which_one_is_missing(
    solo, cluster, kubectl, namespace, eventually
):
    cluster.api.create("v1/serviceaccounts", {"metadata": {"name": "kept"}}, namespace)
    permit(kubectl, namespace, "kept")
    role = kubectl.json("get", "role", "medusa-database-operator")
    less = [rule for rule in role["rules"] if rule["apiGroups"] != ["apps"]]
    roles = "rbac.authorization.k8s.io/v1/roles"
    cluster.api.patch(roles, "medusa-database-operator", {"rules": less}, namespace)
    cluster.api.create(STATEFUL_SETS, serves("StatefulSet", more={"serviceName": "s"}), namespace)
    operator = solo(
        "--namespace", namespace, "--lease-namespace", namespace,
        kubeconfig=cluster.service_account(namespace, "kept"),
    )  # fmt: skip
    shop = Shop(cluster.api, namespace)
    shop.database("postgres://nobody")

    shop.declare("2.21.2", server=SERVER | {"workloadRef": {"kind": "StatefulSet", "name": "shop"}})
    forbidden = shop.wait("ReferenceForbidden")
    told = eventually(lambda: events(kubectl))
    version = shop.get()["metadata"]["resourceVersion"]
    permit(kubectl, namespace, "kept")
    before = shop.get()["metadata"]["resourceVersion"]
    shop.wait(within=90)

    assert forbidden["message"].startswith(
        "the run waits: StatefulSet shop of spec.server.workloadRef cannot be read: statefulsets.apps "
        '"shop" is forbidden'
    )
    assert told == {"ReferenceForbidden"}
    assert version == before
    assert operator.exited is None


@pytest.mark.usefixtures("quick")
def test_what_a_run_cannot_take_over_is_named_and_what_the_resource_says_counts_instead(
    shop, cluster
):
    cluster.api.create(
        STATEFUL_SETS,
        serves(
            "StatefulSet",
            volumeMounts=[
                {"name": "tmp", "mountPath": "/tmp"},
                {"name": "tmp", "mountPath": "/tmp/../cache/"},
                {"name": "data", "mountPath": "/data"},
                {"name": "node", "mountPath": "/node", "mountPropagation": "HostToContainer"},
            ],
            env=[
                {"name": "TWICE", "value": "1"},
                {"name": "TWICE", "value": "$(TWICE)2"},
                {"name": "odd name, with=no".replace("=", "-"), "value": "3"},
                {"name": "*", "valueFrom": {"secretKeyRef": {"name": "nobody", "key": "k",
                                                             "optional": True}}},
            ],
            pod={
                "volumes": [
                    {"name": "tmp", "emptyDir": {"medium": "Memory"}},
                    {"name": "node", "hostPath": {"path": "/"}},
                ],
                "initContainers": [{"name": "install", "image": "x"}],
                "hostNetwork": True,
                "serviceAccountName": "somebody",
                "securityContext": {"runAsUser": 0, "fsGroup": 5},
            },
            more={"serviceName": "s", "volumeClaimTemplates": [{
                "metadata": {"name": "data"}, "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}}}}]},
        ),
        shop.namespace,
    )  # fmt: skip
    shop.database("postgres://nobody")

    shop.declare("2.21.2", server=SERVER | {"workloadRef": {"kind": "StatefulSet", "name": "shop"}})
    claim = shop.wait("WorkloadUnusable")
    empty = [{"name": "data", "emptyDir": {}}]
    shop.change(job={"template": {"spec": {"volumes": empty}}})
    node = shop.wait_for(
        lambda body: (
            "hostPath" in objects.condition(body, "Ready").get("message", "")
            and objects.condition(body, "Ready")
        )
    )
    empty.append({"name": "node", "emptyDir": {}})
    shop.change(job={"template": {"spec": {"volumes": empty}}})
    shop.wait()

    assert claim["message"].startswith(
        "container server of StatefulSet shop mounts volume data, which its pod template does not have"
    )
    assert node["message"].startswith(
        "container server of StatefulSet shop mounts volume node, which is of kind hostPath"
    )
    pod = pod_of(shop)
    assert [(one["name"], one["mountPath"]) for one in pod["containers"][0]["volumeMounts"]] == [
        ("tmp", "/tmp"), ("shop-tmp", "/tmp/../cache/"), ("data", "/data"), ("node", "/node"),
        ("medusa-db", "/medusa-db"),
    ]  # fmt: skip
    assert variables(shop)["TWICE"] == "$(TWICE)2"
    assert (pod["serviceAccountName"], "hostNetwork" in pod) == ("default", False)
    assert pod["securityContext"] == {
        "runAsNonRoot": True, "fsGroup": 5, "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip


def test_a_job_that_waits_for_what_a_deployment_names_is_made_anew_once_that_is_corrected(
    shop, cluster, kubelet, tmp_path, eventually
):
    publish_runner(kubelet, tmp_path)
    publish(kubelet, "shop:42", hollow(tmp_path / "shop", "2.21.2"))
    wrong = serves(envFrom=[{"secretRef": {"name": "nobody"}}])
    cluster.api.create(DEPLOYMENTS, wrong, shop.namespace)
    shop.database("postgres://127.0.0.1:1/nobody")

    shop.declare("2.21.2", server=SERVER, job={"image": CARRIED})
    stuck = shop.wait("ReferenceMissing")
    (first,) = shop.jobs()
    right = serves(envFrom=[{"secretRef": {"name": "shop-db"}}])
    cluster.api.patch(DEPLOYMENTS, "shop", {"spec": right["spec"]}, shop.namespace)
    name = first["metadata"]["name"]
    again = eventually(
        lambda: next((job for job in shop.jobs() if job["metadata"]["name"] != name), None),
        within=90,
    )

    assert 'secret "nobody" not found' in stuck["message"]
    container = again["spec"]["template"]["spec"]["containers"][0]
    assert container["envFrom"] == [{"secretRef": {"name": "shop-db"}}]
