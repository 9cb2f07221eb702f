"""Pure: the rules of a decision, each a sentence; `decide` puts them in order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from medusa_operator.jobs import manifests, pods
from medusa_operator.jobs.path import Path, too_old
from medusa_operator.jobs.taken_over import WorkloadError
from medusa_operator.judgement.decision import (
    Act,
    Cancel,
    LookAtWorkload,
    Outlook,
    Ready,
    Running,
    Stalled,
    Suspended,
    Waiting,
)
from medusa_operator.knowledge import known
from medusa_operator.knowledge.learn import LOOKED_AT_AGAIN
from medusa_operator.resource.parse import InvalidError
from medusa_operator.resource.reasons import Reason
from medusa_operator.resource.spec import DeletionPolicy

if TYPE_CHECKING:
    from datetime import datetime

    from medusa_migrations.catalog.model import Catalog
    from medusa_operator.jobs.path import PathStep
    from medusa_operator.knowledge.facts import Facts
    from medusa_operator.resource.model import Database, Observed, Settings
    from medusa_operator.resource.spec import Spec
    from medusa_operator.resource.workload import Job

LOOK_AGAIN = timedelta(seconds=30)
"""How long to wait for what normally brings an event by itself."""

SIDECAR_PATIENCE = timedelta(seconds=10)
"""How long other containers may take to end after the run."""

_LOOKED_AT_AGAIN = "(looked at again every 5 minutes, and when the spec or the annotation medusadb.dev/retry changes)"
_TRIED_AGAIN = "(tried again when the spec or the annotation medusadb.dev/retry changes)"


@dataclass(frozen=True, slots=True)
class Case:
    """All that a rule may look at."""

    catalog: Catalog
    database: Database
    observed: Observed
    settings: Settings
    now: datetime
    facts: Facts
    path: Path
    active: Job | None
    """The Job that is not over."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a rule says."""

    outlook: Outlook
    act: Act | None = None
    wake: datetime | None = None
    facts: Facts | None = None
    """What is known besides, where the rule itself adds to it."""


def being_deleted(case: Case) -> Ruling | None:
    """A resource that is deleted waits for its run, or ends it; nothing else is done for it."""
    if not case.database.deleting:
        return None
    job, spec = case.active, case.database.spec
    if job is None:
        looking = case.observed.verification
        act = Cancel(looking) if looking is not None and not looking.deleting else None
        return Ruling(Waiting(Reason.DELETING, "the resource is being deleted"), act)
    policy = DeletionPolicy.WAIT if isinstance(spec, InvalidError) else spec.deletion
    if job.deleting:
        return Ruling(Waiting(Reason.DELETING, f"waiting for Job {job.name} to roll back and go"))
    over = pods.outlived(job, case.observed) is not None
    if policy is DeletionPolicy.CANCEL or over or not pods.started(job, case.observed):
        return Ruling(Waiting(Reason.DELETING, f"taking Job {job.name} away"), Cancel(job))
    return Ruling(
        Waiting(
            Reason.DELETING,
            f"waiting for Job {job.name} to end; spec.deletionPolicy Cancel ends it at once",
        )
    )


def run_is_over_and_its_pod_goes_on(case: Case) -> Ruling | None:
    """A run is over once its container has ended; where others go on, its Job is ended.

    That is after the verdict is stored. A container that ends by itself has a moment for it; where a
    clock is not ours, none.
    """
    job = case.active
    pod = pods.outlived(job, case.observed) if job is not None else None
    if job is None or pod is None or pod.terminated is None:
        return None
    names = ", ".join(pod.beside)[:200]
    message = (
        f"the run of Job {job.name} is over, and container {names} of pod {pod.name} goes on; the Job "
        "is ended"
    )
    outlook = Waiting(Reason.SIDECAR_RUNNING, message)
    if not known.known(case.database.status, job):
        return Ruling(outlook, wake=case.now + LOOK_AGAIN)
    due = (pod.terminated.finished or pod.created) + SIDECAR_PATIENCE
    if case.now < due <= case.now + SIDECAR_PATIENCE:
        return Ruling(outlook, wake=due)
    return Ruling(outlook, Cancel(job))


