"""Pure: one resource, and all that one look at the cluster finds for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from medusa_operator.resource import plain
from medusa_operator.resource import spec as specs
from medusa_operator.resource.names import FINALIZER, RETRY_ANNOTATION, VERIFY_ANNOTATION
from medusa_operator.resource.parse import BodyField, InvalidError
from medusa_operator.resource.status import Status
from medusa_operator.resource.workload import Job, Pod

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from medusa_operator.resource.reasons import Reason
    from medusa_operator.resource.spec import Spec, WorkloadRef

__all__ = [
    "CreateError",
    "Database",
    "Event",
    "InvalidError",
    "Job",
    "Observed",
    "Pod",
    "Refusal",
    "Rival",
    "SeedSource",
    "Settings",
    "TemplatePolicy",
    "Turn",
    "Workload",
]  # fmt: skip


class TemplatePolicy(StrEnum):
    """What a resource may change of the pods of its Jobs."""

    RESTRICTED = "restricted"
    UNRESTRICTED = "unrestricted"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator's own command line says that a decision depends on."""

    image: str
    """The runner's image where the resource names none."""
    template_policy: TemplatePolicy = TemplatePolicy.RESTRICTED
    require_secret_annotation: bool = False
    """Whether a Secret that a resource refers to must say that it may."""


@dataclass(frozen=True, slots=True)
class Database:
    """A `MedusaDatabase` resource."""

    name: str
    namespace: str
    uid: str
    generation: int
    created: datetime
    spec: Spec | InvalidError
    """An InvalidError is what is not valid; admission refuses most of it beforehand."""
    status: Status = field(default_factory=Status)
    deleting: bool = False
    finalizers: tuple[str, ...] = ()
    retry: str = ""
    """The retry annotation."""
    verify: str = ""
    """The verify annotation."""
    resource_version: str = ""

    @property
    def has_finalizer(self) -> bool:
        """Whether our finalizer is on it."""
        return FINALIZER in self.finalizers

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Database:
        """Return the resource that *body* shows.

        A spec that is not valid is kept as the InvalidError that says why, so that deletion and
        finalizer can be handled all the same. Raises InvalidError where the metadata is no metadata.
        """
        whole = BodyField(body, "")
        meta = whole["metadata"]
        created = meta["creationTimestamp"].time()
        if created is None:
            raise InvalidError("metadata.creationTimestamp is missing")
        return cls(
            name=meta["name"].required(),
            namespace=meta["namespace"].required(),
            uid=meta["uid"].required(),
            generation=meta["generation"].number(1),
            created=created,
            spec=_spec(body.get("spec")),
            status=Status.from_body(body.get("status")),
            deleting=bool(meta["deletionTimestamp"]),
            finalizers=meta["finalizers"].texts(),
            retry=_token(meta["annotations"][RETRY_ANNOTATION]),
            verify=_token(meta["annotations"][VERIFY_ANNOTATION]),
            resource_version=meta["resourceVersion"].text(),
        )


def _token(annotation: BodyField) -> str:
    """Return it as a Job and the status give it back, so that what was asked for counts as done."""
    return plain.text(annotation.text(), 128)


@dataclass(frozen=True, slots=True)
class Rival:
    """Another resource of the namespace that names the same database."""

    name: str
    job: str = ""
    """Its Job that is not over; empty where none runs."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The turn of a resource among all that want to run."""

    limit: int
    """How many runs may go on at once."""
    running: int
    """Jobs of other resources that are not over."""
    ahead: int
    """Other resources whose `status.waitingSince` is earlier than ours (equal: by uid)."""


@dataclass(frozen=True, slots=True)
class SeedSource:
    """The ConfigMap that holds the seed document."""

    checksum: str = ""
    """Of the key's value; empty where it is missing."""
    missing: str = ""
    """A sentence, where the ConfigMap or its key is not there."""


@dataclass(frozen=True, slots=True)
class CreateError:
    """The API's refusal to create the Job of the last decision, or to hold the resource for it."""

    code: int
    """The HTTP status; 409 only where the Job of that name belongs to somebody else."""
    message: str
    verifies: bool = False
    """Whether that Job was to verify, and no run."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the Job of the last decision must not be made: what its pod refers to is not free for that."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Workload:
    """What `spec.server.workloadRef` names, as it was when it was asked for."""

    ref: WorkloadRef
    body: Mapping[str, Any] = field(default_factory=dict)
    refusal: Refusal | None = None
    """Why there is no body."""


@dataclass(frozen=True, slots=True)
class Event:
    """What a Warning event says of a Job that gets no pod, or of a pod that does not start."""

    reason: str
    """`FailedCreate`, `FailedMount`, ..."""
    message: str


@dataclass(frozen=True, slots=True)
class Observed:
    """All that one look at the cluster finds for one resource.

    The resource must be at least as new as our own last write to it, Jobs and pods at least as new as
    the resource: a Job that `status.job` names and that is not among them counts as gone. Between
    this look and the creation of a Job no other resource may get one (one lock a process), as rivals
    and queue would else be stale.
    """

    jobs: tuple[Job, ...] = ()
    """Every Job labelled with the uid of the resource."""
    pods: tuple[Pod, ...] = ()
    """Every pod labelled with it, whether its Job is still there or not."""
    gone: tuple[str, ...] = ()
    """Names of the last Jobs of the resource that were seen to go, in the status or not."""
    lost: tuple[Job, ...] = ()
    """Jobs that were seen to go while they went on, and of which the status has no run; oldest first."""
    rivals: tuple[Rival, ...] = ()
    turn: Turn | None = None
    """None: no limit."""
    seed: SeedSource | None = None
    """None: no ConfigMap is named, or it was not looked at."""
    verifying: int = 0
    """Jobs of other resources that verify."""
    workload: Workload | None = None
    """None: none is named, or it was not asked for; it is where a Job is to be made."""
    event: Event | None = None
    """Of the Job that is not over, or its pod; needed only once it has waited for some seconds."""
    refusal: Refusal | None = None
    """Only when deciding again after a reference was refused."""
    create_error: CreateError | None = None
    """Only when deciding again after the API refused the Job."""
    untidied: bool = False
    """Only when deciding again after the API refused to let a Job expire: that is left for later."""

    @property
    def ours(self) -> tuple[Job, ...]:
        """The Jobs of runs whose owner reference says so too; a label alone can be copied."""
        return tuple(job for job in self.jobs if job.owned and not job.verifies)

    @property
    def verifications(self) -> tuple[Job, ...]:
        """The Jobs that verify, of the same kind."""
        return tuple(job for job in self.jobs if job.owned and job.verifies)

    @property
    def active(self) -> Job | None:
        """The Job that is not over; the oldest, should there ever be two."""
        return _oldest(self.ours)

    @property
    def verification(self) -> Job | None:
        """The Job that verifies and is not over."""
        return _oldest(self.verifications)


def _oldest(jobs: tuple[Job, ...]) -> Job | None:
    alive = (job for job in jobs if not job.over)
    return min(alive, key=lambda job: (job.created, job.name), default=None)


def _spec(body: object) -> Spec | InvalidError:
    try:
        return specs.from_body(body)
    except InvalidError as exc:
        return exc
    except Exception as exc:  # noqa: BLE001 - a stranger wrote it; the status says what came of it
        return InvalidError(f"spec cannot be read: {type(exc).__name__}: {str(exc)[:200]}")
