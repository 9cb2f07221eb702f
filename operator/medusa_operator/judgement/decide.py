"""Pure: (catalog, database, observed, settings, now) -> one decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_operator.jobs import manifests
from medusa_operator.jobs.path import Path, plan
from medusa_operator.judgement import at_rest, rules
from medusa_operator.judgement.decision import (
    AddFinalizer,
    Cancel,
    Decision,
    Expire,
    LookAtWorkload,
    RemoveFinalizer,
    Running,
    Stalled,
    Start,
    Verify,
    Waiting,
)
from medusa_operator.judgement.rules import Case, Ruling
from medusa_operator.knowledge import known, verification
from medusa_operator.resource.parse import InvalidError, spell_time
from medusa_operator.resource.reasons import Reason
from medusa_operator.resource.spec import JobOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from medusa_migrations.catalog.model import Catalog
    from medusa_operator.jobs.path import PathStep
    from medusa_operator.judgement.decision import Act, Outlook
    from medusa_operator.knowledge.facts import Facts
    from medusa_operator.resource.model import Database, Observed, Settings
    from medusa_operator.resource.spec import Spec

FAILED_JOBS = 3
"""Failed Jobs of a resource that stay for their time to live."""

WHATEVER_THE_SPEC: tuple[Callable[[Case], Ruling | None], ...] = (
    rules.being_deleted,
    rules.run_is_over_and_its_pod_goes_on,
    rules.run_is_suspended,
    rules.run_goes_on,
)
"""These come first, and hold for a spec that is not valid too."""

RULES: tuple[Callable[[Case, Spec], Ruling | None], ...] = (
    rules.suspended,
    rules.names_unknown,
    rules.newer_than_declared,
    rules.failed_before,
    rules.as_declared,
    rules.workload_unusable,
    rules.pod_template_refused,
    rules.gated,
    rules.seed_document_missing,
    rules.reference_refused,
    at_rest.makes_way,
    rules.pod_left_over,
    rules.database_busy,
    rules.queued,
)
"""In order; the first that has something to say decides. Where none has, the next step starts."""


def decide(
    catalog: Catalog, database: Database, observed: Observed, settings: Settings, now: datetime
) -> Decision:
    """Return the one next step for *database*, given what was *observed*."""
    now = now.replace(microsecond=0)
    facts = known.gather(catalog, database, observed, now)
    path = _path(catalog, database, observed, facts)
    case = Case(catalog, database, observed, settings, now, facts, path, observed.active)
    found = _first(case)
    outlook = found.outlook
    if isinstance(outlook, Running):
        outlook = rules.stalled_meanwhile(facts) or outlook
    act = _tidy(case, found.act)
    first = _report_first(database, outlook, act)
    return Decision(outlook, act, found.wake, found.facts or facts, path, first)


def _first(case: Case) -> Ruling:
    for rule in WHATEVER_THE_SPEC:
        if (found := rule(case)) is not None:
            return found
    spec = case.database.spec
    if isinstance(spec, InvalidError):
        return Ruling(Stalled(Reason.INVALID_SPEC, str(spec)))
    for spoken in RULES:
        if (found := spoken(case, spec)) is not None:
            return at_rest.rest(case, spec, found)
    assert case.path.next is not None  # noqa: S101  else the rule `as_declared` would have spoken
    return _start(case, case.path.next)


def _start(case: Case, step: PathStep) -> Ruling:
    about = "the seed" if step.seeds else f"the step to {step.version}"
    outlook = Running(Reason.STARTING, f"a Job for {about} is made")
    if (look := rules.look_at_workload(case, step)) is not None:
        return Ruling(outlook, look)
    if not case.database.has_finalizer:
        return Ruling(outlook, AddFinalizer())
    attempt = case.facts.attempts + 1
    source = _seed_source(case) if step.seeds else ""
    taken = {job.name for job in case.observed.jobs} | {run.job for run in case.facts.history}
    taken |= set(case.observed.gone)
    since = _not_ready_since(case.database)
    before = case.facts.history[0].identity if case.facts.history else since
    name = manifests.name(
        case.database, step, case.settings,
        after=before, since=since, seed_source=source, taken=taken,
    )  # fmt: skip
    manifest = manifests.manifest(
        case.database, step, manifests.Attempt(name, attempt, source, before), case.settings,
        known=case.facts.proven is not None, workload=case.observed.workload,
    )  # fmt: skip
    return Ruling(outlook, Start(step, name, attempt, manifest))


def _not_ready_since(database: Database) -> str:
    """Return the moment since when *database* is not ready: that is reported before a Job is made."""
    ready = database.status.condition("Ready")
    return spell_time(ready.since) if ready is not None else ""


def _path(catalog: Catalog, database: Database, observed: Observed, facts: Facts) -> Path:
    spec = database.spec
    if isinstance(spec, InvalidError):
        return Path()
    if spec.server is None and spec.version not in catalog.versions:
        return Path()
    again = known.asked_again(database, facts) and not verification.drifted(spec, facts)
    applied = facts.configuration == spec.identity and not again
    return plan(
        catalog,
        spec,
        facts.proven,
        applied=applied,
        seed_due=known.seed_due(spec, facts, observed.seed),
    )


def _seed_source(case: Case) -> str:
    spec = case.database.spec
    if isinstance(spec, InvalidError):
        return ""
    return known.seed_source(spec, case.facts, case.observed.seed)


def _tidy(case: Case, act: Act | None) -> Act | None:
    """Let Jobs go whose verdict is stored, before another is made; hold nothing at rest."""
    if isinstance(act, Cancel | RemoveFinalizer):
        return act
    if (expire := _expire(case)) is not None:
        return expire
    if (
        (act is None or isinstance(act, Verify))
        and case.database.has_finalizer
        and case.active is None
    ):
        return RemoveFinalizer()
    if (
        act is None
        and case.active is not None
        and not (case.database.has_finalizer or case.database.deleting)
    ):
        return AddFinalizer()
    return act


def _expire(case: Case) -> Expire | None:
    """Return how a Job whose verdict is stored gets its time to live.

    Of those that failed only the newest stay so long: what is tried again for ever would fill the cluster.
    """
    if case.observed.untidied:
        return None
    failed = 0
    for job in known.recorded(case.database.status, case.observed):
        if job.deleting:
            continue
        if job.failed and job.ttl != 0 and known.learned_from(case.database.status, job):
            return Expire(
                job, 0
            )  # an older runner ends like that: nothing is wrong, nobody is to be alarmed
        failed += job.failed
        if job.failed and failed > FAILED_JOBS and job.ttl != 0:
            return Expire(job, 0)
        if job.ttl is None:
            return Expire(job, _ttl(case.database.spec))
    for job in verification.recorded(case.database, case.observed):
        if job.ttl is None and not job.deleting:
            return Expire(job, _ttl(case.database.spec))
    return None


def _report_first(database: Database, outlook: Outlook, act: Act | None) -> bool:
    """Return whether the status comes before the act.

    What only tidies comes after the report; what only looks comes before it, as what it finds is to be
    reported. Everything else does where the status judges an earlier generation, or calls ready what is
    not: else an act that fails again and again leaves that standing.
    """
    if act is None or database.deleting or isinstance(act, LookAtWorkload):
        return False
    ready = database.status.condition("Ready")
    stale = ready is None or (ready.status == "True" and isinstance(outlook, Running | Waiting))
    behind = database.status.observed_generation != database.generation
    return behind or stale or isinstance(act, Expire | RemoveFinalizer)


def _ttl(spec: Spec | InvalidError) -> int:
    return JobOptions().ttl if isinstance(spec, InvalidError) else spec.job.ttl
