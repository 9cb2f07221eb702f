"""Which requests the API server answered, told by its own audit log."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from medusa_testbed.api import Api

POLICY: dict[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "Panic"],
    "rules": [
        {
            "level": "None",
            "users": ["system:apiserver", "system:kube-controller-manager", "kubelet"],
        },
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
        {"level": "Metadata"},
    ],
}
"""Everything but what the control plane and the stand-in kubelet ask for themselves."""

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True)
class Request:
    """One answered request; of a watch, its beginning."""

    user: str
    verb: str
    resource: str
    """As RBAC writes it: the plural, with `/status` and the like."""
    group: str
    namespace: str
    name: str
    code: int
    agent: str

    @property
    def rule(self) -> tuple[str, str, str]:
        """What RBAC must allow for it: group, resource, verb."""
        return (self.group, self.resource, self.verb)

    @property
    def writes(self) -> bool:
        """Whether it changes something; a check of one's own rights does not."""
        return self.verb in WRITES and self.group != "authorization.k8s.io"


@dataclass(frozen=True, slots=True)
class Requests:
    """Some requests, in the order in which they were answered."""

    all: tuple[Request, ...]

    def of(self, user: str) -> Requests:
        """Return those of one user."""
        return Requests(tuple(request for request in self.all if request.user == user))

    def on(self, resource: str) -> Requests:
        """Return those on one resource, such as `jobs` or `medusadatabases/status`."""
        return Requests(tuple(request for request in self.all if request.resource == resource))

    @property
    def writes(self) -> Requests:
        """Those that change something."""
        return Requests(tuple(request for request in self.all if request.writes))

    @property
    def denied(self) -> Requests:
        """Those that RBAC refused."""
        return Requests(tuple(request for request in self.all if request.code == 403))

    @property
    def rules(self) -> set[tuple[str, str, str]]:
        """What RBAC must allow for them."""
        return {request.rule for request in self.all}

    def count(self) -> Counter[str]:
        """Count them by verb and resource: `create jobs`."""
        return Counter(f"{request.verb} {request.resource}" for request in self.all)

    def __len__(self) -> int:
        return len(self.all)


@dataclass(slots=True)
class RequestLog:
    """Reads the audit log that the API server writes."""

    file: Path
    api: Api
    _marks: list[str] = field(default_factory=list)

    def mark(self) -> int:
        """Return a position; what is answered from here on, `since` returns."""
        return self._settled()

    def since(self, mark: int) -> Requests:
        """Return what was answered between *mark* and now."""
        end = self._settled()
        with self.file.open("rb") as log:
            log.seek(mark)
            lines = log.read(end - mark).splitlines()
        return Requests(tuple(_parsed(lines)))

    def _settled(self) -> int:
        """Let everything answered so far be written; return where the log then ends."""
        word = uuid.uuid4().hex
        start = self.file.stat().st_size if self.file.exists() else 0
        self.api.request("GET", "/version", query={"mark": word})

        def written() -> int:
            with self.file.open("rb") as log:
                log.seek(start)
                found = log.read()
            at = found.find(word.encode())
            end = found.find(b"\n", at) if at >= 0 else -1
            return start + end + 1 if end >= 0 else 0

        return eventually(written, within=10)


def _parsed(lines: Iterable[bytes]) -> Iterable[Request]:
    for line in lines:
        event = json.loads(line)
        stage, verb = event["stage"], event["verb"]
        if event["requestURI"].startswith("/version?mark="):
            continue
        code = event.get("responseStatus", {}).get("code", 0)
        if verb == "watch" and stage == "ResponseComplete" and code < 400:
            continue  # its beginning was counted
        if verb != "watch" and stage == "ResponseStarted":
            continue
        about = event.get("objectRef", {})
        resource = about.get("resource", event["requestURI"].partition("?")[0])
        if about.get("subresource"):
            resource += f"/{about['subresource']}"
        yield Request(
            user=event["user"].get("username", ""),
            verb=verb,
            resource=resource,
            group=about.get("apiGroup", ""),
            namespace=about.get("namespace", ""),
            name=about.get("name", ""),
            code=code,
            agent=event.get("userAgent", ""),
        )
