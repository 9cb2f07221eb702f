"""A database full of rows that we upgrade is the one that Medusa upgrades, to the last value."""

from __future__ import annotations

import os
from itertools import pairwise
from typing import TYPE_CHECKING

import psycopg
import pytest

import medusa_rows
from medusa_equality import clock, differences, migrate
from medusa_replay import replay
from medusa_testbed.medusa import packages

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers import TestServer

NEWEST = "1.20.11"
FROM_TO_NEWEST = [
    "1.1.0", "1.1.8", "1.1.15", "1.1.49", "1.1.63", "1.1.65", "1.3.0", "1.3.3", "1.3.6", "1.4.1",
    "1.6.0", "1.7.0", "1.7.5", "1.7.7", "1.7.14", "1.8.0", "1.12.3", "1.15.1", "1.20.0", "1.20.2",
]  # fmt: skip
BETWEEN = [
    ("1.1.0", "1.1.65"),
    ("1.1.15", "1.3.9"),
    ("1.1.63", "1.1.64"),
    ("1.1.63", "1.1.65"),
    ("1.1.63", "1.3.2"),
    ("1.1.65", "1.2.1"),
    ("1.1.65", "1.3.3"),
    ("1.2.1", "1.3.0"),
    ("1.2.1", "1.7.15"),
    ("1.3.2", "1.7.5"),
    ("1.3.9", "1.7.2"),
    ("1.6.0", "1.7.12"),
    ("1.7.5", "1.7.15"),
    ("1.7.11", "1.7.12"),
    ("1.7.12", "1.7.15"),
    ("1.7.12", "1.13.0"),
    ("1.7.15", "1.8.0"),
    ("1.12.3", "1.16.0"),
    ("1.15.1", "1.18.1"),
]
WITH_FLAGS = [
    ("1.3.9", {"tax_inclusive_pricing": True, "sales_channels": True}, NEWEST, {}),
    ("1.5.0", {"order_editing": True}, "1.7.5", {}),
    ("1.6.0", {}, "1.6.5", {"order_editing": True, "publishable_api_keys": True}),
    ("1.12.3", {}, NEWEST, {"medusa_v2": True}),
    ("1.15.1", {}, "1.17.4", {"isolate_product_domain": True}),
    ("1.16.0", {"isolate_product_domain": True}, "1.20.2", {"medusa_v2": True}),
    ("1.18.0", {"medusa_v2": True}, "1.20.0", {"medusa_v2": True}),
    ("1.20.2", {"medusa_v2": True}, NEWEST, {"medusa_v2": True, "tax_inclusive_pricing": True}),
]


def pairs() -> list[tuple[str, str]]:
    pairs = [(version, NEWEST) for version in FROM_TO_NEWEST] + BETWEEN
    if os.environ.get("MEDUSA_TEST_ALL") == "1":
        versions = packages.published_versions()
        pairs += [(version, NEWEST) for version in versions[:-1]] + list(pairwise(versions))
    return list(dict.fromkeys(pairs))


@pytest.mark.parametrize(("before", "after"), pairs())
def test_an_upgrade_is_equal_in_every_row(
    before: str, after: str, server: TestServer, made_by_medusa: Callable[..., str]
) -> None:
    upgrade(server, made_by_medusa(before), before, after, {})


@pytest.mark.parametrize(("before", "had", "after", "has"), WITH_FLAGS)
def test_an_upgrade_with_flags_is_equal_in_every_row(
    before: str,
    had: dict[str, bool],
    after: str,
    has: dict[str, bool],
    server: TestServer,
    made_by_medusa: Callable[..., str],
) -> None:
    upgrade(server, made_by_medusa(before, had), before, after, has)


def upgrade(
    server: TestServer, template: str, before: str, after: str, flags: dict[str, bool]
) -> None:
    """Fill a database of *before*, copy it, let Medusa upgrade one and us the other."""
    with server.database(template) as filled:
        with psycopg.connect(server.url(filled)) as conn:
            counts = medusa_rows.fill(conn, seed=f"{before} to {after}")
        with server.database(filled) as copy:
            theirs, ours = server.url(filled), server.url(copy)
            since = clock(theirs)

            replay(after, theirs, flags)
            migrate(after, ours, flags)

            assert not differences(theirs, ours, since=since)
            assert min(counts.values()) > 0
