"""Drift at rest, and databases that are others by now: real control plane, real runner, real PostgreSQL."""

from __future__ import annotations

import socket
from collections import Counter
from contextlib import ExitStack

import psycopg
import pytest

from medusa_testbed.kubectl import kstatus
from medusa_testbed.operators import USER
from medusa_testbed.shops import JOBS
from servers import rows

pytestmark = pytest.mark.usefixtures("kubelet")


@pytest.fixture
def shop_at(postgres):
    """Call it with a version for the URL of a database that our runner has brought there."""
    with ExitStack() as stack:
        yield lambda version: postgres.url(
            stack.enter_context(postgres.database(postgres.at(version)))
        )


def change(url, statement):
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(statement)


def verifications(shop):
    return [
        j for j in shop.jobs() if j["metadata"]["labels"]["app.kubernetes.io/component"] == "verify"
    ]


def events(shop):
    found = shop.api.list("events.k8s.io/v1/events", shop.namespace)
    return {(event["type"], event["reason"]) for event in found}


def test_drift_is_found_at_rest_and_heals_by_itself(shop, url, operator, eventually):
    shop.database(url)
    shop.declare("1.20.11", verify={"interval": "10s"})
    shop.wait()
    ran = shop.condition("Verified")

    change(url, "alter table claim_tag drop column metadata")
    drifted = shop.wait("Drifted", within=90)
    stalled = kstatus([shop.get()])[0].status
    change(url, "alter table claim_tag add column metadata jsonb")
    shop.wait(within=90)

    assert (ran["status"], ran["reason"]) == ("True", "Verified")
    assert drifted["message"] == (
        "the database is not what 1.20.11 should be: column claim_tag.metadata is missing"
    )
    assert stalled == "Failed"
    assert kstatus([shop.get()])[0].status == "Current"
    assert shop.condition("Verified")["status"] == "True"
    assert len(verifications(shop)) <= 1
    assert shop.history() == [("migrate-1.20.11", "Succeeded", "")]
    eventually(lambda: {("Warning", "Drifted"), ("Normal", "Verified")} <= events(shop))
    assert 'step="verify"' in operator.get("/metrics")[1]


def test_a_verification_writes_two_words_and_never_leaves_ready(shop, url, cluster, eventually):
    shop.database(url)
    shop.declare("1.20.11")
    shop.wait()
    eventually(lambda: "finalizers" not in shop.get()["metadata"])  # the last that a run writes
    before, mark = shop.get()["status"], cluster.requests.mark()

    shop.ask_to_verify("one")
    shop.wait_for(lambda body: body["status"]["verified"].get("token") == "one", "verified")
    eventually(lambda: verifications(shop)[0]["spec"].get("ttlSecondsAfterFinished"))

    after, made = shop.get()["status"], cluster.requests.since(mark).of(USER)
    assert Counter(r.rule[1:] for r in made.writes.all if r.namespace == shop.namespace) == {
        ("jobs", "create"): 1,
        ("jobs", "patch"): 1,
        ("medusadatabases/status", "update"): 2,
    }
    kept = [c for c in before["conditions"] if c["type"] != "Verified"]
    assert [c for c in after["conditions"] if c["type"] != "Verified"] == kept
    assert after["verified"]["job"] == verifications(shop)[0]["metadata"]["name"]
    assert "finalizers" not in shop.get()["metadata"]


def test_a_secret_that_names_another_database_is_noticed(shop, shop_at):
    shop.database(shop_at("1.20.11"))
    shop.declare("1.20.11")
    shop.wait()
    other = shop_at("1.12.3")

    shop.database(other)
    shop.ask_to_verify("one")
    waiting = shop.wait("AwaitingAcknowledgement", within=60)
    moved = shop.condition("Verified")
    applied = shop.status()["appliedVersion"]
    shop.change(upgrade={"acknowledged": ["1.13.0", "1.15.2", "1.17.0"]})
    shop.wait(within=60)

    assert "1.13.0" in waiting["message"]
    assert (moved["status"], moved["reason"], applied) == ("False", "DatabaseMoved", "1.12.3")
    with psycopg.connect(other) as conn:
        assert len(rows(conn, "select from migrations")) == 75
    assert shop.condition("Verified")["reason"] == "Verified"


def test_a_newer_database_behind_the_secret_is_a_downgrade(shop, shop_at):
    shop.database(shop_at("1.18.0"))
    shop.declare("1.18.0")
    shop.wait()

    shop.database(shop_at("1.20.11"))
    shop.ask_to_verify("one")
    refused = shop.wait("Downgrade", within=60)

    assert "newer than 1.18.0" in refused["message"]


def test_a_server_that_is_away_changes_nothing_but_verified(shop, url):
    shop.database(url)
    shop.declare("1.20.11", timeouts={"connect": "1s"})
    shop.wait()
    ready = shop.condition("Ready")
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        shop.database(f"postgres://shop@127.0.0.1:{taken.getsockname()[1]}/shop")

        shop.ask_to_verify("one")
        unknown = shop.wait_verified("Unreachable", "one")
    shop.database(url)
    shop.ask_to_verify("two")
    shop.wait_verified("Verified", "two")

    assert unknown["status"] == "Unknown"
    assert "; last verified at " in unknown["message"]
    assert shop.condition("Ready") == ready


def test_a_verification_makes_way_for_a_run_and_for_deletion(shop, url, kubelet, eventually):
    shop.database(url)
    shop.declare("1.12.3")
    shop.wait()

    kubelet.cordon("no room")
    shop.ask_to_verify("one")
    shop.wait_for(lambda body: body["status"]["verified"].get("running"), "one that runs")
    shop.change(version="1.13.0", upgrade={"approval": "Automatic"})
    kubelet.uncordon()
    shop.wait()
    way = [run["step"] for run in shop.status()["history"]]
    kubelet.cordon("no room")
    shop.ask_to_verify("two")
    shop.wait_for(lambda body: body["status"]["verified"].get("running"), "another one that runs")
    shop.delete()

    eventually(lambda: shop.find() is None)
    eventually(lambda: not shop.api.list(JOBS, shop.namespace))
    assert way == ["migrate-1.13.0", "migrate-1.12.3"]
