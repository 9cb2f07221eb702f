"""The operator is killed, cut off and contradicted: every run is made once, and the end is the same."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager, suppress

import psycopg
import pytest

from medusa_testbed import operators
from medusa_testbed import proxy as cluster_proxy
from medusa_testbed.api import ApiError
from medusa_testbed.kubelet.images import RUNNER, Image
from medusa_testbed.operators import HOME, OWN, Operator
from medusa_testbed.proxy import refusal
from medusa_testbed.shops import JOBS, RESOURCE, Shop, looks, succeeds, succeeds_in_project
from servers import rows

LEASES = "coordination.k8s.io/v1/leases"


@pytest.fixture(autouse=True)
def _quick(kubelet):
    kubelet.images[RUNNER] = Image(outcome=succeeds)


@pytest.fixture
def proxy(cluster):
    """What stands between the test's own operator and the API server."""
    with cluster_proxy.between(cluster) as between:
        yield between


@pytest.fixture
def _served(kubelet):
    """A shop's own image, whose runs end well at once."""
    for image in (RUNNER, "shop:42"):
        kubelet.images[image] = Image(outcome=succeeds_in_project)


def forget_leader(cluster):
    """Let the next one lead at once, as if the dead one's lease had run out."""
    cluster.api.delete(LEASES, HOME, HOME)


@pytest.fixture
def make(operator, cluster, rights, tmp_path, proxy):
    """Return what makes an operator of the test's own; `proxied` sends it through the proxy.

    The worker's operator rests meanwhile, as only one can lead.
    """
    operator.stop()
    forget_leader(cluster)
    made = []

    def new(*flags, proxied=False):
        config = proxy.kubeconfig(rights, tmp_path / "proxied") if proxied else rights
        folder = tmp_path / f"operator-{len(made)}"
        folder.mkdir()
        made.append(Operator(config, folder, ("--selector", OWN, *flags)))
        return made[-1]

    yield new
    for one in made:
        one.stop()
    forget_leader(cluster)
    operator.start()
    operator.wait()


def own(cluster, namespace, name="shop"):
    """Return a resource that only the test's own operators see to."""
    shop = Shop(cluster.api, namespace, name, ((OWN, "own"),))
    shop.database("postgres://nobody")
    return shop


def runs(shop):
    """Return the step and outcome of every run, and how many Jobs there ever were for it."""
    return [(step, outcome) for step, outcome, _ in shop.history()], len(shop.jobs())


ONCE = ([("migrate-1.20.11", "Succeeded")], 1)
LOOKED = ([("migrate-1.20.11", "Learned")], 1)


@pytest.mark.parametrize(
    ("moment", "gated"), [("before", False), ("after", False), ("before", True)]
)
def test_an_operator_that_is_killed_at_any_of_its_calls_makes_each_run_once(
    moment, gated, cluster, namespace, make, proxy, kubelet, eventually
):
    kubelet.images[RUNNER] = Image(outcome=looks if gated else succeeds)
    reason, made = ("AwaitingAcknowledgement", LOOKED) if gated else ("UpToDate", ONCE)
    operator = make(proxied=True)
    operator.start()
    operator.wait()
    calls, killed_at = [], []

    def at(number):
        """Kill the operator at this call for the resource, before or after the API server did it."""
        calls.clear()

        def strike(call):
            if not call.housekeeping:
                calls.append(f"{call.method} {call.path.rsplit('/', 1)[-1]}")
                if len(calls) == number:
                    operator.kill()
                    killed_at.append(calls[-1])
                    return refusal(500, "InternalError")
            return None

        setattr(proxy, moment, strike)

    while True:
        number = len(killed_at) + 1
        shop = own(cluster, namespace, f"shop-{number}")
        at(number)
        shop.declare()
        eventually(lambda: len(killed_at) == number or shop.condition().get("reason") == reason)  # noqa: B023
        eventually(lambda: len(killed_at) == number or not shop.get()["metadata"].get("finalizers"))  # noqa: B023
        setattr(proxy, moment, lambda _call: None)
        if len(killed_at) < number:
            break
        forget_leader(cluster)
        operator.start()
        operator.wait()
        shop.wait(reason)
        shop.wait_for(lambda body: "finalizers" not in body["metadata"], "no finalizer at rest")
        assert runs(shop) == made
        assert [job["status"].get("failed") for job in shop.jobs()] == [None]

    assert len(killed_at) >= 7, killed_at
    assert {"POST jobs", "PUT status"} <= set(killed_at)


