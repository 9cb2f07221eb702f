"""Long-lived programs of the test cluster: started with a log, ended with whoever started them."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SETPRIV = shutil.which("setpriv")
_STARTER = ThreadPoolExecutor(1, thread_name_prefix="starter")
"""Starts every daemon: the kernel ends what a thread has started with that thread."""
MEASURING = Path(__file__).with_name("child.py")
"""A program that runs a command and prints what it took: see there."""


def mortal(command: Sequence[str | Path]) -> list[str]:
    """Return *command* so that the kernel kills it when the thread that starts it has ended."""
    leash = [_SETPRIV, "--pdeathsig", "KILL", "--"] if _SETPRIV else []
    return [*leash, *map(str, command)]


def as_user(number: int, command: Sequence[str | Path]) -> list[str]:
    """Return *command* so that it runs as a user that has no name and no home, in group 0.

    In a user namespace of its own: what it may read and write is what whoever starts it may.
    """
    unshare = ["unshare", "--user", f"--map-user={number}", "--map-group=0", "--"]
    return [*unshare, *map(str, command)]


@dataclass(slots=True)
class Daemon:
    """A program that runs until it is stopped."""

    command: Sequence[str | Path]
    log: Path
    environment: dict[str, str] | None = None
    _process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The number of its process; 0 where it does not run."""
        return self._process.pid if self._process else 0

    @property
    def exited(self) -> int | None:
        """The exit status it ended with by itself; None while it runs or was stopped."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Start it; what it prints is appended to the log."""
        with self.log.open("ab") as log:
            self._process = _STARTER.submit(
                subprocess.Popen, mortal(self.command), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, env=self.environment,
            ).result()  # fmt: skip

    def send(self, how: signal.Signals) -> None:
        """Send a signal to it."""
        assert self._process is not None
        os.kill(self._process.pid, how)

    def stop(self, how: signal.Signals = signal.SIGKILL, within: float = 30.0) -> int | None:
        """End it and wait until it is gone; return its exit status."""
        if self._process is None:
            return None
        with suppress(ProcessLookupError):
            self._process.send_signal(how)
        try:
            status = self._process.wait(timeout=within)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._process = None
        return status

    def tail(self, lines: int = 15) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def free_port() -> int:
    """Return a port that stays free: no outgoing connection takes one of this range."""
    while True:
        port = random.randint(20000, 32000)
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