def run_is_suspended(case: Case) -> Ruling | None:
    """A Job that somebody suspended is left to them, unless it is not wanted any more."""
    job = case.active
    if job is None or not job.suspended or job.deleting or job.ending or _outdated(case, job):
        return None
    message = (
        f"somebody suspended Job {job.name} (its spec.suspend); it goes on when they resume it"
    )
    return Ruling(Waiting(Reason.JOB_SUSPENDED, message))


def run_goes_on(case: Case) -> Ruling | None:
    """A run that goes on is waited for; one that has not started is replaced by what is wanted now."""
    job = case.active
    if job is None:
        return None
    if job.deleting:
        return Ruling(Waiting(Reason.CANCELLING, f"Job {job.name} is being deleted"))
    if pods.started(job, case.observed) or job.ending:
        if job.seeds:
            return Ruling(Running(Reason.SEEDING, f"Job {job.name} seeds the database"))
        return Ruling(
            Running(Reason.MIGRATING, f"Job {job.name} takes the database to {job.version}")
        )
    if _outdated(case, job):
        return Ruling(
            Waiting(
                Reason.CANCELLING,
                f"Job {job.name} has not started and is taken away, as the resource was changed",
            ),
            Cancel(job),
        )
    ready = case.database.status.condition("Ready")
    since = max(job.created, ready.since) if ready is not None else job.created
    waited = (case.now - since).total_seconds()  # by our clock, where it was told of the change
    wake = case.now + timedelta(seconds=min(300.0, max(6.0, waited / 4)))
    stuck = pods.stuck(job, case.observed)
    if stuck is not None:  # for want of what a workload names that was corrected meanwhile, perhaps
        return Ruling(Waiting(*stuck), look_at_workload(case, case.path.next), wake)
    return Ruling(Running(Reason.STARTING, f"Job {job.name} is there, its pod starts"), wake=wake)


def suspended(case: Case, spec: Spec) -> Ruling | None:
    """While it is suspended, nothing new is started; what is true stays true."""
    if not spec.suspend:
        return None
    true = newer_than_declared(case, spec) or as_declared(case, spec)
    ready = true.outlook if true is not None and isinstance(true.outlook, Ready) else None
    message = "spec.suspend is true; nothing new is started"
    return Ruling(Suspended(Reason.SUSPENDED, message, ready))


def names_unknown(case: Case, spec: Spec) -> Ruling | None:
    """A version or flag that nobody knows needs a person; which version an image has, it says itself."""
    if spec.server is not None:
        return None
    if spec.version not in case.catalog.versions:
        near = ", ".join(map(str, case.catalog.nearest(spec.version)))
        message = f"spec.version {spec.version}: there is no such version; near it are {near}"
        return Ruling(Stalled(Reason.UNKNOWN_VERSION, message))
    named = [("spec.upgrade.stops", version) for version in spec.upgrade.stops]
    named += [("spec.baseline", spec.baseline)] if spec.baseline else []
    for where, version in named:
        if version not in case.catalog.versions:
            near = ", ".join(map(str, case.catalog.nearest(version)))
            message = f"{where} {version}: there is no such version; near it are {near}"
            return Ruling(Stalled(Reason.INVALID_SPEC, message))
    flags = {*case.catalog.flags, *(a for f in case.catalog.flags.values() for a in f.aliases)}
    for flag in spec.flags:
        if flag not in flags:
            message = (
                f"spec.featureFlags.{flag}: no migration depends on it; known are "
                f"{', '.join(sorted(flags))}"
            )
            return Ruling(Stalled(Reason.INVALID_SPEC, message))
    return None


