"""The Kubernetes client, in the few words that tests need to look and poke, and with plain dictionaries."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import urllib3
from kubernetes.client import ApiClient, ApiException, Configuration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Object = dict[str, Any]
"""A Kubernetes object as the API gives it."""

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


class ApiError(Exception):
    """The API server refused; `status` is the HTTP status, the text is its message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


@dataclass(slots=True)
class Api:
    """The API as one user sees it.

    A kind is written with its group and version: `v1/pods`, `batch/v1/jobs`.
    """

    server: str
    ca: Path
    token: str
    _client: ApiClient = field(init=False)

    def __post_init__(self) -> None:
        config = Configuration(host=self.server, ssl_ca_cert=str(self.ca), retries=False)
        config.connection_pool_maxsize = 8
        self._client = ApiClient(config)

    def get(self, kind: str, name: str, namespace: str = "") -> Object:
        """Return an object; ApiError 404 where there is none."""
        return self.request("GET", path(kind, name, namespace))

    def find(self, kind: str, name: str, namespace: str = "") -> Object | None:
        """Return an object, or None."""
        try:
            return self.get(kind, name, namespace)
        except ApiError as exc:
            if exc.status != 404:
                raise
            return None

    def list(self, kind: str, namespace: str = "", **selectors: str) -> list[Object]:
        """Return the objects of a namespace, or of all; `labelSelector` and the like narrow it."""
        found = self.request("GET", path(kind, "", namespace), query=selectors)
        return list(found["items"])

    def create(self, kind: str, body: Object, namespace: str = "") -> Object:
        """Create an object from *body*."""
        return self.request("POST", path(kind, "", namespace), body)

    def patch(
        self,
        kind: str,
        name: str,
        body: object,
        namespace: str = "",
        *,
        how: str = MERGE,
        part: str = "",
        **query: str,
    ) -> Object:
        """Patch an object, or a *part* of it such as `status`."""
        return self.request("PATCH", path(kind, name, namespace, part), body, how, query)

    def delete(self, kind: str, name: str, namespace: str = "", **options: object) -> None:
        """Delete an object; gone already is as good. *options* are those of DeleteOptions."""
        try:
            self.request("DELETE", path(kind, name, namespace), options or None)
        except ApiError as exc:
            if exc.status != 404:
                raise

    def request(
        self,
        method: str,
        target: str,
        body: object = None,
        how: str = "application/json",
        query: dict[str, str] | None = None,
    ) -> Object:
        """Send one request and return the decoded answer."""
        answer = self._answer(method, target, body, how, query)
        data = answer.read()
        if answer.status >= 400:
            raise ApiError(answer.status, _message(data))
        found = json.loads(data) if data else {}
        return found if isinstance(found, dict) else {"value": found}

    def _answer(
        self, method: str, target: str, body: object, how: str, query: dict[str, str] | None
    ) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": how}
        asked = self._client.param_serialize(
            method,
            target,
            query_params=list((query or {}).items()),
            header_params=headers,
            body=body,
        )
        try:
            return self._client.call_api(*asked, _request_timeout=(5, 60))
        except ApiException as exc:  # what the client makes of a broken TLS connection
            raise urllib3.exceptions.SSLError(exc.reason) from exc

    def watch(self, kind: str, version: str, seconds: int = 10) -> Iterator[Object]:
        """Yield the events of all namespaces after a resource *version*, for some seconds.

        ApiError where the API server refuses; an ERROR among the events where it has forgotten *version*.
        """
        query = {"watch": "1", "resourceVersion": version, "timeoutSeconds": str(seconds)}
        answer = self._answer("GET", path(kind), None, "application/json", query)
        try:
            if answer.status >= 400:
                raise ApiError(answer.status, _message(answer.read()))
            buffer = b""
            for piece in answer.response.stream(2**16):
                *lines, buffer = (buffer + piece).split(b"\n")
                for line in lines:
                    yield json.loads(line)
        finally:
            answer.response.close()

    def close(self) -> None:
        """Close its connections."""
        self._client.rest_client.close()


def path(kind: str, name: str = "", namespace: str = "", part: str = "") -> str:
    """Return the path of an object, or of a list of objects."""
    version, _, plural = kind.rpartition("/")
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    within = f"/namespaces/{namespace}" if namespace else ""
    tail = "".join(f"/{word}" for word in (plural, name, part) if word)
    return f"{root}{within}{tail}"


def _message(answer: bytes) -> str:
    try:
        return str(json.loads(answer).get("message", ""))
    except (ValueError, AttributeError):
        return answer.decode(errors="replace")
