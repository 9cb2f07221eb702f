"""A stand-in for the kubelet and the scheduler: pods of the test cluster run as local processes."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from medusa_testbed.api import STRATEGIC, ApiError, path
from medusa_testbed.async_api import AsyncApi
from medusa_testbed.kubelet import logs
from medusa_testbed.kubelet.node import Node
from medusa_testbed.kubelet.pod import Pod
from medusa_testbed.kubelet.status import Phase, timestamp

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from medusa_testbed.api import Object
    from medusa_testbed.kubelet.container import Container
    from medusa_testbed.kubelet.images import Image

Found = TypeVar("Found")

_PRESSURE = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 12Mi. "


@dataclass(slots=True)
class Kubelet:
    """Runs in a thread of its own; its methods are called from the test's."""

    server: str
    ca: Path
    token: str
    folder: Path
    """Holds a folder for every pod; logs stay there when a pod is gone."""
    node: Node = field(default_factory=Node)
    defects: list[BaseException] = field(default_factory=list)
    """What went wrong in the stand-in itself."""
    _pods: dict[str, Pod] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _loop: asyncio.AbstractEventLoop = field(init=False)
    _thread: threading.Thread | None = None
    _ready: threading.Event = field(default_factory=threading.Event)
    _main: asyncio.Task[None] | None = None

    @property
    def images(self) -> dict[str, Image]:
        """What can be pulled: change it to publish an image, to move a tag, to lose one."""
        return self.node.images

    def start(self) -> None:
        """Register the node and begin to run what is bound for it."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="kubelet", daemon=True)
        self._thread.start()
        if not self._ready.wait(30):
            raise TimeoutError("the stand-in kubelet did not register its node")

    def stop(self) -> None:
        """End all processes and the thread; the pods stay as they were last reported."""
        if self._thread is None:
            return
        if self._main is not None:
            self._loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join(30)
        self._thread = None

    # -- what a test may ask and order

    def pods(self, namespace: str) -> list[str]:
        """Return the names of the pods of a namespace that have a process now."""
        found = self._pods.copy().values()
        return sorted(
            pod.body["metadata"]["name"]
            for pod in found
            if pod.body["metadata"]["namespace"] == namespace
            and any(container.pid for container in pod.containers)
        )

    def pid(self, namespace: str, name: str) -> int:
        """Return the number of the process of a pod's running container; 0 where none runs."""
        pids = [container.pid for container in self._find(namespace, name).containers]
        return next((pid for pid in pids if pid), 0)

    def log(self, namespace: str, name: str, container: str = "") -> str:
        """Return what a pod's containers have printed, also when the pod is gone."""
        found = sorted(
            self.folder.glob(f"{namespace}_{name}_*/containers/{container or '*'}/*.log")
        )
        return "".join(file.read_text(errors="replace") for file in found)

    def kill(
        self, namespace: str, name: str, how: int = signal.SIGKILL, *, reason: str = ""
    ) -> None:
        """Send a signal to a pod's processes; *reason* is what its status shall name: OOMKilled."""
        pod = self._find(namespace, name)

        async def send() -> None:
            for container in pod.containers:
                container.killed_for = reason
                container.signal(signal.Signals(how))

        self._do(send())

    def evict(self, namespace: str, name: str, message: str = _PRESSURE) -> None:
        """Evict a pod for want of room on the node: it fails, and stays to tell why."""
        pod = self._find(namespace, name)

        async def order() -> None:
            pod.disturb(eviction=message)

        self._do(order())

    def lose(self, namespace: str, name: str, *, processes_run_on: bool = False) -> None:
        """Lose the node under a pod, as the pod garbage collector finds it: failed, then removed.

        A node that lost only its connection goes on running the pod's processes.
        """
        pod = self._find(namespace, name)
        self._do(self._lose(pod, processes_run_on=processes_run_on))

    def cordon(self, why: str = "1 node(s) were unschedulable") -> None:
        """Take no more pods."""
        self.node.cordoned = why

    def uncordon(self) -> None:
        """Take pods again."""
        self.node.cordoned = ""

    # -- how it runs

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._main = self._loop.create_task(self._run())
        try:
            self._loop.run_until_complete(self._main)
        except asyncio.CancelledError:
            pass
        except Exception as exc:  # noqa: BLE001  a test asks for it
            self.defects.append(exc)
        finally:
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    async def _run(self) -> None:
        async with AsyncApi(self.server, self.ca, self.token) as api:
            self.node.api = api
            try:
                async with logs.served(self.ca, self._container) as port:
                    await self.node.register(port)
                    self._ready.set()
                    while True:
                        await self._follow(api)
            finally:
                for task in self._tasks.values():
                    task.cancel()
                await asyncio.gather(*self._tasks.values(), return_exceptions=True)
                for pod in self._pods.values():
                    for container in pod.containers:
                        container.finish()

    async def _follow(self, api: AsyncApi) -> None:
        """List all pods, then watch them for as long as the API server lets us."""
        listed = await api.request("GET", path("v1/pods"))
        existing = {pod["metadata"]["uid"] for pod in listed["items"]}
        for uid in set(self._pods) - existing:
            self._removed(uid)
        for pod in listed["items"]:
            self._seen(pod)
        version = listed["metadata"]["resourceVersion"]
        target = f"{path('v1/pods')}?watch=1&resourceVersion={version}&timeoutSeconds=300"
        async with aclosing(api.watch(target)) as events:
            async for event in events:
                pod = event["object"]
                match event["type"]:
                    case "ADDED" | "MODIFIED":
                        self._seen(pod)
                    case "DELETED":
                        self._removed(pod["metadata"]["uid"])
                    case _:
                        break
        await asyncio.sleep(0.1)

    def _seen(self, found: Object) -> None:
        metadata = found["metadata"]
        uid = metadata["uid"]
        if uid in self._pods:
            self._pods[uid].seen(found)
            return
        if found["spec"].get("nodeName", self.node.name) != self.node.name:
            return
        folder = self.folder / f"{metadata['namespace']}_{metadata['name']}_{uid}"
        pod = self._pods[uid] = Pod(found, self.node, folder)
        task = self._tasks[uid] = self._loop.create_task(pod.run())
        task.add_done_callback(partial(self._ended, uid))

    def _removed(self, uid: str) -> None:
        pod = self._pods.get(uid)
        if pod is not None:
            pod.disturb(gone=True)
            self._forget(uid)

    def _ended(self, uid: str, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (defect := task.exception()):
            self.defects.append(defect)
        self._forget(uid)

    def _forget(self, uid: str) -> None:
        """Drop a pod that is gone and has ended here; that of a lost node may run on."""
        pod = self._pods[uid]
        if pod.gone and self._tasks[uid].done() and not pod.abandoned:
            del self._pods[uid], self._tasks[uid]

    async def _lose(self, pod: Pod, *, processes_run_on: bool) -> None:
        metadata = pod.body["metadata"]
        pod.abandon()
        self._tasks[metadata["uid"]].cancel()
        if not processes_run_on:
            for container in pod.containers:
                container.finish()
        condition = {
            "type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC",
            "message": "PodGC: node no longer exists", "lastTransitionTime": timestamp(),
        }  # fmt: skip
        lost = {"status": {"phase": Phase.FAILED.value, "conditions": [condition]}}
        target = path("v1/pods", metadata["name"], metadata["namespace"])
        try:
            await self.node.api.request("PATCH", f"{target}/status", lost, STRATEGIC)
            await self.node.api.request("DELETE", target, {"gracePeriodSeconds": 0})
        except ApiError as exc:
            if exc.status != 404:
                raise

    def _find(self, namespace: str, name: str) -> Pod:
        for pod in self._pods.copy().values():
            metadata = pod.body["metadata"]
            if (metadata["namespace"], metadata["name"]) == (namespace, name):
                return pod
        raise LookupError(f"no pod {namespace}/{name} on the stand-in node")

    def _container(self, namespace: str, pod: str, name: str) -> Container | None:
        try:
            found = self._find(namespace, pod).containers
        except LookupError:
            return None
        return next((container for container in found if container.state.name == name), None)

    def _do(self, order: Coroutine[Any, Any, Found]) -> Found:
        return asyncio.run_coroutine_threadsafe(order, self._loop).result(30)
