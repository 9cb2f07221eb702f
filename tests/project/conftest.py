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
def project(tmp_path: Path) -> Callable[[str], Path]:
    """Call it with a version for the folder of a project of its own, its packages installed."""
    need(shutil.which("node") and shutil.which("npm"), "Node and npm are not installed")

    def make(version: str) -> Path:
        try:
            return projects.make(tmp_path / f"shop-{version.replace('.', '-')}", version)
        except packages.InstallError as exc:
            need(None, f"the packages of a project of {version} cannot be installed: {exc}")
            raise

    return make
