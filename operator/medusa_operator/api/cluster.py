"""The only module that asks something of the Kubernetes API, or changes something in it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp

from medusa_operator.api.errors import (
    AnswerError,
    ApiError,
    ApiRefusedError,
    ApiUnreachableError,
    ConflictError,
    ExistsError,
    MissingError,
)
from medusa_operator.resource import answers
from medusa_operator.resource.model import InvalidError
from medusa_operator.resource.names import API_VERSION, GROUP, KIND, MANAGED_BY, PLURAL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from medusa_operator.api.client import Answer, Client
    from medusa_operator.resource.model import Database

Body = dict[str, Any]
"""An object as the API has it."""

JSON = "application/json"
MERGE = "application/merge-patch+json"
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Asks for a list of objects without spec and status (API concepts, alternate representations)."""
ONE_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""Asks for the metadata of one object, without its content."""
CHUNK = 250
"""Objects a page of a list: keeps the memory of a large cluster's list small."""


class ObjectKind(Enum):
    """What we follow: the root of its API, its plural, and the labels that narrow it to ours."""

    DATABASE = (f"/apis/{API_VERSION}", PLURAL, "")
    JOB = ("/apis/batch/v1", "jobs", f"app.kubernetes.io/managed-by={MANAGED_BY}")
    POD = ("/api/v1", "pods", f"app.kubernetes.io/managed-by={MANAGED_BY}")

    @property
    def root(self) -> str:
        """The path of its API group and version."""
        return self.value[0]

    @property
    def plural(self) -> str:
        """Its name in paths and Roles."""
        return self.value[1]

    def selector(self, chosen: str) -> str:
        """Return the label selector: *chosen* by whoever runs us for resources, ours for the rest."""
        return chosen if self is ObjectKind.DATABASE else self.value[2]


