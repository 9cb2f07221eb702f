"""Pure: what is decided in one pass - how it looks to the owner, and the one thing to do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from medusa_operator.jobs.path import Path, PathStep
    from medusa_operator.knowledge.facts import Facts
    from medusa_operator.resource.reasons import Reason
    from medusa_operator.resource.spec import WorkloadRef
    from medusa_operator.resource.workload import Job


@dataclass(frozen=True, slots=True)
class Ready:
    """The database is as declared."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Running:
    """A run is on its way."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """It goes on by itself, or once a person agrees; nothing is wrong, so that kstatus calls it in progress."""

    reason: Reason
    message: str
    retry: bool = False
    """Whether it waits for the next attempt after a failed one."""


@dataclass(frozen=True, slots=True)
class Stalled:
    """Something is wrong that a person has to fix."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Suspended:
    """Nothing new is started."""

    reason: Reason
    message: str
    ready: Ready | None = None
    """Where the database is as declared all the same."""


Outlook = Ready | Running | Waiting | Stalled | Suspended
"""What a pass finds, as it is reported to the owner; each is one row of the kstatus rules."""


@dataclass(frozen=True, slots=True)
class AddFinalizer:
    """Put our finalizer on the resource, with its resourceVersion as a condition."""


@dataclass(frozen=True, slots=True)
class RemoveFinalizer:
    """Take our finalizer off the resource, with its resourceVersion as a condition."""


@dataclass(frozen=True, slots=True)
class LookAtWorkload:
    """Ask for what `spec.server.workloadRef` names, then decide again with `Observed.workload`."""

    ref: WorkloadRef


@dataclass(frozen=True, slots=True)
class Start:
    """Create the Job; one of that name that belongs to our uid already is as good.

    Where the API refuses (4xx and 5xx, or 409 by somebody else's Job), decide again with
    `Observed.create_error`.
    """

    step: PathStep
    name: str
    attempt: int
    manifest: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verify:
    """Create a Job that only looks, in the manner of `Start`; it is no run, and needs no finalizer."""

    step: PathStep
    name: str
    attempt: int
    manifest: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cancel:
    """Delete the Job with its uid as a precondition, in the foreground."""

    job: Job


@dataclass(frozen=True, slots=True)
class Expire:
    """Let the Job go after *seconds*: its verdict stands in the status."""

    job: Job
    seconds: int


Act = AddFinalizer | RemoveFinalizer | LookAtWorkload | Start | Verify | Cancel | Expire


@dataclass(frozen=True, slots=True)
class Decision:
    """What one pass decides: do `act` where there is one, and write the status if it changed."""

    outlook: Outlook
    act: Act | None
    wake: datetime | None
    """When to look again although no event came; None: at the next resync."""
    facts: Facts
    path: Path
    report_first: bool = False
    """Whether the status is written before `act`, where it changed: a refusal of the act must not
    hide what is known."""

    @property
    def before(self) -> Decision:
        """Return it as it stands before its act."""
        return replace(self, act=None)

    def refused(self, why: str) -> Decision:
        """Return it as it stands where the API refuses its act."""
        message = f"{self.outlook.message}; the API server refuses that: {why}"
        return replace(self, act=None, outlook=replace(self.outlook, message=message))
