"""The options of `exec`: a command of the shop's own, and the limits within which it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from medusa_db.arguments.groups import (
    DatabaseArguments,
    PatienceArguments,
    ReportArguments,
    output,
)
from medusa_db.arguments.option import group, one, optional, rest
from medusa_db.arguments.readers import duration, path


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceArguments:
    """Within which limits a command runs; seconds, 0 for none."""

    TITLE: ClassVar[str] = "how it runs"

    stall: float = one(
        duration,
        "end the command where it does nothing, in the database and in its output, for this long "
        "(default 2m; 0s: never)",
        "TIME",
        default=120.0,
    )
    run_timeout: float = one(
        duration, "limit of the whole command (default 1h; 0s: none)", "TIME", default=3600.0
    )
    lock_wait: float = one(
        duration, "wait for another run this long (default 10m)", "TIME", default=600.0
    )
    lock_timeout: float = one(
        duration,
        "a statement of the command waits this long for a lock (default 5s)",
        "TIME",
        default=5.0,
    )
    statement_timeout: float = one(
        duration, "limit of one statement of the command (default 0s, none)", "TIME", default=0.0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecArguments:
    """What `exec` is asked."""

    TITLE: ClassVar[str] = "how it runs"

    argv: tuple[str, ...] = rest(
        "Run a command of your own on the database: under the lock, bounded, and nothing of it left running.",
        "-- CMD ARG...",
    )
    database: DatabaseArguments = group(DatabaseArguments)
    patience: PatienceArguments = group(PatienceArguments)
    project: str | None = optional(
        path,
        "the folder of the Medusa project, in which the command runs (default: the current one)",
        "DIR",
    )
    node: str | None = optional(
        path, "the Node that asks the project (default: that of PATH)", "FILE"
    )
    fence: FenceArguments = group(FenceArguments)
    report: ReportArguments = group(ReportArguments)
    output: str = output()
