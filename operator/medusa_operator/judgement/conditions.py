"""Pure: decision -> status, by the rules of kstatus."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from medusa_operator.jobs import path
from medusa_operator.judgement import step_statuses, upgrade_notes
from medusa_operator.judgement.decision import (
    Cancel,
    Ready,
    Running,
    Stalled,
    Start,
    Suspended,
    Waiting,
)
from medusa_operator.knowledge import known, verification
from medusa_operator.knowledge.facts import ProjectFacts
from medusa_operator.resource import names, plain
from medusa_operator.resource.parse import InvalidError, spell_time
from medusa_operator.resource.reasons import Reason
from medusa_operator.resource.spec import SERVED_ONLY
from medusa_operator.resource.status import MESSAGE, Condition, Result, Status, Verification

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from medusa_migrations.catalog.model import Catalog
    from medusa_operator.judgement.decision import Decision, Outlook
    from medusa_operator.resource.model import Database, Observed

Triple = tuple[str, Reason, str]
"""Status, reason and message of a condition."""


def status(
    catalog: Catalog, database: Database, observed: Observed, decision: Decision, now: datetime
) -> Status:
    """Return the status to be written after the act of *decision* was done.

    Equal to `database.status` where nothing changed; only then nothing is to be written.
    """
    now = now.replace(microsecond=0)
    facts, spec, last = decision.facts, database.spec, database.status
    if isinstance(spec, InvalidError):
        target, notes = last.target_version, last.upgrade_notes
    else:
        target = str(spec.version)
        # a new database crosses nothing, unless it stops on the way
        began = facts.applied if facts.previous == "empty" else facts.previous
        notes = upgrade_notes.crossed(catalog, began, spec.version)
    job, job_uid = _job(database, observed, decision)
    project = facts.project or ProjectFacts()
    queued = decision.outlook.reason is Reason.QUEUED
    return Status(
        observed_generation=database.generation,
        applied_version=facts.applied,
        engine=names.PROJECT if facts.project is not None else "",
        medusa_version=project.medusa,
        migrations=project.migrations,
        links=project.links,
        scripts=project.scripts,
        acknowledge=project.acknowledge,
        unfinished=project.unfinished,
        target_version=target,
        previous_version=facts.previous,
        proven=facts.proven,
        configuration=facts.configuration,
        retry_token=facts.retry_token,
        conditions=tuple(_conditions(database, observed, decision, now)),
        steps=step_statuses.report(observed, decision),
        upgrade_notes=notes,
        available_versions=_available(catalog, database, decision),
        history=facts.history,
        attempts=facts.attempts,
        next_retry=facts.next_retry,
        failure=facts.failure,
        seed=facts.seed,
        verified=_verification(database, observed, decision),
        job=job,
        job_uid=job_uid,
        image=facts.image,
        image_id=facts.image_id,
        waiting_since=(last.waiting_since or now) if queued else None,
        warnings=facts.warnings,
    )


def _available(catalog: Catalog, database: Database, decision: Decision) -> tuple[str, ...]:
    """Return what can come next; which versions of v2 there are, the catalog does not know."""
    spec = database.spec
    if not isinstance(spec, InvalidError) and spec.version.major >= SERVED_ONLY:
        return ()
    return path.available(catalog, path.here(decision.facts.proven))


def _conditions(
    database: Database, observed: Observed, decision: Decision, now: datetime
) -> Iterator[Condition]:
    values = {
        "Ready": _ready(database, decision),
        "Reconciling": _reconciling(decision),
        "Stalled": _stalled(decision.outlook),
        "Migrated": _migrated(database, decision),
        "Seeded": _seeded(database, observed, decision),
        "Verified": _verified(database, decision),
        "Suspended": _suspended(decision.outlook),
    }
    for kind, (value, reason, message) in values.items():
        since = _since(database, kind, value, now)
        shown = plain.text(message, MESSAGE)
        yield Condition(kind, value, reason, shown, since, database.generation)


def minimal(database: Database, why: str, now: datetime) -> Status:
    """Return the least status, for where the API refuses the whole one and says *why*."""
    now = now.replace(microsecond=0)
    message = plain.text(f"the status cannot be stored: {why}", MESSAGE)
    values = {
        "Ready": ("False", message),
        "Reconciling": ("False", ""),
        "Stalled": ("True", message),
    }
    return Status(
        observed_generation=database.generation,
        conditions=tuple(
            Condition(kind, value, Reason.RESULT_INVALID, text, _since(database, kind, value, now),
                      database.generation)
            for kind, (value, text) in values.items()
        ),
    )  # fmt: skip


def _since(database: Database, kind: str, value: str, now: datetime) -> datetime:
    last = database.status.condition(kind)
    return last.since if last is not None and last.status == value else now


def _ready(database: Database, decision: Decision) -> Triple:
    match decision.outlook:
        case Ready(reason, message):
            return "True", reason, message
        case Running(reason, message) | Waiting(reason, message) | Stalled(reason, message):
            return "False", reason, message
        case Suspended(_, message, ready):
            if ready is not None:
                return "True", ready.reason, ready.message
            return _while_suspended(database, decision, message)


def _while_suspended(database: Database, decision: Decision, message: str) -> Triple:
    """Say why it is not ready: a failure that stands, or drift, else that nothing was begun."""
    failure, spec = decision.facts.failure, database.spec
    if failure is not None:
        return "False", Reason(failure.reason), failure.message
    drift = None if isinstance(spec, InvalidError) else verification.drifted(spec, decision.facts)
    if drift is not None:
        return "False", Reason.DRIFTED, drift.message
    return "False", Reason.NOT_APPLIED, f"what is declared is not applied; {message}"


def _reconciling(decision: Decision) -> Triple:
    match decision.outlook:
        case Waiting(reason, message, retry=True):
            return "True", Reason.RETRY_SCHEDULED, _retry(decision)
        case Running(reason, message) | Waiting(reason, message):
            return "True", reason, message
        case Ready(reason) | Stalled(reason) | Suspended(reason):
            return "False", reason, ""


def _retry(decision: Decision) -> str:
    due = decision.facts.next_retry
    at = f" at {spell_time(due)}" if due else ""
    return f"attempt {decision.facts.attempts + 1} follows{at}"


def _stalled(outlook: Outlook) -> Triple:
    match outlook:
        case Stalled(reason, message):
            return "True", reason, message
        case Ready(reason) | Running(reason) | Waiting(reason) | Suspended(reason):
            return "False", reason, ""


def _migrated(database: Database, decision: Decision) -> Triple:
    facts, outlook = decision.facts, decision.outlook
    ready = outlook.ready if isinstance(outlook, Suspended) else outlook
    if isinstance(ready, Ready) and ready.reason is Reason.NEWER_ACCEPTED:
        return "True", ready.reason, ready.message
    spec = database.spec
    if not isinstance(spec, InvalidError) and facts.configuration == spec.identity:
        return "True", Reason.UP_TO_DATE, f"the database is at {facts.applied}"
    at = (
        f"the database is at {facts.applied}"
        if facts.applied
        else "no version is applied for certain"
    )
    return "False", outlook.reason, at


def _seeded(database: Database, observed: Observed, decision: Decision) -> Triple:
    spec, facts = database.spec, decision.facts
    if isinstance(spec, InvalidError) or spec.seed is None:
        return "False", Reason.NOT_REQUESTED, "no seed is asked for"
    seed = spec.seed
    by = f"by {seed.shown}" if seed.own else f"from {seed.shown}"
    if not known.seed_due(spec, facts, observed.seed):
        if facts.seed is not None and facts.seed.skipped:
            was = "run" if seed.own else "loaded"
            text = f"{seed.shown} was not {was}: {facts.seed.skipped}"
            return "False", Reason.SEED_SKIPPED, text
        return "True", Reason.SEEDED, f"seeded {by}"
    return "False", decision.outlook.reason, f"to be seeded {by}"


def _verified(database: Database, decision: Decision) -> Triple:
    known, spec = decision.facts.verification, database.spec
    if known is None or isinstance(spec, InvalidError):
        return "Unknown", Reason.NOT_VERIFIED_YET, ""
    at = spell_time(known.time) if known.time is not None else ""
    if known.failure is not None:
        before = f"; last verified at {at}" if known.result is Result.VERIFIED else ""
        return "Unknown", Reason(known.failure.reason), f"{known.failure.message}{before}"
    match known.result:
        case Result.NOTHING:
            return (
                "Unknown",
                Reason.NOT_VERIFIED_YET,
                "the schema was not compared since the last run",
            )
        case Result.VERIFIED:
            what = (
                f"the schema is that of {known.version}"
                if decision.facts.project is None
                else f"nothing is pending of what {known.version} of the shop's image wants"
            )
            text = f"{what}: Job {known.job}, at {at}"
            return "True", Reason.VERIFIED, text
        case Result.DRIFTED:
            return "False", Reason.DRIFTED, f"{known.message} (Job {known.job}, at {at})"
        case Result.MOVED:
            return "False", Reason.DATABASE_MOVED, known.message


def _suspended(outlook: Outlook) -> Triple:
    match outlook:
        case Suspended(reason, message):
            return "True", reason, message
        case Ready() | Running() | Waiting() | Stalled():
            return "False", Reason.NOT_SUSPENDED, ""


def _job(database: Database, observed: Observed, decision: Decision) -> tuple[str, str]:
    """Return name and uid of the Job that is to end with a verdict.

    One that is about to be made has no uid yet; one that we take away ourselves is none.
    """
    if isinstance(decision.act, Start):
        return decision.act.name, ""
    active = observed.active
    if active is None or isinstance(decision.act, Cancel):
        return "", ""
    if active.deleting:
        return database.status.job, database.status.job_uid
    return active.name, active.uid


def _verification(
    database: Database, observed: Observed, decision: Decision
) -> Verification | None:
    """Return what is known of the schema, and the Job that is to show more of it."""
    known, job, spec = decision.facts.verification, observed.verification, database.spec
    running = ""
    if job is not None and decision.act != Cancel(job):
        running = (known.running if known is not None else "") if job.deleting else job.name
    if known is None and running and not isinstance(spec, InvalidError):
        return Verification(spec.identity, running=running)
    return known and replace(known, running=running)
