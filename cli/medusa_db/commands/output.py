"""Prints results: they go to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys

from medusa_migrations.contract.errors import RunnerError


def print_result(text: str) -> None:
    """Print a result for people; raise RunnerError where it cannot be written."""
    try:
        sys.stdout.write(text + "\n")
    except BrokenPipeError:  # the reader has seen enough
        raise
    except OSError as exc:
        raise RunnerError(f"the result cannot be written: {exc}", reason="Output") from exc


def print_json(body: object) -> None:
    """Print a result for machines; raise RunnerError where it cannot be written."""
    print_result(json.dumps(body, ensure_ascii=False, indent=2))
