"""Pure: what is reported of a `MedusaDatabase`: its `status`, as values and as the API has it.

Of a stored status no more is read than the definition takes: what somebody wrote while it was
another one would be refused with the next status.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

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
    first,
)

MESSAGE = 1024
"""Characters of the longest message."""
HISTORY = 10
"""Runs that are kept."""
_VERSION = re.compile(r"[12]\.[0-9]{1,4}\.[0-9]{1,4}")
LEARNED = "Learned"
"""The outcome of a run that was refused, and reported where the database is: no failure."""


def _of_known_reason(body: Any) -> Any:
    """Return a failure; one with a reason that this operator does not know is none."""
    known = not isinstance(body, Mapping) or body.get("reason") in tuple(Reason)
    return body if known else None


def _version(text: str) -> str:
    """Return what is spelt as a version; anything else is none."""
    return text if _VERSION.fullmatch(text) else ""


def _one_of_each_name(steps: tuple[StepStatus, ...]) -> tuple[StepStatus, ...]:
    return tuple({step.name: step for step in steps}.values())


_Word = Annotated[Text, first(16)]
_Reference = Annotated[Text, first(64)]
"""A hash, a uid, a reason."""
_Token = Annotated[Text, first(128)]
_Job = Annotated[Text, first(253)]
_Image = Annotated[Text, first(512)]
_Message = Annotated[Text, first(MESSAGE)]
_Version = Annotated[Text, first(14)]
_Step = Annotated[Text, first(32)]
_Counts = Annotated[Mapping[str, StrictInt], first(8)]
_Started = Annotated[Moment, Field(alias="startTime")]
_Completed = Annotated[Moment, Field(alias="completionTime")]
_ImageId = Annotated[_Image, Field(alias="imageID")]
_LEFT_OUT = Field(exclude_if=lambda value: value is None)
_LEFT_OUT_EMPTY = Field(exclude_if=lambda found: not found)
_ONE_EACH = AfterValidator(_one_of_each_name)
_Applied = Annotated[Text, AfterValidator(_version)]
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

    state: Annotated[Name, first(16)]
    """`version`, `empty`, `partial` or `unknown`."""
    oldest: Annotated[_Version, Field(alias="from")] = ""
    newest: Annotated[_Version, Field(alias="to")] = ""
    at: _Version = ""
    """The one version of them that it is known to be at."""
    reference: _Reference = ""
    """The database reference that was looked at."""


@dataclass(frozen=True, slots=True)
class StepStatus:
    """One step of the path."""

    __pydantic_config__ = CAMEL

    name: Annotated[Name, first(32)]
    type: Annotated[Name, first(16)]
    """`Migrate` or `Seed`."""
    state: StepState = StepState.PENDING
    version: _Version = ""
    job: _Job = ""
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
class SkippedLink:
    """A table of links that is not as the project has it, and stays so."""

    __pydantic_config__ = CAMEL

    action: _Step = ""
    """`delete` or `notify`, in Medusa's words."""
    table: _Token = ""


@dataclass(frozen=True, slots=True)
class LinkTables:
    """The tables of links of Medusa v2."""

    __pydantic_config__ = CAMEL

    applied: Count = 0
    skipped: Annotated[tuple[SkippedLink, ...], first(10), _LEFT_OUT_EMPTY] = ()


