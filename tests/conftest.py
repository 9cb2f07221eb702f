"""Servers and databases for every tier, and the list of what was left out."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import postgres_versions
import servers
from medusa_db.demo import embedded
from medusa_migrations.catalog import load
from medusa_testbed.medusa import packages
from servers import TestServer
from tiers import need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

    from medusa_migrations.catalog.model import Catalog


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The catalog as shipped."""
    return load.read()


SERVERS = ("embedded", "debian")
OTHERS = postgres_versions.MAJORS if os.environ.get("MEDUSA_TEST_ALL") else ()


@pytest.fixture(scope="session", params=[*SERVERS, *OTHERS])
def server(request: pytest.FixtureRequest) -> Iterator[TestServer]:
    """Each kind of server that this machine has, in turn; a given one instead of the first."""
    given = os.environ.get("MEDUSA_TEST_DATABASE_URL")
    if request.param == "embedded" and given:
        yield TestServer(given)
        return
    with servers.started(_programs(request.param), max_connections="60") as running:
        yield running


def _programs(kind: str) -> Path:
    if kind == "embedded":
        given = os.environ.get("MEDUSA_TEST_POSTGRES")
        return Path(given) if given else embedded.binaries()
    if kind == "debian":
        found = servers.debian()
        need(found, "Debian's PostgreSQL is not installed (apt-get install postgresql)")
        assert found is not None
        return found
    try:
        return postgres_versions.programs(kind)
    except packages.InstallError as exc:
        need(None, f"PostgreSQL {kind} cannot be installed: {exc}")
        raise


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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run a quarter of the tests on the second server as well; all with MEDUSA_TEST_ALL=1, or asked for.

    MEDUSA_TEST_SHARE=4 runs one in four of all tests, each time the same.

    Those that are marked `each_server` are always run on it: their truth depends on PostgreSQL's version.
    """
    share = int(os.environ.get("MEDUSA_TEST_SHARE") or 1)
    _keep(config, items, lambda item: zlib.crc32(item.nodeid.encode()) % share == 0)
    asked_for = config.option.keyword or any(
        arg.partition("::")[0].endswith(".py") for arg in config.args
    )
    if asked_for or os.environ.get("MEDUSA_TEST_ALL"):
        return
    _keep(config, items, _is_sampled)


def _keep(
    config: pytest.Config, items: list[pytest.Item], wanted: Callable[[pytest.Item], bool]
) -> None:
    config.hook.pytest_deselected(items=[item for item in items if not wanted(item)])
    items[:] = filter(wanted, items)


def _is_sampled(item: pytest.Item) -> bool:
    call = getattr(item, "callspec", None)
    if call is None or call.params.get("server") != SERVERS[1]:
        return True
    if item.get_closest_marker("each_server"):
        return True
    return zlib.crc32(item.nodeid.encode()) % 12 in (3, 6, 9)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give all tests on a real node to one worker: several nodes at once are too much for a small machine."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415  not where pytest runs without it

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return "tests/node" if file.startswith("tests/node/") else file

    return Scheduling(config, log)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """End with what was left out, and why; and with what a time of chaos, or of mess, has to say."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for title in ("chaos", "mess", "soak"):
                told = [
                    text for name, text in getattr(report, "user_properties", ()) if name == title
                ]
                if told and report.when == "call":
                    terminalreporter.section(title)
                    terminalreporter.line("\n".join(told))
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if "left out: " in reason:
            reasons[reason.partition("left out: ")[2]] += 1
    if reasons:
        terminalreporter.section("left out")
        for reason, count in reasons.items():
            terminalreporter.line(f"{count:5d} tests: {reason}")
