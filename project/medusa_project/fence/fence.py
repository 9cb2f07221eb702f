"""Runs one command while a connection of ours holds the lock; ends it, and what it started, when it must."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

import psycopg

from medusa_migrations.contract.errors import UsageError
from medusa_migrations.postgres import translation
from medusa_project.fence import processes, sessions
from medusa_project.fence.activity import Activity
from medusa_project.fence.command import EndCause, Ended
from medusa_project.fence.output import Output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

    from medusa_project.fence.activity import Session
    from medusa_project.fence.command import Fenced

_TICK = 0.2
"""Seconds between two looks at the command."""
_LOOK = 1.0
"""Seconds between two looks at its sessions, each of which proves that the lock is still ours."""
_LEFTOVER_GRACE = 2.0
"""Seconds that what a command has started may go on when the command itself has ended."""
_DRAIN = 10.0
"""Seconds for the rest of the output to be taken by whoever reads our stderr."""
_READER = 5.0
"""Seconds that a piece of output waits for who reads our stderr."""
_SILENCE = 35.0
"""Seconds after which a server that does not answer counts as lost; TCP says so after 30."""
_CHUNK = 64 * 1024


def run(
    conn: Connection[Any],
    fenced: Fenced,
    mask: Callable[[str], str],
    say: Callable[[str], None],
    *,
    shown: bool = True,
) -> Ended:
    """Run the command to its end, while *conn* holds the lock; return how it ended.

    Whatever ends it, none of its processes runs any more afterwards. Its output goes to stderr where
    it is *shown*, masked. Raises UsageError where it cannot be started.
    """

    def find() -> list[int]:
        return processes.members(fenced.token, without=[os.getppid()])

    ends = os.pipe()
    reading, writing = os.fdopen(ends[0], "rb"), os.fdopen(ends[1], "wb")
    pump = _Pump(reading, Output(mask), shown=shown)
    every = min(_LOOK, fenced.stall / 4 or _LOOK)
    watch = _Watch(conn, fenced.session_name, every, fenced.polls)
    with _signals() as received:
        started = time.monotonic()
        try:
            with writing:
                process = _start(fenced, writing)
            pump.start()
            watch.start()
            cause = _wait(process, fenced, pump, watch, received)
            seconds = time.monotonic() - started
            if cause is EndCause.BY_ITSELF:
                _await_rest(find)
            left = find()
            if cause is not EndCause.BY_ITSELF:
                say(f"ending the command: it is {cause}")
        finally:
            grace = 0.0 if watch.lost else processes.TERM_GRACE
            processes.end(find, grace)
            stays = find()
            watch.stop()
        code = -signal.SIGKILL if process.pid in stays else process.wait()
        pump.join(_DRAIN)
        remaining = 0 if watch.lost else _end_sessions(conn, fenced.session_name, watch)
        return Ended(
            EndCause.LOCK_LOST if watch.lost else cause,
            code,
            seconds,
            pump.output.last,
            left=len(left) if cause is EndCause.BY_ITSELF else 0,
            unkillable=len(stays),
            sessions=remaining,
            signal=received[0] if received else 0,
            why=watch.lost,
        )


def _start(fenced: Fenced, writing: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603  the command is the user's own
            fenced.argv,
            cwd=fenced.folder,
            env=dict(fenced.environment),
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
            start_new_session=True,
        )
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise UsageError(
            f"{fenced.argv[0]} cannot be started: {why}; check that it is a program, and that the one "
            "its first line names is installed",
            reason="NoCommand",
        ) from exc


def _wait(
    process: subprocess.Popen[bytes],
    fenced: Fenced,
    pump: _Pump,
    watch: _Watch,
    received: list[int],
) -> EndCause:
    """Wait until the command has ended, or must be ended; return why it is over."""
    started = time.monotonic()
    activity = Activity(started)
    with _exit_of(process) as exited:
        while not exited(_TICK):
            now = time.monotonic()
            processes.reap(keep=process.pid)
            if received:
                return EndCause.INTERRUPTED
            if watch.lost:
                return EndCause.LOCK_LOST
            if fenced.run_timeout and now - started > fenced.run_timeout:
                return EndCause.TIMED_OUT
            activity = activity.observe(now, watch.take(), pump.bytes)
            if fenced.stall and activity.idle(now) > fenced.stall:
                return EndCause.STALLED
    return EndCause.BY_ITSELF


@contextmanager
def _exit_of(process: subprocess.Popen[bytes]) -> Iterator[Callable[[float], bool]]:
    """Return what waits so many seconds for the end of *process*, and tells whether that has come."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # Linux 5.3 and later
        yield lambda seconds: _polled(process, seconds)
        return
    try:
        yield (
            lambda seconds: (
                bool(select.select([descriptor], [], [], seconds)[0]) and process.poll() is not None
            )
        )
    finally:
        os.close(descriptor)


