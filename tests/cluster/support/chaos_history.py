"""Pure: what was seen of an operator in a time of chaos, as values; `chaos_checker` judges it."""

from __future__ import annotations

from dataclasses import dataclass, field

Key = tuple[str, str]
"""Namespace and name of a resource."""


@dataclass(frozen=True, slots=True)
class JobSeen:
    """A Job of a resource, from its creation to its end."""

    uid: str
    namespace: str
    name: str
    owner: str
    """The uid of its resource."""
    born: int
    """Resource version of its creation; all kinds share one order."""
    at: float
    """Seconds since the epoch when its creation was seen."""
    purpose: tuple[str, ...]
    """Step, configuration, retry annotation, seed document: what it was made for."""
    generation: int = 0
    """The generation of the resource that it was made for."""
    ended: int = 0
    """Resource version of its end: complete, failed or gone; 0: not seen."""
    named: int = 0
    """Resource version of the first status that names it; 0: none did."""


@dataclass(frozen=True, slots=True)
class PodSeen:
    """A pod that a Job has made, as the API server showed it."""

    uid: str
    namespace: str
    name: str
    job: str
    """The uid of its Job."""
    began: int = 0
    """Resource version with which its run was seen to go on; 0: never."""
    over: int = 0
    """Resource version with which its run was over, or the pod was gone; 0: never."""
    exit_code: int | None = None
    """Of the run's container, where it has one."""


@dataclass(frozen=True, slots=True)
class VerdictSeen:
    """An entry of `status.history`, where the operator has written it."""

    owner: str
    job: str
    outcome: str
    at: float


@dataclass(frozen=True, slots=True)
class Look:
    """A database that was asked for its version while its resource went on saying Ready."""

    key: Key
    database: str
    claimed: str
    """What the resource says, and went on to say when the answer was there."""
    possible: tuple[str, ...]
    """The versions that its ledger proves."""
    at: float


@dataclass(frozen=True, slots=True)
class DatabaseRun:
    """An entry of a database's own history of runs."""

    database: str
    pod: str
    """Who ran it."""
    before: str
    after: str
    migrations: tuple[str, ...]
    partial: bool = False
    """Whether it is one transaction of several, so that its end may never have been reached."""


@dataclass(frozen=True, slots=True)
class DatabaseSeen:
    """A database at its end: its ledger, name by name, and its history, oldest first."""

    name: str
    ledger: tuple[str, ...]
    runs: tuple[DatabaseRun, ...]
    began_at: str = "empty"
    """The version it was made with."""


@dataclass(frozen=True, slots=True)
class Touch:
    """A change that was made to a resource, its Jobs or its pods by hand."""

    key: Key
    at: float
    what: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """A time in which a replica could not be expected to keep its Lease."""

    replica: str
    """Empty: every one."""
    since: float
    until: float
    what: str


@dataclass(frozen=True, slots=True)
class Exit:
    """A replica's process that ended without being asked to."""

    replica: str
    at: float
    code: int
    last: str
    """The last line of its log."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a replica held at a moment."""

    replica: str
    at: float
    age: float
    """Seconds since its process was started."""
    rss: int
    leads: bool


@dataclass(frozen=True, slots=True)
class Final:
    """What a resource said when it was given the time to settle."""

    key: Key
    wanted: str
    """The version that is declared."""
    ready: str
    """`True UpToDate` and the like."""
    current: bool
    """Whether that is said of the resource as it is."""
    message: str = ""
    possible: tuple[str, ...] | None = None
    """The versions that the ledger of its database proves; None where it has no database."""


@dataclass(frozen=True, slots=True)
class History:
    """Everything that was seen."""

    owners: dict[str, tuple[Key, str]] = field(default_factory=dict)
    """For the uid of each resource its key, and its database (empty: none, its runs are not real)."""
    jobs: tuple[JobSeen, ...] = ()
    pods: tuple[PodSeen, ...] = ()
    verdicts: tuple[VerdictSeen, ...] = ()
    looks: tuple[Look, ...] = ()
    databases: tuple[DatabaseSeen, ...] = ()
    touches: tuple[Touch, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    exits: tuple[Exit, ...] = ()
    kills: tuple[float, ...] = ()
    """When a replica was killed, in seconds since the epoch."""
    defects: tuple[str, ...] = ()
    """Lines of the replicas' logs that tell of a defect."""
    memory: tuple[Memory, ...] = ()
    finals: tuple[Final, ...] = ()
    stuck: tuple[str, ...] = ()
    """What was deleted and did not go away until somebody took its finalizers off."""
    tampered: frozenset[str] = frozenset()
    """The uids of pods and Jobs that the operator could not know for its own any more."""
