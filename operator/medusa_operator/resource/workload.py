"""Pure: Jobs and pods as the API shows them, as far as a judgement needs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medusa_operator.resource import names, plain
from medusa_operator.resource.parse import DIGITS, BodyField, InvalidError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

CONTAINER = "medusa-db"
"""The container of a run; others are sidecars."""

IMAGE = 512
"""Characters of the longest name of an image that is kept."""


@dataclass(frozen=True, slots=True)
class Terminated:
    """How a container ended."""

    exit_code: int
    reason: str = ""
    message: str = ""
    """Its termination message, as it was written."""
    finished: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of a run."""

    name: str
    job: str
    """The Job that controls it; empty where none does."""
    phase: str
    created: datetime
    job_uid: str = ""
    orphaned: bool = False
    """Whether nothing owns it: its Job was deleted, and it was left."""
    adopted: bool = False
    """Whether its Job did not make it: the Job controller takes over any pod whose labels fit."""
    reason: str = ""
    """Of the pod as a whole: `Evicted`, ..."""
    message: str = ""
    deleting: bool = False
    disrupted: str = ""
    """Why the cluster took it away (its condition DisruptionTarget); empty where it did not."""
    unschedulable: str = ""
    """What the scheduler says, where no node takes it."""
    waiting: str = ""
    """Why its container does not run yet, in a word: `ErrImagePull`, `CreateContainerConfigError`."""
    waiting_message: str = ""
    started: bool = False
    """Whether the container of the run ever started."""
    terminated: Terminated | None = None
    image_id: str = ""
    beside: tuple[str, ...] = ()
    """The containers beside that of the run that have not ended; sidecars of Kubernetes do not count."""
    broken: tuple[str, Terminated] | None = None
    """The init container that failed, so that the run never began."""

    @property
    def outlived(self) -> bool:
        """Whether the container of the run has ended, and others keep the pod from ending."""
        return (
            self.terminated is not None and bool(self.beside) and not (self.over or self.deleting)
        )

    @property
    def over(self) -> bool:
        """Whether nothing of it runs or will run."""
        return self.phase in ("Succeeded", "Failed")

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Pod:
        """Return the pod that *body* shows; raise InvalidError for what is no pod."""
        pod = BodyField(body, "")
        meta, status = pod["metadata"], pod["status"]
        controller = _controller(meta)
        conditions = _conditions(status)
        scheduled = conditions.get("PodScheduled")
        container = _container(status)
        state = container["state"]
        ended = state["terminated"] or container["lastState"]["terminated"]
        waiting = _init_waiting(status) or state["waiting"]
        return cls(
            name=meta["name"].required(),
            job=controller["name"].text() if controller["kind"].value == "Job" else "",
            job_uid=controller["uid"].text(),
            orphaned=not any(meta["ownerReferences"].items()),
            adopted=meta["generateName"].text().rstrip("-") != controller["name"].text(),
            phase=status["phase"].text("Pending"),
            created=_time(meta["creationTimestamp"]),
            reason=status["reason"].text(),
            message=status["message"].text(),
            deleting=bool(meta["deletionTimestamp"]),
            disrupted=_reason_if(conditions.get("DisruptionTarget"), "True"),
            unschedulable=_message_if(scheduled, "False"),
            waiting=waiting["reason"].text(),
            waiting_message=waiting["message"].text(),
            started=bool(state["running"]) or bool(ended) or bool(container["started"].value),
            terminated=_terminated(ended) if ended else None,
            image_id=plain.text(container["imageID"].text(), IMAGE),
            beside=tuple(_beside(pod["spec"], status)),
            broken=_broken(status),
        )