def test_a_standby_takes_over_from_a_leader_that_dies_during_a_run(
    cluster, namespace, make, postgres, kubelet
):
    kubelet.images[RUNNER] = Image(("medusa-db",))
    first, second = make(), make()
    first.start()
    first.wait()
    second.start()
    second.wait("standing by")
    shop = own(cluster, namespace)
    with postgres.database(postgres.at("1.12.3")) as name:
        shop.database(postgres.url(name))
        with psycopg.connect(postgres.url(name)) as other:
            other.execute("lock table money_amount")
            shop.declare(upgrade={"approval": "Automatic"})
            shop.wait("Migrating")
            first.kill()

        second.wait("leading", within=40)
        shop.wait()

        with psycopg.connect(postgres.url(name)) as conn:
            done = rows(conn, "select from_version, to_version from medusa_db.history order by id")
    assert done[-1] == ("1.12.3", "1.20.11")
    assert runs(shop) == ONCE


def test_a_leader_that_is_asked_to_stop_hands_over_at_once(cluster, namespace, make):
    first, second = make(), make()
    first.start()
    first.wait()
    second.start()
    second.wait("standing by")

    status = first.stop()
    second.wait("leading", within=8)
    shop = own(cluster, namespace)
    shop.declare()

    assert status == 0
    shop.wait()


def test_a_leader_that_cannot_renew_its_lease_ends(make, proxy, eventually):
    operator = make(proxied=True)
    operator.start()
    operator.wait()

    proxy.before = lambda call: refusal(503, "Unavailable") if "/leases" in call.path else None

    assert eventually(lambda: operator.exited, within=30) == 1
    assert operator.lines()[-1]["error"] == "the Lease could not be renewed for 10 s"


def test_a_token_that_is_replaced_before_its_time_costs_no_lease(
    cluster, namespace, make, tmp_path, rights, eventually
):
    token, config = tmp_path / "token", tmp_path / "config"
    token.write_text(cluster.service_account_token(HOME, HOME, secret=f"{namespace}-old"))
    document = json.loads(rights.read_text())
    document["users"][0]["user"] = {"tokenFile": str(token)}
    config.write_text(json.dumps(document))
    operator = make()
    operator.kubeconfig = config
    operator.start()
    operator.wait()

    token.write_text(cluster.service_account_token(HOME, HOME, secret=f"{namespace}-new"))
    cluster.api.delete("v1/secrets", f"{namespace}-old", HOME)
    eventually(lambda: "Unauthorized" in (operator.folder / "operator.log").read_text(), within=60)
    shop = own(cluster, namespace)
    shop.declare()
    shop.wait()

    assert (operator.exited, operator.number) == (None, 1)
    cluster.api.delete("v1/secrets", f"{namespace}-new", HOME)


def test_a_restarted_api_server_is_waited_for(cluster, namespace, make, eventually):
    operator = make()
    operator.start()
    operator.wait()
    before, after = own(cluster, namespace, "before"), own(cluster, namespace, "after")
    before.declare()
    before.wait()

    cluster.stop_api_server()
    cluster.start_api_server()
    after.declare()
    if eventually(lambda: operator.exited is not None or after.condition(), within=60):
        operator.revive()  # the lease may have run out meanwhile, on a slow machine
    after.wait(within=60)

    assert [runs(before), runs(after)] == [ONCE, ONCE]


