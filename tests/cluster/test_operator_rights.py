"""Nobody gains a right by a MedusaDatabase, and nothing from a Secret is told."""

from __future__ import annotations

import json

import pytest

from medusa_testbed import objects, operators
from medusa_testbed.kubelet.images import RUNNER, Image, shipped
from medusa_testbed.operators import DEPLOY, HOME, OWN, USER
from medusa_testbed.shops import Shop, succeeds

SECRET = "sk_live_51H8SECRETSECRET"
POLICIES = DEPLOY / "samples" / "policy"


@pytest.fixture(autouse=True)
def _quick(kubelet):
    kubelet.images[RUNNER] = Image(outcome=succeeds)


def own(**fields):
    return {"spec": {"containers": [{"name": "medusa-db", **fields}]}}


@pytest.mark.parametrize(
    ("spec", "where"),
    [
        pytest.param(
            {"database": {"host": "127.0.0.1", "name": "x", "user": "u",
                          "portSecretRef": {"name": "payment", "key": "key"}}},
            "PGPORT (key key of Secret payment) holds no port", id="port",
        ),
        pytest.param(
            {"database": {"host": "127.0.0.1", "port": 1, "name": "x", "schema": "$(key)",
                          "userSecretRef": {"name": "payment", "key": "key"}},
             "timeouts": {"connect": "0s"},
             "job": {"template": own(envFrom=[{"secretRef": {"name": "payment"}}],
                                     env=[{"name": "PGAPPNAME", "value": "$(key)"}])}},
            "postgresql://***@127.0.0.1:1/x: the connection was refused", id="user-and-variables",
        ),
    ],
)  # fmt: skip
def test_the_value_of_a_secret_stands_nowhere(
    shop, cluster, operator, kubelet, kubectl, spec, where
):
    kubelet.images.update(shipped())
    cluster.api.create("v1/secrets", objects.secret("payment", key=SECRET), shop.namespace)

    shop.declare(**spec)
    body = shop.wait_for(lambda body: body["status"].get("failure") and body)

    assert where in body["status"]["failure"]["message"]
    told = [json.dumps(body), kubectl("get", "events", "-o", "json"), json.dumps(operator.lines())]
    told += [kubelet.log(shop.namespace, pod["metadata"]["name"]) for pod in shop.pods()]
    assert [text for text in told if SECRET in text] == []


def test_a_template_that_would_gain_rights_is_refused_until_it_is_corrected(shop):
    shop.database("postgres://nobody")

    shop.declare(job={"template": {"spec": {"hostNetwork": True}}})
    refused = shop.wait("TemplateRefused")
    shop.change(job={"template": {"spec": {"hostNetwork": None, "initContainers": [
        {"name": "proxy", "image": RUNNER, "securityContext": {"privileged": True}}]}}})  # fmt: skip
    again = shop.wait("TemplateRefused")
    shop.change(job={"template": None})
    shop.wait()

    assert refused["message"].startswith("spec.job.template.spec.hostNetwork is not allowed")
    assert "initContainers[0].securityContext.privileged is not allowed" in again["message"]


def test_another_service_account_is_taken_where_its_owner_allows_it(shop, cluster):
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "cleaner"}}
    cluster.api.create("v1/serviceaccounts", account, shop.namespace)
    shop.database("postgres://nobody")

    shop.declare(job={"serviceAccountName": "cleaner"})
    refused = shop.wait("TemplateRefused")
    label = {"metadata": {"labels": {"medusadb.dev/allow": "true"}}}
    cluster.api.patch("v1/serviceaccounts", "cleaner", label, shop.namespace)
    shop.wait(within=60)

    assert "must carry the label medusadb.dev/allow" in refused["message"]
    (job,) = shop.jobs()
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == "cleaner"


LAX = "system:serviceaccount:default:lax"


