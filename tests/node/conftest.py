"""A Docker engine with our images, and a real cluster of one node with a PostgreSQL beside it; needs root."""

from __future__ import annotations

import itertools
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

import servers
from medusa_db.demo import embedded
from medusa_testbed import tools
from medusa_testbed.api import ApiError
from medusa_testbed.kubectl import Kubectl
from medusa_testbed.node import docker_engine, node, postgres
from medusa_testbed.shops import RESOURCE
from medusa_testbed.waiting import eventually
from tiers import need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from medusa_testbed.node.docker_engine import Engine
    from medusa_testbed.node.node import Cluster
    from medusa_testbed.node.postgres import Database, Postgres
    from servers import TestServer

NAMES = (
    "medusa-database-operator:0.1.0",
    "registry.example.com/medusa-database-operator:0.1.0",
)
"""What the manifests, the charts and the pages call the image."""
HOME = "medusa-database-operator"
DEFINITION = "medusadatabases.medusadb.dev"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def docker() -> Iterator[Engine]:
    """An engine with the image in it."""
    need(not (missing := docker_engine.unobtainable()), missing)
    with docker_engine.started() as engine:
        engine.load_base()
        engine("load", "--input", docker_engine.built())
        yield engine


@pytest.fixture(scope="module")
def beside_the_engine() -> Iterator[TestServer]:
    """A PostgreSQL on 127.0.0.1."""
    with servers.started(embedded.binaries()) as running:
        yield running


@pytest.fixture
def url(beside_the_engine: TestServer) -> Iterator[str]:
    """The URL of an empty database that containers of the machine's own network reach."""
    with beside_the_engine.database() as name:
        yield beside_the_engine.url(name)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster whose node has the image, by the names that manifests, charts and pages use."""
    need(not (missing := node.unobtainable() or docker_engine.unobtainable()), missing)
    try:
        for module in tools.ALL:
            tools.program(next(iter(module.programs)))
        image = docker_engine.built()
    except tools.BuildError as exc:
        need(None, str(exc))
    with node.started() as running:
        running.runtime.load(image)
        for name in NAMES:
            running.runtime.tag(docker_engine.IMAGE, name)
        yield running
    assert running.machine.left() == []


@pytest.fixture(scope="session")
def tls_server(cluster: Cluster) -> Iterator[Postgres]:
    """A PostgreSQL that pods reach by TLS and password."""
    programs = servers.debian()
    need(programs, "Debian's PostgreSQL is not installed (apt-get install postgresql)")
    assert programs is not None
    with postgres.started(programs, cluster.machine.outside) as running:
        yield running


@pytest.fixture
def database(tls_server: Postgres) -> Iterator[Database]:
    """An empty database on it."""
    with tls_server.database() as made:
        yield made


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, as strict as Pod Security Standards go; it goes away behind the test."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:40].strip("-")
    name = f"{words}-{next(_numbers)}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.plane.api.create("v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    eventually(lambda: cluster.plane.api.find("v1/serviceaccounts", "default", name))

    yield name

    cluster.plane.api.delete("v1/namespaces", name)


def _definition_is_gone(cluster: Cluster) -> bool:
    """Let go of resources that a test has left, which nobody follows any more and which hold the definition."""
    api = cluster.plane.api
    if not api.find("apiextensions.k8s.io/v1/customresourcedefinitions", DEFINITION):
        return True
    with suppress(ApiError):  # gone meanwhile
        for left in api.list(RESOURCE):
            metadata = left["metadata"]
            free = {"metadata": {"finalizers": None}}
            api.patch(RESOURCE, metadata["name"], free, metadata["namespace"])
    return False


@contextmanager
def without_operator(cluster: Cluster, home: Path) -> Iterator[Kubectl]:
    """Yield an administrator of a cluster without an operator; take away what is installed meanwhile."""
    home.mkdir()
    admin = Kubectl(cluster.plane.kubeconfig, home, HOME)
    yield admin
    admin("delete", "--ignore-not-found", "-k", docker_engine.ROOT / "deploy", "--wait=false")
    eventually(lambda: not cluster.plane.api.find("v1/namespaces", HOME), within=60)
    eventually(lambda: _definition_is_gone(cluster), within=60)


@pytest.fixture
def bare(cluster: Cluster, tmp_path: Path) -> Iterator[Kubectl]:
    """An administrator of a cluster without an operator; what a test installs goes away behind it."""
    with without_operator(cluster, tmp_path / "administrator") as admin:
        yield admin


@pytest.fixture(scope="module")
def operator(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The operator, installed by its manifests, for the tests of a module."""
    with without_operator(cluster, tmp_path_factory.mktemp("home") / "administrator") as admin:
        admin("apply", "--server-side", "-k", docker_engine.ROOT / "deploy")
        admin("rollout", "status", f"deployment/{HOME}", "--timeout=55s")
        yield


@pytest.fixture
def kubectl(cluster: Cluster, namespace: str, tmp_path: Path) -> Kubectl:
    """kubectl as an administrator, in the test's namespace."""
    return Kubectl(cluster.plane.kubeconfig, tmp_path, namespace)
