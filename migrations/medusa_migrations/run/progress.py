"""Tells a person or a log how a run goes on, while it goes on."""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

HEARTBEAT = 15.0
"""Seconds between two log lines about a statement that is still running."""


@dataclass(slots=True)
class Item:
    """One item while it runs."""

    outcome: str = "Applied"
    """What is told once it is over."""


class Progress(Protocol):
    """What a run tells while it goes on."""

    def say(self, text: str, /, **values: Any) -> None:
        """Tell one thing that happened, with its values."""

    def begin(self, total: int) -> None:
        """Start, or start again, over *total* items."""

    def item(
        self, name: str, tables: Mapping[str, tuple[int, int]]
    ) -> AbstractContextManager[Item]:
        """Surround one item; *tables* gives rows and bytes of the tables it locks."""
        ...

    def end(self) -> None:
        """Stop telling."""


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


@dataclass(frozen=True, slots=True)
class _Line:
    """One line to be logged, as of when it was told."""

    event: str
    values: Mapping[str, Any]
    at: datetime
    running: str | None
    """The item that runs from here on; None: none."""


class Log:
    """JSON lines on stderr: one an item, and a heartbeat while one takes long.

    A thread of its own writes them, so that the run never waits for a slow pipe.
    """

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[_Line | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None

    def say(self, text: str, /, **values: Any) -> None:
        """Log one line."""
        self._tell(text, values, running=None)

    def begin(self, total: int) -> None:
        """Log how many items there are."""
        self._tell("Starting", {"items": total}, running=None)

    @contextmanager
    def item(self, name: str, tables: Mapping[str, tuple[int, int]]) -> Iterator[Item]:
        """Log the item when it is done, and a heartbeat until then."""
        started = time.monotonic()
        largest = max(tables, key=lambda table: tables[table][1], default="")
        self._tell("", {"item": name, "largest_table": largest}, running=name)
        item = Item()
        yield item
        seconds = round(time.monotonic() - started, 3)
        self._tell(item.outcome, {"item": name, "seconds": seconds}, running=None)

    def end(self) -> None:
        """Wait until everything is written."""
        if self._writer is not None:
            self._lines.put(None)
            self._writer.join()
            self._writer = None

    def _tell(self, event: str, values: Mapping[str, Any], *, running: str | None) -> None:
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
                    _log("Still running", now, {"seconds": age} | dict(line.values))
                continue
            if line is None:
                return
            if line.event:
                _log(line.event, line.at, line.values)


def _log(event: str, at: datetime, values: Mapping[str, Any]) -> None:
    """Write one line, in the form structlog gives it."""
    stamp = at.isoformat().replace("+00:00", "Z")
    body = {"timestamp": stamp, **values, "event": event, "level": "info"}
    text = json.dumps(body, ensure_ascii=False)
    sys.stderr.write(text.encode(errors="backslashreplace").decode() + "\n")
    sys.stderr.flush()


class Bar:
    """A progress bar on a terminal."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None

    def say(self, text: str, /, **values: Any) -> None:
        """Print one line above the bar."""
        told = text + "".join(f" {key}={value}" for key, value in values.items())
        if self._bar is None:
            sys.stderr.write(told + "\n")
        else:
            self._bar.console.print(told, markup=False, highlight=False)

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
                console=Console(stderr=True),
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

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
