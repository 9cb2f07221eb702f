"""Pure: drift at rest: when a database is verified again, and what a verification teaches."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from medusa_migrations.catalog import version as versions
from medusa_operator.jobs import manifests, path, pods
from medusa_operator.knowledge import learn as learned
from medusa_operator.knowledge import verdicts
from medusa_operator.knowledge.project_reports import LINKS_DIFFER
from medusa_operator.resource import plain
from medusa_operator.resource.parse import InvalidError
from medusa_operator.resource.reasons import Reason
from medusa_operator.resource.spec import LINKS, Approval
from medusa_operator.resource.status import (
    LEARNED,
    ProvenPlace,
    Result,
    Run,
    Verification,
    VerificationFailure,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from medusa_migrations.catalog.model import Catalog
    from medusa_operator.jobs.path import PathStep
    from medusa_operator.knowledge.facts import Facts
    from medusa_operator.knowledge.verdicts import JobVerdict, RunReport
    from medusa_operator.resource.model import Database, Observed
    from medusa_operator.resource.spec import Spec
    from medusa_operator.resource.status import Status
    from medusa_operator.resource.workload import Job

SPREAD = 0.1
"""The share of the interval by which some are verified sooner, so that a fleet does not come at once."""
FIRST_RETRY = 60.0
"""Seconds after an attempt that found nothing out; doubled for each one in a row."""
LONGEST_RETRY = 3600.0
DIFFERS, OTHER, BEHIND, NOT_OURS = 8, 9, 10, 3
"""Exit codes of the runner that say something of the database, where its report agrees."""
FOREIGN = ("NoLedger", "ForeignLedger", "MedusaV2", "MedusaV1Database", "MedusaV2Database")
"""Reasons of the runner that name another database than the one that was migrated."""
PENDING = "Pending"
"""The runner's reason where the shop's Medusa has migrations to run: the database was at rest, and has moved."""
_ENDS: Mapping[Result, tuple[str, str]] = {
    Result.NOTHING: ("Failed", ""),
    Result.VERIFIED: ("Succeeded", ""),
    Result.DRIFTED: ("Failed", Reason.DRIFTED),
    Result.MOVED: (LEARNED, Reason.DATABASE_MOVED),
}


def gather(
    catalog: Catalog, database: Database, facts: Facts, observed: Observed, now: datetime
) -> Facts:
    """Return what is known once the verifications that are over are read."""
    spec = database.spec
    if isinstance(spec, InvalidError):
        return replace(facts, verification=database.status.verified)
    for job in unrecorded(database, observed):
        verdict = verdicts.judge(catalog, job, observed.pods)
        facts = _learn(catalog, database, spec, facts, job, verdict, now)
    if gone := vanished(database, observed):
        message = f"Job {gone} vanished before its result was read"
        facts = failed(database, facts, Reason.JOB_LOST, message, now)
    return facts


def remembered(database: Database) -> Verification | None:
    """Return what the status knows of the configuration that is declared."""
    known, spec = database.status.verified, database.spec
    if known is None or isinstance(spec, InvalidError):
        return known
    return known if known.configuration == spec.identity else None


def after_run(
    database: Database, facts: Facts, job: Job, verdict: JobVerdict, now: datetime
) -> Facts:
    """Return what a run that is over, and in *facts*, has shown of the schema."""
    spec, report = database.spec, verdict.report
    if isinstance(spec, InvalidError) or job.seeds or report is None:
        return facts
    if job.configuration != spec.identity or job.version != str(spec.version):
        return facts
    known = facts.verification
    shown = Verification(
        configuration=spec.identity,
        time=now,
        job=job.name,
        version=job.version,
        uid=known.uid if known else "",
        generation=job.generation,
        retry_token=job.retry,
    )
    if verdict.success and report.verified:
        return replace(
            facts,
            verification=replace(shown, result=Result.VERIFIED, token=database.verify),
        )
    if verdict.success:
        stands = known is not None and known.result in (Result.VERIFIED, Result.DRIFTED)
        return facts if stands else replace(facts, verification=shown)
    if verdict.exit_code == DIFFERS and report.verified is False:
        return replace(facts, verification=_drifted(shown, verdict))
    return facts


def unrecorded(database: Database, observed: Observed) -> list[Job]:
    """Return the verifications that are over and count, and whose verdict is not in the status.

    One that looked at what was declared before does not count.
    """
    spec, known = database.spec, remembered(database)
    if isinstance(spec, InvalidError):
        return []
    found = [
        job
        for job in observed.verifications
        if (job.over or pods.outlived(job, observed) is not None)
        and job.configuration == spec.identity
        and (job.generation, job.retry) == (database.generation, database.retry)
        and (known is None or job.uid != known.uid)
    ]
    return sorted(found, key=lambda job: (job.finished or job.created, job.name))


def recorded(database: Database, observed: Observed) -> list[Job]:
    """Return the verifications that are over and of no more use."""
    waiting = {job.name for job in unrecorded(database, observed)}
    return [job for job in observed.verifications if job.over and job.name not in waiting]


def vanished(database: Database, observed: Observed) -> str:
    """Return the name of the verification that the status says to run and that is nowhere."""
    known = remembered(database)
    if known is None or not known.running:
        return ""
    jobs = {job.name for job in observed.verifications}
    return "" if known.running in jobs else known.running


def due(database: Database, spec: Spec, facts: Facts, now: datetime) -> datetime | None:
    """Return when the database, which is as declared, is to be verified; None: never."""
    if asked(database, facts):
        return now
    if not spec.verify.interval:
        return None
    found = _next(database, spec, facts) or now
    ahead = found > now + timedelta(seconds=spec.verify.interval)
    return now if ahead else found  # ahead: a clock that was wrong has written down the last time


def _next(database: Database, spec: Spec, facts: Facts) -> datetime | None:
    known, interval = facts.verification, spec.verify.interval
    failure = known.failure if known is not None else None
    if failure is not None and failure.time is not None:
        return failure.time + _delay(failure.attempts, interval)
    last = known.time if known is not None and known.time is not None else _last_run(facts)
    if last is None:
        return None
    return last + timedelta(seconds=int(interval * (1 - SPREAD * share(database))))


def asked(database: Database, facts: Facts) -> bool:
    """Return whether a verification is asked for that was not done yet."""
    known = facts.verification
    if database.verify and database.verify != (known.token if known is not None else ""):
        return True
    if known is None or known.result is not Result.DRIFTED:
        return False
    return (known.generation, known.retry_token) != (database.generation, database.retry)


def drifted(spec: Spec, facts: Facts) -> Verification | None:
    """Return the verification by which the resource is not ready; None where none says so."""
    known = facts.verification
    if known is None or known.result is not Result.DRIFTED or not spec.verify.interval:
        return None
    return known


def version(spec: Spec, facts: Facts) -> versions.Version:
    """Return the version that the schema of a database at rest is to have."""
    at = path.here(facts.proven) if spec.server is None else None
    return at if at is not None and at > spec.version else spec.version


def ended(before: Status, after: Status) -> Run | None:
    """Return the verification whose end is in *after* and was not in *before*."""
    was, known = before.verified or Verification(), after.verified
    if known is None:
        return None
    if known.failure is not None and known.failure != was.failure:
        return Run(was.running, "verify", "Failed", known.version, reason=known.failure.reason)
    if known.uid == was.uid or known.time == was.time:
        return None
    outcome, reason = _ENDS[known.result]
    return Run(known.job, "verify", outcome, known.version, reason=reason, completed=known.time)


def attempts(known: Verification | None) -> int:
    """Return how many attempts in a row found nothing out."""
    return known.failure.attempts if known is not None and known.failure is not None else 0


def left_out(facts: Facts, job: Job) -> Facts:
    """Return *facts* such that *job*, which is taken away, teaches nothing more."""
    known = facts.verification or Verification(job.configuration)
    return replace(facts, verification=replace(known, uid=job.uid))


def job_name(
    database: Database, step: PathStep, known: Verification | None, taken: Collection[str]
) -> str:
    """Return the name of the Job that verifies next: no earlier one has it, and none that is *taken*."""
    last = known or Verification()
    parts = (
        last.uid,
        str(last.time),
        str(last.failure and last.failure.time),
        str(database.generation),
        database.verify,
    )
    names = (
        manifests.called(database, step, database.uid, *parts, *serial)
        for serial in ((), *((str(number),) for number in range(1, len(taken) + 1)))
    )
    return next(name for name in names if name not in taken)


def share(database: Database) -> float:
    """Return a number from 0 to 1 that is the resource's own."""
    return int.from_bytes(hashlib.sha256(database.uid.encode()).digest()[:4]) / 2**32


