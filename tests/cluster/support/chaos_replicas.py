"""Two replicas of the operator as processes: killed, stopped, with another clock; minded as by a kubelet."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from chaos_history import Exit, Memory
from medusa_testbed.kubeconfig import kubeconfig
from medusa_testbed.operators import HOME, Operator
from tiers import need

if TYPE_CHECKING:
    from chaos_recorder import Recorder
    from medusa_testbed.control_plane import ControlPlane
    from medusa_testbed.proxy import Proxy

_FAREWELLS = (
    "Exception in callback stream.<locals>.request_cancel_callback",
    "an error occurred during closing of asynchronous generator <async_generator object infinite_watch",
)
"""What asyncio logs of kopf's streams while a process ends; they are closed all the same."""
_PAUSE = 1.0
"""Seconds before a replica that ended by itself is started again."""
_SAMPLE = 3.0
"""Seconds between two looks at a replica's memory."""


def clock_library() -> Path | None:
    """Return libfaketime, with which a process sees another time of day."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return found[0] if found else None


def skewed(offset: str) -> dict[str, str]:
    """Return the environment of a process whose time of day is off by *offset*: `+20m`, `-90s`."""
    library = clock_library()
    need(library, "there is no libfaketime (apt-get install libfaketime)")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": offset,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_NO_CACHE": "1",
    }


@dataclass(slots=True)
class Replica:
    """One replica, and the token that it shows."""

    name: str
    operator: Operator
    token: Path
    bound: str = ""
    """The Secret that its token is bound to: it is worth nothing without."""
    due: float | None = None
    """When it is started again; None: it runs."""
    started: float = 0.0
    stopped: float | None = None
    """Since when it is stopped by SIGSTOP; None: it goes on."""
    sampled: float = 0.0


@dataclass(slots=True)
class Replicas:
    """Both of them."""

    cluster: ControlPlane
    recorder: Recorder
    folder: Path
    flags: tuple[str, ...]
    all: list[Replica] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    """When one of them was killed, in seconds since the epoch."""
    _tokens: int = 0

    def add(self, name: str, proxy: Proxy | None = None) -> Replica:
        """Prepare one more; *proxy* stands between it and the API server."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        config, token = folder / "kubeconfig", folder / "token"
        config.write_text(
            kubeconfig(
                self.cluster.server, self.cluster.ca.read_bytes(), HOME, {"tokenFile": str(token)}
            )
        )
        if proxy is not None:
            config = proxy.kubeconfig(config, folder / "proxied")
        replica = Replica(name, Operator(config, folder, self.flags), token)
        self.renew_token(replica)
        self.all.append(replica)
        return replica

    def start(self) -> None:
        """Start them, one after another, and wait until the first one leads."""
        self._start(self.all[0])
        self.all[0].operator.wait("leading", within=120)
        for replica in self.all[1:]:
            self._start(replica)

    def stop(self) -> None:
        """End them."""
        for replica in self.all:
            self.resume(replica)
            if replica.due is None and replica.started:
                replica.operator.stop()

    def mind(self) -> None:
        """Start again what has ended, and measure what runs; to be called often."""
        now = time.monotonic()
        for replica in self.all:
            if replica.due is not None:
                if now >= replica.due:
                    self._start(replica)
                continue
            code = replica.operator.exited
            if code is not None:
                self.exits.append(Exit(replica.name, time.time(), code, _last(replica)))
                replica.due = now + _PAUSE
                replica.stopped = None
            elif replica.stopped is None and now - replica.sampled >= _SAMPLE:
                replica.sampled = now
                self._measure(replica)

    def leader(self) -> Replica | None:
        """Return the one that leads, as the Lease has it; it may be stopped."""
        for replica in self.all:
            if replica.due is None and replica.stopped is None and _leads(replica):
                return replica
        return None

    def kill(self, replica: Replica, back_in: float, **environment: str) -> None:
        """Kill it, and start it again in some seconds, with another environment."""
        self.kills.append(time.time())
        if replica.due is None:
            self.resume(replica)
            replica.operator.kill()
        replica.operator.environment = environment
        replica.due = time.monotonic() + back_in

    def pause(self, replica: Replica) -> None:
        """Stop it as a machine that is out of processor time does."""
        if replica.due is None and replica.stopped is None:
            os.kill(replica.operator.pid, signal.SIGSTOP)
            replica.stopped = time.time()

    def resume(self, replica: Replica) -> None:
        """Let it go on."""
        if replica.stopped is not None:
            if replica.due is None:
                os.kill(replica.operator.pid, signal.SIGCONT)
            self.recorder.trouble("stopped", replica.stopped, replica.name)
            replica.stopped = None

    def expire_token(self, replica: Replica) -> None:
        """Make the token that it shows worthless."""
        self.cluster.api.delete("v1/secrets", replica.bound, HOME)

    def renew_token(self, replica: Replica) -> None:
        """Put a new token where it reads it, as a kubelet does."""
        self._tokens += 1
        replica.bound = f"token-{self._tokens}"
        replica.token.write_text(
            self.cluster.service_account_token(HOME, HOME, secret=replica.bound)
        )

    def defects(self) -> list[str]:
        """Return the lines of their logs that tell of a defect, or are none of theirs, each once."""
        found: dict[str, str] = {}
        for replica in self.all:
            file = replica.operator.folder / "operator.log"
            for line in file.read_text(errors="replace").splitlines():
                try:
                    told = json.loads(line)
                except ValueError:
                    found.setdefault(line[:60], f"{replica.name} printed: {line[:500]}")
                    continue
                event = told.get("event", "")
                if ("defect" in event or "exception" in told) and not event.startswith(_FAREWELLS):
                    about = str(told.get("exception", ""))[-1500:]
                    found.setdefault(
                        about[-200:], f"{replica.name} logged: {told['event']}: {about}"
                    )
        return list(found.values())

    def _start(self, replica: Replica) -> None:
        replica.operator.start()
        replica.due, replica.started = None, time.monotonic()

    def _measure(self, replica: Replica) -> None:
        age = time.monotonic() - replica.started
        try:
            rss = replica.operator.rss
        except (OSError, ValueError, IndexError):  # it has just ended
            return
        self.memory.append(Memory(replica.name, time.time(), age, rss, _leads(replica)))


def _leads(replica: Replica) -> bool:
    return replica.operator.get("/readyz")[1].splitlines()[:1] == ["leading"]


def _last(replica: Replica) -> str:
    """Return what the last line of a replica's log says went wrong."""
    lines = (replica.operator.folder / "operator.log").read_text(errors="replace").splitlines()
    told = ""
    for line in lines[-3:]:
        try:
            found = json.loads(line)
        except ValueError:
            told = line[:300]
            continue
        if found.get("level") in ("error", "critical"):
            about = found.get("error") or str(found.get("exception", "")).splitlines()[-1:]
            told = f"{found['event']}: {about}"
    return told
