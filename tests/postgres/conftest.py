"""Databases at a version, copied from a template."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servers import TestServer


@pytest.fixture
def shop_at(server: TestServer) -> Iterator[Callable[..., str]]:
    """Call it with a version for the URL of a fresh database at that version."""
    with ExitStack() as stack:
        yield lambda version, *options: server.url(
            stack.enter_context(server.database(server.at(version, *options)))
        )
