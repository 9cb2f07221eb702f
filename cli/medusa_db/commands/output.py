"""Prints results, and writes reports: those go to stdout and to a file, everything else to stderr."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from contextlib import suppress
from pathlib import Path

from medusa_db import streams
from medusa_migrations.contract.errors import UsageError

_REPORT = re.compile(rb'\s*\{\s*"report"')
"""What the file of an earlier report begins with."""


def print_result(text: str, *, within: float | None = None) -> None:
    """Print a result for people, within so many seconds where they are named.

    What a terminal would obey is spelled out. What cannot be printed is not an error here:
    `streams.failure` has it, and `commands.run` decides what becomes of it.
    """
    streams.put(streams.harmless(text) + "\n", within=within)


def print_json(body: object, *, within: float | None = None) -> None:
    """Print a result for machines, in the same way."""
    print_exact(json.dumps(body, ensure_ascii=False, indent=2), within=within)


def print_exact(text: str, *, within: float | None = None) -> None:
    """Print what a program reads, in the same way, as it is."""
    streams.put(text + "\n", within=within)


def write_report(file: str, text: str) -> None:
    """Write a report to *file*; the run itself counts, not whether it could be reported."""
    try:
        with streams.bounded(streams.END, lambda: TimeoutError("nobody reads it")):
            overwrite(file, text)
    except OSError as exc:
        sys.stderr.write(f"medusa-db: the report cannot be written to {file}: {exc}\n")


def require_no_other(file: str) -> None:
    """Raise UsageError where *file* holds something else than a report, such as the document that is seeded."""
    if _holds_something_else(file):
        raise UsageError(
            f"--report-file {file}: the file holds something that is no report, and is not written over; "
            "name another one, or remove it"
        )


def _holds_something_else(file: str) -> bool:
    path = Path(file)
    try:
        if not path.is_file():  # a pipe is not opened: whoever waits at its other end would notice
            return False
        with path.open("rb") as stream:
            begins = stream.read(64)
    except OSError:  # whoever writes it finds out
        return False
    return bool(begins) and _REPORT.match(begins) is None


def overwrite(file: str, text: str) -> None:
    """Write *text* over the report in *file*: at no moment it is empty, and no pipe is waited for.

    Raises OSError where it cannot be written, or holds something else.
    """
    raw = text.encode()
    if _holds_something_else(file):
        raise OSError(errno.EEXIST, "it holds something that is no report")
    number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK, 0o666)
    with open(number, "wb", buffering=0) as stream:  # noqa: PTH123  opened as no path can be
        stream.write(raw)
        with suppress(OSError):  # a pipe
            stream.truncate(len(raw))
