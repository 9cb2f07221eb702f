"""Pure: when a failed attempt is tried again."""

from __future__ import annotations

import hashlib
from datetime import timedelta

FIRST = 10.0
"""Seconds before the second attempt; doubled for each one after it."""
LONGEST = 600.0
JITTER = 0.1
"""The share by which a delay is longer or shorter, so that a fleet does not come back at once."""


def delay(attempt: int, job: str) -> timedelta:
    """Return how long after failed attempt number *attempt*, made by *job*, the next one is due."""
    seconds = min(LONGEST, FIRST * 2 ** min(attempt - 1, 16))
    share = int.from_bytes(hashlib.sha256(job.encode()).digest()[:4]) / 2**32
    return timedelta(seconds=round(seconds * (1 + JITTER * (2 * share - 1))))