@dataclass(frozen=True, slots=True)
class Job:
    """A Job of a run: its identity from the annotations that we gave it, its state from Kubernetes."""

    name: str
    uid: str
    owner: str
    """The uid of the resource it says to belong to, by label."""
    created: datetime
    step: str = ""
    """The name of its step, `migrate-1.20.11` or `seed`."""
    run_id: str = ""
    attempt: int = 1
    version: str = ""
    """The version that its step goes to."""
    target: str = ""
    """The version that the whole path went to."""
    configuration: str = ""
    reference: str = ""
    generation: int = 0
    retry: str = ""
    verify: str = ""
    seed_source: str = ""
    after: str = ""
    """The uid of the run that was the last one when it was made."""
    template: str = ""
    workload: str = ""
    image: str = ""
    engine: str = ""
    """`project` where the shop's own Medusa runs in it."""
    owned: bool = True
    """Whether the owner reference of its controller names that uid too."""
    complete: bool = False
    failed: bool = False
    ending: bool = False
    """Its end is decided, and its pods are not all gone."""
    failure: str = ""
    """Why Kubernetes ended it, in a word: `DeadlineExceeded`, `PodFailurePolicy`, ..."""
    started: datetime | None = None
    finished: datetime | None = None
    ttl: int | None = None
    """Seconds after its end for which it stays; None: for ever."""
    suspended: bool = False
    """Whether it has no pods as somebody suspended it."""
    deleting: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def expires(self) -> bool:
        """Whether its time to live is set."""
        return self.ttl is not None

    @property
    def over(self) -> bool:
        """Whether Kubernetes has said how it ended; pods that failed on the way do not count."""
        return self.complete or self.failed

    @property
    def seeds(self) -> bool:
        """Whether it is a seed."""
        return self.step.startswith("seed")

    @property
    def verifies(self) -> bool:
        """Whether it only compares the schema with its version's."""
        return self.step.startswith("verify")

    @property
    def command(self) -> str:
        """The runner's command that it runs."""
        return "seed" if self.seeds else "verify" if self.verifies else "migrate"

    @property
    def final(self) -> bool:
        """Whether its step was the last of its path."""
        return self.version == self.target

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Job:
        """Return the Job that *body* shows; raise InvalidError for what is no Job."""
        job = BodyField(body, "")
        meta, status, spec = job["metadata"], job["status"], job["spec"]
        notes, labels = meta["annotations"], meta["labels"]
        owner = labels[names.UID_LABEL].text()
        conditions = _conditions(status)
        failed = conditions.get("Failed") or conditions.get("FailureTarget")
        done = "Complete" if _is(conditions, "Complete") else "Failed"
        containers = spec["template"]["spec"]["containers"].items()
        return cls(
            name=meta["name"].required(),
            uid=meta["uid"].required(),
            owner=owner,
            created=_time(meta["creationTimestamp"]),
            step=_note(notes[names.STEP], 32) or "migrate",
            run_id=notes[names.RUN_ID].text(),
            attempt=min(max(1, _whole(notes[names.ATTEMPT].text(), 1)), 2**31 - 1),
            version=_note(notes[names.VERSION], 14),
            target=_note(notes[names.TARGET], 14),
            configuration=_note(notes[names.CONFIGURATION], 64),
            reference=_note(notes[names.REFERENCE], 64),
            generation=min(_whole(notes[names.GENERATION].text(), 0), 2**63 - 1),
            retry=_note(notes[names.RETRY], 128),
            verify=_note(notes[names.VERIFY], 128),
            seed_source=_note(notes[names.SEED_SOURCE], 64),
            after=_note(notes[names.AFTER], 253),
            template=notes[names.TEMPLATE].text(),
            workload=notes[names.WORKLOAD].text(),
            image=next(
                (_note(c["image"], IMAGE) for c in containers if c["name"].value == CONTAINER), ""
            ),
            engine=_note(notes[names.ENGINE], 16),
            owned=bool(owner) and _controller(meta)["uid"].value == owner,
            complete=_is(conditions, "Complete"),
            failed=_is(conditions, "Failed"),
            ending=_is(conditions, "FailureTarget") or _is(conditions, "SuccessCriteriaMet"),
            failure=_reason_if(failed, "True"),
            started=status["startTime"].time(),
            finished=status["completionTime"].time()
            or (conditions[done]["lastTransitionTime"].time() if _is(conditions, done) else None),
            ttl=spec["ttlSecondsAfterFinished"].number()
            if spec["ttlSecondsAfterFinished"]
            else None,
            suspended=spec["suspend"].truth(),
            deleting=bool(meta["deletionTimestamp"]),
            labels=dict(labels.mapping()),
        )


def _controller(meta: BodyField) -> BodyField:
    """Return the owner reference of what controls an object; of its owners at most one does."""
    found = (ref for ref in meta["ownerReferences"].items() if ref["controller"].value is True)
    return next(found, BodyField(None, "metadata.ownerReferences"))


def _conditions(status: BodyField) -> dict[str, BodyField]:
    return {item["type"].text(): item for item in status["conditions"].items()}


def _is(conditions: Mapping[str, BodyField], kind: str) -> bool:
    return kind in conditions and conditions[kind]["status"].value == "True"


def _reason_if(condition: BodyField | None, status: str) -> str:
    if condition is None or condition["status"].value != status:
        return ""
    return condition["reason"].text("Unknown")


def _message_if(condition: BodyField | None, status: str) -> str:
    if condition is None or condition["status"].value != status:
        return ""
    return condition["message"].text() or condition["reason"].text("Unknown")


def _container(status: BodyField) -> BodyField:
    found = (c for c in status["containerStatuses"].items() if c["name"].value == CONTAINER)
    return next(found, BodyField(None, "status.containerStatuses"))


def _init_waiting(status: BodyField) -> BodyField:
    """Return why an init container waits; the container of the run then says only that it waits."""
    for container in status["initContainerStatuses"].items():
        if container["state"]["waiting"]:
            return container["state"]["waiting"]
    return BodyField(None, "")


def _beside(spec: BodyField, status: BodyField) -> Iterator[str]:
    """Yield the containers of a pod, that of the run aside, that have not ended."""
    ended = {
        container["name"].text()
        for container in status["containerStatuses"].items()
        if container["state"]["terminated"]
    }
    for container in spec["containers"].items():
        name = container["name"].text()
        if name != CONTAINER and name not in ended:
            yield name[:63]


def _broken(status: BodyField) -> tuple[str, Terminated] | None:
    for container in status["initContainerStatuses"].items():
        ended = container["state"]["terminated"]
        if ended and ended["exitCode"].number() != 0:
            return container["name"].text()[:63], _terminated(ended)
    return None


def _note(field: BodyField, most: int) -> str:
    """Return what stands in a Job, where anybody who may edit it can have written."""
    return plain.text(field.text(), most)


def _terminated(state: BodyField) -> Terminated:
    return Terminated(
        exit_code=state["exitCode"].number(),
        reason=state["reason"].text(),
        message=state["message"].text(),
        finished=state["finishedAt"].time(),
    )


def _time(field: BodyField) -> datetime:
    found = field.time()
    if found is None:
        raise InvalidError(f"{field.path} is missing")
    return found


def _whole(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < DIGITS else default
