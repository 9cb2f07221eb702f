"""A pod as the API server knows it: what the stand-in kubelet reads and writes of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medusa_testbed.api import STRATEGIC, ApiError, path
from medusa_testbed.kubelet.status import Phase, PodState, pod_status

if TYPE_CHECKING:
    from medusa_testbed.api import Object
    from medusa_testbed.kubelet.node import Node

_PAUSE = 0.2
"""Seconds between two tries of what met a conflict."""


class Gone(Exception):  # noqa: N818  not an error: the pod was removed
    """The pod's object is not there any more."""


@dataclass(slots=True)
class Record:
    """The object of one pod; every request raises Gone where it was removed."""

    body: Object
    """The object, as it was seen last."""
    node: Node
    state: PodState = field(default_factory=PodState)
    """What is to be reported."""
    silent: bool = False
    """Whether the node is lost, so that nothing is reported any more."""
    _written: Object = field(default_factory=dict)
    _order: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def ended(self) -> bool:
        """Whether a phase was reported that no pod leaves."""
        return self._written.get("phase") in {Phase.SUCCEEDED, Phase.FAILED}

    def adopt(self) -> Phase | None:
        """Take the status that is there for one's own; return its phase."""
        self._written = self.body.get("status", {})
        found = self._written.get("phase")
        return Phase(found) if found else None

    async def report(self) -> None:
        """Write the status where it differs from what was written last.

        Reports arrive in the order in which they were made, also when who made one does not wait.
        """
        writing = asyncio.create_task(self._write())
        writing.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(writing)

    async def _write(self) -> None:
        async with self._order:
            await self._write_now()

    async def _write_now(self) -> None:
        metadata, spec = self.body["metadata"], self.body["spec"]
        policy = spec.get("restartPolicy", "Always")
        status = pod_status(self.state, metadata.get("generation", 1), policy)
        if status == self._written or self.silent:
            return
        body = {"metadata": {"uid": metadata["uid"]}, "status": status}
        await self._request("PATCH", "status", body, STRATEGIC)
        self._written = status

    async def bind(self) -> None:
        """Say that the node takes the pod."""
        metadata = self.body["metadata"]
        binding = {
            "metadata": {"name": metadata["name"], "uid": metadata["uid"]},
            "target": {"kind": "Node", "name": self.node.name},
        }
        await self._request("POST", "binding", binding)
        self.body["spec"]["nodeName"] = self.node.name

    async def remove(self) -> None:
        """Say that nothing of the pod is left on the node."""
        uid = self.body["metadata"]["uid"]
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}
        await self._request("DELETE", "", options)

    async def warn(self, reason: str, message: str, warned: str = "") -> str:
        """Record an Event, unless it is the one that was *warned* of before; return its message."""
        if message != warned and not self.silent:
            await self.node.tell(self.body, reason, message)
        return message

    async def _request(
        self, method: str, part: str, body: object, how: str = "application/json"
    ) -> None:
        metadata = self.body["metadata"]
        target = path("v1/pods", metadata["name"], metadata["namespace"], part)
        while True:
            try:
                await self.node.api.request(method, target, body, how)
            except ApiError as exc:
                if exc.status == 404:
                    raise Gone from exc
                # in a namespace that goes away nothing is bound any more; the pod's deletion comes
                if exc.status != 409 and "being terminated" not in exc.message:
                    raise
                if await self._is_bound() and part == "binding":
                    return  # an answer was lost
                await asyncio.sleep(_PAUSE)
            else:
                return

    async def _is_bound(self) -> bool:
        """Look whether the pod stands as bound to the node; Gone where it is another one."""
        metadata = self.body["metadata"]
        target = path("v1/pods", metadata["name"], metadata["namespace"])
        try:
            found = await self.node.api.request("GET", target)
        except ApiError as exc:
            if exc.status != 404:
                raise
            raise Gone from exc
        if found["metadata"]["uid"] != metadata["uid"]:
            raise Gone
        return bool(found["spec"].get("nodeName") == self.node.name)
