"""The node that the stand-in kubelet pretends to be: what it takes, what it pulls, what it tells."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medusa_testbed.api import STRATEGIC, ApiError, path
from medusa_testbed.kubelet.images import shipped
from medusa_testbed.kubelet.status import ADDRESS, timestamp

if TYPE_CHECKING:
    from medusa_testbed.api import Object
    from medusa_testbed.async_api import AsyncApi
    from medusa_testbed.kubelet.images import Image

_ROOM = {"cpu": "8", "memory": "16Gi", "ephemeral-storage": "50Gi", "pods": "10000"}
_UNITS = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


@dataclass(slots=True)
class Node:
    """The one node of the cluster."""

    name: str = "stand-in"
    images: dict[str, Image] = field(default_factory=shipped)
    """What a pod's image may be; any other name cannot be pulled."""
    labels: dict[str, str] = field(default_factory=lambda: {"kubernetes.io/os": "linux"})
    cordoned: str = ""
    """Why it takes no more pods, in the scheduler's words."""
    crash_pause: float = 1.0
    """Seconds before a container that ended is started again."""
    api: AsyncApi = field(init=False)

    async def register(self, port: int) -> None:
        """Make the Node object, ready; its kubelet is asked at *port*."""
        body = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": self.name,
                "labels": {"kubernetes.io/hostname": self.name, **self.labels},
            },
        }
        try:
            await self.api.request("POST", path("v1/nodes"), body)
        except ApiError as exc:
            if exc.status != 409:
                raise
        ready = {
            "type": "Ready", "status": "True", "reason": "KubeletReady",
            "message": "stand-in for a kubelet", "lastHeartbeatTime": timestamp(),
            "lastTransitionTime": timestamp(),
        }  # fmt: skip
        status = {
            "capacity": _ROOM,
            "allocatable": _ROOM,
            "conditions": [ready],
            "addresses": [{"type": "InternalIP", "address": ADDRESS}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            "nodeInfo": dict.fromkeys(_INFO, "stand-in"),
        }
        await self.api.request(
            "PATCH", path("v1/nodes", self.name, part="status"), {"status": status}, STRATEGIC
        )

    def image(self, name: str) -> Image | None:
        """Return what is pulled for *name*; None where there is none."""
        return self.images.get(name)

    def refusal(self, pod: Object) -> str:
        """Return why the pod does not fit here, in the scheduler's words; empty where it does."""
        spec = pod["spec"]
        why = self.cordoned
        labels = {"kubernetes.io/hostname": self.name, **self.labels}
        if not why and not spec.get("nodeSelector", {}).items() <= labels.items():
            why = "1 node(s) didn't match Pod's node affinity/selector"
        for resource, room in (("cpu", _ROOM["cpu"]), ("memory", _ROOM["memory"])):
            asked = sum(
                _quantity(container.get("resources", {}).get("requests", {}).get(resource, "0"))
                for container in spec["containers"]
            )
            if not why and asked > _quantity(room):
                why = f"1 Insufficient {resource}"
        if not why:
            return ""
        return (
            f"0/1 nodes are available: {why}. preemption: 0/1 nodes are available: "
            "1 Preemption is not helpful for scheduling."
        )

    async def tell(self, pod: Object, reason: str, message: str) -> None:
        """Record an Event of type Warning about a pod."""
        metadata = pod["metadata"]
        namespace, now = metadata["namespace"], timestamp()
        scheduler = reason == "FailedScheduling"
        event = {
            "metadata": {"name": f"{metadata['name']}.{secrets.token_hex(8)}"},
            "involvedObject": {
                "apiVersion": "v1", "kind": "Pod", "namespace": namespace,
                "name": metadata["name"], "uid": metadata["uid"],
            },
            "type": "Warning",
            "reason": reason,
            "message": message[:1024],
            "source": {"component": "default-scheduler"}
            if scheduler
            else {"component": "kubelet", "host": self.name},
            "reportingComponent": "default-scheduler" if scheduler else "kubelet",
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }  # fmt: skip
        try:
            await self.api.request("POST", path("v1/events", namespace=namespace), event)
        except ApiError as exc:
            if exc.status not in {403, 404}:  # the namespace is going away
                raise


_INFO = (
    "architecture", "bootID", "containerRuntimeVersion", "kernelVersion", "kubeProxyVersion",
    "kubeletVersion", "machineID", "operatingSystem", "osImage", "systemUUID",
)  # fmt: skip


def _quantity(text: str) -> float:
    for unit, factor in sorted(_UNITS.items(), key=lambda pair: -len(pair[0])):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    return float(text)