def newer_than_declared(case: Case, spec: Spec) -> Ruling | None:
    """A database that is newer than declared is accepted or needs a person; it is never taken back."""
    proven = case.facts.proven
    if known.asked_again(case.database, case.facts):
        return None
    if spec.server is not None:
        return _newer_than_the_image(case, spec)
    if proven is None or not too_old(case.catalog, proven, spec.version):
        return None
    at = case.facts.applied
    if spec.upgrade.allow_older:
        message = f"the database is at {at}, newer than {spec.version}, which is accepted"
        return Ruling(Ready(Reason.NEWER_ACCEPTED, message))
    message = (
        f"the database is at {at}, newer than {spec.version}; a downgrade would lose data and is not "
        "done. Declare a later version, set spec.upgrade.allowOlder, or restore a backup"
    )
    return Ruling(Stalled(Reason.DOWNGRADE, message))


def _newer_than_the_image(case: Case, spec: Spec) -> Ruling | None:
    """Accept what the shop's own Medusa has found to be newer than itself, where that is asked for."""
    failure = case.facts.failure
    if failure is None or failure.reason != Reason.DOWNGRADE or not spec.upgrade.allow_older:
        return None
    message = f"the database is newer than {spec.version} of the shop's image, which is accepted"
    return Ruling(Ready(Reason.NEWER_ACCEPTED, message))


def failed_before(case: Case, spec: Spec) -> Ruling | None:
    """A failed attempt is followed by another where that can help, and not at once."""
    failure, facts = case.facts.failure, case.facts
    if failure is None:
        return None
    reason, message = Reason(failure.reason), failure.message
    if reason is Reason.AWAITING_ACKNOWLEDGEMENT:
        return Ruling(Waiting(reason, message))
    if not failure.retry:
        return Ruling(Stalled(reason, f"{message} {_TRIED_AGAIN}"))
    if spec.retry_limit is not None and facts.attempts >= spec.retry_limit:
        text = f"{facts.attempts} attempts failed, the last with {reason}: {message} {_TRIED_AGAIN}"
        return Ruling(Stalled(Reason.RETRIES_EXHAUSTED, text))
    if facts.next_retry is None or facts.next_retry <= case.now:
        return None
    if (denied := stalled_meanwhile(facts)) is not None:
        return Ruling(denied, wake=facts.next_retry)
    return Ruling(Waiting(reason, message, retry=True), wake=facts.next_retry)


def stalled_meanwhile(facts: Facts) -> Stalled | None:
    """Return how a failure looks that only a person can help, while it is looked at again.

    It stays the same through all these looks, so that nobody is told the same again and again.
    """
    failure = facts.failure
    if failure is None or not failure.retry or failure.reason not in LOOKED_AT_AGAIN:
        return None
    return Stalled(Reason(failure.reason), f"{failure.message} {_LOOKED_AT_AGAIN}")


def as_declared(case: Case, spec: Spec) -> Ruling | None:
    """Where no step is left, the database is as declared."""
    if case.path.next is not None:
        return None
    seeded = " and seeded" if spec.seed is not None else ""
    return Ruling(Ready(Reason.UP_TO_DATE, f"the database is at {spec.version}{seeded}"))


def workload_unusable(case: Case, _spec: Spec) -> Ruling | None:
    """A run waits for the workload that serves the shop, and takes over only what it may have."""
    if case.path.next is None or case.observed.workload is None:
        return None
    try:
        _pod_hash(case, case.path.next)
    except WorkloadError as exc:
        stalls = exc.reason is Reason.WORKLOAD_UNUSABLE
        outlook = (Stalled if stalls else Waiting)(exc.reason, str(exc))
        return Ruling(outlook, wake=case.now + LOOK_AGAIN)
    except ValueError:
        return None  # for the next rule
    return None


def pod_template_refused(case: Case, _spec: Spec) -> Ruling | None:
    """A patch of the pod template that would break a run needs a person."""
    assert case.path.next is not None  # noqa: S101  else the rule before would have spoken
    try:
        _pod_hash(case, case.path.next)
    except ValueError as exc:  # an InvalidError, or a duration that is none
        malformed = str(exc).startswith("spec.job.template")
        reason = Reason.TEMPLATE_REFUSED if malformed else Reason.INVALID_SPEC
        return Ruling(Stalled(reason, str(exc)))
    return None


def gated(case: Case, _spec: Spec) -> Ruling | None:
    """A step that a person must agree to waits for that."""
    gate = case.path.next.gate if case.path.next else None
    return Ruling(Waiting(gate.reason, gate.message)) if gate else None