@dataclass(frozen=True, slots=True)
class Cluster:
    """The API server, as the operator's ServiceAccount may use it."""

    client: Client
    namespaces: tuple[str, ...] = ()
    """Those we look at; none: all."""
    selector: str = ""
    """Labels that a resource must have to be ours."""

    async def serves_databases(self) -> bool:
        """Return whether the definition of our resource is installed."""
        try:
            found = await self._call("GET", ObjectKind.DATABASE.root)
        except MissingError:
            return False
        with _understood(ObjectKind.DATABASE.root):
            return ObjectKind.DATABASE.plural in answers.names(found)

    @property
    def spaces(self) -> tuple[str, ...]:
        """What is listed and watched by itself: each namespace, or the whole cluster, an empty name."""
        return self.namespaces or ("",)

    async def everything(self, kind: ObjectKind, space: str) -> AsyncIterator[Body]:
        """Yield every object of *kind* in *space* that is ours to look at, as it is at this moment."""
        async for _, bodies in self._pages(kind, space, {}, JSON):
            for body in bodies:
                yield body

    async def metadata(self, kind: ObjectKind, space: str) -> tuple[int, list[Body]]:
        """Return what `everything` does, but without spec and status, and how new that is.

        It comes from the API server's cache, so it may be older than what a watch has told.
        """
        cached = {"resourceVersion": "0"}
        pages = [page async for page in self._pages(kind, space, cached, METADATA)]
        return pages[-1][0], [body for _, bodies in pages for body in bodies]

    async def _pages(
        self, kind: ObjectKind, space: str, query: dict[str, str], accept: str
    ) -> AsyncIterator[tuple[int, list[Body]]]:
        query = query | {"limit": str(CHUNK)}
        if selector := kind.selector(self.selector):
            query["labelSelector"] = selector
        while True:
            page = await self._call("GET", _path(kind, space), query=query, accept=accept)
            with _understood(_path(kind, space)):
                bodies, more = list(answers.items(page)), answers.more(page)
            yield answers.version(page), bodies
            if not more:
                break
            if more == query.get("continue"):
                raise AnswerError(f"the list of {kind.plural} names the same page again")
            query.pop("resourceVersion", None)  # the token holds it
            query["continue"] = more

    async def database(self, namespace: str, name: str) -> Body:
        """Return a resource as it is at this moment."""
        return await self._call("GET", _path(ObjectKind.DATABASE, namespace, name))

    async def write_status(self, database: Database, status: Body) -> Body:
        """Replace the status; ConflictError if the resource has changed since."""
        return await self._call(
            "PUT",
            _path(ObjectKind.DATABASE, database.namespace, database.name) + "/status",
            {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "metadata": _as_seen(database),
                "status": status,
            },
            query={"fieldManager": MANAGED_BY},
        )

    async def write_finalizers(self, database: Database, finalizers: tuple[str, ...]) -> Body:
        """Replace the finalizers; ConflictError if the resource has changed since."""
        return await self._call(
            "PATCH",
            _path(ObjectKind.DATABASE, database.namespace, database.name),
            {"metadata": _as_seen(database) | {"finalizers": list(finalizers)}},
            query={"fieldManager": MANAGED_BY},
        )

    async def create_job(self, manifest: Body) -> Body:
        """Create a Job; ExistsError where one of that name is there already.

        A field that the API server does not know is refused, not left out.
        """
        path = _path(ObjectKind.JOB, manifest["metadata"]["namespace"])
        query = {"fieldManager": MANAGED_BY, "fieldValidation": "Strict"}
        return await self._call("POST", path, manifest, query=query)

    async def job(self, namespace: str, name: str) -> Body:
        """Return a Job as it is at this moment."""
        return await self._call("GET", _path(ObjectKind.JOB, namespace, name))

    async def expire_job(self, namespace: str, name: str, uid: str, seconds: int) -> Body:
        """Let a finished Job go away *seconds* after its end; only the one with this *uid*."""
        return await self._call(
            "PATCH",
            _path(ObjectKind.JOB, namespace, name),
            {"metadata": {"uid": uid}, "spec": {"ttlSecondsAfterFinished": seconds}},
            query={"fieldManager": MANAGED_BY},
        )

    async def delete_job(self, namespace: str, name: str, uid: str) -> Body | None:
        """Delete a Job after its pods, only the one with this *uid*; return it while it is there."""
        found = await self._call(
            "DELETE",
            _path(ObjectKind.JOB, namespace, name),
            {"propagationPolicy": "Foreground", "preconditions": {"uid": uid}},
        )
        return found if found.get("kind") == "Job" else None

    async def pods(self, namespace: str, label: str, value: str) -> list[Body]:
        """Return the pods with a label, as they are at this moment."""
        found = await self._call(
            "GET", _path(ObjectKind.POD, namespace), query={"labelSelector": f"{label}={value}"}
        )
        with _understood(_path(ObjectKind.POD, namespace)):
            return list(answers.items(found))

    async def config_map(self, namespace: str, name: str) -> Body | None:
        """Return a ConfigMap, or None."""
        try:
            return await self._call("GET", f"/api/v1/namespaces/{namespace}/configmaps/{name}")
        except MissingError:
            return None

    async def workload(self, namespace: str, plural: str, name: str) -> Body | None:
        """Return a Deployment or a StatefulSet, or None."""
        try:
            return await self._call("GET", f"/apis/apps/v1/namespaces/{namespace}/{plural}/{name}")
        except MissingError:
            return None

    async def metadata_of(self, namespace: str, plural: str, name: str) -> Body | None:
        """Return the metadata of a Secret or a ServiceAccount, or None; never what it holds."""
        path = f"/api/v1/namespaces/{namespace}/{plural}/{quote(name, safe='')}"
        try:
            found = await self._call("GET", path, accept=ONE_METADATA)
        except MissingError:
            return None
        return dict(found.get("metadata") or {})

    async def warnings(self, namespace: str, kind: str, name: str) -> list[Body]:
        """Return the Warning Events of a Job or a pod."""
        selector = f"involvedObject.kind={kind},involvedObject.name={name},type=Warning"
        path = f"/api/v1/namespaces/{namespace}/events"
        found = await self._call("GET", path, query={"fieldSelector": selector})
        with _understood(path):
            return list(answers.items(found))

    async def post_event(self, event: Body) -> None:
        """Create an Event of `events.k8s.io/v1`."""
        namespace = event["metadata"]["namespace"]
        await self._call("POST", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events", event)

    async def user_of(self, token: str) -> Body | None:
        """Return whose bearer token it is, as a TokenReview reports it; None where nobody's."""
        path = "/apis/authentication.k8s.io/v1/tokenreviews"
        found = await self._call("POST", path, {"spec": {"token": token}})
        with _understood(path):
            return answers.user(found)

    async def may_get(self, user: Body, path: str) -> bool:
        """Return whether *user* may get a path that is no resource, such as /metrics."""
        asked = {**user, "nonResourceAttributes": {"path": path, "verb": "get"}}
        where = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        found = await self._call("POST", where, {"spec": asked})
        with _understood(where):
            return answers.allowed(found)

    async def terminating(self, namespace: str) -> bool:
        """Return whether a namespace is being deleted: then nothing new may be made in it.

        It is asked by an Event that is not kept, as we have no right to read namespaces.
        """
        event = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"namespace": namespace, "generateName": f"{MANAGED_BY}-"},
            "eventTime": "2026-01-01T00:00:00.000000Z",
            "type": "Normal",
            "reason": "Stopping",
            "action": "Stop",
            "regarding": {"kind": "Namespace", "name": namespace, "namespace": namespace},
            "reportingController": f"{GROUP}/{MANAGED_BY}",
            "reportingInstance": MANAGED_BY,
        }
        path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
        try:
            await self._call("POST", path, event, query={"dryRun": "All"})
        except ApiRefusedError as exc:
            return "NamespaceTerminating" in exc.causes
        except MissingError:
            return True
        return False

    async def lease(self, namespace: str, name: str) -> Body | None:
        """Return a Lease, or None."""
        try:
            return await self._call("GET", f"{_leases(namespace)}/{name}")
        except MissingError:
            return None

    async def write_lease(self, lease: Body) -> Body:
        """Create or replace a Lease; ConflictError or ExistsError if another was faster."""
        meta = lease["metadata"]
        path = _leases(meta["namespace"])
        if "resourceVersion" in meta:
            return await self._call("PUT", f"{path}/{meta['name']}", lease)
        return await self._call("POST", path, lease)

    async def _call(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        query: dict[str, str] | None = None,
        accept: str = JSON,
    ) -> Body:
        how = MERGE if method == "PATCH" else JSON
        headers = {"Accept": accept, "Content-Type": how}
        try:
            answer = await self.client.request(method, path, body, query, headers)
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise ApiUnreachableError(
                f"{self.client.login.server} did not answer: {str(exc) or type(exc).__name__}"
            ) from exc
        if answer.status >= 400:
            raise _error(answer)
        with _understood(path):
            return answers.read(answer.text)


