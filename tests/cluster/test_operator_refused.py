"""What the API server refuses, and what others do to Jobs and pods, is told to the owner and waited for."""

from __future__ import annotations

import json

import pytest

from medusa_testbed import objects
from medusa_testbed.api import ApiError
from medusa_testbed.kubelet.images import RUNNER, SHELL, Image, Outcome, shipped
from medusa_testbed.operators import OWN
from medusa_testbed.shops import JOBS, RESOURCE, Shop, fails, report, succeeds

ADMISSION = "admissionregistration.k8s.io/v1"


@pytest.fixture(autouse=True)
def _quick(kubelet):
    """No process runs in the container of a run."""
    kubelet.images[RUNNER] = Image(outcome=succeeds)


@pytest.fixture
def admission(cluster):
    """Create objects of admission, and take them away behind the test."""
    made = []

    def create(kind, body):
        made.append((f"{ADMISSION}/{kind}", body["metadata"]["name"]))
        cluster.api.create(f"{ADMISSION}/{kind}", body)

    yield create

    for kind, name in made:
        cluster.api.delete(kind, name)


def only(namespace):
    return {"matchLabels": {"kubernetes.io/metadata.name": namespace}}


def webhook_that_is_down(namespace):
    rule = {
        "apiGroups": ["batch"],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["jobs"],
    }
    return {
        "metadata": {"name": f"down-{namespace}"},
        "webhooks": [
            {
                "name": "guard.example.org",
                "clientConfig": {"url": "https://127.0.0.1:1/"},
                "rules": [rule],
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "timeoutSeconds": 2,
                "namespaceSelector": only(namespace),
            }
        ],
    }  # fmt: skip


def policy(name, namespace, resources, operation, expression):
    """Return a policy that refuses what *expression* does not allow, and its binding."""
    rule = {
        "apiGroups": ["*"],
        "apiVersions": ["*"],
        "operations": [operation],
        "resources": [resources],
    }
    spec = {
        "matchConstraints": {"resourceRules": [rule], "namespaceSelector": only(namespace)},
        "validations": [{"expression": expression, "message": "not in this shop"}],
    }
    binding = {"policyName": f"{name}-{namespace}", "validationActions": ["Deny"]}
    meta = {"name": f"{name}-{namespace}"}
    return {"metadata": meta, "spec": spec}, {"metadata": meta, "spec": binding}


def events(shop):
    return {
        event["reason"]: event["note"]
        for event in shop.api.list("events.k8s.io/v1/events", shop.namespace)
        if event["regarding"]["name"] == "shop"
    }


def in_force(shop, eventually, body, change=None):
    """Wait until what admission is to refuse is refused to an administrator, too."""
    kind = RESOURCE if body["kind"] == "MedusaDatabase" else JOBS

    def refused():
        try:
            if change is None:
                shop.api.create(kind, body, shop.namespace)
                shop.api.delete(kind, "probe", shop.namespace)
            else:
                shop.api.patch(kind, "probe", change, shop.namespace)
        except ApiError:
            return True
        return False

    if change is not None:
        shop.api.create(kind, body, shop.namespace)
    eventually(refused)


def probe_job():
    return {"kind": "Job"} | objects.job("probe", objects.container("true"), suspend=True)


def test_a_webhook_that_is_down_is_told_and_the_run_begins_once_it_is_gone(
    shop, cluster, admission, eventually
):
    shop.database("postgres://nobody")
    shop.declare("1.18.1")
    shop.wait()
    down = webhook_that_is_down(shop.namespace)
    admission("validatingwebhookconfigurations", down)
    in_force(shop, eventually, probe_job())

    shop.change(version="1.20.11")
    waiting = shop.wait("ApiServerError")
    event = eventually(lambda: events(shop).get("ApiServerError"))
    down["webhooks"] = []
    cluster.api.patch(
        f"{ADMISSION}/validatingwebhookconfigurations", down["metadata"]["name"], down
    )
    shop.wait(within=60)

    assert waiting["status"] == "False"
    assert 'failed calling webhook "guard.example.org"' in waiting["message"]
    assert 'failed calling webhook "guard.example.org"' in event


def test_a_policy_that_refuses_updates_of_jobs_stops_nothing_else(shop, admission, eventually):
    shop.database("postgres://nobody")
    rule, binding = policy("frozen", shop.namespace, "jobs", "UPDATE", "false")
    admission("validatingadmissionpolicies", rule)
    admission("validatingadmissionpolicybindings", binding)
    in_force(shop, eventually, probe_job(), {"metadata": {"labels": {"a": "b"}}})

    shop.declare("1.18.1")
    shop.wait()
    shop.change(version="1.20.11")
    shop.wait()

    assert [outcome for _, outcome, _ in shop.history()] == ["Succeeded"] * 2
    assert [job["spec"].get("ttlSecondsAfterFinished") for job in shop.jobs()] == [None, None]


