"""The one thing that a pass does in the cluster; it decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from medusa_operator.api.cluster import ObjectKind
from medusa_operator.api.errors import (
    ApiError,
    ApiRefusedError,
    ConflictError,
    ExistsError,
    MissingError,
    is_refusal,
)
from medusa_operator.jobs import references
from medusa_operator.judgement.decision import (
    AddFinalizer,
    Cancel,
    Expire,
    LookAtWorkload,
    RemoveFinalizer,
    Start,
    Verify,
)
from medusa_operator.loop.cache import Key
from medusa_operator.resource.model import CreateError, Job
from medusa_operator.resource.names import FINALIZER

if TYPE_CHECKING:
    from medusa_operator.api.cluster import Cluster
    from medusa_operator.judgement.decision import Act
    from medusa_operator.loop.cache import Cache
    from medusa_operator.resource.model import Database, Refusal, Settings

logger = structlog.get_logger("reconcile")


async def perform(
    cluster: Cluster, cache: Cache, database: Database, act: Act | None
) -> CreateError | None:
    """Do what was decided; return why the API server refuses it."""
    try:
        match act:
            case AddFinalizer():
                await _write_finalizers(cluster, cache, database, (*database.finalizers, FINALIZER))
            case RemoveFinalizer():
                await remove_finalizer(cluster, cache, database)
            case Expire(job, seconds):
                await _expire(cluster, cache, database, job, seconds)
            case Cancel(job):
                await _cancel(cluster, cache, database, job)
            case Start() | Verify() as start:
                return await _start(cluster, cache, database, start)
            case LookAtWorkload() | None:
                pass  # nothing changes in the cluster
    except ApiError as exc:
        if not is_refusal(exc):
            raise
        return CreateError(exc.status, str(exc))
    return None


async def remove_finalizer(cluster: Cluster, cache: Cache, database: Database) -> None:
    """Take our finalizer off the resource."""
    kept = tuple(name for name in database.finalizers if name != FINALIZER)
    await _write_finalizers(cluster, cache, database, kept)


async def refusal(
    cluster: Cluster, database: Database, start: Start | Verify, settings: Settings
) -> Refusal | None:
    """Return why the Job must not be made: something that its pod refers to is not free for that."""
    for reference in references.asked_for(start.manifest, settings):
        try:
            found = await cluster.metadata_of(database.namespace, reference.plural, reference.name)
        except ApiRefusedError as exc:
            return references.unseen(reference, str(exc))
        if refused := references.refused(reference, found, database.name):
            return refused
    return None


async def _start(
    cluster: Cluster, cache: Cache, database: Database, start: Start | Verify
) -> CreateError | None:
    """Create the Job; return why the API server refuses it.

    A resource that is only verified has no finalizer of ours, so it may be gone already, and its
    Jobs would be taken away one after the other. Raises MissingError then.
    """
    if isinstance(start, Verify):
        body = await cluster.database(database.namespace, database.name)
        cache.put(ObjectKind.DATABASE, body)
        if cache.database(Key(database.namespace, database.name)) != database:
            raise ConflictError(f"{database.name} has changed meanwhile")
    cache.claim(database, start.name)
    try:
        body = await cluster.create_job(start.manifest)
    except ExistsError:
        body = await cluster.job(database.namespace, start.name)
        found = Job.from_body(body)
        if found.owner != database.uid or not found.owned:
            return CreateError(409, f"Job {start.name} is there and belongs to somebody else")
    else:
        logger.info("Created a Job", job=start.name, step=start.step.name, attempt=start.attempt)
    finally:
        cache.unclaim(database)
    cache.put(ObjectKind.JOB, body)
    return None


async def _write_finalizers(
    cluster: Cluster, cache: Cache, database: Database, finalizers: tuple[str, ...]
) -> None:
    cache.put(ObjectKind.DATABASE, await cluster.write_finalizers(database, finalizers))


async def _expire(
    cluster: Cluster, cache: Cache, database: Database, job: Job, seconds: int
) -> None:
    try:
        body = await cluster.expire_job(database.namespace, job.name, job.uid, seconds)
    except MissingError as exc:
        raise ConflictError(str(exc)) from exc  # the watch will tell
    cache.put(ObjectKind.JOB, body)


async def _cancel(cluster: Cluster, cache: Cache, database: Database, job: Job) -> None:
    try:
        body = await cluster.delete_job(database.namespace, job.name, job.uid)
    except MissingError as exc:
        raise ConflictError(str(exc)) from exc
    logger.info("Deleted a Job", job=job.name)
    if body is not None:
        cache.put(ObjectKind.JOB, body)
