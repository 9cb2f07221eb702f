"""Pure: what is reported of a `MedusaDatabase`: its `status`, as values and as the API has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from medusa_operator.resource.parse import spell_time, without_nothing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MESSAGE = 1024
"""Characters of the longest message."""
HISTORY = 10
"""Runs that are kept."""
LEARNED = "Learned"
"""The outcome of a run that was refused, and reported where the database is: no failure."""


class StepState(StrEnum):
    """Where a step stands."""

    PENDING = "Pending"
    WAITING = "Waiting"
    RUNNING = "Running"
    RETRYING = "Retrying"
    DONE = "Done"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, as kstatus and `kubectl wait` read it."""

    type: str
    status: str
    """`True`, `False` or `Unknown`."""
    reason: str
    message: str
    since: datetime
    """When its status changed last."""
    generation: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as the API has it."""
        return {
            "type": self.type,
            "status": self.status,
            "reason": self.reason,
            "message": self.message,
            "lastTransitionTime": spell_time(self.since),
            "observedGeneration": self.generation,
        }


@dataclass(frozen=True, slots=True)
class Proven:
    """Where a run last saw the database to be."""

    state: str
    """`version`, `empty`, `partial` or `unknown`."""
    oldest: str = ""
    newest: str = ""
    at: str = ""
    """The one version of them that it is known to be at."""
    reference: str = ""
    """The database reference that was looked at."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as the API has it."""
        return without_nothing(
            {
                "state": self.state,
                "from": self.oldest,
                "to": self.newest,
                "at": self.at,
                "reference": self.reference,
            }
        )


