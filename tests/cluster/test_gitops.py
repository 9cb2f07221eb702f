"""What a GitOps tool applies, and what the operator writes, do not fight; Argo CD's actions do what they say."""

from __future__ import annotations

import json

import pytest
import yaml

import argocd
from medusa_testbed.kubelet.images import RUNNER, Image
from medusa_testbed.shops import RESOURCE, fails, succeeds, succeeds_in_project

pytestmark = pytest.mark.usefixtures("kubelet")

TOOLS = {
    "argo-cd": ("apply", "--field-manager=argocd-controller"),
    "argo-cd-server-side": ("apply", "--server-side", "--field-manager=argocd-controller", "--force-conflicts"),
    "flux": ("apply", "--server-side", "--field-manager=kustomize-controller", "--force-conflicts"),
}  # fmt: skip
DECLARED = {
    "least": {},
    "much": {
        "suspend": False,
        "upgrade": {"approval": "Automatic", "stops": ["1.3.9"], "acknowledged": ["1.13.0"]},
        "timeouts": {"run": "2h", "lock": "60s"},
        "retry": {"limit": 3},
        "verify": {"interval": "12h"},
        "job": {
            "ttlSecondsAfterFinished": 600,
            "resources": {"requests": {"cpu": "0.1", "memory": "64Mi"}},
            "template": {"metadata": {"labels": {"team": "shop"}}, "spec": {"terminationGracePeriodSeconds": 20}},
        },
    },
    "a shop's own image": {
        "version": "2.21.2",
        "server": {
            "image": "shop:42",
            "workingDir": "/server",
            "env": [{"name": "B", "value": "1"}, {"name": "A", "value": "2"}],
            "envFrom": [{"secretRef": {"name": "shop-env"}}],
            "imagePullSecrets": [{"name": "registry"}],
            "resources": {"limits": {"memory": "1Gi"}},
        },
        "upgrade": {"acknowledged": ["2.21.2", "links"]},
    },
}  # fmt: skip


@pytest.fixture
def _quick(kubelet):
    """Runs that end well at once."""
    kubelet.images[RUNNER] = Image(outcome=succeeds)
    kubelet.images["shop:42"] = Image(outcome=succeeds_in_project)


def declared(shop, **spec):
    database = {"urlSecretRef": {"name": "shop-db", "key": "url"}}
    return {
        "apiVersion": "medusadb.dev/v1alpha1",
        "kind": "MedusaDatabase",
        "metadata": {"name": "shop", "namespace": shop.namespace},
        "spec": {"version": "1.20.11", "database": database} | spec,
    }


def without_managers(body):
    return body | {"metadata": body["metadata"] | {"managedFields": None}}


@pytest.mark.parametrize("spec", DECLARED)
@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.usefixtures("_quick")
def test_applied_again_nothing_changes(shop, kubectl, tool, spec):
    body = declared(shop, **DECLARED[spec])
    shop.database("postgres://nobody")
    kubectl(*TOOLS[tool], "-f", "-", stdin=body)
    shop.wait()
    at_rest = shop.wait_for(lambda one: "finalizers" not in one["metadata"] and one)

    kubectl(*TOOLS[tool], "-f", "-", stdin=body)

    again = kubectl.json("get", "mdb", "shop", "--show-managed-fields")
    assert again["metadata"]["resourceVersion"] == at_rest["metadata"]["resourceVersion"]
    assert again["metadata"]["generation"] == 1
    assert not argocd.differs(again, body)
    assert argocd.health(again)[0].status == "Healthy"


@pytest.mark.parametrize("tool", TOOLS)
def test_applied_during_a_run_the_finalizer_and_the_status_stay(shop, kubectl, kubelet, tool):
    kubelet.images[RUNNER] = Image(entrypoint=("sleep", "300"))
    body = declared(shop)
    shop.database("postgres://nobody")
    kubectl(*TOOLS[tool], "-f", "-", stdin=body)
    running = shop.wait("Migrating")
    before = shop.get()

    kubectl(*TOOLS[tool], "-f", "-", stdin=body)

    after = shop.get()
    assert without_managers(after) == without_managers(before)
    assert after["metadata"]["finalizers"] == ["medusadb.dev/running-job"]
    assert not argocd.differs(after, body)
    assert argocd.health(after)[0].status == "Progressing"
    assert running["status"] == "False"


@pytest.mark.usefixtures("_quick")
def test_the_operator_owns_nothing_that_a_tool_applies(shop, kubectl):
    shop.database("postgres://nobody")
    kubectl(*TOOLS["argo-cd-server-side"], "-f", "-", stdin=declared(shop))
    shop.wait()

    fields = kubectl.json("get", "mdb", "shop", "--show-managed-fields")["metadata"]["managedFields"]  # fmt: skip

    of_the_operator = [each for each in fields if each["manager"] == "medusa-database-operator"]
    assert {each.get("subresource", "") for each in of_the_operator} <= {"status", ""}
    for each in of_the_operator:
        wanted = {"f:status"} if each.get("subresource") else {"f:metadata"}
        assert set(each["fieldsV1"]) == wanted


