"""What one look at the cluster finds for one resource."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
from typing import TYPE_CHECKING

import structlog

from medusa_operator.api.cluster import ObjectKind
from medusa_operator.api.errors import ApiError, ApiRefusedError, MissingError, is_refusal
from medusa_operator.knowledge import known, verification
from medusa_operator.loop.cache import Key
from medusa_operator.resource.model import (
    Event,
    InvalidError,
    Observed,
    Pod,
    Refusal,
    SeedSource,
    Workload,
)
from medusa_operator.resource.names import UID_LABEL
from medusa_operator.resource.reasons import Reason
from medusa_operator.resource.spec import KeySource, SeedPolicy

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from medusa_operator.api.cluster import Body, Cluster
    from medusa_operator.loop.cache import Cache
    from medusa_operator.resource.model import Database
    from medusa_operator.resource.spec import WorkloadRef

PATIENCE = 5.0
"""Seconds that a Job may be without a pod, or a pod without a container, before we ask why."""

logger = structlog.get_logger("reconcile")


async def observe(
    cluster: Cluster,
    cache: Cache,
    database: Database,
    limit: int,
    clock: Callable[[], datetime],
    workload: Workload | None = None,
) -> tuple[Database, Observed]:
    """Return the resource as it is by now, and what else a decision about it needs.

    At most *limit* runs go on at once; 0: no limit. The *workload* was asked for just before; it counts
    where the resource still names it.
    """
    # Whatever has to be asked for comes first. Watches go on filling the cache while we wait for the
    # answers, so what is read from it afterwards, without waiting in between, is all of one moment:
    # a Job and its pods, the turn among the others, and the resource, which may be a newer one.
    seed = await _seed(cluster, database)
    event = await _event(cluster, cache, database, clock())
    # The last of them: a verdict may stand on it that a Job or a pod is not there.
    await _catch_up(cluster, cache, database)
    database = cache.database(Key(database.namespace, database.name)) or database
    return database, Observed(
        jobs=cache.jobs(database.uid),
        pods=cache.pods(database.uid),
        gone=cache.gone(database.uid),
        lost=cache.lost(database.uid),
        rivals=cache.rivals(database),
        turn=cache.turn(database, limit, clock()),
        seed=seed,
        workload=workload if workload is not None and _named(database) == workload.ref else None,
        verifying=cache.verifying(database),
        event=event,
    )


async def look_at(cluster: Cluster, database: Database, ref: WorkloadRef) -> Workload:
    """Return the workload that *ref* names, or why there is none to be seen."""
    where = f"the run waits: {ref} of spec.server.workloadRef"
    try:
        body = await cluster.workload(database.namespace, ref.kind.plural, ref.name)
    except ApiRefusedError as exc:
        why = f"{where} cannot be read: {str(exc)[:500]}"
        return Workload(ref, refusal=Refusal(Reason.REFERENCE_FORBIDDEN, why))
    if body is None:
        return Workload(ref, refusal=Refusal(Reason.REFERENCE_MISSING, f"{where} is not there"))
    return Workload(ref, body)


def _named(database: Database) -> WorkloadRef | None:
    spec = database.spec
    return None if isinstance(spec, InvalidError) or spec.server is None else spec.server.workload


async def _catch_up(cluster: Cluster, cache: Cache, database: Database) -> None:
    """Read what a watch has not reported yet, where a verdict would stand on its absence.

    That is a Job that the status says to run, one that was seen to go while it went on, and the pods
    of Jobs that are over.
    """
    seen = Observed(jobs=cache.jobs(database.uid))
    unseen = {known.vanished(database.status, seen) or verification.vanished(database, seen)}
    unseen |= {job.name for job in cache.lost(database.uid)}
    for name in sorted(unseen - {""}):
        with contextlib.suppress(MissingError):
            cache.put(ObjectKind.JOB, await cluster.job(database.namespace, name))
    pods = cache.pods(database.uid)
    ended = {pod.job for pod in pods if pod.over and pod.terminated is not None}
    seen = Observed(jobs=cache.jobs(database.uid), pods=pods)
    over = [*known.unrecorded(database.status, seen), *verification.unrecorded(database, seen)]
    if all(job.name in ended for job in over):
        return
    for body in await cluster.pods(database.namespace, UID_LABEL, database.uid):
        cache.put(ObjectKind.POD, body)


async def _seed(cluster: Cluster, database: Database) -> SeedSource | None:
    """Return what is in the ConfigMap of a seed that may have to run; Secrets are not read."""
    if isinstance(database.spec, InvalidError) or database.deleting:
        return None
    seed = database.spec.seed
    document = seed.document if seed is not None else None
    if seed is None or document is None or document.source is not KeySource.CONFIG_MAP:
        return None
    if seed.policy is SeedPolicy.ONCE and database.status.seed is not None:
        return None
    try:
        found = await cluster.config_map(database.namespace, document.name)
    except ApiError as exc:
        if not is_refusal(exc):
            raise
        return SeedSource(missing=f"ConfigMap {document.name} cannot be read: {exc}")
    if found is None:
        return SeedSource(missing=f"ConfigMap {document.name} is not there")
    content = _content(found, document.key)
    if content is None:
        return SeedSource(missing=f"ConfigMap {document.name} has no key {document.key}")
    return SeedSource(checksum=hashlib.sha256(content).hexdigest())


async def _event(cluster: Cluster, cache: Cache, database: Database, now: datetime) -> Event | None:
    """Return why a Job gets no pod, or its pod does not start, where that takes long."""
    job = next((job for job in cache.jobs(database.uid) if not job.over), None)
    if job is None:
        return None
    pods = [p for p in cache.pods(database.uid) if p.job == job.name and not p.over]
    kind, waiting = ("Pod", pods[0]) if pods else ("Job", job)
    if isinstance(waiting, Pod) and (waiting.started or waiting.unschedulable):
        return None
    if 0 <= (now - waiting.created).total_seconds() < PATIENCE:
        return None  # a clock behind the API server's has no patience
    try:
        found = await cluster.warnings(database.namespace, kind, waiting.name)
    except ApiError as exc:
        if not is_refusal(exc):
            raise
        logger.debug("Events cannot be read", error=str(exc))
        return None  # they only explain
    newest = max(found, key=_when, default=None)
    if newest is None:
        return None
    return Event(str(newest.get("reason") or ""), str(newest.get("message") or ""))


def _content(config_map: Body, key: str) -> bytes | None:
    if (text := (config_map.get("data") or {}).get(key)) is not None:
        return str(text).encode(errors="replace")
    if (data := (config_map.get("binaryData") or {}).get(key)) is not None:
        with contextlib.suppress(binascii.Error):
            return base64.b64decode(str(data))
    return None


def _when(event: Body) -> str:
    return str(
        event.get("lastTimestamp")
        or event.get("eventTime")
        or (event.get("metadata") or {}).get("creationTimestamp")
        or ""
    )
