"""Runs a contestant once and returns what it took."""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_testbed.processes import MEASURING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TIMEOUT = 900.0
"""Seconds after which a command counts as hanging."""


class FailedRunError(Exception):
    """A contestant failed, or did not do what it was to do: its time would mean nothing."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """A command line with its surroundings."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took: seconds and bytes."""

    wall: float
    client: float
    """CPU time of the command and its children, user and system."""
    memory: int
    """Peak resident memory of the largest process."""
    server: float | None = None
    """CPU time of the database server; None where it cannot be told."""


@dataclass(slots=True)
class Series:
    """The runs of one contestant in one benchmark."""

    name: str
    runs: list[Run] = field(default_factory=list)
    why_not: str = ""
    """Why it was not measured."""
    failed: bool = False

    def fail(self, why: str) -> None:
        """Take all its runs away: who fails has no time."""
        self.runs.clear()
        self.why_not, self.failed = f"failed: {why.splitlines()[0]}", True

    @property
    def wall(self) -> float:
        """The median time."""
        return statistics.median(run.wall for run in self.runs)

    @property
    def spread(self) -> tuple[float, float]:
        """The shortest and the longest time."""
        return min(run.wall for run in self.runs), max(run.wall for run in self.runs)

    @property
    def client(self) -> float:
        """The median of the command's CPU time."""
        return statistics.median(run.client for run in self.runs)

    @property
    def server(self) -> float | None:
        """The median of the server's CPU time."""
        known = [run.server for run in self.runs if run.server is not None]
        return statistics.median(known) if known else None

    @property
    def cpu(self) -> float:
        """The median of the CPU time of both sides."""
        return statistics.median(run.client + (run.server or 0) for run in self.runs)

    @property
    def memory(self) -> int:
        """The largest peak of any run."""
        return max(run.memory for run in self.runs)


def run(called: Invocation) -> tuple[Run, str]:
    """Run *called* to its end; return what it took and what it printed.

    Raises FailedRunError for an exit code other than 0 and for a command that hangs.
    """
    with tempfile.TemporaryDirectory(prefix="medusa-db-bench-") as folder:
        output = Path(folder) / "output"
        line = _measured(called, output)
        printed = output.read_text(errors="replace") if output.exists() else ""
    code, wall, client, memory = line.split()
    if code != "0":
        tail = "\n".join(printed.splitlines()[-10:])
        raise FailedRunError(f"{_shown(called.command)} ended with {code}:\n{tail}")
    return Run(float(wall), float(client), int(memory)), printed


def _measured(called: Invocation, output: Path) -> str:
    command = [sys.executable, "-I", "-S", str(MEASURING), str(output), *called.command]
    process = subprocess.Popen(
        command, cwd=called.folder, env=dict(called.environment), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        line, _ = process.communicate(timeout=TIMEOUT)
    except BaseException as exc:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(exc, subprocess.TimeoutExpired):
            message = f"{_shown(called.command)} did not end within {TIMEOUT:g} s"
            raise FailedRunError(message) from exc
        raise
    if process.returncode != 0:
        raise FailedRunError(f"{_shown(called.command)} could not be started")
    return line


def _shown(command: Sequence[str]) -> str:
    return " ".join(command)[:200]
