"""Tells a person or a log how a run goes on, while it goes on."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

HEARTBEAT = 15.0
"""Seconds between two log lines about a statement that is still running."""


class Progress(Protocol):
    """What a run tells while it goes on."""

    def say(self, text: str, /, **values: Any) -> None:
        """Tell one thing that happened, with its values."""

    def begin(self, total: int) -> None:
        """Start, or start again, over *total* items."""

    def item(
        self, name: str, tables: Mapping[str, tuple[int, int]]
    ) -> AbstractContextManager[None]:
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


class Log:
    """JSON lines on stderr: one an item, and a heartbeat while one takes long."""

    def __init__(self) -> None:
        self._logger: Any = None
        self._lock = threading.Lock()

    def _log(self, event: str, **values: Any) -> None:
        with self._lock:
            if self._logger is None:
                import structlog  # noqa: PLC0415  costs as much as the whole rest of a start

                self._logger = structlog.wrap_logger(
                    structlog.PrintLogger(sys.stderr),
                    processors=[
                        structlog.processors.add_log_level,
                        structlog.processors.TimeStamper(fmt="iso", utc=True),
                        structlog.processors.JSONRenderer(ensure_ascii=False),
                    ],
                )
        self._logger.info(event, **values)

    def say(self, text: str, /, **values: Any) -> None:
        """Log one line."""
        self._log(text, **values)

    def begin(self, total: int) -> None:
        """Log how many items there are."""
        self._log("Starting", items=total)

    @contextmanager
    def item(self, name: str, tables: Mapping[str, tuple[int, int]]) -> Iterator[None]:
        """Log the item when it is done, and a heartbeat until then."""
        started, over = time.monotonic(), threading.Event()

        def beat() -> None:
            while not over.wait(HEARTBEAT):
                age = round(time.monotonic() - started, 1)
                largest = max(tables, key=lambda table: tables[table][1], default="")
                self._log("Still running", item=name, seconds=age, largest_table=largest)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
            self._log("Applied", item=name, seconds=round(time.monotonic() - started, 3))
        finally:
            over.set()
            thread.join()

    def end(self) -> None:
        """Nothing to put away."""


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
    def item(self, name: str, tables: Mapping[str, tuple[int, int]]) -> Iterator[None]:
        """Name the item beside the bar, with the largest table it locks."""
        largest = max(tables, key=lambda table: tables[table][1], default="")
        shown = f"{name} ({largest}, {size(tables[largest][1])})" if largest else name
        self._bar.update(self._task, description=shown)
        yield
        self._bar.advance(self._task)

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
