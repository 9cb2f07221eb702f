"""Why the operator elects its leader itself: what the Kubernetes client's own election gets wrong.

Each test holds as long as the client has that defect. Where one fails, the defect is gone; where all
do, `medusa_operator.api.lease` can go.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime

import aiohttp
import pytest
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

from medusa_operator.api import login
from medusa_testbed.proxy import between
from medusa_testbed.waiting import eventually

LEASES = "coordination.k8s.io/v1/leases"
STAMP = "2026-01-01 00:00:00.000000"


async def work_for_ever():
    await asyncio.Event().wait()


class Election:
    """An election of the client's own for a Lease that is there already."""

    def __init__(self, kubeconfig, namespace):
        self.kubeconfig, self.namespace = kubeconfig, namespace
        self.work = work_for_ever
        self.working = None

    @contextlib.asynccontextmanager
    async def opened(self):
        """Return the client's object, and let nothing of it go on behind."""
        it = await login.find({"KUBECONFIG": str(self.kubeconfig)})
        before = asyncio.all_tasks()

        async def work():
            self.working = asyncio.current_task()
            await self.work()

        async def stopped():
            pass

        lock = LeaseLock("it", self.namespace, "me", it.api)
        try:
            yield LeaderElection(Config(lock, 3, 2, 1, work, stopped))
        finally:
            left = asyncio.all_tasks() - before
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            await it.api.close()


@pytest.fixture
def election(cluster, namespace):
    return Election(cluster.kubeconfig, namespace)


@pytest.fixture
def lease(cluster, namespace):
    """Return what reads the Lease, which is there already: the client cannot create one."""
    cluster.api.create(LEASES, {"metadata": {"name": "it"}}, namespace)
    return lambda: cluster.api.get(LEASES, "it", namespace)["spec"]


async def until(check):
    await asyncio.to_thread(eventually, check, 20)


def test_it_cannot_create_its_lease(election, cluster, namespace):
    async def created():
        async with election.opened() as it:
            record = LeaderElectionRecord("me", "15", STAMP, STAMP)
            await it.election_config.lock.create("it", namespace, record)

    with pytest.raises(ValueError, match=r"pretty\n.* valid string"):
        asyncio.run(created())
    assert cluster.api.find(LEASES, "it", namespace) is None


def test_it_writes_local_time_as_if_it_were_utc(election, lease, monkeypatch):
    async def taken():
        async with election.opened() as it:
            assert await it.try_acquire_or_renew()

    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "America/New_York")
        time.tzset()
        asyncio.run(taken())
    time.tzset()

    renewed = datetime.fromisoformat(lease()["renewTime"])
    assert abs((datetime.now(UTC) - renewed).total_seconds()) > 3 * 3600


@pytest.mark.usefixtures("lease")
def test_a_connection_that_breaks_once_ends_it_and_its_work_goes_on_without_the_lease(
    election, cluster, tmp_path
):
    async def led():
        async with contextlib.AsyncExitStack() as stack:
            with between(cluster) as proxy:
                election.kubeconfig = proxy.kubeconfig(cluster.kubeconfig, tmp_path / "config")
                it = await stack.enter_async_context(election.opened())
                running = asyncio.create_task(it.run())
                await until(lambda: election.working is not None)
            with pytest.raises(aiohttp.ClientConnectionError):  # within a second, not 2 of deadline
                await running
            return election.working.done()

    assert asyncio.run(led()) is False


def test_where_its_work_dies_it_goes_on_renewing_and_nobody_hears(election, lease):
    async def die():
        raise RuntimeError("defect")

    async def led():
        async with election.opened() as it:
            election.work = die
            running = asyncio.create_task(it.run())
            await until(lambda: election.working is not None and election.working.done())
            with pytest.raises(RuntimeError, match="defect"):
                election.working.result()
            first = lease()["renewTime"]
            await until(lambda: lease()["renewTime"] != first)
            return running.done()

    assert asyncio.run(led()) is False


def test_it_does_not_release_the_lease_at_its_end(election, lease):
    async def led():
        async with election.opened() as it:
            running = asyncio.create_task(it.run())
            await until(lambda: election.working is not None)
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    asyncio.run(led())

    assert lease()["holderIdentity"] == "me"


def test_it_counts_no_change_of_the_holder(election, cluster, namespace, lease):
    stale = {
        "holderIdentity": "other", "leaseDurationSeconds": 1, "leaseTransitions": 4,
        "acquireTime": "2026-01-01T00:00:00.000000Z", "renewTime": "2026-01-01T00:00:00.000000Z",
    }  # fmt: skip
    cluster.api.patch(LEASES, "it", {"spec": stale}, namespace)

    async def taken():
        async with election.opened() as it:
            async with asyncio.timeout(20):
                assert await it.acquire()

    asyncio.run(taken())

    assert lease()["holderIdentity"] == "me"
    assert lease()["leaseTransitions"] == 4
