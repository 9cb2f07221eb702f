"""At rest, and while hundreds of resources come and go, the operator neither ends nor grows."""

from __future__ import annotations

import os
import time

import pytest

import chaos_checker
from chaos_history import Memory
from medusa_testbed import operators
from medusa_testbed.kubelet.images import RUNNER, Image
from medusa_testbed.operators import HOME
from medusa_testbed.shops import JOBS, PODS, Shop, succeeds

LEASES = "coordination.k8s.io/v1/leases"
LONG = bool(os.environ.get("MEDUSA_TEST_ALL"))
ROUNDS = 1500 if LONG else 100
"""Resyncs at rest."""
BATCHES, BATCH = (40, 20) if LONG else (9, 8)

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def own(operator, cluster, rights, tmp_path, namespace, kubelet):
    """An operator for the test's namespace only; the worker's one rests meanwhile, as only one leads."""
    kubelet.images[RUNNER] = Image(outcome=succeeds)
    operator.stop()
    cluster.api.delete(LEASES, HOME, HOME)
    flags = ("--namespace", namespace, "--resync", "100ms")
    with operators.running(rights, tmp_path / "operator", *flags) as it:
        yield it
    cluster.api.delete(LEASES, HOME, HOME)
    operator.start()
    operator.wait()


@pytest.fixture
def rested(own, cluster, eventually):
    """Return what lets the operator rest for ROUNDS resyncs: what it writes, and its memory meanwhile."""

    def rest():
        mark, samples = cluster.requests.mark(), []

        def over():
            assert own.exited is None
            samples.append(Memory("own", time.monotonic(), chaos_checker.WARM, own.rss, leads=True))
            made = cluster.requests.since(mark).of(operators.USER)
            writes = {write.resource for write in made.writes.all} - {"leases"}
            return made.count()["list medusadatabases"] >= ROUNDS and (writes or {"nothing"})

        return eventually(over, within=1500, every=0.5), tuple(samples)

    return rest


def growth(samples):
    """Return the memory in the last third of the time by that in the second."""
    second, third = chaos_checker.thirds(samples)
    return third / second


def test_at_rest_nothing_is_written_and_no_memory_is_taken(
    own, rested, cluster, namespace, eventually
):
    empty, while_empty = rested()
    shops = [Shop(cluster.api, namespace, f"shop-{number}") for number in range(5)]
    for shop in shops:
        shop.database("postgres://nobody")
        shop.declare(job={"ttlSecondsAfterFinished": 0})
    for shop in shops:
        shop.wait()
    eventually(lambda: not cluster.api.list(JOBS, namespace))
    eventually(lambda: not cluster.api.list(PODS, namespace))
    eventually(lambda: not any(shop.get()["metadata"].get("finalizers") for shop in shops))
    settled, while_settled = rested()

    assert (empty, settled) == ({"nothing"}, {"nothing"})
    assert growth(while_empty) < 1.05
    assert growth(while_settled) < 1.05
    assert [line for line in own.lines() if line["level"] in ("warning", "error")] == []


def test_resources_that_come_and_go_leave_nothing_in_memory(own, cluster, namespace, eventually):
    samples = []

    def measure():
        samples.append(Memory("own", time.monotonic(), chaos_checker.WARM, own.rss, leads=True))

    for number in range(BATCHES):
        shops = [Shop(cluster.api, namespace, f"shop-{number}-{n}") for n in range(BATCH)]
        for shop in shops:
            shop.database("postgres://nobody")
            shop.declare()
        for shop in shops:
            shop.wait(within=90)
            measure()
        for shop in shops:
            shop.delete()
        eventually(lambda: not any(shop.find() for shop in shops), within=60)  # noqa: B023
        measure()

    assert own.exited is None
    assert growth(tuple(samples)) < 1.05


def test_a_replica_that_stands_by_takes_little_memory(solo):
    solo()
    waiting = solo(wait="standing by")

    assert waiting.rss < 80e6