def test_watches_that_are_cut_over_and_over_do_not_matter(cluster, namespace, make, proxy):
    operator = make(proxied=True)
    operator.start()
    operator.wait()
    over = threading.Event()

    def cut():
        while not over.wait(0.3):
            proxy.close_watches()

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        shops = [own(cluster, namespace, f"shop-{number}") for number in range(3)]
        for shop in shops:
            shop.declare()
        for shop in shops:
            shop.wait()
    finally:
        over.set()
        cutter.join()

    assert [runs(shop) for shop in shops] == [ONCE] * 3


def test_watches_that_fall_silent_are_noticed_and_made_up_for(
    cluster, namespace, make, proxy, eventually
):
    operator = make("--resync", "2s", proxied=True)
    proxy.silent = frozenset({"medusadatabases", "jobs", "pods"})
    operator.start()
    operator.wait()
    healthy = operator.get("/healthz")

    shop = own(cluster, namespace)
    shop.declare()
    shop.wait(within=60)
    ill = eventually(lambda: (found := operator.get("/healthz"))[0] == 500 and found)

    assert healthy == (200, "ok\n")
    assert "is dead: it did not report" in ill[1]
    assert runs(shop) == ONCE
    assert operator.metric("medusadb_dead_watches") >= 1


@contextmanager
def contradicted(cluster, shop):
    """Change the resource all the time, so that writes of others meet a newer one."""
    over = threading.Event()

    def contradict():
        number = 0
        while not over.wait(0.01):
            number += 1
            notes = {"metadata": {"annotations": {"test/number": str(number)}}}
            with suppress(ApiError):  # it is not declared yet
                cluster.api.patch(RESOURCE, shop.name, notes, shop.namespace)

    thread = threading.Thread(target=contradict)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_storm_of_conflicts_is_survived(shop, cluster):
    shop.database("postgres://nobody")
    mark = cluster.requests.mark()

    with contradicted(cluster, shop):
        shop.declare()
        shop.wait(within=60)

    made = cluster.requests.since(mark).of(operators.USER)
    assert any(request.code == 409 for request in made.all)
    assert made.count()["get medusadatabases"] > 0
    assert runs(shop) == ONCE


def test_an_api_server_that_asks_for_patience_gets_it(cluster, namespace, make, proxy):
    operator = make(proxied=True)
    operator.start()
    operator.wait()
    left = [3]

    def busy(call):
        if call.housekeeping or left[0] == 0:
            return None
        left[0] -= 1
        return refusal(429, "TooManyRequests")

    proxy.before = busy
    shop = own(cluster, namespace)
    shop.declare()
    shop.wait(within=60)

    assert runs(shop) == ONCE


def test_a_job_whose_creation_was_not_answered_is_found_again(
    cluster, namespace, make, proxy, kubelet, eventually
):
    kubelet.cordon()
    operator = make(proxied=True)
    proxy.silent = frozenset({"jobs", "pods"})
    watched = set()
    proxy.before = lambda call: watched.add(call.path) if call.watch else None
    operator.start()
    operator.wait()
    eventually(lambda: any(path.endswith("/jobs") for path in watched))  # it lists them no more
    unanswered = []

    def lose_the_first(call):
        if (call.method, call.path[-5:]) == ("POST", "/jobs") and not unanswered:
            unanswered.append(call)
            return refusal(500, "InternalError")
        return None

    proxy.after = lose_the_first
    shop = own(cluster, namespace)
    mark = cluster.requests.mark()

    shop.declare()
    shop.wait_for(lambda body: body["status"].get("job"), "the Job in the status")

    made = cluster.requests.since(mark).of(operators.USER).on("jobs")
    assert [(call.verb, call.code) for call in made.all if call.namespace == namespace] == [
        ("create", 201), ("create", 409), ("get", 200),
    ]  # fmt: skip
    assert len(cluster.api.list(JOBS, namespace)) == 1


