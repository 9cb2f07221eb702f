"""Records what the API server and the databases show while there is chaos, beside the test."""

from __future__ import annotations

import queue
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import psycopg
import urllib3

from chaos_history import (
    DatabaseRun,
    DatabaseSeen,
    JobSeen,
    Key,
    Look,
    PodSeen,
    Touch,
    Trouble,
    VerdictSeen,
)
from ledgers import CATALOG
from medusa_migrations.plan import proof
from medusa_testbed import objects
from medusa_testbed.api import ApiError
from medusa_testbed.shops import JOBS, PODS, RESOURCE
from servers import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from medusa_testbed.api import Api, Object
    from servers import TestServer

HAND = "chaos"
"""The field manager of everything that is done by hand."""
GARBLED = "garbled"
"""How the name of each Job begins that stands in a status by hand only."""
CONTAINER = "medusa-db"
_NOTE = "medusadb.dev/"
_PURPOSE = ("step", "configuration", "retry", "seed-source")
_OFTEN = 1.5
"""Seconds between two looks at one database."""
_TROUBLE = (ApiError, urllib3.exceptions.HTTPError, OSError, ValueError)
"""What a request meets whose API server goes away."""


@dataclass(slots=True)
class Recorder:
    """Follows resources, Jobs and pods of all namespaces, and asks databases for their version."""

    api: Api
    server: TestServer
    owners: dict[str, tuple[Key, str]] = field(default_factory=dict)
    jobs: dict[str, JobSeen] = field(default_factory=dict)
    pods: dict[str, PodSeen] = field(default_factory=dict)
    verdicts: dict[tuple[str, str, str], VerdictSeen] = field(default_factory=dict)
    looks: list[Look] = field(default_factory=list)
    databases: list[DatabaseSeen] = field(default_factory=list)
    touches: list[Touch] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    tampered: set[str] = field(default_factory=set)
    defects: list[BaseException] = field(default_factory=list)
    """What went wrong in the recorder itself."""
    events: int = 0
    named: dict[str, int] = field(default_factory=dict)
    """The resource version of the first status that names a Job, by the Job's uid."""
    _invented: set[str] = field(default_factory=set)
    """Names of Jobs that a disturbance wrote into histories, which the operator keeps."""
    _in_parts: set[str] = field(default_factory=set)
    """The pods whose runs are several transactions."""
    _due: queue.Queue[Key] = field(default_factory=queue.Queue)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin to record."""
        followed = ((RESOURCE, self._resource), (JOBS, self._job), (PODS, self._pod))
        parts: list[Callable[[], None]] = [
            lambda kind=kind, take=take: self._follow(kind, take)  # type: ignore[misc]
            for kind, take in followed
        ]
        for part in (*parts, self._look_at_databases):
            thread = threading.Thread(target=self._guarded, args=(part,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End it, with everything taken in that was shown so far."""
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def belongs(self, body: Object, database: str) -> None:
        """Note which database (empty: none) a resource that was created is for."""
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        self.owners[body["metadata"]["uid"]] = (key, database)

    def affected(self, key: Key, what: str) -> None:
        """Note that something is done to a resource, its Jobs or its pods."""
        self.touches.append(Touch(key, time.time(), what))

    def invents(self, status: Any) -> None:
        """Note the names of Jobs in the history of a *status* that a disturbance writes, of which none ever was."""
        named = {str(row.get("job")) for row in _history(status)}
        self._invented |= named - {job.name for job in self.jobs.copy().values()}

    def disown(self, job: str) -> None:
        """Note that the pods of the Job with this uid lose what tells that they are ours.

        A pod without an owner is one that anybody may have made; the lock of the database is what is
        left to keep its run from another.
        """
        self.tampered.update(pod.uid for pod in self.pods.copy().values() if pod.job == job)

    def disown_all(self, key: Key) -> None:
        """Note that all Jobs of a resource lose their owner."""
        for job in self.jobs.copy().values():
            if self.owners.get(job.owner, (None, ""))[0] == key:
                self.disown(job.uid)

    def trouble(self, what: str, since: float, replica: str = "") -> None:
        """Note that a trouble which began at *since* is over now."""
        self.troubles.append(Trouble(replica, since, time.time(), what))

    def remember(self, database: str, began_at: str) -> None:
        """Read what a database holds, for the last time."""
        with psycopg.connect(self.server.url(database)) as conn:
            names = [name for (name,) in rows(conn, "select name from migrations order by id")]
            found: list[tuple[Any, ...]] = []
            if rows(conn, "select to_regclass('medusa_db.history')") != [(None,)]:
                found = rows(
                    conn,
                    "select split_part(by_whom, '@', 2), from_version, to_version, migrations from medusa_db.history"
                    " order by id",
                )
        runs = tuple(
            DatabaseRun(database, pod, before, after, tuple(done), partial=pod in self._in_parts)
            for pod, before, after, done in found
        )
        self.databases.append(DatabaseSeen(database, tuple(names), runs, began_at))

    def possible(self, database: str) -> tuple[str, ...]:
        """Return the versions that the ledger of a database proves."""
        with psycopg.connect(self.server.url(database)) as conn:
            if rows(conn, "select to_regclass('migrations')") == [(None,)]:
                return ()
            names = [name for (name,) in rows(conn, "select name from migrations order by id")]
        return tuple(map(str, proof.prove(CATALOG, names).possible))

    # -- what is followed

    def _guarded(self, part: Callable[[], None]) -> None:
        try:
            part()
        except BaseException as exc:  # noqa: BLE001  the test asks for it
            self.defects.append(exc)

    def _follow(self, kind: str, take: Callable[[str, Object, int], None]) -> None:
        version = ""
        known: dict[str, Object] = {}
        while not self._over.is_set():
            with suppress(*_TROUBLE):
                if not version:
                    version = self._list(kind, take, known)
                for event in self._events(kind, version):
                    body = event["object"]
                    if event["type"] == "ERROR":
                        version = ""
                        break
                    version = body["metadata"]["resourceVersion"]
                    uid = body["metadata"]["uid"]
                    known[uid] = body
                    if event["type"] == "DELETED":
                        del known[uid]
                    self.events += 1
                    take(event["type"], body, int(version))
                continue
            self._over.wait(0.2)

    def _events(self, kind: str, version: str) -> Iterator[Object]:
        try:
            yield from self.api.watch(kind, version)
        except ApiError as exc:
            if exc.status != 410:
                raise
            yield {"type": "ERROR", "object": {}}

    def _list(
        self, kind: str, take: Callable[[str, Object, int], None], known: dict[str, Object]
    ) -> str:
        words = kind.rsplit("/", 1)
        root = "/apis/" if "/" in words[0] else "/api/"
        found = self.api.request("GET", f"{root}{words[0]}/{words[1]}")
        version = str(found["metadata"]["resourceVersion"])
        there = {body["metadata"]["uid"]: body for body in found["items"] or ()}
        for uid in set(known) - set(there):
            take("DELETED", known.pop(uid), int(version))
        for uid, body in there.items():
            known[uid] = body
            take("MODIFIED", body, int(body["metadata"]["resourceVersion"]))
        return version

    def _resource(self, event: str, body: Object, version: int) -> None:
        metadata, status = body["metadata"], body.get("status")
        if event == "DELETED" or not isinstance(status, dict):
            return
        by_hand = _written_by_hand(body)
        if "f:jobUID" not in by_hand and status.get("jobUID"):
            self.named.setdefault(str(status["jobUID"]), version)
        if "f:history" not in by_hand:
            for row in _history(status):
                self.named.setdefault(str(row.get("uid", "")), version)
                name = str(row.get("job", GARBLED))
                if not name.startswith(GARBLED) and name not in self._invented:
                    about = (metadata["uid"], name, str(row.get("outcome")))
                    if about not in self.verdicts:
                        self.verdicts[about] = VerdictSeen(*about, time.time())
        if _claim(body):
            self._due.put((metadata["namespace"], metadata["name"]))

    def _job(self, event: str, body: Object, version: int) -> None:
        metadata = body["metadata"]
        owner = _controller(body, "MedusaDatabase")
        seen = self.jobs.get(metadata["uid"])
        if seen is None:
            if not owner:
                return
            notes = metadata.get("annotations", {})
            seen = JobSeen(
                metadata["uid"],
                metadata["namespace"],
                metadata["name"],
                owner,
                born=version,
                at=time.time(),
                purpose=tuple(notes.get(_NOTE + word, "") for word in _PURPOSE),
                generation=int(notes.get(_NOTE + "generation") or 0),
            )
        conditions = {"Complete", "Failed"} & {
            condition["type"]
            for condition in body.get("status", {}).get("conditions", ())
            if condition["status"] == "True"
        }
        if not seen.ended and (event == "DELETED" or conditions):
            seen = replace(seen, ended=version)
        self.jobs[metadata["uid"]] = seen

    def _pod(self, event: str, body: Object, version: int) -> None:
        metadata = body["metadata"]
        job = _controller(body, "Job")
        seen = self.pods.get(metadata["uid"])
        if seen is None:
            if not job:
                return
            seen = PodSeen(metadata["uid"], metadata["namespace"], metadata["name"], job)
            if "each" in body["spec"]["containers"][0].get("args", ()):
                self._in_parts.add(metadata["name"])
        status = body.get("status", {})
        states = [
            told.get("state", {})
            for told in status.get("containerStatuses", ())
            if told["name"] == CONTAINER
        ]
        ended: Object = states[0].get("terminated", {}) if states else {}
        if not seen.began and states and ("running" in states[0] or ended.get("startedAt")):
            seen = replace(seen, began=version)
        if not seen.over and (
            ended or event == "DELETED" or status.get("phase") in ("Succeeded", "Failed")
        ):
            seen = replace(seen, over=version)
        if ended and seen.exit_code is None:
            seen = replace(seen, exit_code=int(ended["exitCode"]))
        self.pods[metadata["uid"]] = seen

    # -- what is asked

    def _look_at_databases(self) -> None:
        last: dict[Key, float] = {}
        while not self._over.is_set():
            with suppress(queue.Empty):
                key = self._due.get(timeout=0.5)
                wait = last.get(key, 0) + _OFTEN - time.monotonic()
                if wait > 0:
                    continue
                last[key] = time.monotonic()
                with suppress(*_TROUBLE, psycopg.Error):
                    self._look(key)

    def _look(self, key: Key) -> None:
        """Ask a database for its version while its resource says Ready, before and after."""
        namespace, name = key
        before = self.api.get(RESOURCE, name, namespace)
        _, database = self.owners.get(before["metadata"]["uid"], (key, ""))
        claimed = _claim(before)
        if not claimed or not database:
            return
        possible = self.possible(database)
        after = self.api.get(RESOURCE, name, namespace)
        if after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]:
            self.looks.append(Look(key, database, claimed, possible, time.time()))


