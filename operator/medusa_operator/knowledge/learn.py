"""Pure: what the verdict on one more Job adds to what is known of a database, and when the next one is due."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from medusa_migrations.catalog import version as versions
from medusa_operator.jobs import path
from medusa_operator.jobs.manifests import LEARNED_FROM
from medusa_operator.jobs.path import MIGRATE, SEED
from medusa_operator.knowledge import project_reports
from medusa_operator.knowledge.verdicts import SeedReport
from medusa_operator.resource import names, plain
from medusa_operator.resource.parse import InvalidError
from medusa_operator.resource.reasons import Reason
from medusa_operator.resource.status import (
    HISTORY,
    LEARNED,
    MESSAGE,
    Failure,
    ProvenPlace,
    Run,
    Seeded,
    StepState,
    StepStatus,
)

if TYPE_CHECKING:
    from datetime import datetime

    from medusa_migrations.catalog.model import Catalog
    from medusa_operator.knowledge.facts import Facts
    from medusa_operator.knowledge.verdicts import JobVerdict
    from medusa_operator.resource.model import Database
    from medusa_operator.resource.workload import Job

WARNINGS = 5
WARNING = 256
"""Characters of the longest warning."""

FIRST_RETRY = 10.0
"""Seconds before the second attempt; doubled for each one after it."""
LONGEST_RETRY = 600.0
SLOW = 300.0
"""Seconds between two looks at what only a person can help: long enough to disturb nobody, short
enough to notice the help."""
JITTER = 0.1
"""The share by which a delay is longer or shorter, so that a fleet does not come back at once."""
LONGEST_DELAY = timedelta(seconds=LONGEST_RETRY * (1 + JITTER))
"""No delay is longer."""

LOOKED_AT_AGAIN = frozenset({Reason.ACCESS_DENIED, Reason.RUNNER_USAGE, Reason.UNSUPPORTED})
"""What stalls, as only a person can help, and is looked at again all the same: the help is given
where the operator cannot see it, in a Secret or in PostgreSQL."""


def learn(
    catalog: Catalog,
    database: Database,
    before: Facts,
    job: Job,
    verdict: JobVerdict,
    now: datetime,
) -> Facts:
    """Return what is known after the *verdict* on *job*, given what was known *before* it.

    What follows is counted from *now*: the clock of whoever wrote the end down may be another.
    """
    learned = _learned(catalog, before, job, verdict)
    facts = _noted(before, job, verdict, learned=learned)
    facts = project(facts, database, job, verdict)
    spec = database.spec
    if isinstance(spec, InvalidError) or job.reference != spec.database.reference:
        return facts  # evidence of another database
    if job.seeds:
        return (
            _seeded(facts, job, verdict) if verdict.success else _failed(facts, job, verdict, now)
        )
    facts = _seen(facts, job, verdict)
    if verdict.success:
        return replace(_migrated(facts, job, verdict), warnings=_warnings(before, job, verdict))
    facts = replace(facts, configuration="")
    if learned:
        return replace(facts, failure=None, attempts=0, next_retry=None)
    if verdict.refused and _moved(before.proven, _place_of(verdict)):
        verdict = replace(verdict, reason=Reason.DATABASE_MOVED, retry=True)
    return _failed(facts, job, verdict, now)


def project(facts: Facts, database: Database, job: Job, verdict: JobVerdict) -> Facts:
    """Take over what the shop's own Medusa has reported of the database that is declared."""
    spec, report = database.spec, verdict.report
    if report is None or isinstance(spec, InvalidError) or job.reference != spec.database.reference:
        return facts
    if report.project is not None:
        return replace(facts, project=project_reports.kept(report.project, facts.project))
    migrated = verdict.success and not (job.seeds or job.verifies)
    return replace(facts, project=None) if migrated else facts


def retry_delay(attempt: int, job: str, reason: str = "") -> timedelta:
    """Return how long after failed attempt number *attempt*, made by *job*, the next one is due."""
    seconds = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(attempt - 1, 16))
    if reason in LOOKED_AT_AGAIN:
        seconds = SLOW
    share = int.from_bytes(hashlib.sha256(job.encode()).digest()[:4]) / 2**32
    return timedelta(seconds=round(seconds * (1 + JITTER * (2 * share - 1))))


def _learned(catalog: Catalog, facts: Facts, job: Job, verdict: JobVerdict) -> bool:
    """Return whether a run was refused, and reported what the next decision needs.

    That is where a database is that nobody had looked at, or that it is newer than asked for.
    """
    place = _place_of(verdict)
    if job.seeds or not verdict.refused or verdict.report is None or place is None:
        return False
    wanted = versions.parse(job.version)
    if verdict.reason is Reason.DOWNGRADE and wanted and path.too_old(catalog, place, wanted):
        return True
    return facts.proven is None and verdict.report.reason in LEARNED_FROM


def _place_of(verdict: JobVerdict) -> ProvenPlace | None:
    proven = verdict.report.proven if verdict.report else None
    return proven if proven is not None and proven.state != "unknown" else None


def _shortly(place: ProvenPlace) -> str:
    """Return the version that counts as the database's, or `empty`, `partial`."""
    return str(path.here(place) or place.state.removeprefix("version"))[:32]