def test_a_job_that_a_watch_has_not_told_of_is_not_called_lost(
    cluster, namespace, make, proxy, kubelet
):
    kubelet.cordon()
    first, second = make(), make(proxied=True)
    shop = own(cluster, namespace)
    first.start()
    first.wait()
    shop.declare()
    job = shop.wait_for(lambda body: body["status"].get("job"), "the Job in the status")
    first.stop()
    none = {"kind": "JobList", "apiVersion": "batch/v1", "metadata": {"resourceVersion": "1"}}
    lists = ("GET", "/apis/batch/v1/jobs")
    proxy.before = lambda call: (
        (200, none | {"items": []})
        if (call.method, call.path) == lists and not call.watch
        else None
    )
    proxy.silent = frozenset({"jobs"})

    second.start()
    second.wait()
    shop.change(deletionPolicy="Cancel")
    shop.wait_for(lambda body: body["status"]["observedGeneration"] == 2, "another look")

    status = shop.status()
    assert (status["job"], status.get("attempts", 0), len(shop.jobs())) == (job, 0, 1)


def told(cluster, namespace, reason):
    """Return how many Events tell of *reason*; they are posted after the status, one by one."""
    found = cluster.api.list("events.k8s.io/v1/events", namespace)
    return sum(event["reason"] == reason for event in found)


def test_a_settled_fleet_writes_nothing(cluster, namespace, make, eventually):
    operator = make("--resync", "100ms")
    operator.start()
    operator.wait()
    shops = [own(cluster, namespace, f"shop-{number}") for number in range(5)]
    for shop in shops:
        shop.declare()
    for shop in shops:
        shop.wait()
        shop.wait_for(lambda body: "finalizers" not in body["metadata"])
    eventually(lambda: all(s.jobs()[0]["spec"].get("ttlSecondsAfterFinished") for s in shops))
    eventually(lambda: told(cluster, namespace, "UpToDate") == len(shops))
    versions = [shop.get()["metadata"]["resourceVersion"] for shop in shops]
    mark = cluster.requests.mark()

    def rounds():
        return cluster.requests.since(mark).of(operators.USER).count()["list medusadatabases"]

    eventually(lambda: rounds() >= 100, within=90)

    made = cluster.requests.since(mark).of(operators.USER)
    # the namespaces of tests before this one may still be going away, with resources of theirs
    writes = [write for write in made.writes.all if write.namespace in (namespace, HOME, "")]
    assert {write.resource for write in writes} <= {"leases"}
    assert [shop.get()["metadata"]["resourceVersion"] for shop in shops] == versions


def test_a_seed_document_that_may_not_be_read_is_told(cluster, namespace, make, proxy):
    operator = make(proxied=True)
    operator.start()
    operator.wait()
    proxy.before = lambda call: (
        refusal(403, "Forbidden") if call.path.endswith("/configmaps/rows") else None
    )
    shop = own(cluster, namespace)

    shop.declare(seed={"from": {"configMapKeyRef": {"name": "rows", "key": "seed.json"}}})
    waiting = shop.wait("ReferenceMissing")

    assert waiting["message"] == "the seed waits: ConfigMap rows cannot be read: on purpose"


@pytest.mark.usefixtures("_served")
def test_an_api_server_that_fails_over_a_workload_hides_nothing_and_is_asked_again(
    cluster, namespace, make, proxy
):
    shop = own(cluster, namespace)
    operator = make(proxied=True)
    operator.start()
    operator.wait()
    proxy.before = lambda call: (
        refusal(500, "InternalError") if "/deployments/" in call.path else None
    )

    shop.declare("2.21.2", server={"image": "shop:42", "workloadRef": {"name": "shop"}})
    starting = shop.wait("Starting")
    proxy.before = lambda _call: None
    shop.wait("ReferenceMissing")

    assert starting["message"] == "a Job for the step to 2.21.2 is made"
    assert operator.exited is None
