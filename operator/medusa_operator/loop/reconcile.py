"""One pass over one resource: observe, decide, perform at most one thing, report if changed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from medusa_operator.api.cluster import ObjectKind
from medusa_operator.api.errors import (
    ApiError,
    ApiRefusedError,
    ConflictError,
    MissingError,
    concerns_status,
)
from medusa_operator.judgement import conditions
from medusa_operator.judgement.decide import decide
from medusa_operator.judgement.decision import (
    AddFinalizer,
    Cancel,
    Expire,
    LookAtWorkload,
    RemoveFinalizer,
    Start,
    Verify,
)
from medusa_operator.knowledge import verification
from medusa_operator.loop import events
from medusa_operator.loop.cache import Key
from medusa_operator.loop.observe import look_at, observe
from medusa_operator.loop.perform import perform, refusal, remove_finalizer
from medusa_operator.resource.model import CreateError, Database, InvalidError, Observed
from medusa_operator.resource.names import FINALIZER

if TYPE_CHECKING:
    from collections.abc import Callable

    from medusa_migrations.catalog.model import Catalog
    from medusa_operator.api.cluster import Body, Cluster
    from medusa_operator.judgement.decision import Decision
    from medusa_operator.loop.cache import Cache
    from medusa_operator.loop.events import Recorder
    from medusa_operator.resource.model import Settings, Workload
    from medusa_operator.resource.status import Run, Status

REPEAT = timedelta(minutes=30)
"""After which an Event that is the only record is made again; the API server keeps one for an hour."""

logger = structlog.get_logger("reconcile")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
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
    _definition_is_older: bool = False
    """Whether it was logged that the definition in the cluster drops what we write."""
    _without_status: dict[str, datetime] = field(default_factory=dict)
    """When an Event was made last of a resource with which no status is stored, by uid."""

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
                await remove_finalizer(self.cluster, self.cache, database)
            except ConflictError:
                await self._look_again(key)
            except MissingError:
                return

    async def _pass(
        self, key: Key, database: Database, workload: Workload | None = None
    ) -> float | None:
        ending = database.deleting and database.has_finalizer and database.namespace == self.home
        if ending and await self.cluster.terminating(database.namespace):
            await remove_finalizer(self.cluster, self.cache, database)
            return None
        database, observed = await observe(
            self.cluster, self.cache, database, self.limit, self.clock, workload
        )
        return await self._act(key, database, observed)

    async def _act(self, key: Key, database: Database, observed: Observed) -> float | None:
        """Decide, report, do one thing."""
        decision = self._decide(database, observed)
        if decision.report_first and await self._report(database, observed, decision.before):
            return 0.0
        if isinstance(decision.act, Start | Verify):
            found = await refusal(self.cluster, database, decision.act, self.settings)
            if found is not None and isinstance(decision.act, Verify):
                error = CreateError(403, found.message)
                return await self._refused(key, database, observed, decision, error)
            if found is not None:
                observed = replace(observed, refusal=found)
                return await self._settle(database, observed, self._decide(database, observed))
        refused = await perform(self.cluster, self.cache, database, decision.act)
        if refused is not None:
            return await self._refused(key, database, observed, decision, refused)
        match decision.act:
            case AddFinalizer():
                # Once more, and at once: the turn is ours only as long as nobody else comes in between.
                # Observed anew, as the finalizer took a request, in which anything can have happened.
                return await self._pass(key, database, observed.workload)
            case LookAtWorkload(ref):
                try:
                    workload = await look_at(self.cluster, database, ref)
                except ApiError:
                    await self._report(database, observed, decision.before)  # it hides nothing
                    raise
                return await self._pass(key, database, workload)
            case RemoveFinalizer() | Expire() | Start() | Verify():
                return 0.0
            case Cancel() | None:
                return await self._settle(database, observed, decision)

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
                message = f"the finalizer {FINALIZER} cannot be set: {refused.message}"
                refused = CreateError(code, message)
            case Start() | Verify():
                pass
            case _:
                decided = decision.refused(refused.message)
                await self._report(database, observed, decided)
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

    async def _report(self, database: Database, observed: Observed, decision: Decision) -> bool:
        """Write the status if it changed, and make Events of what is new in it; return whether it did."""
        now = self.clock()
        status = conditions.status(self.catalog, database, observed, decision, now)
        if status.to_dict() == database.status.to_dict():
            return False
        try:
            body = await self.cluster.write_status(database, status.to_dict())
        except ApiRefusedError as exc:
            if exc.status not in (400, 413, 422):
                raise
            if not concerns_status(exc):
                self._report_without_status(database, exc, now)
                raise
            logger.exception("The API server refuses a status: a defect of the operator")
            status = conditions.minimal(database, str(exc), now)
            if status.to_dict() == database.status.to_dict():
                return False
            body = await self.cluster.write_status(database, status.to_dict())
        self._seen(body)
        if body["metadata"].get("resourceVersion") == database.resource_version:
            self._log_older_definition()
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

    def _report_without_status(
        self, database: Database, refused: ApiRefusedError, now: datetime
    ) -> None:
        """Make an Event, now and then, of a spec with which the API server stores no status."""
        recent = {uid: last for uid, last in self._without_status.items() if now - last < REPEAT}
        if database.uid not in recent:
            self.recorder.add(events.without_status(database, str(refused), now))
            recent[database.uid] = now
        self._without_status = recent

    def _log_older_definition(self) -> None:
        if not self._definition_is_older:
            logger.warning(
                "The definition of MedusaDatabase in the cluster is older than the operator, and drops "
                "a part of the status: apply the one that belongs to it"
            )
        self._definition_is_older = True

    def _seen(self, body: Body) -> None:
        self.cache.put(ObjectKind.DATABASE, body)

    async def _look_again(self, key: Key) -> bool:
        """Read the resource anew; return whether it is still there."""
        try:
            self._seen(await self.cluster.database(*key))
        except MissingError:
            return False  # the watch will tell
        return True


def _ended(before: Status, after: Status) -> list[Run]:
    """Return the runs that *after* has and *before* has not."""
    known = {(run.job, run.completed) for run in before.history}
    runs = [run for run in after.history if (run.job, run.completed) not in known]
    verified = verification.ended(before, after)
    return [*runs, verified] if verified is not None else runs
