"""A `MedusaDatabase` as tests declare, change and watch it."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medusa_testbed import objects
from medusa_testbed.kubelet.images import Outcome
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from medusa_testbed.api import Api, Object

RESOURCE = "medusadb.dev/v1alpha1/medusadatabases"
JOBS, PODS = "batch/v1/jobs", "v1/pods"
FINALIZER = "medusadb.dev/running-job"


@dataclass(frozen=True, slots=True)
class Shop:
    """One resource, and the Secret `shop-db` with the URL of its database."""

    api: Api
    namespace: str
    name: str = "shop"
    labels: tuple[tuple[str, str], ...] = ()

    def database(self, url: str) -> None:
        """Put the URL of its database into the Secret."""
        body = objects.secret(f"{self.name}-db", url=url)
        if self.api.find("v1/secrets", f"{self.name}-db", self.namespace):
            self.api.patch(
                "v1/secrets", f"{self.name}-db", {"stringData": {"url": url}}, self.namespace
            )
        else:
            self.api.create("v1/secrets", body, self.namespace)

    def declare(self, version: str = "1.20.11", **spec: Any) -> Object:
        """Create the resource."""
        database = {"urlSecretRef": {"name": f"{self.name}-db", "key": "url"}}
        return self.api.create(
            RESOURCE,
            {
                "apiVersion": "medusadb.dev/v1alpha1",
                "kind": "MedusaDatabase",
                "metadata": {"name": self.name, "labels": dict(self.labels)},
                "spec": {"version": version, "database": database} | spec,
            },
            self.namespace,
        )

    def change(self, **spec: Any) -> Object:
        """Change fields of the spec."""
        return self.api.patch(RESOURCE, self.name, {"spec": spec}, self.namespace)

    def retry(self, token: str) -> None:
        """Ask for another attempt."""
        notes = {"metadata": {"annotations": {"medusadb.dev/retry": token}}}
        self.api.patch(RESOURCE, self.name, notes, self.namespace)

    def ask_to_verify(self, token: str) -> None:
        """Ask for a verification."""
        notes = {"metadata": {"annotations": {"medusadb.dev/verify": token}}}
        self.api.patch(RESOURCE, self.name, notes, self.namespace)

    def wait_verified(
        self, reason: str = "Verified", token: str = "", within: float = 60
    ) -> Object:
        """Wait until Verified says *reason*, asked by *token* where one is given; return the condition."""
        found: Object = self.wait_for(
            lambda body: (
                objects.condition(body, "Verified").get("reason") == reason
                and (not token or body["status"]["verified"].get("token") == token)
                and objects.condition(body, "Verified")
            ),
            f"Verified {reason}",
            within,
        )
        return found

    def delete(self) -> None:
        """Ask for its deletion."""
        self.api.delete(RESOURCE, self.name, self.namespace)

    def find(self) -> Object | None:
        """Return it, or None."""
        return self.api.find(RESOURCE, self.name, self.namespace)

    def get(self) -> Object:
        """Return it."""
        return self.api.get(RESOURCE, self.name, self.namespace)

    def status(self) -> Object:
        """Return its status."""
        return dict(self.get().get("status", {}))

    def condition(self, kind: str = "Ready") -> Object:
        """Return one of its conditions."""
        return objects.condition(self.get(), kind)

    def jobs(self) -> list[Object]:
        """Return its Jobs, oldest first."""
        return self._ours(JOBS)

    def pods(self) -> list[Object]:
        """Return the pods of its Jobs, oldest first."""
        return self._ours(PODS)

    def _ours(self, kind: str) -> list[Object]:
        found = self.api.list(
            kind, self.namespace, labelSelector=f"app.kubernetes.io/instance={self.name}"
        )
        return sorted(found, key=lambda body: str(body["metadata"]["creationTimestamp"]))

    def wait(self, reason: str = "UpToDate", within: float = 45) -> Object:
        """Wait until Ready says *reason* of the resource as it is; return the condition."""
        found: Object = self.wait_for(
            lambda body: (
                objects.condition(body, "Ready").get("reason") == reason
                and body["status"]["observedGeneration"] == body["metadata"]["generation"]
                and objects.condition(body, "Ready")
            ),
            f"Ready {reason}",
            within,
        )
        return found

    def wait_for(
        self, check: Callable[[Object], Any], what: str = "what was asked for", within: float = 45
    ) -> Any:
        """Wait until *check* of the resource is true, and return that."""
        try:
            return eventually(lambda: (body := self.find()) and check(body), within)
        except AssertionError as exc:
            found = json.dumps((self.find() or {}).get("status"), indent=1)
            raise AssertionError(f"{what}: {exc}; the status is {found}") from exc

    def running_pod(self, within: float = 45) -> str:
        """Wait until a pod of it runs, and return its name."""

        def running() -> str:
            return next(
                (
                    pod["metadata"]["name"]
                    for pod in self.pods()
                    if any(
                        "running" in status.get("state", {})
                        for status in pod.get("status", {}).get("containerStatuses", [])
                    )
                ),
                "",
            )

        return eventually(running, within)

    def history(self) -> list[tuple[str, str, str]]:
        """Return step, outcome and reason of its runs, oldest first."""
        runs = self.status().get("history", [])
        return [(run["step"], run["outcome"], run.get("reason", "")) for run in reversed(runs)]


def report(pod: Object, **changes: Any) -> str:
    """Return what the runner would report of a run in *pod* that went well; None leaves a key out."""
    arguments = pod["spec"]["containers"][0]["args"]
    options = dict(itertools.pairwise(arguments))
    version = options.get("--to", "")
    body = {
        "report": "medusadb.dev/v1",
        "runId": options["--run-id"],
        "command": arguments[0],
        "state": "done",
        "exitCode": 0,
        "target": version,
        "from": "empty",
        "provenBefore": {"state": "empty"},
        "version": version,
        "verified": True,
        "migrationCount": 1,
        "proven": {"state": "version", "from": version, "to": version, "at": version},
    } | changes
    return json.dumps({key: value for key, value in body.items() if value is not None})


def succeeds(pod: Object) -> Outcome:
    """End a container as a run that went well."""
    return Outcome(0, report(pod))


def succeeds_in_project(pod: Object) -> Outcome:
    """End a container as a run of the shop's own Medusa that left nothing pending."""
    version = dict(itertools.pairwise(pod["spec"]["containers"][0]["args"]))["--to"]
    nothing: dict[str, list[str]] = {"migrations": [], "links": [], "scripts": []}
    found = report(
        pod, engine="project", medusa=version, pending=nothing, ledgers={"mikro_orm_migrations": 1},
        provenBefore=None, proven=None, verified=None,
    )  # fmt: skip
    return Outcome(0, found)


def fails(
    exit_code: int, message: str = "it did not work", **changes: Any
) -> Callable[..., Outcome]:
    """Return what ends a container as a run that failed."""

    def outcome(pod: Object) -> Outcome:
        body = {
            "state": "failed", "exitCode": exit_code, "message": message, "version": "empty",
            "verified": None, "proven": {"state": "empty"},
        } | changes  # fmt: skip
        return Outcome(exit_code, report(pod, **body))

    return outcome


def looks(pod: Object, *, knows: bool = True, at: str = "1.12.3") -> Outcome:
    """End a container as a run that found something to acknowledge.

    An older runner, which does not know that this can be a result, ends with 9.
    """
    code, state = (0, "refused") if knows else (9, "failed")
    body = {
        "exitCode": code, "state": state, "reason": "NotAcknowledged", "message": "read the notes",
        "acknowledge": ["1.13.0"], "version": at, "verified": None, "migrationCount": 0,
        "proven": {"state": "version", "from": at, "to": at},
    }  # fmt: skip
    return Outcome(code, report(pod, **body))
