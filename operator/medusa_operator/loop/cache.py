"""What watches and lists have reported of the cluster; only a copy, and never the record of anything."""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

from medusa_operator.api.cluster import ObjectKind
from medusa_operator.jobs.pods import holds_slot, started
from medusa_operator.knowledge import known as knowledge
from medusa_operator.resource import answers
from medusa_operator.resource.model import Database, InvalidError, Job, Observed, Pod, Rival, Turn
from medusa_operator.resource.names import UID_LABEL
from medusa_operator.resource.parse import BodyField

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

REMEMBERED = 20
"""Names of Jobs that went, for each resource: what could not be written to the status in time."""

logger = structlog.get_logger("cache")


class Key(NamedTuple):
    """Names a resource."""

    namespace: str
    name: str


class Copy(NamedTuple):
    """One object, parsed, and how new it is."""

    value: Database | Job | Pod
    uid: str
    version: int
    key: Key
    owner: str
    """The uid of the resource it belongs to."""


class Unreadable(NamedTuple):
    """An object that cannot be read, and how new it is."""

    uid: str
    version: int


@dataclass(slots=True)
class Cache:
    """Resources, their Jobs and their pods."""

    _copies: dict[ObjectKind, dict[Key, Copy]] = field(
        default_factory=lambda: {kind: {} for kind in ObjectKind}
    )
    _unreadable: dict[ObjectKind, dict[Key, Unreadable]] = field(
        default_factory=lambda: {kind: {} for kind in ObjectKind}
    )
    _owned: dict[tuple[ObjectKind, str], dict[Key, Copy]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    """Jobs and pods by the uid of their resource."""
    _keys: dict[str, Key] = field(default_factory=dict)
    """Resources by uid."""
    _places: dict[tuple[str, str], dict[Key, str]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    """The uids of the resources that name one database, by namespace and place."""
    _line: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    """Since when resources wait for their turn, by uid; equal times are ordered by it."""
    _active: dict[str, dict[Key, str]] = field(default_factory=lambda: defaultdict(dict))
    """The Jobs that are not over, by the uid of their resource."""
    _failed: set[str] = field(default_factory=set)
    """Resources whose last pass failed, by uid."""
    _gone: dict[str, deque[str]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=REMEMBERED))
    )
    """The names of Jobs that we saw go, by the uid of their resource."""
    _lost: dict[str, dict[str, Job]] = field(default_factory=lambda: defaultdict(dict))
    """Jobs that we saw go while they went on, by the uid of their resource and their own."""
    _claims: dict[str, str] = field(default_factory=dict)
    """Jobs that are about to be created, by the uid of their resource."""

    def put(self, kind: ObjectKind, body: Mapping[str, Any]) -> Key | None:
        """Take in an object, unless a newer one is known; return the resource that it concerns.

        None: no resource that we know, or nothing new. One that cannot be read is only noted, and
        an older copy of it stays.
        """
        try:
            copy = _copy(kind, body)
        except Exception as exc:  # noqa: BLE001 - a stranger wrote it, and it is logged
            self._note(kind, body, exc)
            return None
        self._unreadable[kind].pop(copy.key, None)
        known = self._copies[kind].get(copy.key)
        if known is not None and known.uid == copy.uid and known.version >= copy.version:
            return None
        if known is not None:
            self._drop(kind, known)
        self._copies[kind][copy.key] = copy
        self._take(kind, copy)
        return self._keys.get(copy.owner)

    def remove(self, kind: ObjectKind, key: Key, uid: str) -> Key | None:
        """Take out an object that is gone; return the resource that it concerned."""
        unreadable = self._unreadable[kind].get(key)
        if unreadable is not None and unreadable.uid == uid:
            del self._unreadable[kind][key]
        known = self._copies[kind].get(key)
        if known is None or known.uid != uid:
            return None
        concerned = self._keys.get(known.owner)
        if isinstance(known.value, Job) and known.owner in self._keys:
            self._gone[known.owner].append(known.value.name)
            if self._goes_on(known.value):
                self._lost[known.owner][uid] = known.value
                self._forget_lost(known.owner)
        self._failed.discard(uid)
        del self._copies[kind][key]
        self._drop(kind, known)
        self._gone.pop(uid, None)
        self._lost.pop(uid, None)
        return concerned

    def version(self, kind: ObjectKind, key: Key, uid: str) -> int:
        """Return how new our copy of an object is; -1 where there is none."""
        copies = (self._copies[kind].get(key), self._unreadable[kind].get(key))
        return max(
            (one.version for one in copies if one is not None and one.uid == uid), default=-1
        )

    def known(self, kind: ObjectKind) -> list[tuple[Key, str]]:
        """Return name and uid of every object of *kind*, readable or not."""
        copies = (self._copies[kind], self._unreadable[kind])
        return list({(key, one.uid): None for group in copies for key, one in group.items()})

    def forget(self, namespace: str) -> None:
        """Take out everything of a namespace that we may look at no longer."""
        for kind in ObjectKind:
            for key, uid in self.known(kind):
                if key.namespace == namespace:
                    self.remove(kind, key, uid)

    def unreadable(self, kind: ObjectKind) -> int:
        """Return how many objects of *kind* are there and cannot be read."""
        return len(self._unreadable[kind])

    def database(self, key: Key) -> Database | None:
        """Return a resource, or None."""
        copy = self._copies[ObjectKind.DATABASE].get(key)
        return copy.value if copy is not None and isinstance(copy.value, Database) else None

    def databases(self) -> Iterator[Database]:
        """Yield every resource."""
        for copy in self._copies[ObjectKind.DATABASE].values():
            if isinstance(copy.value, Database):
                yield copy.value

    def jobs(self, uid: str) -> tuple[Job, ...]:
        """Return the Jobs of the resource with this *uid*."""
        copies = self._owned.get((ObjectKind.JOB, uid), {}).values()
        return tuple(copy.value for copy in copies if isinstance(copy.value, Job))

    def gone(self, uid: str) -> tuple[str, ...]:
        """Return the names of the last Jobs of the resource with this *uid* that we saw go."""
        return tuple(self._gone.get(uid, ()))

    def lost(self, uid: str) -> tuple[Job, ...]:
        """Return the Jobs of the resource with this *uid* that we saw go while they went on.

        Those are none of them any more whose run is in the history, or that turn up again.
        """
        return tuple(self._lost.get(uid, {}).values())

    def pods(self, uid: str) -> tuple[Pod, ...]:
        """Return the pods of the Jobs of the resource with this *uid*; a label alone can be copied.

        One whose Job is not there may have outlived it, so it counts as that of an earlier run; so
        does one that was orphaned, which has no controller any more. Neither proves anything.
        """
        uids = {job.name: job.uid if job.owned else "" for job in self.jobs(uid)}
        copies = self._owned.get((ObjectKind.POD, uid), {}).values()
        pods = [copy.value for copy in copies if isinstance(copy.value, Pod)]
        return tuple(
            pod
            for pod in pods
            if pod.orphaned or (pod.job and uids.get(pod.job, pod.job_uid) == pod.job_uid)
        )

    def claim(self, database: Database, job: str) -> None:
        """Count a Job as running before it is created, so that no other resource takes its turn."""
        self._claims[database.uid] = job

    def unclaim(self, database: Database) -> None:
        """End what `claim` began: the Job is there, or will not be."""
        self._claims.pop(database.uid, None)

    def running(self, uid: str) -> str:
        """Return the name of the Job of this resource that is not over; empty where there is none."""
        return self._claims.get(uid) or next(iter(self._active.get(uid, {}).values()), "")

    def verifying(self, database: Database) -> int:
        """Return how many Jobs of other resources verify, or are about to be created."""
        found = sum(uid != database.uid for uid in self._claims)
        for uid in (self._active.keys() & self._keys.keys()) - {database.uid, *self._claims}:
            found += any(job.verifies and not job.over for job in self.jobs(uid))
        return found

    def rivals(self, database: Database) -> tuple[Rival, ...]:
        """Return the other resources of the namespace that name the same database."""
        others = self._places.get(_place(database) or ("", ""), {})
        return tuple(
            Rival(key.name, self.running(uid))
            for key, uid in sorted(others.items())
            if uid != database.uid
        )

    def sharing(self, database: Database) -> list[Key]:
        """Return the keys of those."""
        return [Key(database.namespace, rival.name) for rival in self.rivals(database)]

    def turn(self, database: Database, limit: int, now: datetime) -> Turn | None:
        """Return the turn of a resource among all that want to run; None where there is no limit."""
        if not limit:
            return None
        since = database.status.waiting_since
        ours = (since, database.uid) if since is not None else None
        line = [turn for turn in self._waiting() if turn[1] != database.uid]
        ahead = sum(turn < ours for turn in line) if ours else len(line)
        return Turn(limit, len(self._holding(now) - {database.uid}), ahead)

    def next_in_line(self, limit: int, now: datetime) -> list[Key]:
        """Return those that have waited the longest, as many as may run now."""
        if not limit:
            return []
        free = max(0, limit - len(self._holding(now)))
        return [self._keys[uid] for _, uid in heapq.nsmallest(free, self._waiting())]

    def failed(self, uid: str) -> bool:
        """Let a resource whose pass failed hold no place in line; return whether it held one."""
        held = uid in self._line and uid not in self._failed
        self._failed.add(uid)
        return held

    def passed(self, uid: str) -> None:
        """Undo `failed`: its last pass went well."""
        self._failed.discard(uid)

    def _waiting(self) -> list[tuple[datetime, str]]:
        return [turn for uid, turn in self._line.items() if uid not in self._failed]

    def _holding(self, now: datetime) -> set[str]:
        """Return the uids of the resources with a run that counts; one that we do not know has none."""
        running = {
            uid
            for uid in self._active
            if uid in self._keys
            and any(holds_slot(job, self.pods(uid), now) for job in self.jobs(uid))
        }
        return running | set(self._claims)

    def _note(self, kind: ObjectKind, body: Mapping[str, Any], exc: Exception) -> None:
        """Remember that an object cannot be read; log it once for each version of it."""
        try:
            key, uid = name_of(body)
        except InvalidError:
            key, uid = Key("", called(body)), ""
        noted = Unreadable(uid, answers.version(body))
        if self._unreadable[kind].get(key) != noted:
            self._unreadable[kind][key] = noted
            error = str(exc) if isinstance(exc, InvalidError) else f"{type(exc).__name__}: {exc}"
            logger.warning(
                "An object cannot be read", kind=kind.plural, object=called(body), error=error[:500]
            )

    def _goes_on(self, job: Job) -> bool:
        """Return whether a run of ours goes on in *job*; one that is deleted before it began is none."""
        begun = not job.deleting or started(job, Observed(pods=self.pods(job.owner)))
        return job.owned and not job.verifies and not job.over and begun

    def _take(self, kind: ObjectKind, copy: Copy) -> None:
        if isinstance(copy.value, Database):
            self._keys[copy.uid] = copy.key
            self._forget_lost(copy.uid)
            if place := _place(copy.value):
                self._places[place][copy.key] = copy.uid
            if copy.value.status.waiting_since is not None:
                self._line[copy.uid] = (copy.value.status.waiting_since, copy.uid)
        else:
            self._owned[kind, copy.owner][copy.key] = copy
            self._lost.get(copy.owner, {}).pop(copy.uid, None)
        if isinstance(copy.value, Job) and copy.value.owned and not copy.value.over:
            self._active[copy.owner][copy.key] = copy.value.name

    def _forget_lost(self, uid: str) -> None:
        """Forget the Jobs whose runs the history of the resource with this *uid* has."""
        database = self.database(self._keys[uid])
        for job in self.lost(uid):
            if database is not None and knowledge.known(database.status, job):
                del self._lost[uid][job.uid]

    def _drop(self, kind: ObjectKind, copy: Copy) -> None:
        if isinstance(copy.value, Database):
            self._keys.pop(copy.uid, None)
            self._line.pop(copy.uid, None)
            if place := _place(copy.value):
                self._discard(self._places, place, copy.key)
        else:
            self._discard(self._owned, (kind, copy.owner), copy.key)
        if isinstance(copy.value, Job) and copy.value.owned and not copy.value.over:
            self._discard(self._active, copy.owner, copy.key)

    @staticmethod
    def _discard(groups: dict[Any, dict[Key, Any]], group: Any, key: Key) -> None:
        groups[group].pop(key, None)
        if not groups[group]:
            del groups[group]


