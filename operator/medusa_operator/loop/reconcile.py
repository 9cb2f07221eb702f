"""One pass over one resource: observe, decide, perform at most one thing, report if changed."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from medusa_operator.api.cluster import Kind
from medusa_operator.api.errors import (
    AnswerError,
    ApiError,
    ConflictError,
    ExistsError,
    MissingError,
    RefusedError,
    UnreachableError,
)
from medusa_operator.jobs import references
from medusa_operator.judgement import conditions
from medusa_operator.judgement.decide import decide
from medusa_operator.judgement.decision import (
    AddFinalizer,
    Cancel,
    Expire,
    RemoveFinalizer,
    Start,
    Verify,
)
from medusa_operator.knowledge import known, verification
from medusa_operator.loop import events
from medusa_operator.loop.cache import Key
from medusa_operator.resource.model import (
    FINALIZER,
    UID_LABEL,
    CreateError,
    Database,
    Event,
    InvalidError,
    Job,
    Observed,
    Pod,
    SeedSource,
)
from medusa_operator.resource.spec import SeedPolicy, Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from medusa_migrations.catalog import Catalog
    from medusa_operator.api.cluster import Body, Cluster
    from medusa_operator.judgement.decision import Act, Decision
    from medusa_operator.loop.cache import Cache
    from medusa_operator.loop.events import Recorder
    from medusa_operator.resource.model import Refusal, Settings
    from medusa_operator.resource.status import Run, Status

PATIENCE = 5.0
"""Seconds that a Job may be without a pod, or a pod without a container, before we ask why."""

logger = structlog.get_logger("reconcile")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Reconciler:
    """All that a pass needs."""

    catalog: Catalog
    cluster: Cluster
    cache: Cache
    settings: Settings
    recorder: Recorder
    limit: int
    """Jobs at a time in all; 0: no limit."""
    ended: Callable[[Run], None]
    """Is called with each run whose end was written to a status."""
    home: str = ""
    """The namespace that we run in."""
    freed: Callable[[], None] = lambda: None
    """Is called when a resource gives up its place in the line of those that wait for a slot."""
    clock: Callable[[], datetime] = _now
    _complaints: set[str] = field(default_factory=set)
    """What was logged once and holds for every resource."""

    async def reconcile(self, key: Key) -> float | None:
        """Do one pass; return the seconds until the next look, None: when something happens.

        A pass that changed something is followed by another, until one finds nothing to do.
        """
        database = self.cache.database(key)
        if database is None:
            return None
        try:
            wake = await self._watched_pass(key, database)
        except ConflictError:
            raise
        except Exception:
            if self.cache.failed(database.uid):
                self.freed()
            raise
        self.cache.passed(database.uid)
        return wake

    async def _watched_pass(self, key: Key, database: Database) -> float | None:
        """Do one pass, and read the resource anew where it was not as we saw it."""
        try:
            return await self._pass(key, database)
        except ConflictError:
            await self._look_again(key)
            raise
        except MissingError as exc:
            if await self._look_again(key):
                raise
            logger.debug("The resource is gone", error=str(exc))
            return None

    async def let_go(self) -> None:
        """Take our finalizer off what is held in namespaces that are being deleted, as we end.

        Where the namespace is our own, nobody would be left to do so, and the run ends with it.
        """
        held = [database for database in self.cache.databases() if database.has_finalizer]
        for namespace in {database.namespace for database in held}:
            if await self.cluster.terminating(namespace):
                for database in held:
                    if database.namespace == namespace:
                        await self._let_go(Key(namespace, database.name))

    async def _let_go(self, key: Key) -> None:
        """Take our finalizer off a resource, however often it changes meanwhile."""
        while (database := self.cache.database(key)) is not None and database.has_finalizer:
            try:
                await self._release(database)
            except ConflictError:
                await self._look_again(key)
            except MissingError:
                return

    async def _release(self, database: Database) -> None:
        await self._hold(database, tuple(f for f in database.finalizers if f != FINALIZER))

    async def _pass(self, key: Key, database: Database) -> float | None:
        ending = database.deleting and database.has_finalizer and database.namespace == self.home
        if ending and await self.cluster.terminating(database.namespace):
            await self._release(database)
            return None
        seed = await self._seed(database)
        event = await self._event(database)
        await self._catch_up(database)
        database = self.cache.database(key) or database  # a newer one may have come meanwhile
        observed = Observed(
            jobs=self.cache.jobs(database.uid),
            pods=self.cache.pods(database.uid),
            gone=self.cache.gone(database.uid),
            rivals=self.cache.rivals(database),
            turn=self.cache.turn(database, self.limit, self.clock()),
            seed=seed,
            verifying=self.cache.verifying(database),
            event=event,
        )
        return await self._act(key, database, observed)

    async def _act(self, key: Key, database: Database, observed: Observed) -> float | None:
        """Decide, report, do one thing."""
        decision = self._decide(database, observed)
        if decision.report_first and await self._report(database, observed, decision.before):
            return 0.0
        match decision.act:
            case Start() | Verify() as start if refusal := await self._refusal(database, start):
                if isinstance(start, Verify):
                    error = CreateError(403, refusal.message)
                    return await self._refused(key, database, observed, decision, error)
                observed = replace(observed, refusal=refusal)
                return await self._settle(database, observed, self._decide(database, observed))
        refused = await self._perform(database, decision.act)
        if refused is not None:
            return await self._refused(key, database, observed, decision, refused)
        match decision.act:
            case AddFinalizer():
                return await self._pass(key, database)  # at once: the turn is ours
            case RemoveFinalizer() | Expire() | Start() | Verify():
                return 0.0
            case Cancel() | None:
                return await self._settle(database, observed, decision)

    async def _perform(self, database: Database, act: Act | None) -> CreateError | None:
        """Do what was decided; return why the API server refuses it."""
        try:
            match act:
                case AddFinalizer():
                    await self._hold(database, (*database.finalizers, FINALIZER))
                case RemoveFinalizer():
                    await self._release(database)
                case Expire(job, seconds):
                    await self._expire(database, job, seconds)
                case Cancel(job):
                    await self._cancel(database, job)
                case Start() | Verify() as start:
                    return await self._start(database, start)
                case None:
                    pass
        except ApiError as exc:
            if not _refused(exc):
                raise
            return CreateError(exc.status, str(exc))
        return None

    async def _refused(
        self,
        key: Key,
        database: Database,
        observed: Observed,
        decision: Decision,
        refused: CreateError,
    ) -> float | None:
        """Report what the API server refuses, and do what can be done all the same."""
        match decision.act:
            case Expire(job):
                logger.warning(
                    "A Job cannot get its time to live", job=job.name, error=refused.message
                )
                return await self._act(key, database, replace(observed, untidied=True))
            case AddFinalizer() if observed.active is None:
                code = refused.code if refused.code >= 500 else 403
                said = f"the finalizer {FINALIZER} cannot be set: {refused.message}"
                refused = CreateError(code, said)
            case Start() | Verify():
                pass
            case _:
                told = decision.refused(refused.message)
                await self._report(database, observed, told)
                raise ApiError(refused.message, status=refused.code)
        refused = replace(refused, verifies=isinstance(decision.act, Verify))
        observed = replace(observed, create_error=refused)
        return await self._settle(database, observed, self._decide(database, observed))

    async def _settle(
        self, database: Database, observed: Observed, decision: Decision
    ) -> float | None:
        """Report; return when to look again."""
        changed = await self._report(database, observed, decision)
        return 0.0 if changed else self._wait(decision)

    def _decide(self, database: Database, observed: Observed) -> Decision:
        """Decide; where a spec makes that fail, as if it could not be read, so that its owner sees it."""
        try:
            return decide(self.catalog, database, observed, self.settings, self.clock())
        except Exception as exc:
            if isinstance(database.spec, InvalidError):
                raise
            logger.exception("A decision failed: a defect of the operator")
            why = f"the operator fails over this spec ({type(exc).__name__}); please report it"
            unread = replace(database, spec=InvalidError(why))
            return decide(self.catalog, unread, observed, self.settings, self.clock())

    def _wait(self, decision: Decision) -> float | None:
        if decision.wake is None:
            return None
        return max(0.0, (decision.wake - self.clock()).total_seconds())

    async def _refusal(self, database: Database, start: Start | Verify) -> Refusal | None:
        """Return why the Job must not be made: something that its pod refers to is not free for that."""
        for reference in references.asked_for(start.manifest, self.settings):
            try:
                found = await self.cluster.metadata_of(
                    database.namespace, reference.plural, reference.name
                )
            except RefusedError as exc:
                return references.unseen(reference, str(exc))
            if refused := references.refused(reference, found, database.name):
                return refused
        return None

    async def _start(self, database: Database, start: Start | Verify) -> CreateError | None:
        """Create the Job; return why the API server refuses it.

        Nothing holds a resource that is only verified, so it may be gone without our being told;
        its Jobs would be taken away one after the other. Raises MissingError then.
        """
        if isinstance(start, Verify):
            body = await self.cluster.database(database.namespace, database.name)
            self._seen(body)
            if self.cache.database(Key(database.namespace, database.name)) != database:
                raise ConflictError(f"{database.name} has changed meanwhile")
        self.cache.claim(database, start.name)
        try:
            body = await self.cluster.create_job(start.manifest)
        except ExistsError:
            body = await self.cluster.job(database.namespace, start.name)
            found = Job.from_body(body)
            if found.owner != database.uid or not found.owned:
                return CreateError(409, f"Job {start.name} is there and belongs to somebody else")
        else:
            logger.info(
                "Created a Job", job=start.name, step=start.step.name, attempt=start.attempt
            )
        finally:
            self.cache.unclaim(database)
        self.cache.put(Kind.JOB, body)
        return None

    async def _hold(self, database: Database, finalizers: tuple[str, ...]) -> None:
        self._seen(await self.cluster.write_finalizers(database, finalizers))

    async def _expire(self, database: Database, job: Job, seconds: int) -> None:
        try:
            body = await self.cluster.expire_job(database.namespace, job.name, job.uid, seconds)
        except MissingError as exc:
            raise ConflictError(str(exc)) from exc  # the watch will tell
        self.cache.put(Kind.JOB, body)

    async def _cancel(self, database: Database, job: Job) -> None:
        try:
            body = await self.cluster.delete_job(database.namespace, job.name, job.uid)
        except MissingError as exc:
            raise ConflictError(str(exc)) from exc
        logger.info("Deleted a Job", job=job.name)
        if body is not None:
            self.cache.put(Kind.JOB, body)

    async def _report(self, database: Database, observed: Observed, decision: Decision) -> bool:
        """Write the status if it changed, and tell of what is new in it; return whether it did."""
        now = self.clock()
        status = conditions.status(self.catalog, database, observed, decision, now)
        if status.to_dict() == database.status.to_dict():
            return False
        try:
            body = await self.cluster.write_status(database, status.to_dict())
        except RefusedError as exc:
            if exc.status not in (400, 413, 422):
                raise
            logger.exception("The API server refuses a status: a defect of the operator")
            status = conditions.minimal(database, str(exc), now)
            if status.to_dict() == database.status.to_dict():
                return False
            body = await self.cluster.write_status(database, status.to_dict())
        self._seen(body)
        if body["metadata"].get("resourceVersion") == database.resource_version:
            self._complain_of_definition()
            return False  # what was new in it was dropped: written again, it would be again
        for condition in events.changes(database.status, status):
            logger.info(
                condition.message or condition.reason,
                condition=condition.type, status=condition.status, reason=condition.reason,
            )  # fmt: skip
            self.recorder.add(events.body(database, condition, now))
        for run in _ended(database.status, status):
            self.ended(run)
        return True

    def _complain_of_definition(self) -> None:
        if not self._complaints:
            logger.warning(
                "The definition of MedusaDatabase in the cluster is older than the operator, and drops "
                "a part of the status: apply the one that belongs to it"
            )
        self._complaints.add("definition")

    def _seen(self, body: Body) -> None:
        self.cache.put(Kind.DATABASE, body)

    async def _look_again(self, key: Key) -> bool:
        """Read the resource anew; return whether it is still there."""
        try:
            self._seen(await self.cluster.database(*key))
        except MissingError:
            return False  # the watch will tell
        return True

    async def _catch_up(self, database: Database) -> None:
        """Read what a watch has not reported yet, where a verdict would stand on its absence.

        That is a Job that the status says to run, and the pods of Jobs that are over.
        """
        seen = Observed(jobs=self.cache.jobs(database.uid))
        unseen = known.vanished(database.status, seen) or verification.vanished(database, seen)
        if unseen:
            with contextlib.suppress(MissingError):
                self.cache.put(Kind.JOB, await self.cluster.job(database.namespace, unseen))
        pods = self.cache.pods(database.uid)
        ended = {pod.job for pod in pods if pod.over and pod.terminated is not None}
        seen = Observed(jobs=self.cache.jobs(database.uid), pods=pods)
        over = [*known.unrecorded(database.status, seen), *verification.unrecorded(database, seen)]
        if all(job.name in ended for job in over):
            return
        for body in await self.cluster.pods(database.namespace, UID_LABEL, database.uid):
            self.cache.put(Kind.POD, body)

    async def _seed(self, database: Database) -> SeedSource | None:
        """Return what is in the ConfigMap of a seed that may have to run; Secrets are not read."""
        if isinstance(database.spec, InvalidError) or database.deleting:
            return None
        seed = database.spec.seed
        if seed is None or seed.source.source is not Source.CONFIG_MAP:
            return None
        if seed.policy is SeedPolicy.ONCE and database.status.seed is not None:
            return None
        try:
            found = await self.cluster.config_map(database.namespace, seed.source.name)
        except ApiError as exc:
            if not _refused(exc):
                raise
            return SeedSource(missing=f"ConfigMap {seed.source.name} cannot be read: {exc}")
        if found is None:
            return SeedSource(missing=f"ConfigMap {seed.source.name} is not there")
        content = _content(found, seed.source.key)
        if content is None:
            return SeedSource(missing=f"ConfigMap {seed.source.name} has no key {seed.source.key}")
        return SeedSource(checksum=hashlib.sha256(content).hexdigest())

    async def _event(self, database: Database) -> Event | None:
        """Return why a Job gets no pod, or its pod does not start, where that takes long."""
        job = next((job for job in self.cache.jobs(database.uid) if not job.over), None)
        if job is None:
            return None
        pods = [p for p in self.cache.pods(database.uid) if p.job == job.name and not p.over]
        kind, waiting = ("Pod", pods[0]) if pods else ("Job", job)
        if isinstance(waiting, Pod) and (waiting.started or waiting.unschedulable):
            return None
        if 0 <= (self.clock() - waiting.created).total_seconds() < PATIENCE:
            return None  # a clock behind the API server's has no patience
        try:
            found = await self.cluster.warnings(database.namespace, kind, waiting.name)
        except ApiError as exc:
            if not _refused(exc):
                raise
            logger.debug("Events cannot be read", error=str(exc))
            return None  # they only explain
        newest = max(found, key=_when, default=None)
        if newest is None:
            return None
        return Event(str(newest.get("reason") or ""), str(newest.get("message") or ""))


def _refused(exc: ApiError) -> bool:
    """Return whether the API server refused a request, as far as can be known.

    Who did not answer may have done it all the same.
    """
    if isinstance(exc, ConflictError | MissingError | UnreachableError | AnswerError):
        return False
    return isinstance(exc, RefusedError) or exc.status >= 500


def _ended(before: Status, after: Status) -> list[Run]:
    """Return the runs that *after* has and *before* has not."""
    known = {(run.job, run.completed) for run in before.history}
    runs = [run for run in after.history if (run.job, run.completed) not in known]
    verified = verification.ended(before, after)
    return [*runs, verified] if verified is not None else runs


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
