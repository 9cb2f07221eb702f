"""The processes of a command: Linux's /proc tells which they are; ending them.

Imports little: the supervisor stays as small as what it imports.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MARKER = "MEDUSA_DB_FENCE"
"""The variable by which a process is known that has left its parents and its process group."""
TERM_GRACE = 10.0
"""Seconds that a process has between SIGTERM and SIGKILL."""
_KILL_WAIT = 30.0
"""Seconds to wait for processes that were killed: one in the kernel's hands takes a while."""
_POLL = 0.05
_SUBREAPER, _PARENT_DEATH = 36, 1


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent has ended, so that none is lost.

    Linux only; elsewhere they are found by their environment or not at all.
    """
    _prctl(_SUBREAPER, 1)


def end_with_parent(number: int) -> None:
    """Ask for the signal *number* when our parent has ended. Linux only."""
    _prctl(_PARENT_DEATH, number)


def members(token: str, without: Iterable[int] = ()) -> list[int]:
    """Return the processes of the command *token* that run: our descendants, and those marked with it.

    Neither we nor those of *without* are among them.
    """
    parents = _parents()
    own = os.getpid()
    left = {own, *without}
    found = {pid for pid in parents if pid not in left and _is_marked(pid, token)}
    found |= {pid for pid in parents if pid not in left and _descends(pid, own, parents, left)}
    for pid in parents:
        if pid not in left and _descends_from_any(pid, found, parents):
            found.add(pid)
    return sorted(found)


def end(find: Callable[[], list[int]], grace: float = TERM_GRACE) -> list[int]:
    """End every process that *find* returns: SIGTERM, then SIGKILL after *grace* seconds.

    Return those that ran, whether they ended by themselves or not; with a grace of 0 SIGKILL at once.
    """
    seen = set(find())
    if grace:
        deadline = time.monotonic() + grace
        running = _signal(seen, signal.SIGTERM)
        while running and time.monotonic() < deadline:
            time.sleep(_POLL)
            running = find()
            seen.update(running)
    deadline = time.monotonic() + _KILL_WAIT
    while (running := find()) and time.monotonic() < deadline:
        seen.update(running)
        _signal(running, signal.SIGKILL)
        time.sleep(_POLL)
    return sorted(seen)


def reap(keep: int = 0) -> None:
    """Take the status of every child that has ended, but for the child *keep*."""
    with suppress(ChildProcessError):
        while True:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None or ended.si_pid == keep:
                return
            os.waitpid(ended.si_pid, os.WNOHANG)


def _signal(pids: Iterable[int], number: int) -> list[int]:
    """Send a signal; return those that it reached."""
    reached = []
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
            reached.append(pid)
    return reached


def _parents() -> dict[int, int]:
    """Return each process that runs with its parent; one that has ended and waits to be reaped is none."""
    found = {}
    try:
        names = os.listdir("/proc")  # noqa: PTH208  pathlib is not imported
    except OSError:  # not on Linux
        return {}
    for name in names:
        if not name.isdigit():
            continue
        with suppress(OSError, ValueError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123  pathlib is not imported
            state, parent = file.read().rpartition(b")")[2].split()[:2]
            if state not in (b"Z", b"X"):
                found[int(name)] = int(parent)
    return found


def _is_marked(pid: int, token: str) -> bool:
    """Return whether the environment that *pid* was started with has the mark of *token*."""
    mark = f"{MARKER}={token}".encode()
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123  pathlib is not imported
            return mark in file.read().split(b"\0")
    except OSError:  # another user's, or ended
        return False


def _descends(pid: int, ancestor: int, parents: dict[int, int], barred: set[int]) -> bool:
    """Return whether *pid* descends from *ancestor* by a line that touches none of *barred* else."""
    while (pid := parents.get(pid, 0)) and pid not in barred:
        pass
    return pid == ancestor


def _descends_from_any(pid: int, ancestors: set[int], parents: dict[int, int]) -> bool:
    while pid := parents.get(pid, 0):
        if pid in ancestors:
            return True
    return False


def _prctl(option: int, value: int) -> None:
    import ctypes  # noqa: PLC0415  only two calls need it

    with suppress(OSError, AttributeError):  # another system has no such call
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
