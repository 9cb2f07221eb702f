"""Shows a person, or logs, how a run or a seed goes on, while it goes on."""

from __future__ import annotations

import functools
import queue
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

HEARTBEAT = 15.0
"""Seconds between two log lines about a statement that is still running, or about what is counted."""


@dataclass(slots=True)
class Item:
    """One item while it runs."""

    outcome: str = "Applied"
    """What is logged once it is over."""


class Counter(Protocol):
    """Counts things while they are done."""

    def advance(self, count: int) -> None:
        """Take *count* more as done."""


class Progress(Protocol):
    """What a run reports while it goes on."""

    def say(self, text: str, /, **values: Any) -> None:
        """Report one thing that happened, with its values."""

    def begin(self, total: int) -> None:
        """Start, or start again, over *total* items."""

    def item(
        self, name: str, tables: Mapping[str, tuple[int, int]]
    ) -> AbstractContextManager[Item]:
        """Surround one item; *tables* gives rows and bytes of the tables it locks."""
        ...

    def counting(self, total: int, doing: str, things: str) -> AbstractContextManager[Counter]:
        """Surround the work on *total* *things* (`products`), which is called *doing* (`Seeding`)."""
        ...

    def end(self) -> None:
        """Stop reporting."""


def for_stream(stream: Any = None) -> Progress:
    """Return a bar where *stream* (stderr) is a terminal, else JSON lines."""
    stream = stream or sys.stderr
    return Bar() if stream.isatty() else Log()


def size(bytes_: int) -> str:
    """Spell a size: `8 kB`, `1.2 GB`."""
    amount = float(bytes_)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1024:
            return (
                f"{amount:.0f} {unit}"
                if amount >= 10 or unit == "bytes"
                else f"{amount:.1f} {unit}"
            )
        amount /= 1024
    return f"{amount:.1f} TB"


class _Rate:
    """How many things are done, and how many of them in a second."""

    def __init__(self) -> None:
        self.done = 0
        self._started = time.monotonic()

    def advance(self, count: int) -> int:
        """Take *count* more as done; return how many are done in a second."""
        self.done += count
        return round(self.done / max(time.monotonic() - self._started, 0.001))


class _Line(NamedTuple):
    """One line to be logged, as of when it happened."""

    event: str
    values: Mapping[str, Any]
    at: datetime
    running: str | None
    """The item that runs from here on; None: none."""


class Log:
    """JSON lines on stderr: one an item, and a heartbeat while one takes long.

    A thread of its own writes them, so that the run never waits for a slow pipe, nor for structlog, which is
    imported with the first line.
    """

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[_Line | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None

    def say(self, text: str, /, **values: Any) -> None:
        """Log one line."""
        self._log(text, values, running=None)

    def begin(self, total: int) -> None:
        """Log how many items there are."""
        self._log("Starting", {"items": total}, running=None)

    @contextmanager
    def item(self, name: str, tables: Mapping[str, tuple[int, int]]) -> Iterator[Item]:
        """Log the item when it is done, and a heartbeat until then."""
        started = time.monotonic()
        largest = max(tables, key=lambda table: tables[table][1], default="")
        self._log("", {"item": name, "largest_table": largest}, running=name)
        item = Item()
        yield item
        seconds = round(time.monotonic() - started, 3)
        self._log(item.outcome, {"item": name, "seconds": seconds}, running=None)

    @contextmanager
    def counting(self, total: int, doing: str, things: str) -> Iterator[Counter]:
        """Log how far it is, now and then."""
        yield _LoggedCounter(self, total, doing, things)

    def end(self) -> None:
        """Wait until everything is written."""
        if self._writer is not None:
            self._lines.put(None)
            self._writer.join()
            self._writer = None

    def _log(self, event: str, values: Mapping[str, Any], *, running: str | None) -> None:
        self._lines.put(_Line(event, values, datetime.now(UTC), running))
        if self._writer is None:
            self._writer = threading.Thread(target=self._write, daemon=True)
            self._writer.start()

    def _write(self) -> None:
        line: _Line | None = None
        while True:
            try:
                line = self._lines.get(timeout=HEARTBEAT)
            except queue.Empty:
                if line is not None and line.running is not None:
                    now = datetime.now(UTC)
                    age = round((now - line.at).total_seconds(), 1)
                    _write("Still running", now, {"seconds": age} | dict(line.values))
                continue
            if line is None:
                return
            if line.event:
                _write(line.event, line.at, line.values)


class _LoggedCounter:
    def __init__(self, log: Log, total: int, doing: str, things: str) -> None:
        self._log, self._total, self._doing, self._things = log, total, doing, things
        self._rate = _Rate()
        self._logged = time.monotonic()

    def advance(self, count: int) -> None:
        rate, now = self._rate.advance(count), time.monotonic()
        if now - self._logged > HEARTBEAT:
            self._logged = now
            values = {self._things: self._rate.done, "of": self._total}
            self._log.say(self._doing, **values, **{f"{self._things}_per_second": rate})


def _write(event: str, at: datetime, values: Mapping[str, Any]) -> None:
    """Write one line, which was as it says *at* that time."""
    structlog = _structlog()
    logger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.JSONRenderer(ensure_ascii=False),
            _writable,
        ],
    )
    logger.info(event, timestamp=at.isoformat().replace("+00:00", "Z"), **values)


