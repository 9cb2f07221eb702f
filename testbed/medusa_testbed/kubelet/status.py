"""Pure: the status of a pod, as a kubelet writes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medusa_testbed.api import Object

ADDRESS = "127.0.0.1"


class Phase(StrEnum):
    """Where a pod stands."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(slots=True)
class ContainerState:
    """What is known of one container."""

    name: str
    image: str
    image_id: str = ""
    container_id: str = ""
    state: Object = field(default_factory=lambda: waiting("ContainerCreating"))
    last_state: Object = field(default_factory=dict)
    restarts: int = 0
    ready: bool = False

    @property
    def exit_code(self) -> int | None:
        """The exit code of a container that ended for good."""
        ended = self.state.get("terminated")
        return None if ended is None else int(ended["exitCode"])

    def to_dict(self) -> Object:
        """Return it as in `containerStatuses`."""
        return {
            "name": self.name,
            "image": self.image,
            "imageID": self.image_id,
            "containerID": self.container_id or None,
            "ready": self.ready,
            "started": "running" in self.state,
            "restartCount": self.restarts,
            "state": self.state,
            "lastState": self.last_state,
        }


@dataclass(slots=True)
class PodState:
    """What is known of a pod, beside its containers."""

    scheduled: bool = False
    unschedulable: str = ""
    """Why no node takes it."""
    mounted: bool = False
    started_at: str = ""
    reason: str = ""
    message: str = ""
    """Why it failed as a whole: evicted, over its deadline."""
    disrupted: tuple[str, str] | None = None
    """Reason and message of the condition DisruptionTarget."""
    init: list[ContainerState] = field(default_factory=list)
    main: list[ContainerState] = field(default_factory=list)
    since: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Of each condition its status, and the time of its last transition."""

    def phase(self, policy: str = "Never") -> Phase:
        """Return the phase that the containers and the fate of the pod make."""
        if self.reason:
            return Phase.FAILED
        if not self.scheduled:
            return Phase.PENDING
        if policy == "Never" and any(c.exit_code for c in self.init):
            return Phase.FAILED
        codes = [container.exit_code for container in self.main]
        if all(code is not None for code in codes):
            return Phase.FAILED if any(codes) else Phase.SUCCEEDED
        begun = any(
            "running" in c.state or c.restarts or c.exit_code is not None for c in self.main
        )
        return Phase.RUNNING if begun else Phase.PENDING


def waiting(reason: str, message: str = "") -> Object:
    """Return the state of a container that does not run yet."""
    return {"waiting": {"reason": reason} | ({"message": message} if message else {})}


def pod_status(pod: PodState, generation: int, policy: str) -> Object:
    """Return `status`; it remembers in *pod* since when each condition is as it is."""
    phase = pod.phase(policy)
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "phase": phase.value,
        "conditions": [
            _condition(pod, generation, kind, str(holds), *why)
            for kind, holds, *why in _conditions(pod, phase)
        ],
        "reason": pod.reason or None,
        "message": pod.message or None,
    }
    if pod.scheduled:
        status |= {
            "hostIP": ADDRESS,
            "hostIPs": [{"ip": ADDRESS}],
            "podIP": ADDRESS,
            "podIPs": [{"ip": ADDRESS}],
            "startTime": pod.started_at,
            "containerStatuses": [container.to_dict() for container in pod.main],
        }
        if pod.init:
            status["initContainerStatuses"] = [container.to_dict() for container in pod.init]
    return status


def _conditions(pod: PodState, phase: Phase) -> list[tuple[str, bool, str, str]]:
    if not pod.scheduled:
        why = "Unschedulable" if pod.unschedulable else ""
        return [("PodScheduled", False, why, pod.unschedulable)]
    initialized = all(container.exit_code == 0 for container in pod.init)
    over = phase in {Phase.SUCCEEDED, Phase.FAILED}
    unready = [container.name for container in pod.main if not container.ready]
    ready = not over and not unready
    why, what = "", ""
    if over:
        why = "PodCompleted" if phase is Phase.SUCCEEDED else "PodFailed"
    elif unready:
        why, what = "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    left = [container.name for container in pod.init if container.exit_code != 0]
    incomplete = f"containers with incomplete status: [{' '.join(left)}]"
    found = [
        ("PodReadyToStartContainers", pod.mounted and not over, "", ""),
        (
            "Initialized",
            initialized,
            ("PodCompleted" if phase is Phase.SUCCEEDED else "")
            if initialized
            else "ContainersNotInitialized",
            "" if initialized else incomplete,
        ),
        ("Ready", ready, why, what),
        ("ContainersReady", ready, why, what),
        ("PodScheduled", True, "", ""),
    ]
    if pod.disrupted:
        found.insert(0, ("DisruptionTarget", True, *pod.disrupted))
    return found


def _condition(
    pod: PodState, generation: int, kind: str, status: str, reason: str, message: str
) -> Object:
    if pod.since.get(kind, ("", ""))[0] != status:
        pod.since[kind] = (status, timestamp())
    return {
        "type": kind,
        "status": status,
        "observedGeneration": generation,
        "lastProbeTime": None,
        "lastTransitionTime": pod.since[kind][1],
        "reason": reason or None,
        "message": message or None,
    }


def timestamp() -> str:
    """Return the time as the API writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
