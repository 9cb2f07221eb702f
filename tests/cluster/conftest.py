"""A control plane for each worker, a stand-in kubelet, a namespace for each test."""

from __future__ import annotations

import itertools
import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import servers
from medusa_db.demo import embedded
from medusa_testbed import control_plane, operators, tools
from medusa_testbed.api import ApiError, path
from medusa_testbed.kubectl import Kubectl
from medusa_testbed.kubelet.kubelet import Kubelet
from medusa_testbed.shops import RESOURCE, Shop
from medusa_testbed.waiting import eventually as look_again
from servers import TestServer
from tiers import need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from medusa_testbed.api import Object
    from medusa_testbed.control_plane import ControlPlane
    from medusa_testbed.operators import Operator

FOLDER = Path(__file__).parent

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave time to build the control plane where that was not done."""
    if tools.missing():
        for item in items:
            if item.path.is_relative_to(FOLDER):
                item.add_marker(pytest.mark.timeout(3000))


@pytest.fixture(scope="session")
def programs() -> None:
    """The programs of the control plane, built at the first time."""
    need(tools.obtainable(), "there is neither Go nor a control plane in KUBEBUILDER_ASSETS")
    try:
        for name in tools.missing():
            tools.program(name)
    except tools.BuildError as exc:
        need(None, f"the control plane cannot be built: {exc}")


@pytest.fixture(scope="session")
def cluster(programs: None) -> Iterator[ControlPlane]:
    """etcd, API server and controller manager, for as long as this worker runs."""
    del programs  # it is only to be there first
    with control_plane.started() as running:
        yield running


@pytest.fixture(scope="session")
def _node(cluster: ControlPlane) -> Iterator[Kubelet]:
    kubelet = Kubelet(cluster.server, cluster.ca, cluster.token("kubelet"), cluster.folder / "pods")
    kubelet.start()
    yield kubelet
    kubelet.stop()


@pytest.fixture
def kubelet(_node: Kubelet) -> Iterator[Kubelet]:
    """The stand-in node that runs pods as local processes; what a test changes of it is undone."""
    node = _node.node
    before = (dict(node.images), dict(node.labels), node.crash_pause)

    yield _node

    node.images, node.labels, node.crash_pause = before
    node.cordoned = ""
    defects, _node.defects = _node.defects, []
    assert defects == []


@pytest.fixture
def namespace(cluster: ControlPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own; it goes away behind the test."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:40].strip("-")
    name = f"{words}-{next(_numbers)}"
    cluster.api.create("v1/namespaces", {"metadata": {"name": name}})
    look_again(lambda: cluster.api.find("v1/serviceaccounts", "default", name))

    yield name

    cluster.api.delete("v1/namespaces", name)


@pytest.fixture
def kubectl(cluster: ControlPlane, namespace: str, tmp_path: Path) -> Kubectl:
    """kubectl as an administrator, in the test's namespace."""
    return Kubectl(cluster.kubeconfig, tmp_path, namespace)


@pytest.fixture(scope="session")
def postgres() -> Iterator[TestServer]:
    """One PostgreSQL: a given one, else the embedded one."""
    if given := os.environ.get("MEDUSA_TEST_DATABASE_URL"):
        yield TestServer(given)
        return
    with servers.started(embedded.binaries(), max_connections="200") as running:
        yield running


@pytest.fixture(scope="session")
def server(postgres: TestServer) -> TestServer:
    """The server that `url` and `conn` make their databases on."""
    return postgres


@pytest.fixture
def eventually() -> Callable[..., object]:
    """Look again until what is looked for is true: `eventually(lambda: ...)`."""
    return look_again


@pytest.fixture(scope="session")
def rights(cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The KUBECONFIG of the operator's ServiceAccount, with the rights and the definition as shipped."""
    operators.install(cluster, Kubectl(cluster.kubeconfig, tmp_path_factory.mktemp("kubectl")))
    return cluster.service_account(operators.HOME, operators.HOME)


@pytest.fixture(scope="session")
def operator(rights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """An operator for all namespaces; resources with the label `test/operator` are not its own."""
    folder = tmp_path_factory.mktemp("operator")
    with operators.running(rights, folder, "--selector", f"!{operators.OWN}") as it:
        yield it


@pytest.fixture
def shop(cluster: ControlPlane, namespace: str, operator: Operator) -> Shop:
    """A resource that the operator sees to, once it is declared."""
    operator.revive()
    return Shop(cluster.api, namespace)


@pytest.fixture
def solo(
    operator: Operator, cluster: ControlPlane, rights: Path, tmp_path: Path
) -> Iterator[Callable[..., Operator]]:
    """Return what starts an operator of the test's own, while the worker's one rests."""
    lease = ("coordination.k8s.io/v1/leases", operators.HOME, operators.HOME)
    operator.stop()
    cluster.api.delete(*lease)
    made: list[Operator] = []

    def new(
        *flags: str, kubeconfig: Path = rights, wait: str | None = "leading", **environment: str
    ) -> Operator:
        folder = tmp_path / f"operator-{len(made)}"
        folder.mkdir()
        made.append(operators.Operator(kubeconfig, folder, flags, environment))
        made[-1].start()
        if wait is not None:
            made[-1].wait(wait)
        return made[-1]

    yield new
    for one in made:
        one.stop()
    cluster.api.delete(*lease)
    operator.start()
    operator.wait()


@pytest.fixture
def permissive(cluster: ControlPlane, rights: Path) -> Iterator[None]:
    """A definition that lets everything pass, as an older one may have; then the real one again."""
    del rights  # it is only to exist first
    with _permissive(cluster):
        yield


@pytest.fixture
def store(cluster: ControlPlane, rights: Path, namespace: str) -> Callable[..., None]:
    """Store a resource as an older definition did, which let everything pass: `store(body, status)`."""
    del rights  # it is only to exist first

    def taken(body: Object, *, dry: bool) -> bool:
        try:
            query = {"dryRun": "All"} if dry else {}
            cluster.api.request("POST", path(RESOURCE, "", namespace), body, query=query)
        except ApiError:
            return False
        return True

    def stored(body: Object, status: object = None) -> None:
        nothing = body | {"metadata": {"name": "nothing"}, "spec": {}}
        with _permissive(cluster):
            look_again(lambda: taken(nothing, dry=True))
            look_again(lambda: taken(body, dry=False))
            if status is not None:
                name = body["metadata"]["name"]
                cluster.api.patch(RESOURCE, name, {"status": status}, namespace, part="status")
        look_again(lambda: not taken(nothing, dry=True))

    return stored


@contextmanager
def _permissive(cluster: ControlPlane) -> Iterator[None]:
    kind, name = "apiextensions.k8s.io/v1/customresourcedefinitions", "medusadatabases.medusadb.dev"
    real = cluster.api.get(kind, name)
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = real["spec"]["versions"][0] | {"schema": {"openAPIV3Schema": anything}}
    cluster.api.patch(kind, name, {"spec": {"versions": [version]}})
    try:
        yield
    finally:
        cluster.api.patch(kind, name, {"spec": {"versions": real["spec"]["versions"]}})
