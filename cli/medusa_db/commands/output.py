"""Prints results: they go to stdout, everything else to stderr."""

from __future__ import annotations

import json

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
