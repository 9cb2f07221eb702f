"""Databases that follow their resources: real control plane, real runner, real PostgreSQL."""

from __future__ import annotations

from contextlib import contextmanager

import psycopg
import pytest

from medusa_testbed.kubectl import kstatus
from medusa_testbed.shops import Shop
from medusa_testbed.waiting import eventually
from servers import medusa_db, rows

pytestmark = pytest.mark.usefixtures("kubelet")


@pytest.fixture
def shop_at(postgres):
    """Return the URL of a database that our runner has brought to a version."""
    made = []

    @contextmanager
    def copy(version):
        with postgres.database(postgres.at(version)) as name:
            yield postgres.url(name)

    def at(version):
        context = copy(version)
        made.append(context)
        return context.__enter__()

    yield at
    for context in made:
        context.__exit__(None, None, None)


def ledger(url):
    with psycopg.connect(url) as conn:
        return len(rows(conn, "select 1 from migrations"))


def our_history(url):
    with psycopg.connect(url) as conn:
        return rows(conn, "select from_version, to_version from medusa_db.history order by id")


def verdict(shop):
    return kstatus([shop.get()])[0].status


def test_an_empty_database_becomes_the_version(shop, url):
    shop.database(url)

    shop.declare("1.20.11")
    shop.wait()

    status = shop.status()
    assert (status["appliedVersion"], status["proven"]["state"], ledger(url)) == (
        "1.20.11",
        "version",
        75,
    )
    assert [(s["name"], s["state"], s["migrations"]) for s in status["steps"]] == [
        ("migrate-1.20.11", "Done", 75)
    ]
    assert verdict(shop) == "Current"
    eventually(lambda: "finalizers" not in shop.get()["metadata"])  # which goes behind the status
    assert shop.jobs()[0]["spec"]["ttlSecondsAfterFinished"] == 86400


def test_an_upgrade_stops_before_a_breaking_version_until_it_is_acknowledged(
    shop, shop_at, kubectl
):
    url = shop_at("1.12.3")
    shop.database(url)

    shop.declare("1.20.11")
    waiting = shop.wait("AwaitingAcknowledgement")
    notes = shop.status()["upgradeNotes"]
    stopped = verdict(shop)
    conditions = [shop.condition(kind)["status"] for kind in ("Ready", "Reconciling", "Stalled")]
    reason = '{.status.conditions[?(@.type=="Ready")].reason}=AwaitingAcknowledgement'
    kubectl("wait", "mdb/shop", "--timeout=10s", f"--for=jsonpath={reason}")
    looked, ends = shop.history(), [job["status"].get("failed", 0) for job in shop.jobs()]
    shop.change(
        upgrade={"acknowledged": [n["version"] for n in notes if n["severity"] == "breaking"]}
    )
    shop.wait()

    assert "1.13.0" in waiting["message"]
    assert [n["version"] for n in notes if n["severity"] == "breaking"] == [
        "1.13.0",
        "1.15.2",
        "1.17.0",
    ]
    assert (stopped, conditions) == ("InProgress", ["False", "True", "False"])
    assert looked == [("migrate-1.20.11", "Learned", "AwaitingAcknowledgement")]
    assert ends == [0]
    assert (shop.status()["appliedVersion"], verdict(shop)) == ("1.20.11", "Current")


def test_a_path_with_stops_is_gone_step_by_step(shop, url):
    shop.database(url)

    shop.declare("1.8.0", upgrade={"stops": ["1.1.65", "1.3.9"], "approval": "Automatic"})
    shop.wait()

    assert our_history(url) == [("empty", "1.1.65"), ("1.1.65", "1.3.9"), ("1.3.9", "1.8.0")]
    assert shop.history() == [
        ("migrate-1.1.65", "Succeeded", ""),
        ("migrate-1.3.9", "Succeeded", ""),
        ("migrate-1.8.0", "Succeeded", ""),
    ]


def test_a_database_that_somebody_else_migrated_is_adopted(shop, shop_at):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute("drop schema medusa_db cascade")
    before = ledger(url)
    shop.database(url)

    shop.declare("1.20.11")
    shop.wait()

    assert (shop.status()["appliedVersion"], ledger(url)) == ("1.20.11", before)
    assert shop.history() == [("migrate-1.20.11", "Succeeded", "")]


def test_a_new_version_is_followed(shop, url):
    shop.database(url)
    shop.declare("1.18.1")
    shop.wait()

    shop.change(version="1.20.11")
    shop.wait()

    assert (shop.status()["appliedVersion"], shop.status()["previousVersion"]) == (
        "1.20.11",
        "1.18.1",
    )
    assert [step for step, _, _ in shop.history()] == ["migrate-1.18.1", "migrate-1.20.11"]


def test_a_status_that_is_lost_is_found_again_without_another_run(shop, url, cluster):
    shop.database(url)
    shop.declare("1.20.11")
    shop.wait()
    jobs = [job["metadata"]["uid"] for job in shop.jobs()]

    cluster.api.patch(
        "medusadb.dev/v1alpha1/medusadatabases",
        "shop",
        {"status": None},
        shop.namespace,
        part="status",
    )
    shop.wait()

    assert [job["metadata"]["uid"] for job in shop.jobs()] == jobs
    assert (shop.status()["appliedVersion"], len(our_history(url))) == ("1.20.11", 1)