@functools.cache
def _structlog() -> Any:
    """Import structlog, and not rich, which it would load for tracebacks on a terminal.

    That takes four times the time and the memory of structlog itself, and here nothing is written for a terminal.
    """
    absent = "rich" not in sys.modules
    if absent:
        sys.modules["rich"] = None  # type: ignore[assignment]  # so its import fails
    try:
        import structlog  # noqa: PLC0415  only where a line is written
    finally:
        if absent:
            del sys.modules["rich"]
    return structlog


def _writable(_logger: object, _method: str, line: Any) -> str:
    """Spell what has no UTF-8, such as half of a pair of surrogates."""
    return str(line).encode(errors="backslashreplace").decode()


class Bar:
    """A progress bar on a terminal: of items that run, or of things that are counted."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None

    def say(self, text: str, /, **values: Any) -> None:
        """Print one line above the bar."""
        line = text + "".join(f" {key}={value}" for key, value in values.items())
        if self._bar is None:
            sys.stderr.write(line + "\n")
        else:
            self._bar.console.print(line, markup=False, highlight=False)

    def begin(self, total: int) -> None:
        """Show the bar, or set it back to its start."""
        from rich.console import Console  # noqa: PLC0415  only a terminal pays for it
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        if self._bar is None:
            self._bar = Progress(
                BarColumn(24),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.description}", markup=False),
                console=Console(file=getattr(sys.stderr, "exact", sys.stderr)),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=total)
        else:
            self._bar.reset(self._task, total=total)

    @contextmanager
    def item(self, name: str, tables: Mapping[str, tuple[int, int]]) -> Iterator[Item]:
        """Name the item beside the bar, with the largest table it locks."""
        largest = max(tables, key=lambda table: tables[table][1], default="")
        shown = f"{name} ({largest}, {size(tables[largest][1])})" if largest else name
        self._bar.update(self._task, description=shown)
        yield Item()
        self._bar.advance(self._task)

    @contextmanager
    def counting(self, total: int, doing: str, things: str) -> Iterator[Counter]:  # noqa: ARG002  the bar shows what is done
        """Show how far it is, and how fast; nothing for nothing."""
        if not total:
            yield _ShownCounter(lambda _, __: None, things)
            return
        self.begin(total)

        def advance(count: int, shown: str) -> None:
            self._bar.update(self._task, advance=count, description=shown)

        try:
            yield _ShownCounter(advance, things)
        finally:
            self.end()

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class _ShownCounter:
    def __init__(self, show: Callable[[int, str], None], things: str) -> None:
        self._show, self._things = show, things
        self._rate = _Rate()

    def advance(self, count: int) -> None:
        rate = self._rate.advance(count)
        self._show(count, f"{self._things}, {rate}/s")
