"""Servers and databases for every tier, and the list of what was left out."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import servers
from medusa_migrations import catalog_files, embedded
from servers import TestServer
from tiers import need

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from medusa_migrations.catalog import Catalog


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The catalog as shipped."""
    return catalog_files.read()


@pytest.fixture(scope="session", params=["embedded", "debian"])
def server(request: pytest.FixtureRequest) -> Iterator[TestServer]:
    """Each kind of server that this machine has, in turn; a given one instead of the first."""
    given = os.environ.get("MEDUSA_TEST_DATABASE_URL")
    if request.param == "embedded":
        if given:
            yield TestServer(given)
            return
        programs = embedded.binaries()
    else:
        found = servers.debian()
        need(found, "Debian's PostgreSQL is not installed (apt-get install postgresql)")
        assert found is not None
        programs = found
    with servers.started(programs, max_connections="60") as running:
        yield running


@pytest.fixture
def url(server: TestServer) -> Iterator[str]:
    """The URL of an empty database."""
    with server.database() as name:
        yield server.url(name)


@pytest.fixture
def conn(url: str) -> Iterator[Connection[Any]]:
    """A connection, in autocommit mode, to an empty database."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """End with what was left out, and why."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if "left out: " in reason:
            reasons[reason.partition("left out: ")[2]] += 1
    if reasons:
        terminalreporter.section("left out")
        for reason, count in reasons.items():
            terminalreporter.line(f"{count:5d} tests: {reason}")