def name_of(body: Mapping[str, Any]) -> tuple[Key, str]:
    """Return name and uid of an object; raise InvalidError for what has none."""
    meta = BodyField(body, "")["metadata"]
    return Key(meta["namespace"].required(), meta["name"].required()), meta["uid"].required()


def called(body: Mapping[str, Any]) -> str:
    """Return what a person calls an object, as far as it says so."""
    meta = body.get("metadata")
    names = (meta.get("namespace"), meta.get("name")) if isinstance(meta, dict) else ()
    return "/".join(name[:253] for name in names if isinstance(name, str))


def _copy(kind: ObjectKind, body: Mapping[str, Any]) -> Copy:
    key, uid = name_of(body)
    version = answers.version(body)
    match kind:
        case ObjectKind.DATABASE:
            return Copy(Database.from_body(body), uid, version, key, uid)
        case ObjectKind.JOB:
            job = Job.from_body(body)
            return Copy(job, uid, version, key, job.owner)
        case ObjectKind.POD:
            owner = BodyField(body, "")["metadata"]["labels"][UID_LABEL].text()
            return Copy(Pod.from_body(body), uid, version, key, owner)


def _place(database: Database) -> tuple[str, str] | None:
    if isinstance(database.spec, InvalidError):
        return None
    return database.namespace, database.spec.database.place
