"""Which of several replicas acts: a Lease that one holds at a time.

The Kubernetes client's own election cannot create a Lease, writes local time, stops renewing at the first
broken connection while the work goes on, and does not release; tests/cluster/test_client_leader_election.py
tells when that has changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from medusa_operator.api.errors import ApiError, LostLeadershipError

if TYPE_CHECKING:
    from medusa_operator.api.cluster import Cluster

LEASE_SECONDS = 15
"""How long others wait after the last renewal before they take over."""
RENEW_SECONDS = 5.0
DEADLINE_SECONDS = 10.0
"""A holder that could not renew for so long stops, before others can have taken over."""
RETRY_SECONDS = 2.0
RELEASE_SECONDS = 5.0
"""How long an end waits for an API server that does not answer."""

logger = structlog.get_logger("leader")


@dataclass(slots=True)
class Leader:
    """Our side of one Lease."""

    cluster: Cluster
    namespace: str
    name: str
    identity: str
    """Unique to this process."""
    held: bool = False
    _lease: dict[str, Any] | None = None
    _seen: tuple[Any, ...] = ()
    _since: float = field(default_factory=time.monotonic)
    """When `_seen` was seen first, by our own clock: those of other machines may differ."""

    async def acquire(self) -> None:
        """Return once the Lease is ours."""
        logged = ""
        while not await self._try():
            holder = self._holder()
            if holder != logged:
                logger.info("Standing by", holder=holder)
                logged = holder
            await asyncio.sleep(RETRY_SECONDS)
        self.held = True
        logger.info("Leading", lease=f"{self.namespace}/{self.name}", identity=self.identity)

    async def keep(self) -> None:
        """Renew the Lease for ever; raise LostLeadershipError when it may no longer be ours."""
        renewed = time.monotonic()
        wait = RENEW_SECONDS
        while True:
            await asyncio.sleep(wait)
            try:
                async with asyncio.timeout(max(0.1, renewed + DEADLINE_SECONDS - time.monotonic())):
                    ours = await self._try()
            except TimeoutError:
                ours = False
            if ours:
                renewed, wait = time.monotonic(), RENEW_SECONDS
                continue
            wait = RETRY_SECONDS
            if self._holder() != self.identity:
                self.held = False
                raise LostLeadershipError(f"the Lease is held by {self._holder()}")
            if time.monotonic() + wait >= renewed + DEADLINE_SECONDS:
                self.held = False
                raise LostLeadershipError(
                    f"the Lease could not be renewed for {DEADLINE_SECONDS:g} s"
                )

    async def release(self) -> None:
        """Let another replica take over at once."""
        if not self.held or self._lease is None:
            return
        self.held = False
        with contextlib.suppress(ApiError, TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS):
                released = self._ours()
                released["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                await self.cluster.write_lease(released)

    def _holder(self) -> str:
        return str(self._spec().get("holderIdentity") or "")

    def _spec(self) -> dict[str, Any]:
        """Return what the Lease says; one without a holder may say nothing at all."""
        return (self._lease or {}).get("spec") or {}

    async def _try(self) -> bool:
        """Take or renew the Lease; return whether it is ours."""
        try:
            if not self.held or self._lease is None:
                self._lease = await self.cluster.lease(self.namespace, self.name)
                if not self._free():
                    return False
            self._lease = await self.cluster.write_lease(self._ours())
        except ApiError as exc:
            logger.warning("The Lease could not be written", error=str(exc))
            with contextlib.suppress(ApiError):
                self._lease = await self.cluster.lease(self.namespace, self.name)
            return False
        return True

    def _free(self) -> bool:
        """Return whether nobody holds the Lease, or its holder has not renewed it in time."""
        if self._lease is None:
            return True
        spec = self._spec()
        seen = (spec.get("holderIdentity"), spec.get("renewTime"), spec.get("leaseTransitions"))
        if seen != self._seen:
            self._seen, self._since = seen, time.monotonic()
        if not self._holder() or self._holder() == self.identity:
            return True
        return time.monotonic() - self._since > float(spec.get("leaseDurationSeconds") or 0)

    def _ours(self) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        old = self._lease or {}
        spec = self._spec()
        taken = spec.get("holderIdentity") != self.identity
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": (old.get("metadata") or {})
            | {"namespace": self.namespace, "name": self.name},
            "spec": {
                "holderIdentity": self.identity,
                "leaseDurationSeconds": LEASE_SECONDS,
                "acquireTime": now if taken else spec.get("acquireTime"),
                "renewTime": now,
                "leaseTransitions": int(spec.get("leaseTransitions") or 0)
                + int(taken and bool(old)),
            },
        }