def failed(database: Database, facts: Facts, reason: Reason, message: str, now: datetime) -> Facts:
    """Return what is known after an attempt that found nothing out: what it was before.

    Whoever asked for it is answered by that; the next one comes by itself.
    """
    if isinstance(database.spec, InvalidError):
        return facts
    known = facts.verification or Verification(database.spec.identity)
    return replace(
        facts,
        verification=replace(
            known,
            failure=VerificationFailure(
                str(reason), plain.text(message, verdicts.SENTENCE), now, attempts(known) + 1
            ),
            generation=database.generation,
            token=database.verify,
            retry_token=database.retry,
        ),
    )


def _learn(
    catalog: Catalog,
    database: Database,
    spec: Spec,
    facts: Facts,
    job: Job,
    verdict: JobVerdict,
    now: datetime,
) -> Facts:
    """Return what is known after the *verdict* on *job*, which verified."""
    if job.retry:
        facts = replace(facts, retry_token=job.retry)
    known = _judged(facts.verification or Verification(spec.identity), job)
    shown = replace(
        known,
        time=now, job=job.name, version=job.version, message="", differences=0, failure=None,
    )  # fmt: skip
    report, code = verdict.report, verdict.exit_code
    facts = learned.project(facts, database, job, verdict)
    if verdict.success or (report is not None and _accepted(spec, report)):
        return replace(facts, verification=replace(shown, result=Result.VERIFIED))
    if report is not None and report.project is not None and report.reason == PENDING:
        return _moved(facts, shown, job, verdict)
    if report is not None and code == DIFFERS and report.verified is False:
        return replace(facts, verification=_drifted(shown, verdict))
    if report is not None and _elsewhere(catalog, job, verdict):
        return _moved(facts, shown, job, verdict)
    reason = verdict.reason or Reason.RESULT_INVALID
    if code in (DIFFERS, BEHIND) and (report is None or report.project is None):
        reason = Reason.RESULT_INVALID
    facts = failed(database, facts, reason, verdict.message, now)
    known = _judged(facts.verification or known, job)
    return replace(facts, verification=known)


