"""A tier whose parts are missing is left out, and said so; in CI that is a failure."""

from __future__ import annotations

import os

import pytest


def need(present: object, what: str) -> None:
    """Skip the test where a part is missing; fail it with CI=true."""
    if present:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"left out: {what}", pytrace=False)
    pytest.skip(f"left out: {what}")
