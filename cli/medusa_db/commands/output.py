"""Prints results, and writes reports: those go to stdout and to a file, everything else to stderr."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress

from medusa_db import streams


def print_result(text: str, *, within: float | None = None) -> None:
    """Print a result for people, within so many seconds where they are named.

    What cannot be printed is not an error here: `streams.failure` has it, and `commands.run` decides
    what becomes of it.
    """
    streams.put(text + "\n", within=within)


def print_json(body: object, *, within: float | None = None) -> None:
    """Print a result for machines, in the same way."""
    print_result(json.dumps(body, ensure_ascii=False, indent=2), within=within)


def write_report(file: str, text: str) -> None:
    """Write a report to *file*; the run itself counts, not whether it could be reported."""
    try:
        with streams.bounded(streams.END, lambda: TimeoutError("nobody reads it")):
            overwrite(file, text)
    except OSError as exc:
        sys.stderr.write(f"medusa-db: the report cannot be written to {file}: {exc}\n")


def overwrite(file: str, text: str) -> None:
    """Write *text* over what is in *file*: at no moment it is empty, and no pipe is waited for."""
    raw = text.encode()
    number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK, 0o666)
    with open(number, "wb", buffering=0) as stream:  # noqa: PTH123  opened as no path can be
        stream.write(raw)
        with suppress(OSError):  # a pipe
            stream.truncate(len(raw))
