"""Seeds: once, when the document changes, from ConfigMaps and Secrets."""

from __future__ import annotations

import itertools
import json

import psycopg
import pytest

import seed_documents
from medusa_testbed import objects
from medusa_testbed.kubelet.images import shipped
from medusa_testbed.operators import USER
from servers import rows

pytestmark = pytest.mark.usefixtures("kubelet")


@pytest.fixture(autouse=True)
def _runner(kubelet):
    kubelet.images.update(shipped())


def document(*handles):
    return json.dumps(seed_documents.shop(products=[seed_documents.product(h) for h in handles]))


def put(shop, *handles):
    """Put a document with these products into the ConfigMap."""
    data = {"seed.json": document(*handles)}
    if shop.api.find("v1/configmaps", "shop-seed", shop.namespace):
        shop.api.patch("v1/configmaps", "shop-seed", {"data": data}, shop.namespace)
    else:
        shop.api.create("v1/configmaps", objects.config_map("shop-seed", data), shop.namespace)


def seed(policy, kind="configMap"):
    return {"policy": policy, "from": {f"{kind}KeyRef": {"name": "shop-seed", "key": "seed.json"}}}


def products(url):
    with psycopg.connect(url) as conn:
        return [handle for (handle,) in rows(conn, "select handle from product order by handle")]


def outcomes(shop):
    return [(step, outcome) for step, outcome, _ in shop.history()]


def test_an_empty_database_is_migrated_and_seeded_once(shop, url):
    put(shop, "mug")
    shop.database(url)

    shop.declare(seed=seed("Once"))
    shop.wait()
    put(shop, "mug", "lamp")
    shop.retry("look again")
    shop.wait_for(lambda body: body["status"].get("retryToken") == "look again", "another look")
    shop.wait()

    assert products(url) == ["mug"]
    assert [step for step, _ in outcomes(shop)].count("seed") == 1
    assert shop.condition("Seeded")["status"] == "True"
    assert shop.status()["seed"]["counts"]["products"]["created"] == 1


def test_a_document_that_was_not_loaded_is_not_called_seeded(shop, url):
    put(shop, "mug")
    shop.database(url)
    shop.declare()
    shop.wait()
    with psycopg.connect(url) as conn:
        conn.execute("insert into product (id, title, handle) values ('prod_own', 'Tea', 'tea')")

    shop.change(seed=seed("Once"))
    shop.wait_for(
        lambda body: objects.condition(body, "Seeded")["reason"] == "SeedSkipped",
        "the seed to be skipped",
    )

    found = shop.condition("Seeded")
    assert (found["status"], found["message"]) == (
        "False", "ConfigMap shop-seed, key seed.json was not loaded: the shop has products",
    )  # fmt: skip
    assert shop.condition()["status"] == "True"
    assert products(url) == ["tea"]


def test_a_document_that_changes_is_seeded_again(shop, url):
    put(shop, "mug")
    shop.database(url)
    shop.declare(seed=seed("OnChange"))
    shop.wait()
    first = shop.status()["seed"]

    put(shop, "mug", "lamp")
    shop.change(retry={"limit": 19})  # any change brings a look; else it is the next resync's
    shop.wait_for(lambda body: body["status"]["seed"]["source"] != first["source"], "another seed")
    shop.wait()

    assert products(url) == ["lamp", "mug"]
    assert outcomes(shop) == [
        ("migrate-1.20.11", "Succeeded"), ("seed", "Succeeded"), ("seed", "Succeeded"),
    ]  # fmt: skip
    assert shop.status()["seed"]["checksum"] != first["checksum"]


def test_seven_changes_of_a_document_are_seven_seeds_where_no_job_stays(shop, url, cluster):
    documents = itertools.cycle([["mug"], ["mug", "lamp"], ["lamp"]])
    put(shop, *next(documents))
    shop.database(url)
    shop.declare(seed=seed("OnChange"), job={"ttlSecondsAfterFinished": 0})
    shop.wait()
    mark = cluster.requests.mark()

    for number in range(7):
        last = shop.status()["seed"]["source"]
        put(shop, *next(documents))
        shop.change(retry={"limit": 7 + number})  # any change brings a look
        shop.wait_for(lambda body, last=last: body["status"]["seed"]["source"] != last, "a seed")
        shop.wait()

    made = cluster.requests.since(mark).of(USER)
    assert made.count()["create jobs"] == 7
    assert len({run["uid"] for run in shop.status()["history"]}) == 9
    assert shop.condition("Ready")["status"] == "True"


def test_a_seed_can_come_from_a_secret(shop, url, cluster):
    secret = objects.secret("shop-seed", **{"seed.json": document("mug")})
    cluster.api.create("v1/secrets", secret, shop.namespace)
    shop.database(url)

    shop.declare(seed=seed("Once", "secret"))
    shop.wait()

    assert products(url) == ["mug"]


def test_a_document_that_is_not_there_is_named_and_waited_for(shop, url):
    shop.database(url)
    shop.declare(seed=seed("Once"))
    waiting = shop.wait("ReferenceMissing")
    migrated = shop.condition("Migrated")["status"]

    put(shop, "mug")
    shop.change(retry={"limit": 19})  # any change brings a look; else it comes within half a minute
    shop.wait()

    assert waiting["message"] == "the seed waits: ConfigMap shop-seed is not there"
    assert (migrated, products(url)) == ("True", ["mug"])


def test_a_document_that_is_wrong_is_told_and_mended(shop, url, cluster):
    broken = objects.config_map("shop-seed", {"seed.json": '{"products": 3}'})
    cluster.api.create("v1/configmaps", broken, shop.namespace)
    shop.database(url)
    shop.declare(seed=seed("Once"))
    refused = shop.wait("RunnerUsage")

    put(shop, "mug")
    shop.retry("fixed")
    shop.wait()

    assert "products" in refused["message"]
    assert products(url) == ["mug"]


def test_a_database_that_has_been_seeded_before_stays_as_it_is(shop, url, cluster):
    put(shop, "mug")
    shop.database(url)
    shop.declare(seed=seed("Once"))
    shop.wait()
    with psycopg.connect(url) as conn:
        conn.execute("update product set title = 'Our own'")

    cluster.api.patch(
        "medusadb.dev/v1alpha1/medusadatabases",
        "shop",
        {"status": None},
        shop.namespace,
        part="status",
    )
    for job in shop.jobs():
        cluster.api.delete("batch/v1/jobs", job["metadata"]["name"], shop.namespace)
    shop.wait(within=90)

    with psycopg.connect(url) as conn:
        assert rows(conn, "select title from product") == [("Our own",)]
