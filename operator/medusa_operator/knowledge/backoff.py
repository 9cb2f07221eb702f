"""Pure: when a failed attempt is tried again."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from medusa_operator.resource.reasons import Reason

FIRST = 10.0
"""Seconds before the second attempt; doubled for each one after it."""
LONGEST = 600.0
SLOW = 300.0
"""Seconds between two looks at what only a person can help: long enough to disturb nobody, short
enough to notice the help."""
JITTER = 0.1
"""The share by which a delay is longer or shorter, so that a fleet does not come back at once."""
UTMOST = timedelta(seconds=LONGEST * (1 + JITTER))
"""No delay is longer."""

LOOKED_AT_AGAIN = frozenset({Reason.ACCESS_DENIED, Reason.RUNNER_USAGE, Reason.UNSUPPORTED})
"""What stalls, as only a person can help, and is looked at again all the same: the help is given
where the operator cannot see it, in a Secret or in PostgreSQL."""


def delay(attempt: int, job: str, reason: str = "") -> timedelta:
    """Return how long after failed attempt number *attempt*, made by *job*, the next one is due."""
    seconds = min(LONGEST, FIRST * 2 ** min(attempt - 1, 16))
    if reason in LOOKED_AT_AGAIN:
        seconds = SLOW
    share = int.from_bytes(hashlib.sha256(job.encode()).digest()[:4]) / 2**32
    return timedelta(seconds=round(seconds * (1 + JITTER * (2 * share - 1))))