@dataclass(frozen=True, slots=True)
class StepStatus:
    """One step of the path."""

    name: str
    type: str
    """`Migrate` or `Seed`."""
    state: StepState
    version: str
    job: str = ""
    started: datetime | None = None
    completed: datetime | None = None
    seconds: int | None = None
    migrations: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as the API has it."""
        return without_nothing(
            {
                "name": self.name,
                "type": self.type,
                "state": str(self.state),
                "version": self.version,
                "job": self.job,
                "startTime": self.started and spell_time(self.started),
                "completionTime": self.completed and spell_time(self.completed),
                "durationSeconds": self.seconds,
                "migrations": self.migrations,
            }
        )


@dataclass(frozen=True, slots=True)
class UpgradeNote:
    """What the upgrade guide of a version on the way asks."""

    version: str
    severity: str
    summary: str
    actions: tuple[str, ...] = ()
    url: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as the API has it."""
        return without_nothing(
            {
                "version": self.version,
                "severity": self.severity,
                "summary": self.summary,
                "actions": list(self.actions),
                "url": self.url,
            }
        )


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is over."""

    job: str
    step: str
    outcome: str
    """`Succeeded`, `Failed`, or `Learned`: it was refused, and reported where the database is."""
    version: str = ""
    attempt: int = 1
    reason: str = ""
    exit_code: int | None = None
    started: datetime | None = None
    completed: datetime | None = None
    migrations: int | None = None
    image_id: str = ""
    uid: str = ""
    """Of its Job; empty where an earlier operator did not write it down."""

    @property
    def identity(self) -> str:
        """What no other run has; of an earlier operator's the name of the Job."""
        return self.uid or self.job

    def to_dict(self) -> dict[str, Any]:
        """Return it as the API has it."""
        return without_nothing(
            {
                "job": self.job,
                "step": self.step,
                "outcome": self.outcome,
                "version": self.version,
                "attempt": self.attempt,
                "reason": self.reason,
                "exitCode": self.exit_code,
                "startTime": self.started and spell_time(self.started),
                "completionTime": self.completed and spell_time(self.completed),
                "migrations": self.migrations,
                "imageID": self.image_id,
                "uid": self.uid,
            }
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """The last failed attempt of a step that has not succeeded since."""

    reason: str
    message: str
    step: str
    retry: bool
    """Whether another attempt can help without a person."""
    generation: int
    """The generation of the resource that was tried; a later one is tried anew."""
    token: str = ""
    """The retry annotation that was tried; another one is tried anew."""
    exit_code: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as the API has it."""
        return without_nothing(
            {
                "reason": self.reason,
                "message": self.message,
                "step": self.step,
                "generation": self.generation,
                "retryToken": self.token,
                "exitCode": self.exit_code,
            }
        ) | {"retry": self.retry}


@dataclass(frozen=True, slots=True)
class Seeded:
    """The last seed that succeeded."""

    source: str
    """A hash of the document as the operator saw it, or of the reference to it and the retry annotation."""
    reference: str
    """The database reference that was seeded."""
    checksum: str = ""
    """The runner's checksum of the document."""
    time: datetime | None = None
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    skipped: str = ""
    """Why it loaded nothing; empty: it did, or the document was in the shop already."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as the API has it."""
        return without_nothing(
            {
                "source": self.source,
                "reference": self.reference,
                "checksum": self.checksum,
                "time": self.time and spell_time(self.time),
                "counts": {kind: dict(counts) for kind, counts in self.counts.items()},
                "skipped": self.skipped,
            }
        )


class Result(StrEnum):
    """What a verification came to."""

    NOTHING = ""
    """Only the ledger was looked at, by a run that had nothing to do."""
    VERIFIED = "Verified"
    DRIFTED = "Drifted"
    MOVED = "DatabaseMoved"


@dataclass(frozen=True, slots=True)
class Verification:
    """What the last verification came to, and how it stands with the next; of one configuration."""

    configuration: str
    result: Result = Result.NOTHING
    time: datetime | None = None
    """When that was read, on the operator's clock."""
    job: str = ""
    """The Job that found it: one that verifies, or a run."""
    version: str = ""
    message: str = ""
    """What differs, in a sentence."""
    differences: int = 0
    reason: str = ""
    """Why the last attempt found nothing out; empty where it did."""
    failure: str = ""
    """The same in a sentence."""
    tried: datetime | None = None
    """When that attempt was over."""
    attempts: int = 0
    """Such attempts in a row."""
    uid: str = ""
    """Of the last Job that verified and whose end is in here."""
    running: str = ""
    """The one that is not over."""
    generation: int = 0
    """The generation of the resource that was verified."""
    token: str = ""
    """The verify annotation that was last honoured."""
    retry_token: str = ""
    """The retry annotation that was there."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as the API has it."""
        return without_nothing(
            {
                "configuration": self.configuration,
                "result": str(self.result),
                "time": self.time and spell_time(self.time),
                "job": self.job,
                "version": self.version,
                "message": self.message,
                "differences": self.differences or None,
                "failure": without_nothing(
                    {
                        "reason": self.reason,
                        "message": self.failure,
                        "time": self.tried and spell_time(self.tried),
                        "attempts": self.attempts or None,
                    }
                ),
                "uid": self.uid,
                "running": self.running,
                "generation": self.generation or None,
                "token": self.token,
                "retryToken": self.retry_token,
            }
        )


@dataclass(frozen=True, slots=True)
class Status:
    """The whole status."""

    observed_generation: int = -1
    applied_version: str = ""
    target_version: str = ""
    previous_version: str = ""
    """Where the present path began: a version, `empty`, `partial`."""
    proven: Proven | None = None
    configuration: str = ""
    """The identity of the spec that is applied; empty where none is for certain."""
    retry_token: str = ""
    """The retry annotation that was last honoured."""
    conditions: tuple[Condition, ...] = ()
    steps: tuple[StepStatus, ...] = ()
    upgrade_notes: tuple[UpgradeNote, ...] = ()
    available_versions: tuple[str, ...] = ()
    history: tuple[Run, ...] = ()
    """Newest first."""
    attempts: int = 0
    """Failed attempts of the step in `failure`."""
    next_retry: datetime | None = None
    failure: Failure | None = None
    seed: Seeded | None = None
    verified: Verification | None = None
    job: str = ""
    """The Job of a run that is not over."""
    job_uid: str = ""
    image: str = ""
    """The image of the last run, as the Job named it."""
    image_id: str = ""
    """The same by digest."""
    waiting_since: datetime | None = None
    """Since when its next run waits for its turn."""
    warnings: tuple[str, ...] = ()

    @property
    def lost(self) -> bool:
        """Whether there is none: never written, or taken away."""
        return self.observed_generation < 0

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of that type."""
        return next((c for c in self.conditions if c.type == kind), None)

    def to_dict(self) -> dict[str, Any]:
        """Return it as the API has it; what says nothing is left out."""
        return without_nothing(
            {
                "observedGeneration": self.observed_generation,
                "appliedVersion": self.applied_version,
                "targetVersion": self.target_version,
                "previousVersion": self.previous_version,
                "proven": self.proven and self.proven.to_dict(),
                "configuration": self.configuration,
                "retryToken": self.retry_token,
                "conditions": [condition.to_dict() for condition in self.conditions],
                "steps": [step.to_dict() for step in self.steps],
                "upgradeNotes": [note.to_dict() for note in self.upgrade_notes],
                "availableVersions": list(self.available_versions),
                "history": [run.to_dict() for run in self.history],
                "attempts": self.attempts or None,
                "nextRetryTime": self.next_retry and spell_time(self.next_retry),
                "failure": self.failure and self.failure.to_dict(),
                "seed": self.seed and self.seed.to_dict(),
                "verified": self.verified and self.verified.to_dict(),
                "job": self.job,
                "jobUID": self.job_uid,
                "image": self.image,
                "imageID": self.image_id,
                "waitingSince": self.waiting_since and spell_time(self.waiting_since),
                "warnings": list(self.warnings),
            }
        )