def test_a_status_and_its_jobs_that_are_lost_cost_a_run_that_finds_nothing_to_do(
    shop, url, cluster
):
    shop.database(url)
    shop.declare("1.20.11")
    shop.wait()
    before = our_history(url)

    cluster.api.delete("batch/v1/jobs", shop.jobs()[0]["metadata"]["name"], shop.namespace)
    shop.wait_for(lambda _: not shop.jobs(), "Jobs gone")
    cluster.api.patch(
        "medusadb.dev/v1alpha1/medusadatabases",
        "shop",
        {"status": None},
        shop.namespace,
        part="status",
    )
    shop.wait()

    assert (shop.status()["appliedVersion"], our_history(url)) == ("1.20.11", before)


def test_a_downgrade_is_refused_and_accepted_where_the_owner_says_so(shop, shop_at):
    url = shop_at("1.20.11")
    shop.database(url)

    shop.declare("1.18.1")
    refused = shop.wait("Downgrade")
    state = verdict(shop)
    shop.change(upgrade={"allowOlder": True})
    shop.wait("NewerAccepted")

    assert refused["message"].startswith("the database is at 1.20.11, newer than 1.18.1")
    assert (state, verdict(shop)) == ("Failed", "Current")
    assert (shop.status()["appliedVersion"], ledger(url)) == ("1.20.11", 75)


def test_a_patch_release_of_the_server_goes_back_and_forth(shop, shop_at):
    url = shop_at("1.20.11")
    shop.database(url)
    shop.declare("1.20.11")
    shop.wait()
    before = ledger(url)

    shop.change(version="1.20.9")
    shop.wait_for(lambda found: found["status"].get("appliedVersion") == "1.20.9", "1.20.9")
    back = shop.wait()
    shop.change(version="1.20.11")
    shop.wait_for(lambda found: found["status"].get("appliedVersion") == "1.20.11", "1.20.11")
    shop.wait()

    assert back["status"] == "True"
    assert ledger(url) == before
    assert {outcome for _, outcome, _ in shop.history()} == {"Succeeded"}


def test_a_suspended_resource_starts_nothing_until_it_is_resumed(shop, url):
    shop.database(url)

    shop.declare("1.20.11", suspend=True)
    shop.wait_for(lambda _: shop.condition("Suspended").get("status") == "True", "Suspended")
    jobs = shop.jobs()
    shop.change(suspend=False)
    shop.wait()

    assert jobs == []
    assert shop.status()["appliedVersion"] == "1.20.11"


def test_a_version_that_is_changed_during_a_run_is_gone_to_after_it(shop, shop_at):
    url = shop_at("1.12.3")
    shop.database(url)
    with psycopg.connect(url) as other:
        other.execute("lock table money_amount")
        shop.declare("1.18.1", upgrade={"approval": "Automatic"})
        shop.wait("Migrating")

        shop.change(version="1.20.11")
        shop.wait("Migrating")

    shop.wait()
    assert our_history(url)[-2:] == [("1.12.3", "1.18.1"), ("1.18.1", "1.20.11")]
    assert shop.status()["appliedVersion"] == "1.20.11"


def test_of_two_resources_on_one_database_the_second_waits_and_says_for_whom(
    shop, shop_at, cluster
):
    url = shop_at("1.12.3")
    shop.database(url)
    second = Shop(cluster.api, shop.namespace, "second")
    automatic = {"approval": "Automatic"}
    with psycopg.connect(url) as other:
        other.execute("lock table money_amount")
        shop.declare("1.20.11", upgrade=automatic)
        pod = shop.running_pod()
        second.declare(
            "1.20.11",
            upgrade=automatic,
            database={"urlSecretRef": {"name": "shop-db", "key": "url"}},
        )
        waiting = second.wait("DatabaseBusy")
        jobs = second.jobs()

    shop.wait()
    second.wait()
    job = pod.rpartition("-")[0]
    assert waiting["message"] == (
        f"MedusaDatabase shop names the same database, and its Job {job} goes on"
    )
    assert jobs == []
    assert len(our_history(url)) == len(set(our_history(url)))


def test_a_run_that_meets_another_one_waits_for_the_lock_and_says_who_has_it(shop, shop_at):
    url = shop_at("1.12.3")
    shop.database(url)
    with psycopg.connect(url) as other:
        other.execute("lock table money_amount")

        shop.declare(
            "1.20.11",
            upgrade={"approval": "Automatic"},
            timeouts={"lock": "1s", "lockTimeout": "200ms"},
        )
        waiting = shop.wait("LockHeld")

    assert "money_amount" in waiting["message"]
    assert shop.condition("Reconciling")["reason"] == "RetryScheduled"
    shop.wait(within=60)
    assert [outcome for _, outcome, _ in shop.history()] == ["Failed", "Succeeded"]


def test_the_runner_by_hand_and_the_operator_agree(shop, url):
    shop.database(url)
    shop.declare("1.18.1")
    shop.wait()

    by_hand = medusa_db("migrate", "--to", "1.20.11", url=url)
    shop.change(version="1.20.11")
    shop.wait()

    assert by_hand.returncode == 0, by_hand.stderr
    assert our_history(url) == [("empty", "1.18.1"), ("1.18.1", "1.20.11")]
