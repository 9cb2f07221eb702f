"""Pure: what is known of a database - its status, with the verdict of every Job that is over folded in.

Status alone can be lost, Jobs alone are gone after a day; each is enough to go on from.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from medusa_operator.jobs import pods
from medusa_operator.jobs.path import SEED
from medusa_operator.knowledge import verdicts, verification
from medusa_operator.knowledge.facts import Facts, ProjectFacts
from medusa_operator.knowledge.learn import LONGEST_DELAY, learn, retry_delay
from medusa_operator.resource import names, plain
from medusa_operator.resource.parse import InvalidError
from medusa_operator.resource.reasons import Reason
from medusa_operator.resource.spec import KeySource, SeedPolicy, digest
from medusa_operator.resource.status import HISTORY, LEARNED, Failure, Run, Status, StepState

if TYPE_CHECKING:
    from datetime import datetime

    from medusa_migrations.catalog.model import Catalog
    from medusa_operator.resource.model import CreateError, Database, Observed, SeedSource
    from medusa_operator.resource.spec import Spec
    from medusa_operator.resource.workload import Job

_CREATE_ERRORS = {
    400: Reason.JOB_INVALID,
    409: Reason.JOB_NAME_TAKEN,
    413: Reason.JOB_INVALID,
    422: Reason.JOB_INVALID,
}
_DENIED = re.compile(r"denied (the )?request")
"""The words of admission webhooks and policies, whatever code they choose."""


def gather(catalog: Catalog, database: Database, observed: Observed, now: datetime) -> Facts:
    """Return what is known of *database*."""
    facts = _remembered(database, now)
    fresh = unrecorded(database.status, observed)
    # Oldest first, each on top of what the one before it left: a refusal teaches where a database is only
    # while nobody knew, and whether it has moved is seen against where it was before that very run.
    for job in fresh:
        verdict = verdicts.judge(catalog, job, observed.pods)
        facts = learn(catalog, database, facts, job, verdict, now)
        facts = verification.after_run(database, facts, job, verdict, now)
    facts = verification.gather(catalog, database, facts, observed, now)
    gone = vanished(database.status, observed)
    if gone:
        facts = _lost_by_name(database, facts, gone, now)
    for job in observed.lost:
        if job.name != gone:
            facts = _lost_as_seen(facts, job, now)
    error = observed.create_error
    if error is not None and error.verifies:
        facts = verification.failed(database, facts, _why(error), error.message, now)
    elif error is not None:
        facts = _refused(database, facts, error, now)
    if facts.failure is not None and not _tried(database, facts.failure):
        facts = replace(facts, failure=None, attempts=0, next_retry=None)
    return facts


def unrecorded(status: Status, observed: Observed) -> list[Job]:
    """Return the Jobs whose run is over and whose verdict is not in the status, oldest first."""
    found = [
        job
        for job in observed.ours
        if (job.over or pods.outlived(job, observed) is not None) and not known(status, job)
    ]
    return _in_order(found if len(status.history) < HISTORY else _newer(status, found))


def recorded(status: Status, observed: Observed) -> list[Job]:
    """Return the Jobs that are over and whose verdict is in the status as it is stored, newest first."""
    waiting = {job.name for job in unrecorded(status, observed)}
    found = [job for job in observed.ours if job.over and job.name not in waiting]
    return sorted(found, key=lambda job: (_end(job), job.name), reverse=True)


def vanished(status: Status, observed: Observed) -> str:
    """Return the name of the Job that the status says to run and that is nowhere; empty: none."""
    if not status.job or any(run.job == status.job for run in status.history):
        return ""
    jobs = (job for job in observed.ours if job.name == status.job)
    seen = any(not status.job_uid or job.uid == status.job_uid for job in jobs)
    return "" if seen else status.job


def asked_again(database: Database, facts: Facts) -> bool:
    """Return whether the retry annotation asks for something that was not done yet."""
    return bool(database.retry) and database.retry != facts.retry_token


def _tried(database: Database, failure: Failure) -> bool:
    """Return whether what failed is the resource as it is, retry annotation included."""
    return failure.generation == database.generation and failure.token == database.retry


def known(status: Status, job: Job) -> bool:
    """Return whether the history has the run of this very Job."""
    return any(_is_of(run, job) for run in status.history)


def learned_from(status: Status, job: Job) -> bool:
    """Return whether the history has the run of this very Job as one that only reported where the database is."""
    return any(run.outcome == LEARNED and _is_of(run, job) for run in status.history)


def seed_due(spec: Spec, facts: Facts, found: SeedSource | None) -> bool:
    """Return whether the database that the spec names is to be seeded, now or once it is migrated.

    What was seeded stays seeded where its document is taken away.
    """
    if spec.seed is None:
        return False
    last = facts.seed
    if last is None or last.reference != spec.database.reference:
        return True
    if spec.seed.policy is SeedPolicy.ONCE or (found is not None and found.missing):
        return False
    return last.source != seed_source(spec, facts, found)


def seed_source(spec: Spec, facts: Facts, found: SeedSource | None) -> str:
    """Return a hash that is another one when the seed of *spec* may be; empty where there is none.

    A Secret cannot be looked into: there the reference and the retry annotation say so. Nor can the shop's image: another
    one may have another script, which the runner finds out.
    """
    seed = spec.seed
    if seed is None:
        return ""
    document = seed.document
    if document is None:
        image = spec.server.identity if spec.server is not None else ""
        return digest("script", seed.script, seed.npm_script, json.dumps(seed.args), image)
    if document.source is KeySource.SECRET:
        return digest(str(document), facts.retry_token)
    return digest(str(document), found.checksum if found is not None else "")


def _is_of(run: Run, job: Job) -> bool:
    return run.uid == job.uid if run.uid else run.job == job.name


def _newer(status: Status, found: list[Job]) -> list[Job]:
    """Return those of *found* that are newer than the history, which is full.

    The verdicts on the others were in it, and left it. A run follows the one before it; clocks are
    only asked of Jobs of an earlier operator, which do not say which one that is.
    """
    since = min((run.completed for run in status.history if run.completed), default=None)
    runs = {run.identity for run in status.history}
    newer: list[Job] = []
    while more := [job for job in found if job not in newer and _follows(job, runs, since)]:
        newer += more
        runs |= {job.uid for job in more}
    return newer


def _follows(job: Job, runs: set[str], since: datetime | None) -> bool:
    if job.after:
        return job.after in runs
    return since is None or _end(job) > since or (_end(job) == since and not job.expires)


def _in_order(found: list[Job]) -> list[Job]:
    """Return Jobs such that each comes after the one that it followed, else by their ends."""
    ordered: list[Job] = []
    left = sorted(found, key=lambda job: (_end(job), job.name))
    while left:
        waiting = {job.uid for job in left}
        first = next((job for job in left if job.after not in waiting), left[0])
        ordered.append(first)
        left.remove(first)
    return ordered


def _end(job: Job) -> datetime:
    return job.finished or job.created


def _remembered(database: Database, now: datetime) -> Facts:
    """Return what the status knows; what it knows of another database is left out.

    A time that was written by a clock far ahead of ours is brought within the longest delay.
    """
    status = database.status
    if isinstance(database.spec, InvalidError):
        reference, identity = (status.proven.reference if status.proven else ""), ""
    else:
        reference, identity = database.spec.database.reference, database.spec.identity
    here = status.proven is not None and status.proven.reference == reference
    begins = bool(status.configuration) and bool(identity) and status.configuration != identity
    done = tuple(step for step in status.steps if step.state is StepState.DONE)
    return Facts(
        proven=status.proven if here else None,
        applied=status.applied_version if here else "",
        previous=(status.applied_version if begins else status.previous_version) if here else "",
        configuration=status.configuration,
        retry_token=status.retry_token,
        failure=status.failure,
        attempts=status.attempts,
        next_retry=min(status.next_retry, now + LONGEST_DELAY) if status.next_retry else None,
        seed=status.seed,
        done=done if here and not begins else (),
        history=status.history,
        image=status.image,
        image_id=status.image_id,
        warnings=status.warnings if here else (),
        verification=verification.remembered(database),
        project=_project(status) if here or status.proven is None else None,
    )


def _project(status: Status) -> ProjectFacts | None:
    if status.engine != names.PROJECT:
        return None
    return ProjectFacts(
        status.medusa_version,
        status.migrations,
        status.links,
        status.scripts,
        status.unfinished,
        status.acknowledge,
    )


def _lost_by_name(database: Database, facts: Facts, name: str, now: datetime) -> Facts:
    """Count a Job as lost of which there is only what the status has."""
    status = database.status
    step = next((step for step in status.steps if step.job == name), None)
    run = Run(
        job=name,
        step=step.name if step else "",
        version=step.version if step else "",
        started=step.started if step else None,
        uid=status.job_uid,
    )
    seeds = step is not None and step.type == SEED
    return _lost(facts, run, status.observed_generation, database.retry, now, seeds=seeds)


def _lost_as_seen(facts: Facts, job: Job, now: datetime) -> Facts:
    """Count a Job as lost that went before any status named it."""
    run = Run(
        job=job.name,
        step=job.step,
        version=job.version,
        started=job.started,
        uid=job.uid,
    )
    return _lost(facts, run, job.generation, job.retry, now, seeds=job.seeds)


def _lost(
    facts: Facts, run: Run, generation: int, token: str, now: datetime, *, seeds: bool
) -> Facts:
    """Count a run whose Job vanished before its result was read as a failed attempt."""
    attempts = facts.attempts + 1
    run = replace(run, outcome="Failed", attempt=attempts, reason=Reason.JOB_LOST, completed=now)
    return replace(
        facts,
        history=(run, *facts.history)[:HISTORY],
        configuration=facts.configuration if seeds else "",
        failure=Failure(
            reason=Reason.JOB_LOST,
            message=f"Job {run.job} vanished before its result was read",
            step=run.step,
            retry=True,
            generation=generation,
            token=token,
        ),
        attempts=attempts,
        next_retry=now + retry_delay(attempts, run.job),
    )


def _refused(database: Database, facts: Facts, error: CreateError, now: datetime) -> Facts:
    """Count a Job that the API does not let be made as a failed attempt."""
    reason = _why(error)
    retry = reason in (Reason.JOB_FORBIDDEN, Reason.API_SERVER_ERROR)
    attempts = facts.attempts + 1
    return replace(
        facts,
        failure=Failure(
            reason=reason,
            message=plain.text(error.message, verdicts.SENTENCE),
            step="",
            retry=retry,
            generation=database.generation,
            token=database.retry,
        ),
        attempts=attempts,
        next_retry=now + retry_delay(attempts, database.uid) if retry else None,
        retry_token=database.retry or facts.retry_token,
    )


def _why(error: CreateError) -> Reason:
    """Return what a refusal means: whether time can heal it, or only a change of what is declared."""
    if _DENIED.search(error.message):
        return Reason.JOB_FORBIDDEN
    if error.code >= 500:
        return Reason.API_SERVER_ERROR
    return _CREATE_ERRORS.get(error.code, Reason.JOB_FORBIDDEN)
