"""Resources, Jobs and pods as the API shows them, for the operator's unit tests."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ledgers import CATALOG
from medusa_operator.judgement import conditions
from medusa_operator.judgement.decide import decide
from medusa_operator.judgement.decision import Decision, Start, Verify
from medusa_operator.resource.model import Database, Job, Observed, Pod, Settings
from medusa_operator.resource.names import FINALIZER

if TYPE_CHECKING:
    from medusa_operator.resource.status import Status

Body = dict[str, Any]

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SETTINGS = Settings(image="runner:1")
URL = {"urlSecretRef": {"name": "shop-db", "key": "DATABASE_URL"}}
SEED = {"from": {"configMapKeyRef": {"name": "shop-seed", "key": "seed.json"}}}


def at(seconds: float = 0) -> datetime:
    """Return the time that many seconds after the start of the test's world."""
    return START + timedelta(seconds=seconds)


def spelt(time: datetime) -> str:
    """Return a time as the API has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def resource(status: Body | None = None, meta: Body | None = None, **spec: Any) -> Body:
    """Return a MedusaDatabase named shop that wants 1.20.11; held, so that a Job can start."""
    wanted = {"version": "1.20.11", "database": URL} | spec
    return {
        "metadata": {
            "name": "shop",
            "namespace": "default",
            "uid": "uid-1",
            "generation": 1,
            "resourceVersion": "1",
            "creationTimestamp": spelt(START),
            "finalizers": [FINALIZER],
        }
        | (meta or {}),
        "spec": {key: value for key, value in wanted.items() if value is not None},
        "status": status if status is not None else {"observedGeneration": -1},
    }


def database(status: Body | None = None, meta: Body | None = None, **spec: Any) -> Database:
    """Return the same, read."""
    return Database.from_body(resource(status, meta, **spec))


def decided(shop: Database, observed: Observed | None = None, now: datetime = START) -> Decision:
    """Return the decision on *shop*."""
    return decide(CATALOG, shop, observed or Observed(), SETTINGS, now)


def reported(shop: Database, observed: Observed | None = None, now: datetime = START) -> Status:
    """Return the status that a pass would write."""
    seen = observed or Observed()
    return conditions.status(CATALOG, shop, seen, decided(shop, seen, now), now)


def told(status: Status, kind: str) -> tuple[str, str]:
    """Return status and reason of a condition."""
    condition = status.condition(kind)
    assert condition is not None
    return condition.status, condition.reason


def started(shop: Database, observed: Observed | None = None, now: datetime = START) -> Body:
    """Return the Job that the next pass makes of *shop*, as the API shows it."""
    act = decided(shop, observed, now).act
    assert isinstance(act, Start | Verify), act
    body = copy.deepcopy(act.manifest)
    body["metadata"] |= {"uid": f"job-{act.name}", "creationTimestamp": spelt(now)}
    body["status"] = {"active": 1, "startTime": spelt(now)}
    return body


def ended(job: Body, condition: str = "Complete", reason: str = "", now: datetime = START) -> Body:
    """Return *job* as it looks once Kubernetes has said how it ended."""
    body = copy.deepcopy(job)
    body["status"]["conditions"] = [
        {
            "type": condition,
            "status": "True",
            "reason": reason,
            "message": reason,
            "lastTransitionTime": spelt(now),
        }
    ]
    if condition == "Complete":
        body["status"]["completionTime"] = spelt(now)
    return body


def pod(job: Body, state: Body | None = None, phase: str = "Pending", **status: Any) -> Body:
    """Return a pod of *job* whose container is in *state*."""
    container = {"name": "medusa-db", "image": "runner:1", "imageID": "runner@sha256:aaa"}
    return {
        "metadata": {
            "name": f"{job['metadata']['name']}-0",
            "generateName": f"{job['metadata']['name']}-",
            "labels": job["spec"]["template"]["metadata"]["labels"]
            | {"batch.kubernetes.io/job-name": job["metadata"]["name"]},
            "creationTimestamp": job["metadata"]["creationTimestamp"],
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "name": job["metadata"]["name"],
                    "uid": job["metadata"]["uid"],
                    "controller": True,
                }
            ],
        },
        "status": {
            "phase": phase,
            "containerStatuses": [container | {"state": state or {}}],
        }
        | status,
    }


def pod_ended(
    job: Body, exit_code: int, message: str = "", reason: str = "", now: datetime = START
) -> Body:
    """Return a pod of *job* whose container has ended."""
    state = {
        "exitCode": exit_code,
        "reason": reason or ("Completed" if exit_code == 0 else "Error"),
        "message": message,
        "finishedAt": spelt(now),
    }
    return pod(job, {"terminated": state}, "Succeeded" if exit_code == 0 else "Failed")


def report(job: Body, **said: Any) -> str:
    """Return the report of a run of *job* that did what it was asked, but for what is *said*."""
    notes = job["metadata"]["annotations"]
    version = notes["medusadb.dev/version"]
    command = notes["medusadb.dev/step"].partition("-")[0]
    body: Body = {
        "report": "medusadb.dev/v1",
        "runId": notes["medusadb.dev/run-id"],
        "command": command,
        "state": "done",
        "exitCode": 0,
        "from": "empty",
        "provenBefore": {"state": "empty"},
        "target": version,
        "proven": {"state": "version", "from": version, "to": version, "at": version},
        "migrationCount": 3,
    }
    if command == "verify":
        body |= {"migrationCount": 0, "verified": True}
    if command == "seed":
        body["seed"] = {"checksum": "sha256:abc", "counts": {"products": {"created": 2}}}
    return json.dumps({key: value for key, value in (body | said).items() if value is not None})


def seen(*bodies: tuple[Body, Body | None], **rest: Any) -> Observed:
    """Return what a look finds: pairs of a Job and its pod."""
    return Observed(
        jobs=tuple(Job.from_body(job) for job, _ in bodies),
        pods=tuple(Pod.from_body(pod) for _, pod in bodies if pod is not None),
        **rest,
    )


def after(body: Body, status: Status, **spec: Any) -> Database:
    """Return the resource with *status* stored, and the spec changed where something is given."""
    changed = copy.deepcopy(body)
    changed["status"] = status.to_dict()
    if spec:
        changed["spec"] |= spec
        changed["metadata"]["generation"] += 1
    return Database.from_body(changed)
