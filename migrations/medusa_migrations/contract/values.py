"""Pure: durations, timestamps, booleans, lists and names of runs as people, Kubernetes and Medusa write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration(text: str) -> float:
    """Return the seconds that `250ms`, `5s`, `1h30m` or `90` spell; raise ValueError else."""
    text = text.strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a duration; write 250ms, 5s, 10m or 1h")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def milliseconds(stamp: str) -> int:
    """Return a timestamp of 10 digits (seconds), 13, 14 or 17 (date and time) in milliseconds, UTC.

    Raises ValueError for what is no date and time.
    """
    if len(stamp) == 13:
        return int(stamp)
    if len(stamp) == 10:
        return int(stamp) * 1000
    moment = datetime.strptime(stamp[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1000 + int(stamp[14:] or 0)


def run_id(text: str) -> str:
    """Return *text* where it can name a run; raise ValueError else."""
    if len(text) > 128 or not text.isprintable() or any(map(str.isspace, text)):
        raise ValueError(f"{text!r} is not 128 printable characters, or fewer, without blanks")
    return text


def report_limit(text: str) -> int:
    """Return how many bytes a report may have; raise ValueError for what is no such number."""
    if not text.isascii() or not text.isdigit() or not 1024 <= int(text[:9]) <= 65536:
        raise ValueError(f"{text!r} is not a number of bytes from 1024 to 65536")
    return int(text)


def truth(text: str) -> bool:
    """Return the boolean that Medusa's own environment variables spell; raise ValueError else."""
    match text.strip().lower():
        case "true" | "1" | "yes" | "on":
            return True
        case "false" | "0" | "no" | "off" | "":
            return False
        case _:
            raise ValueError(f"{text!r} is neither true nor false")


def some(names: Sequence[str], most: int = 3, *, what: str = "more") -> str:
    """Return the first *most* of *names*, and how many there are besides: `a, b and 7 more`."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} {what}"
