"""Deletion, in each phase of a resource: no run is ended without a word, nothing at rest holds anything back."""

from __future__ import annotations

from contextlib import contextmanager

import psycopg
import pytest

from medusa_testbed.kubectl import kstatus
from medusa_testbed.kubelet.images import RUNNER, Image
from medusa_testbed.shops import FINALIZER, RESOURCE, succeeds
from servers import medusa_db, rows

pytestmark = pytest.mark.usefixtures("kubelet")


@pytest.fixture
def quick(kubelet):
    """Runs are over at once."""
    kubelet.images[RUNNER] = Image(outcome=succeeds)


@contextmanager
def mid_run(shop, postgres, **spec):
    """Hold a run in its first migration for the duration of a `with`; yield the database's URL."""
    with postgres.database(postgres.at("1.12.3")) as name:
        url = postgres.url(name)
        shop.database(url)
        with psycopg.connect(url) as other:
            other.execute("lock table money_amount")
            shop.declare(upgrade={"approval": "Automatic"}, **spec)
            shop.wait("Migrating")
            yield url, other


def reached(url):
    with psycopg.connect(url) as conn:
        return rows(conn, "select to_version from medusa_db.history order by id desc limit 1")[0][0]


def gone(shop, eventually):
    eventually(lambda: shop.find() is None, within=45)
    # the garbage collector needs half a minute to learn of a new definition
    eventually(lambda: not shop.jobs() and not shop.pods(), within=90)


@pytest.mark.usefixtures("quick")
def test_at_rest_it_goes_at_once_and_takes_its_jobs_along(shop, eventually):
    shop.database("postgres://nobody")
    shop.declare()
    shop.wait()
    shop.wait_for(lambda body: "finalizers" not in body["metadata"], "no finalizer")

    shop.delete()

    assert shop.find() is None
    gone(shop, eventually)


@pytest.mark.usefixtures("quick")
def test_at_rest_it_goes_without_any_operator(shop, operator):
    shop.database("postgres://nobody")
    shop.declare()
    shop.wait()
    shop.wait_for(lambda body: "finalizers" not in body["metadata"], "no finalizer")
    operator.stop()

    shop.delete()

    assert shop.find() is None
    operator.start()
    operator.wait()


def test_a_run_is_awaited(shop, postgres, eventually):
    with mid_run(shop, postgres) as (url, other):
        shop.delete()
        waiting = shop.wait("Deleting")
        held = shop.get()["metadata"]["finalizers"]
        verdict = kstatus([shop.get()])[0].status
        other.rollback()
        gone(shop, eventually)
        version = reached(url)

    assert "spec.deletionPolicy Cancel ends it at once" in waiting["message"]
    assert (FINALIZER in held, verdict, version) == (True, "Terminating", "1.20.11")


def test_a_run_is_cancelled_where_the_owner_says_so(shop, postgres, eventually):
    with mid_run(shop, postgres, deletionPolicy="Cancel") as (url, other):
        shop.delete()
        gone(shop, eventually)
        other.rollback()

        assert reached(url) == "1.12.3"


def test_waiting_for_a_run_can_be_given_up(shop, postgres, eventually):
    with mid_run(shop, postgres) as (url, other):
        shop.delete()
        shop.wait("Deleting")
        shop.change(deletionPolicy="Cancel")
        gone(shop, eventually)
        other.rollback()

        assert reached(url) == "1.12.3"


@pytest.mark.usefixtures("quick")
def test_a_run_that_has_not_started_is_taken_away(shop, kubelet, eventually):
    kubelet.cordon("1 Insufficient memory")
    shop.database("postgres://nobody")
    shop.declare()
    shop.wait("Unschedulable")

    shop.delete()

    gone(shop, eventually)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        pytest.param({"version": "1.20.99"}, "UnknownVersion", id="stalled"),
        pytest.param({"suspend": True}, "NotApplied", id="suspended"),
        pytest.param({"upgrade": {"approval": "Manual"}}, None, id="gated-or-running"),
    ],
)
@pytest.mark.usefixtures("quick")
def test_what_does_not_run_goes_at_once(spec, reason, shop, eventually):
    shop.database("postgres://nobody")
    shop.declare(**spec)
    if reason is not None:
        shop.wait_for(lambda body: body["status"]["observedGeneration"] == 1, "a look")

    shop.delete()

    gone(shop, eventually)


def test_a_run_whose_retry_is_due_later_does_not_hold_it_back(shop, eventually):
    shop.database("postgres://shop@127.0.0.1:1/shop")
    shop.declare(timeouts={"connect": "1s"})
    shop.wait("Unreachable")

    shop.delete()

    gone(shop, eventually)


@pytest.mark.usefixtures("quick")
def test_a_namespace_goes_with_resources_at_rest(shop, cluster, eventually):
    shop.database("postgres://nobody")
    shop.declare()
    shop.wait()

    cluster.api.delete("v1/namespaces", shop.namespace)

    eventually(lambda: cluster.api.find("v1/namespaces", shop.namespace) is None, within=60)


def test_a_namespace_goes_with_a_run_going_on(shop, postgres, cluster, eventually):
    with mid_run(shop, postgres) as (_, other):
        cluster.api.delete("v1/namespaces", shop.namespace)
        other.rollback()

        eventually(lambda: cluster.api.find("v1/namespaces", shop.namespace) is None, within=60)


def test_foreground_deletion_does_not_wait_and_the_run_rolls_back(shop, postgres, eventually):
    with mid_run(shop, postgres) as (url, other):
        shop.api.delete(RESOURCE, "shop", shop.namespace, propagationPolicy="Foreground")
        gone(shop, eventually)
        other.rollback()

        assert medusa_db("wait", "--for", "1.12.3", "--timeout", "0s", url=url).returncode == 0
