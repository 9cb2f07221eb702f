"""What keeps a run from starting is named from what the API shows, and healed without a word."""

from __future__ import annotations

import pytest

from medusa_testbed import objects
from medusa_testbed.kubelet.images import RUNNER, Image, shipped
from medusa_testbed.shops import Shop, succeeds


@pytest.fixture(autouse=True)
def _quick(kubelet):
    """No process runs, and what a container refers to is not looked for."""
    kubelet.images[RUNNER] = Image(outcome=succeeds)


@pytest.fixture
def real(kubelet):
    """The runner runs."""
    kubelet.images.update(shipped())


@pytest.mark.usefixtures("real")
def test_a_secret_that_is_missing_is_named_and_waited_for(shop, url):
    shop.declare()
    waiting = shop.wait("ReferenceMissing")
    shop.database(url)
    shop.wait()

    assert 'secret "shop-db" not found' in waiting["message"]


@pytest.mark.usefixtures("real")
def test_a_key_that_is_missing_is_named(shop, cluster):
    cluster.api.create("v1/secrets", objects.secret("shop-db", other="x"), shop.namespace)

    shop.declare()
    waiting = shop.wait("ReferenceMissing")

    assert "couldn't find key url in Secret" in waiting["message"]


def test_an_image_that_cannot_be_pulled_is_named_and_another_one_is_taken(shop):
    shop.database("postgres://nobody")

    shop.declare(job={"image": "shop/runner:gone"})
    waiting = shop.wait("ImagePullFailed")
    shop.change(job={"image": RUNNER})
    shop.wait()

    assert "shop/runner:gone" in waiting["message"]


def test_a_pod_that_no_node_takes_is_told_in_the_schedulers_words(shop, kubelet):
    shop.database("postgres://nobody")
    kubelet.cordon("1 Insufficient memory")

    shop.declare()
    waiting = shop.wait("Unschedulable")
    kubelet.uncordon()
    shop.wait()

    assert "1 Insufficient memory" in waiting["message"]


def quota(**hard):
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small"},
        "spec": {"hard": hard},
    }


def enforced(cluster, namespace, eventually):
    eventually(
        lambda: (
            cluster.api.get("v1/resourcequotas", "small", namespace).get("status", {}).get("hard")
        )
    )


def test_a_quota_on_pods_is_named_from_the_jobs_events(shop, cluster, eventually):
    cluster.api.create("v1/resourcequotas", quota(pods="0"), shop.namespace)
    enforced(cluster, shop.namespace, eventually)
    shop.database("postgres://nobody")

    shop.declare()
    waiting = shop.wait("PodForbidden")
    cluster.api.delete("v1/resourcequotas", "small", shop.namespace)
    shop.wait(within=60)

    assert "exceeded quota: small" in waiting["message"]


def test_a_limit_range_that_forbids_the_pod_is_named(shop, cluster):
    limits = {
        "apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "tiny"},
        "spec": {"limits": [{"type": "Container", "max": {"memory": "16Mi"}}]},
    }  # fmt: skip
    cluster.api.create("v1/limitranges", limits, shop.namespace)
    shop.database("postgres://nobody")

    shop.declare()
    waiting = shop.wait("PodForbidden")

    assert "maximum memory usage per Container is 16Mi" in waiting["message"]


def test_a_quota_on_jobs_is_told_and_the_job_made_when_there_is_room(shop, cluster, eventually):
    cluster.api.create("v1/resourcequotas", quota(**{"count/jobs.batch": "0"}), shop.namespace)
    enforced(cluster, shop.namespace, eventually)
    shop.database("postgres://nobody")

    shop.declare()
    waiting = shop.wait("JobForbidden")
    cluster.api.delete("v1/resourcequotas", "small", shop.namespace)
    shop.wait(within=60)

    assert "exceeded quota: small" in waiting["message"]


def test_a_run_is_admitted_where_pods_are_restricted(shop, cluster):
    labels = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    cluster.api.patch("v1/namespaces", shop.namespace, labels)
    shop.database("postgres://nobody")

    shop.declare()

    assert shop.wait()["status"] == "True"


@pytest.mark.usefixtures("real")
def test_a_volume_that_cannot_be_mounted_is_named(shop, cluster, url):
    shop.database(url)
    reference = {"urlSecretRef": {"name": "shop-db", "key": "url"}}

    shop.declare(database=reference | {"caConfigMapRef": {"name": "authority", "key": "ca.crt"}})
    waiting = shop.wait("ReferenceMissing")
    cluster.api.create(
        "v1/configmaps", objects.config_map("authority", {"ca.crt": "x"}), shop.namespace
    )
    shop.wait()

    assert "authority" in waiting["message"]


@pytest.mark.usefixtures("real")
def test_another_secret_is_another_attempt(shop, cluster, url):
    shop.declare()
    shop.wait("ReferenceMissing")

    cluster.api.create("v1/secrets", objects.secret("other", url=url), shop.namespace)
    shop.change(database={"urlSecretRef": {"name": "other", "key": "url"}})
    shop.wait()

    assert [outcome for _, outcome, _ in shop.history()][-1] == "Succeeded"


def test_a_job_of_a_resource_that_is_gone_is_not_taken_for_that_of_its_successor(
    shop, cluster, eventually
):
    shop.database("postgres://nobody")
    shop.declare("1.18.1")
    shop.wait()
    cluster.api.delete(
        "medusadb.dev/v1alpha1/medusadatabases", "shop", shop.namespace, propagationPolicy="Orphan"
    )
    eventually(lambda: shop.find() is None)
    old = {job["metadata"]["uid"] for job in shop.jobs()}

    shop.declare("1.18.1")
    shop.wait()

    jobs = {job["metadata"]["uid"]: job["metadata"]["name"] for job in shop.jobs()}
    assert old < set(jobs)
    assert len(set(jobs.values())) == 2


@pytest.mark.parametrize(
    ("template", "named"),
    [
        pytest.param({"spec": {"restartPolicy": "Always"}}, "restartPolicy", id="restart"),
        pytest.param(
            {"spec": {"containers": [{"name": "medusa-db", "args": ["wait"]}]}},
            "args",
            id="arguments",
        ),
    ],
)
def test_a_template_that_would_break_a_run_is_refused_by_the_name_of_the_field(
    template, named, shop
):
    shop.database("postgres://nobody")

    shop.declare(job={"template": template})
    refused = shop.wait("TemplateRefused")

    assert named in refused["message"]
    assert shop.jobs() == []


def test_what_the_template_adds_is_on_the_pod(shop):
    shop.database("postgres://nobody")

    shop.declare(
        job={
            "template": {
                "metadata": {"labels": {"team": "shop"}},
                "spec": {"tolerations": [{"key": "batch", "operator": "Exists"}], "priority": 0},
            }
        }
    )
    shop.wait()

    pod = shop.pods()[0]
    assert pod["metadata"]["labels"]["team"] == "shop"
    assert {"key": "batch", "operator": "Exists"} in pod["spec"]["tolerations"]


def test_shops_of_several_namespaces_do_not_meet(shop, cluster):
    shop.database("postgres://nobody")
    cluster.api.create("v1/namespaces", {"metadata": {"name": f"{shop.namespace}-b"}})
    other = Shop(cluster.api, f"{shop.namespace}-b")
    other.database("postgres://nobody")

    shop.declare()
    other.declare()
    shop.wait()
    other.wait()

    assert [len(one.jobs()) for one in (shop, other)] == [1, 1]
    cluster.api.delete("v1/namespaces", other.namespace)
