"""What are stdin, stdout and stderr to us? Nothing that blocks a run, ends it or changes its exit code."""

from __future__ import annotations

import _thread
import errno
import io
import os
import signal
import stat
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from queue import SimpleQueue

MOST = 1 << 20
"""Characters that wait for a reader of stderr; beyond them lines are dropped, and counted."""
END = 5.0
"""Seconds that the end of a process waits for a stream, or a file, that takes nothing."""
ANSWER = 60.0
"""Seconds for the printed part of an answer whose other part is the exit code; a person may page through it."""
SILENCE = 3.0
"""Seconds after which stderr gets a line that something is waited for."""
SETTLE = 1.0
"""Seconds that a result waits for the lines before it to be shown."""

_OBEYED = {
    code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"
} | {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
"""What a terminal obeys instead of showing it, or shows the other way round, and how it is spelled instead."""

_failure: OSError | None = None
"""Why something that was for stdout could not be written; None: all of it was."""


def harmless(text: str) -> str:
    """Return *text* with what a terminal would obey spelled out: names and messages of others may hold it."""
    return text.replace("\r\n", "\n").translate(_OBEYED)


class UnwrittenError(Exception):
    """Stdout takes nothing any more; `failure` has the reason."""


class _Delivery:
    """A text that must be written, and whether it was."""

    def __init__(self, text: str) -> None:
        import threading  # noqa: PLC0415  few commands have such a text

        self.text = text
        self.over = threading.Event()
        self.written = self.given_up = False


class ErrorStream:
    """Stderr whose writes neither raise nor block: a thread of its own writes what is queued.

    Where nobody reads, lines are dropped once MOST characters wait, and the next one that is written
    is preceded by their number. Queue and counts are such that a signal may interrupt any of it.
    What a terminal would obey is spelled out, but for what goes to `exact`: a bar, a command's own output.
    """

    encoding, errors = "utf-8", "backslashreplace"

    def __init__(self, fd: int = 2) -> None:
        self._fd = fd
        self._queue: SimpleQueue[str | threading.Event | _Delivery]
        self._dropped: SimpleQueue[int]
        self._queued = self._written = 0
        self._broken = self._started = False
        self._starting = _thread.allocate_lock()

    @property
    def exact(self) -> ExactStream:
        """The same stream for what is meant for a terminal as it is."""
        return ExactStream(self)

    def write(self, text: str) -> int:
        """Queue *text*, or drop it where too much waits already."""
        self.put(harmless(text))
        return len(text)

    def put(self, text: str) -> int:
        """Queue *text* as it is, or drop it where too much waits already."""
        if self._broken or not text:
            return len(text)
        if not self._started and not self._start():
            self._put(text)
            return len(text)
        if self._queued - self._written + len(text) > MOST:
            self._dropped.put(text.count("\n"))
            return len(text)
        self._queue_dropped()
        self._queued += len(text)
        self._queue.put(text)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Queue each of *lines*."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Do nothing: what is queued is written as soon as somebody reads it."""

    def drain(self, within: float) -> bool:
        """Wait until everything is written, for *within* seconds at most; return whether it is."""
        if not self._started or self._broken:
            return not self._broken
        import threading  # noqa: PLC0415

        self._queue_dropped()
        done = threading.Event()
        self._queue.put(done)
        return done.wait(within)

    def deliver(self, text: str, within: float) -> bool:
        """Write *text* behind what is queued; return whether all of it was written in *within* seconds.

        The null device, which stands for a stderr that was closed as well, takes and keeps nothing.
        """
        if self._broken or _is_null(self._fd):
            return False
        if not self._started and not self._start():
            return self._put(text)
        self._queue_dropped()
        delivery = _Delivery(text)
        self._queue.put(delivery)
        delivery.given_up = not delivery.over.wait(within)
        return delivery.written

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return os.isatty(self._fd)

    def fileno(self) -> int:
        """Return the number of its file."""
        return self._fd

    def writable(self) -> bool:
        """Return that it can be written to."""
        return True

    def _start(self) -> bool:
        """Start the thread that writes; return whether one could be started, in a container full of them."""
        import threading  # noqa: PLC0415  most runs with nothing to do write nothing
        from queue import SimpleQueue  # noqa: PLC0415

        with self._starting:
            if not self._started:
                self._queue, self._dropped = SimpleQueue(), SimpleQueue()
                with suppress(RuntimeError):
                    threading.Thread(target=self._write_queued, daemon=True).start()
                    self._started = True
            return self._started

    def _write_queued(self) -> None:
        while True:
            item = self._queue.get()
            if isinstance(item, str):
                self._put(item)
                self._written += len(item)
            elif isinstance(item, _Delivery):
                item.written = not item.given_up and self._put(item.text)
                item.over.set()
            else:
                item.set()

    def _queue_dropped(self) -> None:
        """Queue how many lines were dropped since this was done last."""
        from queue import Empty  # noqa: PLC0415

        lines = 0
        with suppress(Empty):
            while True:
                lines += self._dropped.get_nowait()
        if lines:
            notice = f"medusa-db: {lines} lines are missing here, as nobody read them in time\n"
            self._queued += len(notice)
            self._queue.put(notice)

    def _put(self, text: str) -> bool:
        """Write *text*; return whether all of it was written."""
        raw = memoryview(text.encode("utf-8", "backslashreplace"))
        while raw and not self._broken:
            try:
                raw = raw[os.write(self._fd, raw) :]
            except BlockingIOError:  # somebody else has made the file non-blocking
                import select  # noqa: PLC0415  hardly ever needed

                select.select([], [self._fd], [])
            except OSError as exc:
                # a full disk may have room for a later line; who has closed the other end is gone
                self._broken = exc.errno != errno.ENOSPC
                return False
        return not raw


class ExactStream:
    """An ErrorStream that writes what it gets as it is."""

    def __init__(self, stream: ErrorStream) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Queue *text*, or drop it where too much waits already."""
        return self._stream.put(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _is_null(fd: int) -> bool:
    """Return whether the file *fd* is the null device."""
    from pathlib import Path  # noqa: PLC0415  few commands ask

    try:
        found = os.fstat(fd)
    except OSError:
        return True
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == Path(os.devnull).stat().st_rdev


class ClosedStream:
    """Stands for a stream that was closed before the process began: each use raises OSError."""

    encoding, errors, closed, buffer = "utf-8", "strict", True, property(lambda self: self)

    def __init__(self, name: str) -> None:
        self._why = f"{name} is closed"

    def isatty(self) -> bool:
        """Return that it is no terminal."""
        return False

    def flush(self) -> None:
        """Do nothing: nothing was written."""

    def write(self, _text: str) -> int:
        """Raise OSError."""
        raise OSError(errno.EBADF, self._why)

    def read(self, _size: int = -1) -> bytes:
        """Raise OSError."""
        raise OSError(errno.EBADF, self._why)

    def readline(self) -> str:
        """Return no line, as at the end of a file."""
        return ""


def take_over() -> None:
    """Replace stderr by one that never blocks nor raises, and what is closed by what can be asked.

    The number of a closed file is taken, so that no connection gets it.
    """
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
            setattr(sys, name, ClosedStream(name))
        if getattr(sys, name) is None:
            setattr(sys, name, ClosedStream(name))
    with suppress(OSError):  # who shares it may have made it non-blocking
        os.set_blocking(1, True)
    with suppress(ValueError):  # a terminal may stop who writes in the background (`stty tostop`)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    sys.stderr = ErrorStream()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a locale may lack a letter


def put(text: str, *, within: float | None = None) -> None:
    """Write *text* to stdout, behind what was written to stderr; `failure` has why it could not be.

    Where *within* seconds are named, it may take no longer.
    """
    global _failure  # noqa: PLW0603  stdout is one for a process
    if _failure is not None:
        return
    drain(SETTLE)
    try:
        with bounded(
            within, lambda: TimeoutError(errno.ETIMEDOUT, f"nobody has read it in {within:g} s")
        ):
            sys.stdout.write(text)
            sys.stdout.flush()
    except OSError as exc:
        _failure = exc


def put_piece(text: str) -> None:
    """Write one of many pieces to stdout; raise UnwrittenError where nobody takes any more."""
    put(text)
    if _failure is not None:
        raise UnwrittenError


def failure() -> OSError | None:
    """Return why something could not be written to stdout; None: all of it was."""
    return _failure


def drain(within: float) -> None:
    """Wait until stderr has what was written to it, for *within* seconds at most."""
    waits = getattr(sys.stderr, "drain", None)
    if waits is not None:
        waits(within)


def delivered(text: str) -> bool:
    """Write to stderr what must not be lost; return whether somebody, or a file, has taken all of it."""
    deliver = getattr(sys.stderr, "deliver", None)
    if deliver is not None:
        return bool(deliver(text, END))
    sys.stderr.write(text)
    return True


def printed() -> int:
    """Return the exit code of what only prints; stderr has the reason where it is not 0.

    A reader who has closed the pipe has seen enough.
    """
    if _failure is None or isinstance(_failure, BrokenPipeError):
        return 0
    sys.stderr.write(f"medusa-db: the result cannot be written: {_failure}\n")
    return 1


def finish() -> None:
    """Write what is left to both, for END seconds at most each."""
    put("", within=END)
    drain(END)


def content(option: str, name: str, *, most: int, within: float) -> bytes:
    """Return the first *most* bytes of the file *name*, which *option* names; `-` is stdin.

    Raises UsageError where it cannot be read, or has not come to its end in *within* seconds (0: no
    limit). A pipe may be closed, silent, or have no writer.
    """
    from pathlib import Path  # noqa: PLC0415  few commands name a file

    from medusa_migrations.contract.errors import UsageError  # noqa: PLC0415

    shown = "stdin" if name == "-" else name

    def late() -> UsageError:
        return UsageError(f"{option} {name}: {shown} has not come to its end in {within:g} s")

    def notice() -> None:
        sys.stderr.write(f"medusa-db: waiting for {shown}, which {option} names\n")

    try:
        with bounded(within or None, late, silence=SILENCE, notice=notice):
            if name == "-":
                return sys.stdin.buffer.read(most)
            with Path(name).open("rb") as stream:
                return stream.read(most)
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "no file can have that name"
        raise UsageError(f"{option} {name} cannot be read: {why}") from exc


@contextmanager
def bounded(
    within: float | None,
    error: Callable[[], Exception],
    *,
    silence: float = 0.0,
    notice: Callable[[], None] | None = None,
) -> Iterator[None]:
    """Raise *error* where what is inside of a `with` takes longer than *within* seconds; None: no bound.

    It ends what blocks in the kernel as well: opening a FIFO, reading a silent pipe, writing to a full one.
    After *silence* seconds *notice* is called once.
    """
    if within is None and notice is None:
        yield
        return
    notified = notice is None

    def ring(_number: int, _frame: Any) -> None:
        nonlocal notified
        if notified or (within is not None and within <= silence):
            raise error()
        notified = True
        if notice is not None:
            notice()
        if within is not None:
            signal.setitimer(signal.ITIMER_REAL, within - silence)

    before = signal.signal(signal.SIGALRM, ring)
    first = [seconds for seconds in (within, silence if notice else None) if seconds is not None]
    signal.setitimer(signal.ITIMER_REAL, min(first))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