@pytest.fixture(scope="module")
def lax(cluster, rights, tmp_path_factory):
    """An operator that takes every template, and asks for the annotation of Secrets.

    It has a ServiceAccount of its own, so that nobody finds its requests among those of the shipped one.
    """
    del rights  # the definition and the ClusterRole are to be there
    subjects = [{"kind": "ServiceAccount", "name": "lax", "namespace": "default"}]
    leases = {
        "metadata": {"name": "lax"},
        "rules": [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
                   "verbs": ["create", "get", "update"]}],
    }  # fmt: skip

    def bound(kind, name):
        group = "rbac.authorization.k8s.io"
        return {
            "metadata": {"name": "lax"},
            "roleRef": {"apiGroup": group, "kind": kind, "name": name},
            "subjects": subjects,
        }

    rbac = "rbac.authorization.k8s.io/v1"
    cluster.api.create(f"{rbac}/roles", leases, "default")
    cluster.api.create(f"{rbac}/rolebindings", bound("Role", "lax"), "default")
    cluster.api.create(f"{rbac}/clusterrolebindings", bound("ClusterRole", HOME))
    flags = ("--pod-template-policy", "unrestricted", "--require-secret-annotation", "true",
             "--selector", f"{OWN}=lax", "--lease-namespace", "default")  # fmt: skip
    cluster.api.create("v1/serviceaccounts", {"metadata": {"name": "lax"}}, "default")
    account = cluster.service_account("default", "lax")
    with operators.running(account, tmp_path_factory.mktemp("lax"), *flags) as it:
        yield it


@pytest.fixture
def lax_shop(cluster, namespace, lax):
    lax.revive()
    return Shop(cluster.api, namespace, labels=((OWN, "lax"),))


def test_a_secret_must_say_that_it_may_be_used(lax_shop, lax, cluster, kubectl):
    shop = lax_shop
    shop.database(f"postgres://u:{SECRET}@127.0.0.1:1/x")

    shop.declare()
    blind = shop.wait("ReferenceForbidden")
    kubectl("create", "role", "secrets", "--verb=get", "--resource=secrets")
    kubectl("create", "rolebinding", "secrets", "--role=secrets", "--serviceaccount=default:lax")
    waiting = shop.wait_for(
        lambda body: "does not carry" in objects.condition(body, "Ready")["message"]
        and objects.condition(body, "Ready"), within=60,
    )  # fmt: skip
    mark = cluster.requests.mark()
    kubectl("annotate", "secret", "shop-db", "medusadb.dev/allow=shop")
    shop.wait(within=60)

    assert "cannot see whether secrets/shop-db may be used" in blind["message"]
    assert waiting["message"].startswith(
        "the run waits: Secret shop-db does not carry the annotation medusadb.dev/allow"
    )
    assert cluster.requests.since(mark).of(LAX).on("secrets").count().keys() == {"get secrets"}
    assert SECRET not in json.dumps(lax.lines())


def test_unrestricted_leaves_it_to_the_admission_of_the_cluster(lax_shop, cluster, kubectl):
    kubectl("create", "role", "secrets", "--verb=get", "--resource=secrets")
    kubectl("create", "rolebinding", "secrets", "--role=secrets", "--serviceaccount=default:lax")
    labels = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    cluster.api.patch("v1/namespaces", lax_shop.namespace, labels)
    lax_shop.database("postgres://nobody")
    kubectl("annotate", "secret", "shop-db", "medusadb.dev/allow=true")

    lax_shop.declare(job={"template": {"spec": {"hostNetwork": True}}})
    waiting = lax_shop.wait("PodForbidden")

    assert "violates PodSecurity" in waiting["message"]


@pytest.fixture
def _policies(cluster, kubectl, eventually):
    """Both sample policies, in force; only for this test: the API server forgets them a little later."""
    kubectl("apply", "-f", str(POLICIES))
    images = {"data": {"images": f"{RUNNER}\n"}}
    cluster.api.patch("v1/configmaps", "medusa-database-operator-images", images, HOME)
    yield
    kubectl("delete", "-f", str(POLICIES))
    refused = job(volumes=[{"name": "x", "hostPath": {"path": "/"}}])
    words = ("create", "--dry-run=server", "-f", "-", f"--as={USER}")
    eventually(lambda: "denied" not in kubectl.run(*words, stdin=refused).stderr)