def _polled(process: subprocess.Popen[bytes], seconds: float) -> bool:
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    return process.returncode is not None


def _await_rest(find: Callable[[], list[int]]) -> None:
    """Let what the command has started end by itself, for a little while."""
    deadline = time.monotonic() + _LEFTOVER_GRACE
    while find() and time.monotonic() < deadline:
        processes.reap()
        time.sleep(0.02)


def _end_sessions(conn: Connection[Any], name: str, watch: _Watch) -> int:
    """End what the command has left in the server; note in *watch* where the lock is lost by now."""
    try:
        return sessions.end(conn, name, wait=2.0)
    except psycopg.Error as exc:
        if not translation.is_lost(exc):
            raise
        watch.lost = _first_line(exc)
        return 0


def _first_line(exc: Exception) -> str:
    lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
    return lines[0] if lines else type(exc).__name__


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect the signals that end a process for the duration of a `with`, instead of being interrupted by them."""
    received: list[int] = []
    ending = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
    numbers = [one for one in ending if signal.getsignal(one) is not signal.SIG_IGN]  # as of nohup
    before = [signal.signal(number, lambda n, _: received.append(n)) for number in numbers]
    try:
        yield received
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


class _Pump(threading.Thread):
    """Shows the output of the command on stderr while it comes, at the pace of who reads that."""

    def __init__(self, reading: IO[bytes], output: Output, *, shown: bool) -> None:
        super().__init__(daemon=True)
        self._shown = shown
        self.output = output
        self.bytes = 0
        self._reading = reading

    def run(self) -> None:
        with self._reading:
            while chunk := os.read(self._reading.fileno(), _CHUNK):
                self.bytes += len(chunk)
                self._show(self.output.feed(chunk))
        self._show(self.output.finish())

    def _show(self, text: str) -> None:
        if text and self._shown:
            with suppress(OSError, ValueError):  # nobody reads it, and the command goes on
                getattr(sys.stderr, "exact", sys.stderr).write(text)  # its colours, too
                sys.stderr.flush()
                if (drain := getattr(sys.stderr, "drain", None)) is not None:
                    drain(_READER)  # else lines would be dropped that a slow reader still wants


@dataclass
class _Watch:
    """Looks at the sessions of the command, on the connection that holds the lock."""

    conn: Connection[Any]
    name: str
    every: float
    """Seconds between two looks."""
    polls: str = ""
    """How a statement begins that is no activity."""
    lost: str = ""
    """What the server said when the connection, and so the lock, was lost."""
    _seen: tuple[Session, ...] | None = None
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def take(self) -> tuple[Session, ...] | None:
        """Return what the latest look has found; None where there was none since the last call."""
        seen, self._seen = self._seen, None
        return seen

    def stop(self) -> None:
        """End; the connection is free to be used afterwards, or lost."""
        self._over.set()
        if self._thread is None:
            return
        self._thread.join(_SILENCE)
        if self._thread.is_alive():
            self.lost = self.lost or f"the server has not answered for {_SILENCE:g} s"
            self.conn.close()

    def _run(self) -> None:
        while not self._over.wait(self.every):
            try:
                self._seen = sessions.look(self.conn, self.name, self.polls)
            except psycopg.Error as exc:
                if translation.is_lost(exc):
                    self.lost = _first_line(exc)
                    return