def _claim(body: Object) -> str:
    """Return the version that a resource says its database to be at, in the operator's own words."""
    ready = objects.condition(body, "Ready")
    if (ready.get("status"), ready.get("reason")) != ("True", "UpToDate"):
        return ""
    if body["status"].get("observedGeneration") != body["metadata"]["generation"]:
        return ""
    if _written_by_hand(body) & {"f:conditions", "f:appliedVersion", "f:observedGeneration"}:
        return ""
    spec = body.get("spec")
    return str(spec.get("version", "")) if isinstance(spec, dict) else ""


def _history(status: Any) -> list[Object]:
    """Return the runs that a status, of whatever kind, names."""
    rows = status.get("history") if isinstance(status, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _written_by_hand(body: Object) -> set[str]:
    """Return the fields of the status that were written by hand, and by the operator not since."""
    return {
        name
        for entry in body["metadata"].get("managedFields", ())
        if entry["manager"] == HAND
        for name in entry.get("fieldsV1", {}).get("f:status", {})
    }


def _controller(body: Object, kind: str) -> str:
    """Return the uid of the controller of an object, where that is of a *kind*."""
    for owner in body["metadata"].get("ownerReferences", ()):
        if owner.get("controller") and owner["kind"] == kind:
            return str(owner["uid"])
    return ""