def _seen(facts: Facts, job: Job, verdict: JobVerdict) -> Facts:
    """Take over where the run says that the database is."""
    place = _place_of(verdict)
    if place is None or verdict.report is None:
        return facts
    at = job.version if verdict.success else place.at
    proven = replace(place, at=at, reference=job.reference)
    version = path.here(proven)
    return replace(
        facts,
        proven=proven,
        applied=str(version or ""),
        previous=facts.previous or _shortly(verdict.report.before or place),
        retry_token=job.retry or facts.retry_token,
    )


def _migrated(facts: Facts, job: Job, verdict: JobVerdict) -> Facts:
    return replace(
        facts,
        configuration=job.configuration if job.final else "",
        failure=None,
        attempts=0,
        next_retry=None,
        done=_with(facts.done, job, verdict),
        retry_token=job.retry or facts.retry_token,
    )


def _seeded(facts: Facts, job: Job, verdict: JobVerdict) -> Facts:
    seed = verdict.report.seed if verdict.report else SeedReport()
    return replace(
        facts,
        seed=Seeded(
            source=job.seed_source,
            reference=job.reference,
            checksum=seed.checksum,
            time=verdict.finished,
            counts=seed.counts,
            skipped="" if seed.loaded else seed.skipped,
        ),
        failure=None,
        attempts=0,
        next_retry=None,
        done=_with(facts.done, job, verdict),
    )


def _failed(facts: Facts, job: Job, verdict: JobVerdict, now: datetime) -> Facts:
    verdict = _once_more(facts, job, verdict)
    failure = Failure(
        reason=verdict.reason or Reason.RESULT_INVALID,
        message=plain.text(verdict.message, MESSAGE),
        step=job.step,
        retry=verdict.retry,
        generation=job.generation,
        token=job.retry,
        exit_code=verdict.exit_code,
    )
    return replace(
        facts,
        failure=failure,
        attempts=job.attempt,
        next_retry=now + retry_delay(job.attempt, job.name, failure.reason)
        if verdict.retry
        else None,
        retry_token=job.retry or facts.retry_token,
    )


def _once_more(facts: Facts, job: Job, verdict: JobVerdict) -> JobVerdict:
    """Return the verdict so that a good end without a report is followed by one more run.

    Other containers of the pod share the room that a report has, and can have cut it. The next run
    finds that there is nothing to do, and its report is short.
    """
    if verdict.reason is not Reason.RESULT_INVALID or verdict.exit_code != 0:
        return verdict
    last = facts.failure
    again = (
        last is not None
        and last.reason == Reason.RESULT_INVALID
        and (last.generation, last.token) == (job.generation, job.retry)
    )
    if again:
        return verdict
    return replace(verdict, retry=True, message=f"{verdict.message}; it is run once more")


def _moved(before: ProvenPlace | None, place: ProvenPlace | None) -> bool:
    """Return whether a database was seen before, and is now at another place."""
    if before is None or place is None:
        return False
    same = (before.state, before.oldest, before.newest) == (place.state, place.oldest, place.newest)
    return not same or bool(before.at and place.at and before.at != place.at)


def _noted(facts: Facts, job: Job, verdict: JobVerdict, *, learned: bool) -> Facts:
    """Put the run into the history."""
    learned = learned or verdict.reason is Reason.AWAITING_ACKNOWLEDGEMENT
    outcome = "Succeeded" if verdict.success else LEARNED if learned else "Failed"
    run = Run(
        job=job.name,
        step=job.step,
        outcome=outcome,
        version=job.version,
        attempt=job.attempt,
        reason=str(verdict.reason or ""),
        exit_code=verdict.exit_code,
        started=job.started,
        completed=verdict.finished,
        migrations=verdict.report.migrations if verdict.report and not job.seeds else None,
        image_id=verdict.image_id,
        uid=job.uid,
    )
    facts = replace(facts, history=(run, *facts.history)[:HISTORY])
    ours = job.seeds and job.engine != names.PROJECT
    if not verdict.image_id or (ours and facts.project is not None):
        return facts  # a document is seeded by the runner's image, which says nothing of the shop's
    return replace(facts, image=job.image, image_id=verdict.image_id)


def _with(done: tuple[StepStatus, ...], job: Job, verdict: JobVerdict) -> tuple[StepStatus, ...]:
    kept = tuple(step for step in done if step.name != job.step)
    return (*kept, _done(job, verdict))


def _done(job: Job, verdict: JobVerdict) -> StepStatus:
    seconds = (verdict.finished - job.started).total_seconds() if job.started else None
    return StepStatus(
        name=job.step,
        type=SEED if job.seeds else MIGRATE,
        state=StepState.DONE,
        version=job.version,
        job=job.name,
        started=job.started,
        completed=verdict.finished,
        seconds=max(0, int(seconds)) if seconds is not None else None,
        migrations=verdict.report.migrations if verdict.report and not job.seeds else None,
    )


def _warnings(before: Facts, job: Job, verdict: JobVerdict) -> tuple[str, ...]:
    report = verdict.report
    found = []
    if verdict.beside:
        found.append(
            f"container {', '.join(verdict.beside)[:80]} went on after the run, so the Job was ended; "
            "make it an init container with restartPolicy Always, or keep it out of the pod"
        )
    known = bool(before.image_id and verdict.image_id) and job.image == before.image
    if known and verdict.image_id != before.image_id:
        found.append(f"{job.image} names another image than at the run before: {verdict.image_id}")
    if report and report.deferred:
        found.append(f"data steps that wait: {', '.join(report.deferred)}")
    found += report.warnings if report else ()
    return tuple(text[:WARNING] for text in found[:WARNINGS])
