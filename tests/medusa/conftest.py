"""Medusa's own packages, and databases that they have made."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

import medusa_replay
import servers
from medusa_db.demo import embedded
from medusa_replay import replay
from medusa_testbed.medusa import packages
from servers import TestServer
from tiers import need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off"}


@pytest.fixture(scope="session")
def server() -> Iterator[TestServer]:
    """One server: a given one, else Debian's, which is of the age Medusa v1 was made for."""
    if given := os.environ.get("MEDUSA_TEST_DATABASE_URL"):
        yield TestServer(given)
        return
    with servers.started(servers.debian() or embedded.binaries(), **FAST) as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def npm() -> None:
    """Node and what the locks name, from npm at the first time."""
    need(shutil.which("node") and shutil.which("npm"), "Node and npm are not installed")
    try:
        packages.libraries()
        packages.installed(medusa_replay.FOLDER)
    except packages.InstallError as exc:
        need(None, f"Medusa's packages cannot be installed: {exc}")


@pytest.fixture
def theirs(server: TestServer) -> Iterator[str]:
    """The URL of an empty database, for Medusa."""
    with server.database() as name:
        yield server.url(name)


@pytest.fixture
def ours(server: TestServer) -> Iterator[str]:
    """The URL of an empty database, for our own command."""
    with server.database() as name:
        yield server.url(name)


@pytest.fixture(scope="session")
def made_by_medusa(server: TestServer) -> Iterator[Callable[..., str]]:
    """Name a database that Medusa has brought to a version: a template, made once, not to touch."""
    made: dict[tuple[str, tuple[tuple[str, bool], ...]], str] = {}

    def make(version: str, flags: dict[str, bool] | None = None) -> str:
        key = (version, tuple(sorted((flags or {}).items())))
        if key not in made:
            name = f"medusa_{os.getpid()}_{len(made)}"
            server.execute("create database {} template template0", name)
            made[key] = name
            replay(version, server.url(name), flags)
        return made[key]

    yield make

    for name in made.values():
        server.drop(name)
