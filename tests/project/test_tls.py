"""A URL that libpq and the driver of a shop's Medusa read differently: with TLS, and without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import servers
from medusa_testbed.node import postgres
from projects import run
from tiers import need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from medusa_testbed.node.postgres import Database, Postgres
    from servers import TestServer

AWAY = "127.0.0.2"
"""An address that Medusa does not take for this machine's own."""


@pytest.fixture(scope="module")
def with_tls() -> Iterator[Postgres]:
    """A server whose certificate is of an authority of its own."""
    programs = servers.debian()
    need(programs, "Debian's PostgreSQL is not installed (apt-get install postgresql)")
    assert programs is not None
    with postgres.started(programs, AWAY) as running:
        yield running


@pytest.fixture
def database(with_tls: Postgres) -> Iterator[Database]:
    """An empty database on it."""
    with with_tls.database() as made:
        yield made


def url(database: Database, query: str) -> str:
    return database.url.replace(postgres.HOST, AWAY) + query


@pytest.mark.parametrize("version", ["2.21.2", "2.8.8"])
def test_a_certificate_that_only_medusas_driver_checks_is_said_at_once(
    project: Callable[..., Path], database: Database, version: str
) -> None:
    found, done = run("plan", project(version), url(database, "?sslmode=require"))

    assert (done.returncode, found["reason"]) == (8, "NotVerified"), done.stderr
    assert "certificate. Node's driver checks the certificate where the URL" in found["message"]
    assert found["seconds"] < 60, "Medusa itself tries for five minutes"


@pytest.mark.parametrize(
    "query", ["", "?sslmode=no-verify", "?uselibpqcompat=true&sslmode=require"]
)
def test_what_a_shops_server_connects_by_is_taken_as_it_is(
    project: Callable[..., Path], database: Database, query: str
) -> None:
    found, done = run("plan", project("2.21.2"), url(database, query))

    assert (done.returncode, found["state"]) == (0, "planned"), done.stderr


@pytest.mark.parametrize("version", ["2.21.2", "2.0.7"])
def test_a_server_without_tls_is_migrated_where_the_url_says_so(
    server: TestServer, project: Callable[..., Path], version: str
) -> None:
    folder = project(version)
    with server.database() as name:
        address = server.url(name).replace("127.0.0.1", "127.1")
        refused, done = run("migrate", folder, address)
        assert (done.returncode, refused["reason"]) == (8, "NotVerified"), done.stderr
        assert "The server has no TLS" in refused["message"]
        assert "add ?sslmode=disable&ssl_mode=disable to the URL" in refused["message"]

        found, done = run("migrate", folder, f"{address}?sslmode=disable&ssl_mode=disable")

    assert (done.returncode, found["state"]) == (0, "done"), done.stderr
