"""One container as a process of this machine."""

from __future__ import annotations

import asyncio
import http.client
import os
import secrets
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medusa_testbed.kubeconfig import kubeconfig
from medusa_testbed.kubelet.files import (
    SERVICE_ACCOUNT,
    Sources,
    command_line,
    environment,
    folders,
)
from medusa_testbed.kubelet.status import ADDRESS, ContainerState, timestamp, waiting
from medusa_testbed.processes import as_user, free_port, mortal

if TYPE_CHECKING:
    from pathlib import Path

    from medusa_testbed.api import Object
    from medusa_testbed.kubelet.images import Image

_MESSAGE_BYTES = 4096
_LOG_BYTES, _LOG_LINES = 2048, 80
"""What a kubelet keeps of a termination message, and of the log where it falls back to that."""


@dataclass(slots=True)
class Container:
    """A container: what it shall run, its state, its process."""

    spec: Object
    folder: Path
    """Holds its termination message and its logs, one for each restart."""
    state: ContainerState = field(init=False)
    ports: dict[int, int] = field(default_factory=dict)
    """Where on this machine it listens for a port of its own."""
    killed_for: str = ""
    """The reason to report when it ends, such as OOMKilled."""
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.state = ContainerState(self.spec["name"], self.spec["image"])

    @property
    def pid(self) -> int:
        """The number of its process; 0 where none runs."""
        return self._process.pid if self._process and _runs(self._process.pid) else 0

    @property
    def log(self) -> Path:
        """What it has printed since its last start."""
        return self.folder / f"{self.state.restarts}.log"

    async def start(self, image: Image, volumes: Path, sources: Sources) -> None:
        """Start its process; MissingError where something it names is not there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        mounted = folders(self.spec, volumes, self.folder)
        variables = await environment(
            self.spec, {"HOME": "/", **image.environment}, mounted, sources
        )
        variables["HOSTNAME"] = sources.pod["metadata"]["name"]
        if SERVICE_ACCOUNT in mounted:
            variables.setdefault("KUBECONFIG", self._kubeconfig(mounted[SERVICE_ACCOUNT], sources))
        declared = {port["containerPort"] for port in self.spec.get("ports", [])}
        for port in declared & image.listens.keys():
            self.ports[port] = free_port()
            variables.setdefault(image.listens[port], f"{ADDRESS}:{self.ports[port]}")
        words = command_line(self.spec, image.entrypoint, variables, mounted)
        if image.user is not None:
            words = as_user(image.user, words)
            words[0] = shutil.which(words[0]) or words[0]
        (self.folder / "termination").write_bytes(b"")
        self.state.image_id = image.identity(self.spec["image"])
        self.state.container_id = f"standin://{secrets.token_hex(16)}"
        with self.log.open("ab") as log:
            try:
                self._process = subprocess.Popen(  # noqa: ASYNC220  a millisecond, and no leak
                    mortal(words) if os.access(words[0], os.X_OK) else words,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    env=variables, cwd=self._directory({**image.folders, **mounted}), start_new_session=True,
                )  # fmt: skip
            except OSError as exc:
                why = str(exc.strerror).lower()  # as Go spells it
                self.end(128, "StartError", f'exec: "{words[0]}": {why}')
                return
        self.state.state = {"running": {"startedAt": timestamp()}}

    async def wait(self) -> None:
        """Wait until it has ended, and take note of how."""
        if self._process is None:
            return
        await _exited(self._process)
        self.signal(signal.SIGKILL, group=True)  # what it has left behind
        status = self._process.wait()
        code = status if status >= 0 else 128 - status
        reason = self.killed_for or ("Error" if code else "Completed")
        self.end(code, reason, self._message(code))
        self.killed_for, self._process = "", None

    def ready(self) -> bool:
        """Ask its readiness probe over HTTP; without one a container is ready."""
        asked = self.spec.get("readinessProbe", {}).get("httpGet")
        if not asked:
            return True
        named = {port.get("name"): port["containerPort"] for port in self.spec.get("ports", [])}
        port = int(named.get(asked["port"], asked["port"]))
        connection = http.client.HTTPConnection(ADDRESS, self.ports.get(port, port), timeout=2)
        try:
            connection.request("GET", asked.get("path", "/"))
            return connection.getresponse().status < 400
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def end(self, code: int, reason: str, message: str = "") -> None:
        """Report it as ended."""
        begun = self.state.state.get("running", {}).get("startedAt")
        self.state.ready = False
        self.state.state = {
            "terminated": {
                "exitCode": code,
                "reason": reason,
                "message": message or None,
                "startedAt": begun,
                "finishedAt": timestamp(),
                "containerID": self.state.container_id or None,
            }
        }

    def again(self) -> None:
        """Prepare it for another start, after a pause that the status tells."""
        self.state.last_state = self.state.state
        self.state.restarts += 1
        name = self.state.name
        self.state.state = waiting(
            "CrashLoopBackOff", f"back-off restarting failed container={name}"
        )

    def signal(self, how: signal.Signals, *, group: bool = False) -> None:
        """Send a signal to its first process, or to all of them."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            (os.killpg if group else os.kill)(self._process.pid, how)

    async def stop(self, grace: float) -> None:
        """End it as a kubelet does: SIGTERM, and after *grace* seconds SIGKILL."""
        if self._process is not None:
            waiter = asyncio.create_task(self.wait())
            if grace > 0:
                self.signal(signal.SIGTERM)
                await asyncio.wait([waiter], timeout=grace)
            self.signal(signal.SIGKILL, group=True)
            await waiter
        elif self.state.exit_code is None:
            text = "The container could not be located when the pod was terminated"
            self.end(137, "ContainerStatusUnknown", text)

    def finish(self) -> None:
        """End whatever is left of it, reported or not."""
        if self._process is not None:
            self.signal(signal.SIGKILL, group=True)
            self._process.wait()

    def _message(self, code: int) -> str:
        text = (self.folder / "termination").read_bytes()[-_MESSAGE_BYTES:]
        fallback = self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError"
        if not text and code and fallback:
            tail = self.log.read_bytes()[-_LOG_BYTES:]
            text = b"".join(tail.splitlines(keepends=True)[-_LOG_LINES:])
        return text.decode(errors="replace")

    def _kubeconfig(self, token: Path, sources: Sources) -> str:
        """Write what tells a program of this machine where it would find its token in a pod."""
        api, file = sources.api, self.folder / "kubeconfig"
        namespace = sources.pod["metadata"]["namespace"]
        user = {"tokenFile": str(token / "token")}
        file.write_text(kubeconfig(api.server, api.ca.read_bytes(), namespace, user))
        return str(file)

    def _directory(self, known: dict[str, Path]) -> Path:
        wanted = self.spec.get("workingDir", "")
        return known.get(wanted.rstrip("/"), self.folder)


async def _exited(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of *process*, and leave it to its parent to ask for the status."""
    if not hasattr(os, "pidfd_open"):
        while process.poll() is None:  # noqa: ASYNC110  there is nothing to be told by
            await asyncio.sleep(0.02)
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    handle = os.pidfd_open(process.pid)
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def _runs(pid: int) -> bool:
    """Whether a child of ours runs; its exit status is left for others to ask."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False
