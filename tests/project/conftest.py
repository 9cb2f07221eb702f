"""Real Medusa projects, v1 and v2, with plugins and modules from npm and some of their own."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

import projects
import servers
from medusa_db.demo import embedded
from medusa_testbed.medusa import packages
from servers import TestServer
from tiers import need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def server() -> Iterator[TestServer]:
    """One server: a given one, else Debian's, which is of the age these versions were made for."""
    if given := os.environ.get("MEDUSA_TEST_DATABASE_URL"):
        yield TestServer(given)
        return
    with servers.started(servers.debian() or embedded.binaries()) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """Call it with a version, and a configuration of it, for the folder of a project of its own, its packages installed."""
    need(shutil.which("node") and shutil.which("npm"), "Node and npm are not installed")

    def make(version: str, configuration: str = "") -> Path:
        name = "-".join(("shop", *version.split("."), *configuration.split()))
        try:
            return projects.make(tmp_path / name, version, configuration)
        except packages.InstallError as exc:
            need(None, f"the packages of a project of {version} cannot be installed: {exc}")
            raise

    return make


@pytest.fixture
def at(
    server: TestServer, project: Callable[[str], Path]
) -> Iterator[Callable[[str], tuple[Path, str]]]:
    """Call it with a version for a project, and the URL of a database that it has brought up to date."""
    names: list[str] = []

    def make(version: str) -> tuple[Path, str]:
        folder, key = project(version), f"project {version}"
        if key not in server.templates:
            name = f"project_{version.replace('.', '_')}"
            server.drop(name)
            server.execute("create database {} template template0", name)
            _, done = projects.run("migrate", folder, server.url(name), "--to", version)
            assert done.returncode == 0, done.stderr
            server.templates[key] = name
        names.append(f"copy_{len(names)}_{server.templates[key]}")
        server.drop(names[-1])
        server.execute("create database {} template {}", names[-1], server.templates[key])
        return folder, server.url(names[-1])

    yield make
    for name in names:
        server.drop(name)