def seed_document_missing(case: Case, _spec: Spec) -> Ruling | None:
    """A seed waits for its document."""
    seed = case.observed.seed
    if case.path.next is None or not case.path.next.seeds or seed is None or not seed.missing:
        return None
    return Ruling(
        Waiting(Reason.REFERENCE_MISSING, f"the seed waits: {seed.missing}"),
        wake=case.now + LOOK_AGAIN,
    )


def reference_refused(case: Case, _spec: Spec) -> Ruling | None:
    """What a pod refers to must be free for that; its owner can make it so."""
    refusal = case.observed.refusal
    if refusal is None:
        return None
    if refusal.reason is Reason.TEMPLATE_REFUSED:
        return Ruling(Stalled(refusal.reason, refusal.message), wake=case.now + LOOK_AGAIN)
    return Ruling(Waiting(refusal.reason, refusal.message), wake=case.now + LOOK_AGAIN)


def pod_left_over(case: Case, _spec: Spec) -> Ruling | None:
    """A pod of an earlier run must be gone first: never two runs at once."""
    left = next((pod for pod in case.observed.pods if not pod.over), None)
    if left is None:
        return None
    message = f"pod {left.name} of an earlier run is not gone"
    return Ruling(Waiting(Reason.POD_TERMINATING, message), wake=case.now + LOOK_AGAIN)


def database_busy(case: Case, _spec: Spec) -> Ruling | None:
    """Another resource with a run on the same database goes first."""
    rival = next((rival for rival in case.observed.rivals if rival.job), None)
    if rival is None:
        return None
    message = (
        f"MedusaDatabase {rival.name} names the same database, and its Job {rival.job} goes on"
    )
    return Ruling(Waiting(Reason.DATABASE_BUSY, message), wake=case.now + LOOK_AGAIN)


def queued(case: Case, _spec: Spec) -> Ruling | None:
    """Only so many runs go on at once; who has waited longest is next."""
    queue = case.observed.turn
    if queue is None or queue.ahead < queue.limit - queue.running:
        return None
    message = (
        f"{queue.limit} runs go on, as many as the operator allows at once; {_rough(queue.ahead)} "
        "before this one"
    )
    return Ruling(Waiting(Reason.QUEUED, message), wake=case.now + LOOK_AGAIN)


def _outdated(case: Case, job: Job) -> bool:
    """Return whether *job*, which has not started, is not the one that would be made now."""
    spec, step = case.database.spec, case.path.next
    if isinstance(spec, InvalidError) or spec.suspend or step is None or step.gate is not None:
        return True
    if step.name != job.step:
        return True
    known = case.facts.proven is not None
    seen = case.observed.workload
    try:
        if manifests.template_hash(case.database, step, case.settings, known=known) != job.template:
            return True
        return seen is not None and seen.refusal is None and _pod_hash(case, step) != job.workload
    except InvalidError:
        return True


def look_at_workload(case: Case, step: PathStep | None) -> LookAtWorkload | None:
    """Return how to find out what the Job of *step* takes over; None where it takes nothing, or that is known."""
    spec = case.database.spec
    if isinstance(spec, InvalidError) or step is None or case.observed.workload is not None:
        return None
    ref = manifests.workload_of(spec, step)
    return LookAtWorkload(ref) if ref is not None else None


def _pod_hash(case: Case, step: PathStep) -> str:
    """Return the hash of the pod of *step*, with what it takes over as far as that was asked for."""
    return manifests.template_hash(
        case.database, step, case.settings,
        known=case.facts.proven is not None, workload=case.observed.workload,
    )  # fmt: skip


def _rough(count: int) -> str:
    """Return about how many wait, so that a queue that moves is not a write for each that waits."""
    if count <= 1:
        return "none waits" if count == 0 else "one waits"
    bound = next((n for n in (2, 5, 10, 20, 50, 100, 200, 500, 1000) if count <= n), 0)
    return f"at most {bound} wait" if bound else "more than 1000 wait"
