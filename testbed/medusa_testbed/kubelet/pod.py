"""The life of one pod on the stand-in node, from Pending to its end."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from medusa_testbed.kubelet.container import Container
from medusa_testbed.kubelet.files import MissingError, Sources, mount
from medusa_testbed.kubelet.record import Gone, Record
from medusa_testbed.kubelet.status import Phase, timestamp, waiting

if TYPE_CHECKING:
    from pathlib import Path

    from medusa_testbed.api import Object
    from medusa_testbed.kubelet.images import Image
    from medusa_testbed.kubelet.node import Node

RETRY = 0.3
"""Seconds between two looks for what a pod is waiting for."""


class _Interruption(Enum):
    GONE = auto()
    DELETED = auto()
    EVICTED = auto()
    LATE = auto()


@dataclass(slots=True)
class Pod:
    """Leads a pod through its life and reports it to the API server."""

    body: Object
    node: Node
    folder: Path
    containers: list[Container] = field(init=False)
    eviction: str = ""
    """Why it must leave the node."""
    gone: bool = False
    _record: Record = field(init=False)
    _begun: float | None = None
    """When a node took it."""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._record = Record(self.body, self.node)
        spec = self.body["spec"]
        first = [Container(given, self._place(given)) for given in spec.get("initContainers", [])]
        main = [Container(given, self._place(given)) for given in spec["containers"]]
        self.containers = first + main
        self._record.state.init = [container.state for container in first]
        self._record.state.main = [container.state for container in main]

    def seen(self, found: Object) -> None:
        """Take note of the object's newest state."""
        self.body = self._record.body = found
        self._changed.set()

    def abandon(self) -> None:
        """Report nothing any more, and leave the processes alone: the node is lost."""
        self._record.silent = True

    @property
    def abandoned(self) -> bool:
        """Whether it was left alone."""
        return self._record.silent

    def disturb(self, *, gone: bool = False, eviction: str = "") -> None:
        """Take note that the object was removed, or that the pod must go."""
        self.gone = self.gone or gone
        self.eviction = eviction or self.eviction
        self._changed.set()

    async def run(self) -> None:
        """Lead it to its end; the task ends when nothing is left to do for this pod."""
        life = asyncio.create_task(self._live())
        try:
            while True:
                interruption = asyncio.create_task(self._interruption(life))
                try:
                    await asyncio.wait({life, interruption}, return_when=asyncio.FIRST_COMPLETED)
                    if life.done():
                        life.result()
                    what = await interruption
                finally:
                    interruption.cancel()
                await _cancelled(life)
                if await self._leave(what):
                    return
        except Gone:
            pass
        finally:
            life.cancel()
            if not self.abandoned:
                await asyncio.gather(*(container.stop(0) for container in self.containers))

    async def _live(self) -> None:
        phase = self._record.adopt()
        if self._record.ended:
            return None
        if phase is Phase.RUNNING:  # it ran before this stand-in was started
            self._record.state.scheduled = True
            await asyncio.gather(*(container.stop(0) for container in self.containers))
            return await self._record.report()
        if not self.body["spec"].get("nodeName"):
            await self._schedule()
        self._record.state.scheduled, self._record.state.started_at = True, timestamp()
        self._begun = time.monotonic()
        self._changed.set()
        if self._ends_at_once():
            return await self._record.report()
        await self._record.report()
        await self._mount()
        sources = Sources(self.node.api, self.body)
        count = len(self._record.state.init)
        for container in self.containers[:count]:
            await self._lead(container, sources, first=True)
            if container.state.exit_code:
                return await self._record.report()
        await asyncio.gather(
            *(self._lead(container, sources) for container in self.containers[count:])
        )
        return None

    async def _schedule(self) -> None:
        while why := self.node.refusal(self.body):
            if why != self._record.state.unschedulable:
                self._record.state.unschedulable = why
                await self._record.report()
                await self._record.warn("FailedScheduling", why)
            await asyncio.sleep(RETRY)
        await self._record.bind()

    def _ends_at_once(self) -> bool:
        images = [self.node.image(container.spec["image"]) for container in self.containers]
        if not all(image and image.outcome for image in images):
            return False
        for container, image in zip(self.containers, images, strict=True):
            assert image is not None
            assert image.outcome is not None
            outcome = image.outcome(self.body)
            container.state.image_id = image.identity(container.spec["image"])
            reason = "Error" if outcome.exit_code else "Completed"
            container.end(outcome.exit_code, reason, outcome.message)
        return True

    async def _mount(self) -> None:
        sources = Sources(self.node.api, self.body)
        for volume in self.body["spec"].get("volumes", []):
            warned = ""
            while True:
                try:
                    await mount(volume, self.folder / "volumes" / volume["name"], sources)
                    break
                except MissingError as exc:
                    warned = await self._record.warn(
                        "FailedMount",
                        f'MountVolume.SetUp failed for volume "{volume["name"]}" : {exc}',
                        warned,
                    )
                    await asyncio.sleep(RETRY)
        self._record.state.mounted = True

    async def _lead(self, container: Container, sources: Sources, *, first: bool = False) -> None:
        policy = self.body["spec"].get("restartPolicy", "Always")
        while True:
            await self._start(container, await self._pull(container), sources)
            ready = asyncio.create_task(self._watch_readiness(container))
            await self._record.report()
            await container.wait()
            ready.cancel()
            code = container.state.exit_code
            if policy == "Never" or (code == 0 and (first or policy == "OnFailure")):
                return await self._record.report()
            container.again()
            await self._record.report()
            await asyncio.sleep(self.node.crash_pause)

    async def _pull(self, container: Container) -> Image:
        name, warned = container.spec["image"], ""
        while (image := self.node.image(name)) is None:
            why = (
                f'failed to pull and unpack image "{name}": failed to resolve reference '
                f'"{name}": {name}: not found'
            )
            if not warned:
                container.state.state = waiting("ErrImagePull", why)
                await self._record.report()
                warned = await self._record.warn("Failed", f'Failed to pull image "{name}": {why}')
            else:
                back_off = f'Back-off pulling image "{name}"'
                container.state.state = waiting(
                    "ImagePullBackOff", f"{back_off}: ErrImagePull: {why}"
                )
                await self._record.report()
                warned = await self._record.warn("BackOff", back_off, warned)
            await asyncio.sleep(RETRY)
        return image

    async def _start(self, container: Container, image: Image, sources: Sources) -> None:
        warned = ""
        while True:
            try:
                return await container.start(image, self.folder / "volumes", sources)
            except MissingError as exc:
                container.state.state = waiting("CreateContainerConfigError", str(exc))
                await self._record.report()
                warned = await self._record.warn("Failed", f"Error: {exc}", warned)
                await asyncio.sleep(RETRY)

    async def _watch_readiness(self, container: Container) -> None:
        while not await asyncio.to_thread(container.ready):  # noqa: ASYNC110  asks each time
            await asyncio.sleep(RETRY)
        if container.pid:
            container.state.ready = True
            await self._record.report()

    async def _interruption(self, life: asyncio.Task[None]) -> _Interruption:
        bound = self.body["spec"].get("activeDeadlineSeconds")
        while True:
            if self.gone:
                return _Interruption.GONE
            if "deletionTimestamp" in self.body["metadata"]:
                return _Interruption.DELETED
            if not life.done() and self.eviction:
                return _Interruption.EVICTED
            counts = bound is not None and self._begun is not None and not life.done()
            left = self._begun + bound - time.monotonic() if counts else None
            if left is not None and left <= 0:
                return _Interruption.LATE
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left)

    async def _leave(self, why: _Interruption) -> bool:
        """Stop the containers and report it; return whether the pod needs nothing more."""
        grace = float(self.body["metadata"].get("deletionGracePeriodSeconds", 30))
        match why:
            case _Interruption.GONE:
                return True
            case _Interruption.DELETED:
                if not self._record.state.scheduled:  # only a reason makes such a pod a failed one
                    self._record.state.reason = "Deleted"
                await self._stop(grace)
                with suppress(Gone):
                    await self._record.report()
                    await self._record.remove()
                return True
            case _Interruption.EVICTED:
                await self._stop(0)
                self._record.state.reason, self._record.state.message = "Evicted", self.eviction
                self._record.state.disrupted = ("TerminationByKubelet", self.eviction)
                await self._record.report()
                await self._record.warn("Evicted", self.eviction)
                return False
            case _Interruption.LATE:
                await self._stop(grace)
                self._record.state.reason = "DeadlineExceeded"
                self._record.state.message = (
                    "Pod was active on the node longer than the specified deadline"
                )
                await self._record.report()
                return False

    async def _stop(self, grace: float) -> None:
        if not self._record.ended:
            await asyncio.gather(*(container.stop(grace) for container in self.containers))

    def _place(self, container: Object) -> Path:
        return self.folder / "containers" / str(container["name"])


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, Gone):
        await task
