"""The shape of the machine that a benchmark ran on."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> str:
    """Return the machine's memory."""
    size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{size / 2**30:.0f} GiB"


def processor() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def node() -> str:
    """Return the version of Node, or nothing."""
    program = shutil.which("node")
    if program is None:
        return ""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.strip().removeprefix("v")


def load() -> float:
    """Return how many processes wanted to run in the last minute."""
    return os.getloadavg()[0]


def described(postgresql: str) -> str:
    """Return the machine in one line."""
    parts = [
        f"{cores()} cores ({processor()})",
        memory(),
        f"{platform.system()} {platform.release()}",
        f"PostgreSQL {postgresql} with fsync",
        f"Python {platform.python_version()}",
    ]
    if node():
        parts.append(f"Node {node()}")
    return ", ".join(parts)