def job(**pod):
    container = {
        "name": "medusa-db", "image": RUNNER,
        "securityContext": {"allowPrivilegeEscalation": False},
    } | pod.pop("container", {})  # fmt: skip
    owner = {
        "apiVersion": "medusadb.dev/v1alpha1",
        "kind": "MedusaDatabase",
        "name": "x",
        "uid": "y",
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "containers": [container],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": "x-", "ownerReferences": [owner]},
        "spec": {"suspend": True, "template": {"spec": spec | pod}},
    }


@pytest.mark.usefixtures("operator", "_policies")
def test_the_sample_policy_takes_our_jobs_and_refuses_others_of_that_account(
    shop, kubectl, eventually
):
    def said(body, *options):
        done = kubectl.run("create", "--dry-run=server", "-f", "-", *options, stdin=body)
        return done.stderr

    as_operator = f"--as={USER}"
    refused = {
        "mounts no folder of the node": job(volumes=[{"name": "x", "hostPath": {"path": "/"}}]),
        "namespace of the node": job(hostNetwork=True),
        "gets no token": job(automountServiceAccountToken=None),
        "only images that the ConfigMap": job(container={"image": "evil:1"}),
        "is not privileged": job(container={"securityContext": {}}),
        "for MedusaDatabase resources only": {**job(), "metadata": {"generateName": "x-"}},
    }
    eventually(lambda: "mounts no folder" in said(next(iter(refused.values())), as_operator))

    for sentence, body in refused.items():
        assert sentence in said(body, as_operator)
    assert said(job(), as_operator) == ""
    assert said(refused["mounts no folder of the node"]) == ""  # an administrator's
    shop.database("postgres://nobody")
    shop.declare(job={"template": {"spec": {"initContainers": [
        {"name": "proxy", "image": RUNNER, "restartPolicy": "Always"}]}}})  # fmt: skip
    shop.wait_for(lambda _: shop.jobs())


@pytest.mark.usefixtures("operator", "_policies", "shop")
def test_the_sample_policy_asks_for_the_rights_of_whoever_declares(kubectl, eventually):
    kubectl("create", "role", "dev", "--verb=create,get", "--resource=medusadatabases.medusadb.dev")
    kubectl("create", "rolebinding", "dev", "--role=dev", "--user=dev")
    declared = {
        "apiVersion": "medusadb.dev/v1alpha1",
        "kind": "MedusaDatabase",
        "metadata": {"name": "shop"},
        "spec": {"version": "1.20.11",
                 "database": {"urlSecretRef": {"name": "payment", "key": "key"}}},
    }  # fmt: skip
    changed = {**declared, "spec": {**declared["spec"], "job": {"image": "evil:1"}}}
    own = {**declared, "spec": {**declared["spec"], "server": {"image": "evil:1"}}}
    spied = {"image": "evil:1", "workloadRef": {"kind": "StatefulSet", "name": "payment"}}
    spying = {**declared, "spec": {**declared["spec"], "server": spied}}

    def said(body):
        done = kubectl.run("create", "--dry-run=server", "-f", "-", "--as=dev", stdin=body)
        return done.stderr

    eventually(lambda: "must be allowed to get it: payment" in said(declared))
    kubectl("create", "role", "see", "--verb=get", "--resource=secrets", "--resource-name=payment")
    kubectl("create", "rolebinding", "see", "--role=see", "--user=dev")
    eventually(lambda: said(declared) == "")

    assert "must be allowed to create pods" in said(changed)
    assert "must be allowed to create pods" in said(own)
    kubectl("create", "role", "pods", "--verb=create", "--resource=pods")
    kubectl("create", "rolebinding", "pods", "--role=pods", "--user=dev")
    eventually(lambda: said(own) == "")
    assert "who names a workload must be allowed to get it: StatefulSet payment" in said(spying)
    kubectl("create", "role", "sets", "--verb=get", "--resource=statefulsets.apps")
    kubectl("create", "rolebinding", "sets", "--role=sets", "--user=dev")
    eventually(lambda: said(spying) == "")
