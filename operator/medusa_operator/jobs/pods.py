"""Pure: whether the pod of a Job has started, and if not, why; whether it counts as a run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from medusa_operator.resource.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from medusa_operator.resource.model import Event, Observed
    from medusa_operator.resource.workload import Job, Pod

START_WITHIN = timedelta(minutes=5)
"""How long a Job whose pod does not start keeps its slot: others may do something with it."""

_PULLING = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
            "ImageInspectError", "RegistryUnavailable")  # fmt: skip
_USUAL = ("", "ContainerCreating", "PodInitializing")
_MISSING = ("not found", "couldn't find key", "references non-existent")
_SENTENCE = 500


def started(job: Job, observed: Observed) -> bool:
    """Return whether the container of the run ever started."""
    return any(pod.started for pod in observed.pods if pod.job == job.name)


def outlived(job: Job, observed: Observed) -> Pod | None:
    """Return the pod of *job* in which the run has ended, and other containers go on."""
    if job.over or job.deleting:
        return None
    return next((pod for pod in observed.pods if pod.job == job.name and pod.outlived), None)


def holds_slot(job: Job, pods: Iterable[Pod], now: datetime) -> bool:
    """Return whether *job*, of a resource that we know, counts as running.

    One that has not started in time gives its slot back, and takes it again when it starts: then
    there may be more runs than slots for a while.
    """
    if job.over or not job.owned:
        return False
    if now - job.created < START_WITHIN:
        return True
    return any(pod.started and pod.job == job.name for pod in pods)


def stuck(job: Job, observed: Observed) -> tuple[Reason, str] | None:
    """Return why *job*, which has not started, does not start; None where it just takes its time."""
    mine = [pod for pod in observed.pods if pod.job == job.name and not pod.over]
    if not mine:
        event = observed.event
        if event is None:
            return None
        return Reason.POD_FORBIDDEN, f"Job {job.name} gets no pod: {event.message[:_SENTENCE]}"
    pod = max(mine, key=lambda pod: (pod.created, pod.name))
    return _stuck(pod, observed.event)


def _stuck(pod: Pod, event: Event | None) -> tuple[Reason, str] | None:
    if pod.unschedulable:
        message = pod.unschedulable[:_SENTENCE]
        return Reason.UNSCHEDULABLE, f"no node takes pod {pod.name}: {message}"
    if pod.waiting in _PULLING:
        message = (pod.waiting_message or pod.waiting)[:_SENTENCE]
        return Reason.IMAGE_PULL_FAILED, f"the image of pod {pod.name} cannot be pulled: {message}"
    if pod.waiting not in _USUAL:
        return _because(pod, pod.waiting_message or pod.waiting)
    if event is not None and event.reason.startswith("Failed"):
        return _because(pod, event.message)
    return None


def _because(pod: Pod, message: str) -> tuple[Reason, str]:
    missing = any(words in message for words in _MISSING)
    reason = Reason.REFERENCE_MISSING if missing else Reason.POD_NOT_STARTING
    return reason, f"pod {pod.name} does not start: {message[:_SENTENCE]}"