@pytest.mark.usefixtures("_quick")
def test_argo_cd_shows_a_field_that_somebody_else_has_changed(shop, kubectl):
    body = declared(shop, timeouts={"run": "2h"})
    shop.database("postgres://nobody")
    kubectl(*TOOLS["argo-cd"], "-f", "-", stdin=body)
    shop.wait()

    shop.change(timeouts={"run": "3h"})

    assert argocd.differs(shop.get(), body)


def act(shop, action):
    """Do what Argo CD's server does for an action."""
    live = shop.get()
    assert action in argocd.actions(live)
    sent = argocd.patch(live, action)
    shop.api.patch(RESOURCE, "shop", sent, shop.namespace)


@pytest.mark.usefixtures("_quick")
def test_actions_suspend_and_resume(shop, kubectl):
    body = declared(shop)
    shop.database("postgres://nobody")
    kubectl(*TOOLS["argo-cd"], "-f", "-", stdin=body)
    shop.wait()

    act(shop, "suspend")
    shop.wait_for(lambda one: one["status"]["observedGeneration"] == 2)
    suspended = shop.condition("Suspended")["status"]
    paused = argocd.differs(shop.get(), body)
    act(shop, "resume")
    shop.wait_for(lambda one: one["status"]["observedGeneration"] == 3)

    assert (suspended, shop.condition("Suspended")["status"]) == ("True", "False")
    assert not paused  # what the repository does not name is left alone, by selfHeal, too
    assert not argocd.differs(shop.get(), body)


def test_the_action_retry_tries_again_at_once(shop, kubelet):
    kubelet.images[RUNNER] = Image(outcome=fails(5, "password is wrong"))
    shop.database("postgres://nobody")
    shop.declare()
    shop.wait("AccessDenied")
    stalled = argocd.health(shop.get())[0]
    kubelet.images[RUNNER] = Image(outcome=succeeds)

    act(shop, "retry")
    shop.wait()

    assert (stalled.status, stalled.message.partition(":")[0]) == ("Degraded", "AccessDenied")


@pytest.mark.usefixtures("_quick")
def test_the_action_verify_compares_the_schema(shop):
    shop.database("postgres://nobody")
    shop.declare()
    shop.wait()

    act(shop, "verify")

    shop.wait_verified(token=shop.get()["metadata"]["annotations"]["medusadb.dev/verify"])


@pytest.mark.usefixtures("_quick")
def test_the_action_acknowledge_approves_one_step_at_a_time(shop):
    shop.database("postgres://nobody")
    shop.declare("1.7.15", upgrade={"stops": ["1.3.9"], "approval": "Manual"})
    shop.wait("AwaitingApproval")

    act(shop, "acknowledge")
    shop.wait_for(lambda one: one["status"].get("appliedVersion") == "1.3.9")
    shop.wait("AwaitingApproval")
    first = shop.get()["spec"]["upgrade"]["acknowledged"]
    act(shop, "acknowledge")
    shop.wait()

    assert (first, shop.get()["spec"]["upgrade"]["acknowledged"]) == (
        ["1.3.9"],
        ["1.3.9", "1.7.15"],
    )


@pytest.mark.usefixtures("rights")
def test_the_recipe_of_argo_cd_is_accepted(kubectl):
    database, server = yaml.safe_load_all((argocd.FOLDER / "sync-wave.yaml").read_text())

    kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(database))
    kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(server))


def test_the_config_map_is_merged_into_that_of_argo_cd(cluster, kubectl):
    cluster.api.create("v1/namespaces", {"metadata": {"name": "argocd"}})
    config = "v1/configmaps"
    cluster.api.create(
        config, {"metadata": {"name": "argocd-cm"}, "data": {"url": "https://cd"}}, "argocd"
    )

    kubectl.within("argocd")("apply", "--server-side", "--field-manager=medusa-database-operator", "-f", argocd.CONFIG_MAP)  # fmt: skip

    merged = cluster.api.get(config, "argocd-cm", "argocd")["data"]
    shipped = yaml.safe_load(argocd.CONFIG_MAP.read_text())["data"]
    cluster.api.delete("v1/namespaces", "argocd")
    assert merged == shipped | {"url": "https://cd"}


@pytest.mark.usefixtures("_quick")
def test_a_tool_that_applies_a_status_is_not_heard(shop, kubectl):
    body = declared(shop) | {"status": {"observedGeneration": 7, "appliedVersion": "1.0.0"}}
    shop.database("postgres://nobody")

    kubectl(*TOOLS["argo-cd-server-side"], "-f", "-", stdin=body)
    shop.wait()

    assert shop.status()["appliedVersion"] == "1.20.11"
