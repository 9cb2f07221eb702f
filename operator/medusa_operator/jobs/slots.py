"""Pure: which runs count for `--max-concurrent-runs`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from medusa_operator.resource.workload import Job, Pod

START_WITHIN = timedelta(minutes=5)
"""How long a Job whose pod does not start keeps its slot: others may do something with it."""


def holds(job: Job, pods: Iterable[Pod], now: datetime) -> bool:
    """Return whether *job*, of a resource that we know, counts as running.

    One that has not started in time gives its slot back, and takes it again when it starts: then
    there may be more runs than slots for a while.
    """
    if job.over or not job.owned:
        return False
    if now - job.created < START_WITHIN:
        return True
    return any(pod.started and pod.job == job.name for pod in pods)
