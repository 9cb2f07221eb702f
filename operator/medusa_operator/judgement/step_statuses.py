"""Pure: how the steps of a path are reported in a status."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from medusa_operator.jobs import pods
from medusa_operator.jobs.path import MIGRATE, SEED
from medusa_operator.judgement.decision import Cancel, Stalled, Start, Suspended, Waiting
from medusa_operator.resource.status import StepState, StepStatus

if TYPE_CHECKING:
    from medusa_operator.jobs.path import PathStep
    from medusa_operator.judgement.decision import Decision
    from medusa_operator.resource.model import Observed
    from medusa_operator.resource.workload import Job

MOST = 32
"""Steps that are reported; of those that are done, the oldest are left out."""


def report(observed: Observed, decision: Decision) -> tuple[StepStatus, ...]:
    """Return the steps that are done, the one that goes on, and those that are left."""
    left = [_pending(step) for step in decision.path.steps]
    job = observed.active
    if job is not None and not isinstance(decision.act, Cancel):
        running = _running(job, observed)
        left = [running, *(step for step in left if step.name != running.name)]
    elif isinstance(decision.act, Start):
        left[0] = replace(left[0], state=StepState.WAITING, job=decision.act.name)
    elif left:
        left[0] = replace(left[0], state=_first(decision))
    names = {step.name for step in left}
    done = [step for step in decision.facts.done if step.name not in names]
    room = max(0, MOST - len(left))
    return (*done[len(done) - min(room, len(done)) :], *left[:MOST])


def _pending(step: PathStep) -> StepStatus:
    return StepStatus(step.name, step.type, StepState.PENDING, str(step.version))


def _running(job: Job, observed: Observed) -> StepStatus:
    started = pods.started(job, observed)
    return StepStatus(
        name=job.step,
        type=SEED if job.seeds else MIGRATE,
        state=StepState.RUNNING if started else StepState.WAITING,
        version=job.version,
        job=job.name,
        started=job.started,
    )


def _first(decision: Decision) -> StepState:
    """Return how the step that comes next stands, when no Job is there for it."""
    match decision.outlook:
        case Waiting(retry=True):
            return StepState.RETRYING
        case Waiting():
            return StepState.WAITING
        case Stalled() | Suspended() if decision.facts.failure is not None:
            return StepState.FAILED
        case _:
            return StepState.PENDING