def _accepted(spec: Spec, report: RunReport) -> bool:
    """Return whether only tables of links differ, and a person, or nobody, was to agree to that."""
    agreed = LINKS in spec.upgrade.acknowledged or spec.upgrade.approval is Approval.AUTOMATIC
    return agreed and report.project is not None and report.reason == LINKS_DIFFER


def _judged(known: Verification, job: Job) -> Verification:
    return replace(
        known,
        uid=job.uid,
        generation=job.generation,
        token=job.verify,
        retry_token=job.retry,
    )


def _drifted(shown: Verification, verdict: JobVerdict) -> Verification:
    report = verdict.report
    return replace(
        shown,
        result=Result.DRIFTED,
        message=plain.text(verdict.message, verdicts.SENTENCE),
        differences=report.differences if report is not None else 0,
    )


def _elsewhere(catalog: Catalog, job: Job, verdict: JobVerdict) -> bool:
    """Return whether the database is not the one, or not where, it was."""
    report = verdict.report
    if report is None:
        return False
    if verdict.exit_code in (OTHER, NOT_OURS) and report.reason in FOREIGN:
        return True
    place, wanted = report.proven, versions.parse(job.version)
    if verdict.exit_code == BEHIND:
        return place is not None and place.state != "unknown"
    return (
        verdict.exit_code == OTHER
        and place is not None
        and place.state in ("version", "partial")
        and wanted is not None
        and not path.fits(catalog, place, wanted)
    )


def _moved(facts: Facts, shown: Verification, job: Job, verdict: JobVerdict) -> Facts:
    """Go on from where the database is: the path is planned anew, and what was seeded is gone."""
    report = verdict.report
    found = report.proven if report is not None else None
    proven: ProvenPlace | None = None
    if found is not None and found.state != "unknown":
        proven = replace(found, reference=job.reference)
    at = path.here(proven)
    was = facts.applied or "another place"
    place = str(at or (proven.state if proven is not None else ""))
    newer = verdict.exit_code == OTHER and proven is not None
    return replace(
        facts,
        proven=proven,
        applied=str(at or ""),
        previous=place,
        configuration="",
        seed=facts.seed if newer else None,
        done=(),
        failure=None,
        attempts=0,
        next_retry=None,
        verification=replace(
            shown,
            result=Result.MOVED,
            message=plain.text(
                f"the database was at {was}, and is not any more: {verdict.message}",
                verdicts.SENTENCE,
            ),
        ),
    )


def _last_run(facts: Facts) -> datetime | None:
    """Return when a run last succeeded, where nothing else shows the schema."""
    return max(
        (run.completed for run in facts.history if run.completed and run.outcome == "Succeeded"),
        default=None,
    )


def _delay(attempts: int, interval: float) -> timedelta:
    seconds = FIRST_RETRY * 2 ** min(max(attempts - 1, 0), 16)
    return timedelta(seconds=int(min(seconds, LONGEST_RETRY, interval)))
