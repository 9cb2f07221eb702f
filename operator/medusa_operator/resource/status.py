"""Pure: what is reported of a `MedusaDatabase`: its `status`, as values and as the API has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from medusa_operator.resource.reasons import Reason
from medusa_operator.resource.serial import (
    CAMEL,
    Body,
    Count,
    Moment,
    Name,
    Number,
    StrictBool,
    StrictInt,
    Text,
    Texts,
    Time,
)

MESSAGE = 1024
"""Characters of the longest message."""
HISTORY = 10
"""Runs that are kept."""
LEARNED = "Learned"
"""The outcome of a run that was refused, and reported where the database is: no failure."""


def _of_known_reason(body: Any) -> Any:
    """Return a failure; one with a reason that this operator does not know is none."""
    known = not isinstance(body, Mapping) or body.get("reason") in tuple(Reason)
    return body if known else None


_Started = Annotated[Moment, Field(alias="startTime")]
_Completed = Annotated[Moment, Field(alias="completionTime")]
_ImageId = Annotated[Text, Field(alias="imageID")]
_LEFT_OUT = Field(exclude_if=lambda value: value is None)
_KNOWN = BeforeValidator(_of_known_reason)


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

    __pydantic_config__ = CAMEL

    type: Name
    status: Name
    """`True`, `False` or `Unknown`."""
    reason: str
    message: str
    since: Annotated[Time, Field(alias="lastTransitionTime")]
    """When its status changed last."""
    generation: Annotated[StrictInt, Field(alias="observedGeneration")]


@dataclass(frozen=True, slots=True)
class ProvenPlace:
    """Where a run last saw the database to be."""

    __pydantic_config__ = CAMEL

    state: Name
    """`version`, `empty`, `partial` or `unknown`."""
    oldest: Annotated[Text, Field(alias="from")] = ""
    newest: Annotated[Text, Field(alias="to")] = ""
    at: Text = ""
    """The one version of them that it is known to be at."""
    reference: Text = ""
    """The database reference that was looked at."""


@dataclass(frozen=True, slots=True)
class StepStatus:
    """One step of the path."""

    __pydantic_config__ = CAMEL

    name: Name
    type: Name
    """`Migrate` or `Seed`."""
    state: StepState = StepState.PENDING
    version: Text = ""
    job: Text = ""
    started: _Started = None
    completed: _Completed = None
    seconds: Annotated[Number, Field(alias="durationSeconds")] = None
    migrations: Number = None


@dataclass(frozen=True, slots=True)
class UpgradeNote:
    """What the upgrade guide of a version on the way asks."""

    __pydantic_config__ = CAMEL

    version: Text = ""
    severity: Text = ""
    summary: Text = ""
    actions: Texts = ()
    url: Text = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is over, as the history has it."""

    __pydantic_config__ = CAMEL

    job: Name
    step: Text = ""
    outcome: Text = ""
    """`Succeeded`, `Failed`, or `Learned`: it was refused, and reported where the database is."""
    version: Text = ""
    attempt: StrictInt = 1
    reason: Text = ""
    exit_code: Number = None
    started: _Started = None
    completed: _Completed = None
    migrations: Number = None
    image_id: _ImageId = ""
    uid: Text = ""
    """Of its Job; empty where an earlier operator did not write it down."""

    @property
    def identity(self) -> str:
        """What no other run has; of an earlier operator's the name of the Job."""
        return self.uid or self.job


@dataclass(frozen=True, slots=True)
class Failure:
    """The last failed attempt of a step that has not succeeded since."""

    __pydantic_config__ = CAMEL

    reason: Name
    message: Text = ""
    step: Text = ""
    retry: StrictBool = False
    """Whether another attempt can help without a person."""
    generation: StrictInt = 0
    """The generation of the resource that was tried; a later one is tried anew."""
    token: Annotated[Text, Field(alias="retryToken")] = ""
    """The retry annotation that was tried; another one is tried anew."""
    exit_code: Number = None


@dataclass(frozen=True, slots=True)
class Seeded:
    """The last seed that succeeded."""

    __pydantic_config__ = CAMEL

    source: Text = ""
    """A hash of the document as the operator saw it, or of the reference to it and the retry annotation."""
    reference: Text = ""
    """The database reference that was seeded."""
    checksum: Text = ""
    """The runner's checksum of the document."""
    time: Moment = None
    counts: Annotated[
        Mapping[str, Mapping[str, StrictInt]], Field(exclude_if=lambda counts: not counts)
    ] = field(default_factory=dict)
    skipped: Text = ""
    """Why it loaded nothing; empty: it did, or the document was in the shop already."""