def test_a_policy_that_refuses_the_finalizer_is_told_although_the_shop_was_ready(
    shop, cluster, admission, eventually
):
    shop.database("postgres://nobody")
    shop.declare("1.18.1")
    shop.wait()
    eventually(lambda: not shop.get()["metadata"].get("finalizers"))
    rule, binding = policy(
        "held", shop.namespace, "medusadatabases", "UPDATE", "!has(object.metadata.finalizers)"
    )
    admission("validatingadmissionpolicies", rule)
    admission("validatingadmissionpolicybindings", binding)
    probe = {
        "apiVersion": "medusadb.dev/v1alpha1", "kind": "MedusaDatabase",
        "metadata": {"name": "probe", "labels": {OWN: "none"}}, "spec": shop.get()["spec"],
    }  # fmt: skip
    in_force(shop, eventually, probe, {"metadata": {"finalizers": ["example.org/probe"]}})

    shop.change(version="1.20.11")
    waiting = shop.wait("JobForbidden")
    allow = {"spec": {"validations": [{"expression": "true"}]}}
    cluster.api.patch(f"{ADMISSION}/validatingadmissionpolicies", rule["metadata"]["name"], allow)
    cluster.api.patch(RESOURCE, "probe", {"metadata": {"finalizers": None}}, shop.namespace)
    shop.wait(within=90)

    assert "not in this shop" in waiting["message"]
    assert "finalizer" in waiting["message"]


@pytest.mark.parametrize(
    ("job", "said"),
    [
        pytest.param(
            {"template": {"spec": {"tolerations": [{"key": "batch", "operator": "Exist"}]}}},
            'spec.template.spec.tolerations[0].operator: Unsupported value: "Exist"',
            id="a-word",
        ),
        pytest.param(
            {"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "512Mi"}}},
            "must be less than or equal to memory limit",
            id="a-request-above-its-limit",
        ),
    ],
)
def test_what_the_definition_allows_and_no_job_may_have_stalls_with_its_sentence(job, said, shop):
    shop.database("postgres://nobody")

    shop.declare(job=job)
    stalled = shop.wait("JobInvalid")

    assert said in stalled["message"]
    assert shop.condition("Stalled")["status"] == "True"
    assert shop.jobs() == []


def test_an_init_container_that_fails_is_named(shop):
    shop.database("postgres://nobody")
    wait = {"name": "vault", "image": SHELL, "command": ["sh", "-c", "exit 3"]}

    shop.declare(job={"template": {"spec": {"initContainers": [wait]}}})
    failed = shop.wait("InitContainerFailed")

    assert failed["message"].startswith("init container vault of pod shop-migrate-")
    assert "exit code 3" in failed["message"]


def test_a_job_that_somebody_suspends_is_told_and_goes_on_once_it_is_resumed(
    shop, cluster, kubelet, eventually
):
    shop.database("postgres://nobody")
    kubelet.cordon("full")
    shop.declare()
    (job,) = eventually(shop.jobs)
    name = job["metadata"]["name"]

    cluster.api.patch("batch/v1/jobs", name, {"spec": {"suspend": True}}, shop.namespace)
    waiting = shop.wait("JobSuspended")
    kubelet.uncordon()
    cluster.api.patch("batch/v1/jobs", name, {"spec": {"suspend": False}}, shop.namespace)
    shop.wait()

    assert name in waiting["message"]
    assert [found["metadata"]["name"] for found in shop.jobs()] == [name]


def injects_a_sidecar(namespace):
    """Return a policy that puts a container that does not end into every pod, and its binding."""
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["pods"],
    }
    patch = (
        'JSONPatch{op: "add", path: "/spec/containers/-", value: Object.spec.containers{'
        f'name: "istio-proxy", image: "{SHELL}", command: ["sleep", "600"]}}}}'
    )
    spec = {
        "matchConstraints": {"resourceRules": [rule], "namespaceSelector": only(namespace)},
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": f"[{patch}]"}}],
    }
    meta = {"name": f"mesh-{namespace}"}
    return {"metadata": meta, "spec": spec}, {
        "metadata": meta,
        "spec": {"policyName": meta["name"]},
    }


def test_a_run_that_succeeded_is_seen_although_an_injected_sidecar_goes_on(
    shop, cluster, admission, eventually, kubelet, url
):
    kubelet.images.update(shipped())
    rule, binding = injects_a_sidecar(shop.namespace)
    admission("mutatingadmissionpolicies", rule)
    admission("mutatingadmissionpolicybindings", binding)

    def injected():
        spec = {"containers": [objects.container("true")], "nodeSelector": {"no": "such"}}
        made = cluster.api.create(
            "v1/pods", {"metadata": {"name": "probe"}, "spec": spec}, shop.namespace
        )
        cluster.api.delete("v1/pods", "probe", shop.namespace, gracePeriodSeconds=0)
        return len(made["spec"]["containers"]) == 2

    eventually(injected)
    shop.database(url)

    shop.declare()
    shop.wait("SidecarRunning")
    shop.wait()

    assert [outcome for _, outcome, _ in shop.history()] == ["Succeeded"]
    assert "container istio-proxy went on after the run" in shop.status()["warnings"][0]
    assert shop.jobs() == []