def _path(kind: ObjectKind, namespace: str, name: str = "") -> str:
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"{kind.root}{within}/{kind.plural}" + (f"/{name}" if name else "")


def _as_seen(database: Database) -> Body:
    """Return metadata with which the API server refuses to change a newer, or another, resource."""
    return {
        "namespace": database.namespace,
        "name": database.name,
        "uid": database.uid,
        "resourceVersion": database.resource_version,
    }


def _leases(namespace: str) -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


@contextmanager
def _understood(path: str) -> Iterator[None]:
    """Raise AnswerError where an answer cannot be read: a proxy's page, or one that was cut."""
    try:
        yield
    except InvalidError as exc:
        raise AnswerError(f"the answer to {path} cannot be read: {exc}") from exc


def _error(answer: Answer) -> ApiError:
    refusal = answers.refusal(answer.text)
    kind: type[ApiError] = ApiError
    if answer.status == 404:
        kind = MissingError
    elif answer.status == 409:
        kind = ExistsError if refusal.reason == "AlreadyExists" else ConflictError
    elif 400 <= answer.status < 500 and answer.status not in (401, 408, 429):
        kind = ApiRefusedError
    return kind(
        refusal.message or answer.reason,
        status=answer.status,
        reason=refusal.reason,
        causes=refusal.causes,
        fields=refusal.fields,
        retry_after=answers.retry_after(answer.headers.get("Retry-After", "")),
    )