class Result(StrEnum):
    """What a verification came to."""

    NOTHING = ""
    """Only the ledger was looked at, by a run that had nothing to do."""
    VERIFIED = "Verified"
    DRIFTED = "Drifted"
    MOVED = "DatabaseMoved"


@dataclass(frozen=True, slots=True)
class VerificationFailure:
    """Why the last attempts to verify found nothing out."""

    __pydantic_config__ = CAMEL

    reason: Name
    message: Text = ""
    """The same in a sentence."""
    time: Moment = None
    """When the last of them was over."""
    attempts: Count = 0
    """Such attempts in a row."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What the last verification came to, and how it stands with the next; of one configuration."""

    __pydantic_config__ = CAMEL

    configuration: Text = ""
    result: Annotated[Result, Field(exclude_if=lambda result: not result)] = Result.NOTHING
    time: Moment = None
    """When that was read, on the operator's clock."""
    job: Text = ""
    """The Job that found it: one that verifies, or a run."""
    version: Text = ""
    message: Text = ""
    """What differs, in a sentence."""
    differences: Count = 0
    failure: Annotated[VerificationFailure | None, _KNOWN, _LEFT_OUT] = None
    """None where the last attempt found something out."""
    uid: Text = ""
    """Of the last Job that verified and whose end is in here."""
    running: Text = ""
    """The one that is not over."""
    generation: Count = 0
    """The generation of the resource that was verified."""
    token: Text = ""
    """The verify annotation that was last honoured."""
    retry_token: Text = ""
    """The retry annotation that was there."""


@dataclass(frozen=True, slots=True)
class Status:
    """The whole status."""

    __pydantic_config__ = CAMEL

    observed_generation: StrictInt = -1
    applied_version: Text = ""
    target_version: Text = ""
    previous_version: Text = ""
    """Where the present path began: a version, `empty`, `partial`."""
    proven: Annotated[ProvenPlace | None, _LEFT_OUT] = None
    configuration: Text = ""
    """The identity of the spec that is applied; empty where none is for certain."""
    retry_token: Text = ""
    """The retry annotation that was last honoured."""
    conditions: Annotated[tuple[Condition, ...], Field(exclude_if=lambda found: not found)] = ()
    steps: Annotated[tuple[StepStatus, ...], Field(exclude_if=lambda found: not found)] = ()
    upgrade_notes: Annotated[
        tuple[UpgradeNote, ...], Field(exclude_if=lambda found: not found)
    ] = ()
    available_versions: Texts = ()
    history: Annotated[tuple[Run, ...], Field(exclude_if=lambda found: not found)] = ()
    """Newest first."""
    attempts: Count = 0
    """Failed attempts of the step in `failure`."""
    next_retry: Annotated[Moment, Field(alias="nextRetryTime")] = None
    failure: Annotated[Failure | None, _KNOWN, _LEFT_OUT] = None
    """One with a reason that this operator does not know is none: it is tried anew."""
    seed: Annotated[Seeded | None, _LEFT_OUT] = None
    verified: Annotated[Verification | None, _LEFT_OUT] = None
    job: Text = ""
    """The Job of a run that is not over."""
    job_uid: Annotated[Text, Field(alias="jobUID")] = ""
    image: Text = ""
    """The image of the last run, as the Job named it."""
    image_id: _ImageId = ""
    """The same by digest."""
    waiting_since: Moment = None
    """Since when its next run waits for its turn."""
    warnings: Texts = ()

    @property
    def lost(self) -> bool:
        """Whether there is none: never written, or taken away."""
        return self.observed_generation < 0

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of that type."""
        return next((c for c in self.conditions if c.type == kind), None)

    def to_dict(self) -> dict[str, Any]:
        """Return it as the API has it; what says nothing is left out."""
        return _BODY.write(self)

    @classmethod
    def from_body(cls, body: object) -> Status:
        """Return the status that *body* holds; one that cannot be read counts as lost."""
        try:
            return _BODY.read(body)
        except Exception:  # noqa: BLE001 - whoever wrote it: it is written anew
            return cls()


_BODY = Body(Status, "status")