@pytest.fixture
def refuse_status(shop, cluster, admission, eventually):
    """Call it with what a status must be; what it returns allows every status again."""

    def refuse(expression, **probe):
        rule, binding = policy(
            "status", shop.namespace, "medusadatabases/status", "UPDATE", expression
        )
        admission("validatingadmissionpolicies", rule)
        admission("validatingadmissionpolicybindings", binding)
        Shop(cluster.api, shop.namespace, "probe", ((OWN, "none"),)).declare()

        def refused():
            told = {"status": {"observedGeneration": 1} | probe}
            try:
                cluster.api.patch(RESOURCE, "probe", told, shop.namespace, part="status")
            except ApiError:
                return True
            return False

        eventually(refused)
        allow = {"spec": {"validations": [{"expression": "true"}]}}
        kind, name = f"{ADMISSION}/validatingadmissionpolicies", rule["metadata"]["name"]
        return lambda: cluster.api.patch(kind, name, allow)

    return refuse


def test_a_status_that_is_refused_is_followed_by_the_least_one(shop, refuse_status):
    shop.database("postgres://nobody")
    allow = refuse_status("!has(object.status.targetVersion)", targetVersion="1.20.11")

    shop.declare()
    least = shop.wait("ResultInvalid")
    allow()
    shop.retry("again")
    shop.wait(within=60)

    assert "the status cannot be stored: " in least["message"]
    assert "not in this shop" in least["message"]


def test_a_run_whose_job_is_deleted_before_any_status_names_it_is_one_that_was_lost(
    shop, kubelet, refuse_status, eventually
):
    shop.database("postgres://nobody")
    kubelet.cordon("1 Insufficient memory")
    refuse_status("!has(object.status.job)", job="shop-x")

    shop.declare()
    (first,) = eventually(shop.jobs)
    shop.wait("ResultInvalid")
    shop.api.delete(JOBS, first["metadata"]["name"], shop.namespace, propagationPolicy="Background")
    eventually(shop.history)

    runs = [(run["job"], run["outcome"], run["reason"]) for run in shop.status()["history"]]
    assert runs == [(first["metadata"]["name"], "Failed", "JobLost")]


FORGED = {
    "another-product": {
        "proven": {"state": "version", "from": "2.0.0", "to": "2.0.0"},
        "exitCode": 9,
    },
    "a-large-version": {
        "proven": {"state": "version", "from": "1.1.0", "to": "1.99999.0"},
        "exitCode": 7,
    },
    "huge-numbers": {"migrationCount": 10**30, "exitCode": 8},
    "escapes": {"message": "\x1b[31mred\x1b[0m\x00", "reason": "x" * 3000, "exitCode": 7},
    "long-place": {
        "provenBefore": {"state": "version", "to": "1.99999999999999999999999999999.3"},
        "exitCode": 5,
    },
}


@pytest.mark.parametrize("name", FORGED)
def test_whatever_a_runner_forges_is_judged_and_stored(name, shop, kubelet):
    said = FORGED[name]
    code = said["exitCode"]
    kubelet.images[RUNNER] = Image(
        outcome=lambda pod: Outcome(code, report(pod, **({"state": "failed"} | said)))
    )
    shop.database("postgres://nobody")

    shop.declare()
    shop.wait_for(lambda body: body["status"].get("failure"), "a failure")

    status = shop.status()
    assert status["history"][0]["exitCode"] == code
    assert "cannot be stored" not in json.dumps(status)
    assert "\\u001b" not in json.dumps(status)


def test_a_password_that_is_corrected_in_time_needs_no_word(shop, kubelet, cluster):
    kubelet.images[RUNNER] = Image(outcome=fails(5, "password authentication failed"))
    shop.database("postgres://nobody")
    shop.declare()
    denied = shop.wait("AccessDenied")
    status = shop.status()

    kubelet.images[RUNNER] = Image(outcome=succeeds)
    status["nextRetryTime"] = "2026-01-01T00:00:00Z"  # the five minutes are over
    cluster.api.patch(
        "medusadb.dev/v1alpha1/medusadatabases",
        "shop",
        {"status": status},
        shop.namespace,
        part="status",
    )
    shop.wait()

    assert "looked at again every 5 minutes" in denied["message"]
    assert [reason for _, _, reason in shop.history()] == ["AccessDenied", ""]
