"""Tells how far the loading of products is: a bar with its rate, or a log line now and then."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medusa_migrations.run.progress import Progress

EVERY = 15.0
"""Seconds between two log lines."""


@dataclass(slots=True)
class Loading:
    """Counts products while they are loaded."""

    telling: Progress
    total: int
    _done: int = 0
    _started: float = field(default_factory=time.monotonic)
    _reported: float = field(default_factory=time.monotonic)
    _bar: Any = None
    _task: Any = None

    def __enter__(self) -> Loading:
        if sys.stderr.isatty() and self.total:
            from rich.console import Console  # noqa: PLC0415  only a terminal pays for it
            from rich.progress import (  # noqa: PLC0415
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
            )

            self._bar = Progress(
                BarColumn(24), MofNCompleteColumn(), TextColumn("products, {task.fields[rate]}/s"),
                TimeRemainingColumn(), console=Console(stderr=True), transient=True,
            )  # fmt: skip
            self._bar.start()
            self._task = self._bar.add_task("", total=self.total, rate=0)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, count: int) -> None:
        """Tell that *count* more products are loaded."""
        self._done += count
        now = time.monotonic()
        rate = round(self._done / max(now - self._started, 0.001))
        if self._bar is not None:
            self._bar.update(self._task, advance=count, rate=rate)
        elif now - self._reported > EVERY:
            self._reported = now
            self.telling.say(
                "Seeding", products=self._done, of=self.total, products_per_second=rate
            )