@dataclass(frozen=True, slots=True)
class ScriptRuns:
    """The migration scripts of Medusa v2."""

    __pydantic_config__ = CAMEL

    applied: Count = 0
    pending: Annotated[tuple[_Token, ...], first(10), _LEFT_OUT_EMPTY] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is over, as the history has it."""

    __pydantic_config__ = CAMEL

    job: Annotated[Name, first(253)]
    step: _Step = ""
    outcome: _Word = ""
    """`Succeeded`, `Failed`, or `Learned`: it was refused, and reported where the database is."""
    version: _Version = ""
    attempt: StrictInt = 1
    reason: _Reference = ""
    exit_code: Number = None
    started: _Started = None
    completed: _Completed = None
    migrations: Number = None
    image_id: _ImageId = ""
    uid: _Reference = ""
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
    message: _Message = ""
    step: _Step = ""
    retry: StrictBool = False
    """Whether another attempt can help without a person."""
    generation: StrictInt = 0
    """The generation of the resource that was tried; a later one is tried anew."""
    token: Annotated[_Token, Field(alias="retryToken")] = ""
    """The retry annotation that was tried; another one is tried anew."""
    exit_code: Number = None


@dataclass(frozen=True, slots=True)
class Seeded:
    """The last seed that succeeded."""

    __pydantic_config__ = CAMEL

    source: _Reference = ""
    """A hash of the document as the operator saw it, or of the reference to it and the retry annotation."""
    reference: _Reference = ""
    """The database reference that was seeded."""
    checksum: _Token = ""
    """The runner's checksum of the document."""
    time: Moment = None
    counts: Annotated[Mapping[str, _Counts], first(24), _LEFT_OUT_EMPTY] = field(
        default_factory=dict
    )
    skipped: Annotated[Text, first(256)] = ""
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
    message: _Message = ""
    """The same in a sentence."""
    time: Moment = None
    """When the last of them was over."""
    attempts: Count = 0
    """Such attempts in a row."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What the last verification came to, and how it stands with the next; of one configuration."""

    __pydantic_config__ = CAMEL

    configuration: _Reference = ""
    result: Annotated[Result, Field(exclude_if=lambda result: not result)] = Result.NOTHING
    time: Moment = None
    """When that was read, on the operator's clock."""
    job: _Job = ""
    """The Job that found it: one that verifies, or a run."""
    version: _Version = ""
    message: _Message = ""
    """What differs, in a sentence."""
    differences: Count = 0
    failure: Annotated[VerificationFailure | None, _KNOWN, _LEFT_OUT] = None
    """None where the last attempt found something out."""
    uid: _Reference = ""
    """Of the last Job that verified and whose end is in here."""
    running: _Job = ""
    """The one that is not over."""
    generation: Count = 0
    """The generation of the resource that was verified."""
    token: _Token = ""
    """The verify annotation that was last honoured."""
    retry_token: _Token = ""
    """The retry annotation that was there."""


@dataclass(frozen=True, slots=True)
class Status:
    """The whole status."""

    __pydantic_config__ = CAMEL

    observed_generation: StrictInt = -1
    applied_version: _Applied = ""
    engine: _Word = ""
    """`project` where the shop's own Medusa has migrated the database."""
    medusa_version: _Reference = ""
    """The version that the shop's image has installed."""
    migrations: Annotated[Mapping[str, StrictInt], first(4), _LEFT_OUT_EMPTY] = field(
        default_factory=dict
    )
    """How many names each ledger of migrations has."""
    links: Annotated[LinkTables | None, _LEFT_OUT] = None
    scripts: Annotated[ScriptRuns | None, _LEFT_OUT] = None
    acknowledge: Annotated[tuple[_Version, ...], first(4), _LEFT_OUT_EMPTY] = ()
    """What nobody has agreed to, and the last run of the shop's own Medusa was refused for."""
    unfinished: Annotated[tuple[_Token, ...], first(10), _LEFT_OUT_EMPTY] = ()
    """Scripts that were begun and have not come to their end."""
    target_version: _Version = ""
    previous_version: _Step = ""
    """Where the present path began: a version, `empty`, `partial`."""
    proven: Annotated[ProvenPlace | None, _LEFT_OUT] = None
    configuration: _Reference = ""
    """The identity of the spec that is applied; empty where none is for certain."""
    retry_token: _Token = ""
    """The retry annotation that was last honoured."""
    conditions: Annotated[tuple[Condition, ...], _LEFT_OUT_EMPTY] = ()
    steps: Annotated[tuple[StepStatus, ...], _ONE_EACH, first(40), _LEFT_OUT_EMPTY] = ()
    upgrade_notes: Annotated[tuple[UpgradeNote, ...], _LEFT_OUT_EMPTY] = ()
    available_versions: Texts = ()
    history: Annotated[tuple[Run, ...], first(HISTORY), _LEFT_OUT_EMPTY] = ()
    """Newest first."""
    attempts: Count = 0
    """Failed attempts of the step in `failure`."""
    next_retry: Annotated[Moment, Field(alias="nextRetryTime")] = None
    failure: Annotated[Failure | None, _KNOWN, _LEFT_OUT] = None
    """One with a reason that this operator does not know is none: it is tried anew."""
    seed: Annotated[Seeded | None, _LEFT_OUT] = None
    verified: Annotated[Verification | None, _LEFT_OUT] = None
    job: _Job = ""
    """The Job of a run that is not over."""
    job_uid: Annotated[_Reference, Field(alias="jobUID")] = ""
    image: _Image = ""
    """The image of the last run, as the Job named it."""
    image_id: _ImageId = ""
    """The same by digest."""
    waiting_since: Moment = None
    """Since when its next run waits for its turn."""
    warnings: Annotated[tuple[Annotated[str, first(256)], ...], first(5), _LEFT_OUT_EMPTY] = ()

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
