"""Pure: what is done for a resource that is as declared: its database is verified now and then."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from medusa_operator.jobs import manifests, pods
from medusa_operator.jobs.path import VERIFY, PathStep
from medusa_operator.jobs.taken_over import WorkloadError
from medusa_operator.judgement import rules
from medusa_operator.judgement.decision import Cancel, Ready, Running, Stalled, Suspended, Verify
from medusa_operator.judgement.rules import LOOK_AGAIN, Case, Ruling
from medusa_operator.knowledge import verification
from medusa_operator.resource.parse import InvalidError
from medusa_operator.resource.reasons import Reason

if TYPE_CHECKING:
    from medusa_operator.resource.spec import Spec
    from medusa_operator.resource.workload import Job

AT_ONCE = 10
"""Verifications at a time in all: nobody waits for one, and many databases share a server."""
PATIENCE = timedelta(seconds=60)
"""After which a verification that cannot start is taken away, and its turn given back."""


def rest(case: Case, spec: Spec, found: Ruling) -> Ruling:
    """Return what a rule has *found*, with the drift that is known and the verification that is due."""
    drift = verification.drifted(spec, case.facts)
    if isinstance(found.outlook, Suspended):
        return (
            found if drift is None else replace(found, outlook=replace(found.outlook, ready=None))
        )
    if not isinstance(found.outlook, Ready):
        return found
    if drift is not None:
        found = replace(found, outlook=Stalled(Reason.DRIFTED, drift.message))
    job = case.observed.verification
    return _begin(case, spec, found) if job is None else _go_on(case, spec, found, job)


def makes_way(case: Case, _spec: Spec) -> Ruling | None:
    """A verification goes where a run is to begin: never two Jobs at one database."""
    job, step = case.observed.verification, case.path.next
    if job is None or step is None:
        return None
    outlook = Running(Reason.STARTING, f"Job {job.name}, which only verifies, makes way")
    if job.deleting:
        return Ruling(outlook, wake=case.now + LOOK_AGAIN)
    return Ruling(outlook, Cancel(job), facts=verification.left_out(case.facts, job))


def _begin(case: Case, spec: Spec, found: Ruling) -> Ruling:
    due = verification.due(case.database, spec, case.facts, case.now)
    if due is None or due > case.now:
        return replace(found, wake=due)
    if _must_wait(case):
        spread = 1 + 4 * verification.share(case.database)
        return replace(found, wake=case.now + LOOK_AGAIN * spread)
    for left in case.observed.verifications:
        done = left in verification.recorded(case.database, case.observed)
        act = Cancel(left) if done and not left.deleting else None
        return replace(found, act=act, wake=case.now + LOOK_AGAIN)
    version = verification.version(spec, case.facts)
    step = PathStep(VERIFY, version, version)
    if (look := rules.look_at_workload(case, step)) is not None:
        return replace(found, act=look)
    known = case.facts.verification
    attempt = verification.attempts(known) + 1
    name = verification.job_name(case.database, step, known, set(case.observed.gone))
    try:
        manifest = manifests.manifest(
            case.database, step, manifests.Attempt(name, attempt), case.settings,
            known=True, workload=case.observed.workload,
        )  # fmt: skip
    except InvalidError as exc:
        reason = exc.reason if isinstance(exc, WorkloadError) else Reason.TEMPLATE_REFUSED
        facts = verification.failed(case.database, case.facts, reason, str(exc), case.now)
        due = verification.due(case.database, spec, facts, case.now)
        return replace(found, facts=facts, wake=due)
    return replace(found, act=Verify(step, name, attempt, manifest))


def _must_wait(case: Case) -> bool:
    """Return whether others go first; it is not reported, as nobody waits for a verification."""
    seen = case.observed
    queue = seen.turn
    return (
        any(not pod.over for pod in seen.pods)
        or any(rival.job for rival in seen.rivals)
        or seen.verifying >= AT_ONCE
        or (queue is not None and queue.ahead >= queue.limit - queue.running)
    )


def _go_on(case: Case, spec: Spec, found: Ruling, job: Job) -> Ruling:
    found = replace(found, wake=case.now + LOOK_AGAIN)
    if job.deleting:
        return found
    verified = case.database.status.verified
    done = verified is not None and verified.uid == job.uid
    now = (case.database.generation, spec.identity)
    if done or (job.generation, job.configuration) != now:
        return replace(found, act=Cancel(job))
    stuck = None if pods.started(job, case.observed) else _stuck(case, job)
    if stuck is None:
        return found
    facts = verification.failed(case.database, case.facts, *stuck, case.now)
    return replace(found, act=Cancel(job), facts=verification.left_out(facts, job))


def _stuck(case: Case, job: Job) -> tuple[Reason, str] | None:
    """Return why *job* has not started in all the time it had."""
    if case.now >= job.created + timedelta(seconds=manifests.VERIFY_SECONDS):
        reason = Reason.JOB_SUSPENDED if job.suspended else Reason.POD_NOT_STARTING
        return pods.stuck(job, case.observed) or (reason, f"Job {job.name} has not started in time")
    return pods.stuck(job, case.observed) if case.now >= job.created + PATIENCE else None
