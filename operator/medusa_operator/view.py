"""What watches and lists have told of the cluster; only a copy, and never the record of anything."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from medusa_operator.cluster import Kind
from medusa_operator.model import UID_LABEL, Database, InvalidError, Job, Pod, Queue, Rival
from medusa_operator.parse import DIGITS, Field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime


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


@dataclass(slots=True)
class View:
    """Resources, their Jobs and their pods."""

    _copies: dict[Kind, dict[Key, Copy]] = field(
        default_factory=lambda: {kind: {} for kind in Kind}
    )
    _owned: dict[tuple[Kind, str], dict[Key, Copy]] = field(
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
    """Since when resources wait for their turn, by uid; equal times are told apart by it."""
    _active: dict[str, dict[Key, str]] = field(default_factory=lambda: defaultdict(dict))
    """The Jobs that are not over, by the uid of their resource."""
    _claims: dict[str, str] = field(default_factory=dict)
    """Jobs that are about to be created, by the uid of their resource."""

    def put(self, kind: Kind, body: Mapping[str, Any]) -> Key | None:
        """Take in an object, unless a newer one is known; return the resource that it concerns.

        None: no resource that we know, or nothing new. Raises InvalidError for what cannot be read.
        """
        copy = _copy(kind, body)
        known = self._copies[kind].get(copy.key)
        if known is not None and known.uid == copy.uid and known.version >= copy.version:
            return None
        if known is not None:
            self._drop(kind, known)
        self._copies[kind][copy.key] = copy
        self._take(kind, copy)
        return self._keys.get(copy.owner)

    def remove(self, kind: Kind, key: Key, uid: str) -> Key | None:
        """Take out an object that is gone; return the resource that it concerned."""
        known = self._copies[kind].get(key)
        if known is None or known.uid != uid:
            return None
        concerned = self._keys.get(known.owner)
        del self._copies[kind][key]
        self._drop(kind, known)
        return concerned

    def version(self, kind: Kind, key: Key, uid: str) -> int:
        """Return how new our copy of an object is; -1 where there is none."""
        known = self._copies[kind].get(key)
        return known.version if known is not None and known.uid == uid else -1

    def known(self, kind: Kind) -> list[tuple[Key, str]]:
        """Return name and uid of every object of *kind*."""
        return [(key, copy.uid) for key, copy in self._copies[kind].items()]

    def database(self, key: Key) -> Database | None:
        """Return a resource, or None."""
        copy = self._copies[Kind.DATABASE].get(key)
        return copy.value if copy is not None and isinstance(copy.value, Database) else None

    def databases(self) -> Iterator[Database]:
        """Yield every resource."""
        for copy in self._copies[Kind.DATABASE].values():
            if isinstance(copy.value, Database):
                yield copy.value

    def jobs(self, uid: str) -> tuple[Job, ...]:
        """Return the Jobs of the resource with this *uid*."""
        copies = self._owned.get((Kind.JOB, uid), {}).values()
        return tuple(copy.value for copy in copies if isinstance(copy.value, Job))

    def pods(self, uid: str) -> tuple[Pod, ...]:
        """Return the pods of the resource with this *uid*."""
        copies = self._owned.get((Kind.POD, uid), {}).values()
        return tuple(copy.value for copy in copies if isinstance(copy.value, Pod))

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
        for uid in self._active.keys() - {database.uid, *self._claims}:
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

    def queue(self, database: Database, limit: int) -> Queue | None:
        """Return the turn of a resource among all that want to run; None where there is no limit."""
        if not limit:
            return None
        since = database.status.waiting_since
        ours = (since, database.uid) if since is not None else None
        ahead = sum(turn < ours for turn in self._line.values()) if ours else len(self._line)
        return Queue(limit, len(self._running_uids() - {database.uid}), ahead)

    def next_in_line(self, limit: int) -> list[Key]:
        """Return those that have waited the longest, as many as may run now."""
        if not limit:
            return []
        free = max(0, limit - len(self._running_uids()))
        return [self._keys[uid] for _, uid in heapq.nsmallest(free, self._line.values())]

    def _running_uids(self) -> set[str]:
        return {*self._active, *self._claims}

    def _take(self, kind: Kind, copy: Copy) -> None:
        if isinstance(copy.value, Database):
            self._keys[copy.uid] = copy.key
            if place := _place(copy.value):
                self._places[place][copy.key] = copy.uid
            if copy.value.status.waiting_since is not None:
                self._line[copy.uid] = (copy.value.status.waiting_since, copy.uid)
        else:
            self._owned[kind, copy.owner][copy.key] = copy
        if isinstance(copy.value, Job) and not copy.value.over:
            self._active[copy.owner][copy.key] = copy.value.name

    def _drop(self, kind: Kind, copy: Copy) -> None:
        if isinstance(copy.value, Database):
            self._keys.pop(copy.uid, None)
            self._line.pop(copy.uid, None)
            if place := _place(copy.value):
                self._discard(self._places, place, copy.key)
        else:
            self._discard(self._owned, (kind, copy.owner), copy.key)
        if isinstance(copy.value, Job) and not copy.value.over:
            self._discard(self._active, copy.owner, copy.key)

    @staticmethod
    def _discard(groups: dict[Any, dict[Key, Any]], group: Any, key: Key) -> None:
        groups[group].pop(key, None)
        if not groups[group]:
            del groups[group]


def name_of(body: Mapping[str, Any]) -> tuple[Key, str]:
    """Return name and uid of an object; raise InvalidError for what has none."""
    meta = Field(body, "")["metadata"]
    return Key(meta["namespace"].required(), meta["name"].required()), meta["uid"].required()


def called(body: Mapping[str, Any]) -> str:
    """Return what a person calls an object, as far as it says so."""
    meta = body.get("metadata")
    names = (meta.get("namespace"), meta.get("name")) if isinstance(meta, dict) else ("", "")
    return "/".join(str(name)[:253] for name in names if isinstance(name, str))


def version_of(body: Mapping[str, Any]) -> int:
    """Return how new an object is; the API server's versions of one object rise."""
    spelt = Field(body, "")["metadata"]["resourceVersion"].value
    told = isinstance(spelt, str) and spelt.isascii() and spelt.isdigit() and len(spelt) < DIGITS
    return int(spelt) if told else 0


def _copy(kind: Kind, body: Mapping[str, Any]) -> Copy:
    key, uid = name_of(body)
    version = version_of(body)
    match kind:
        case Kind.DATABASE:
            return Copy(Database.from_body(body), uid, version, key, uid)
        case Kind.JOB:
            job = Job.from_body(body)
            return Copy(job, uid, version, key, job.owner)
        case Kind.POD:
            owner = Field(body, "")["metadata"]["labels"][UID_LABEL].text()
            return Copy(Pod.from_body(body), uid, version, key, owner)


def _place(database: Database) -> tuple[str, str] | None:
    if isinstance(database.spec, InvalidError):
        return None
    return database.namespace, database.spec.database.place
