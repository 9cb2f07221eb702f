"""docs/meshes.md: what it recommends works, where each pod gets a proxy that does not end by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yaml

import mesh
import pages
from medusa_testbed.objects import secret
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from medusa_testbed.kubectl import Kubectl
    from medusa_testbed.node.postgres import Database

pytestmark = pytest.mark.timeout(900)

PAGE = "docs/meshes.md"
PROXY = "localhost/pause:1"
HOOK = pages.ROOT / "helm" / "medusa-db-hook"
VALUES = (
    "--set", "version=1.20.11,database.urlSecret.name=shop-db",
    "--set", "image.repository=registry.example.com/medusa-database-operator",
    "--timeout", "60s",
)  # fmt: skip


@pytest.fixture
def shop(kubectl: Kubectl, namespace: str, database: Database) -> Kubectl:
    """kubectl in a namespace with the Secret of a shop's database; its proxies need not be restricted."""
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=baseline", "--overwrite")  # fmt: skip
    kubectl.apply(secret("shop-db", DATABASE_URL=database.url))
    return kubectl


@pytest.fixture
def with_mesh(shop: Kubectl) -> Iterator[Kubectl]:
    """The same where a mesh injects its proxy."""
    with mesh.injecting(shop, PROXY):
        yield shop


def proxies(kubectl: Kubectl) -> list[bool]:
    """Return of each pod that a Job made whether it has a proxy."""
    found = kubectl.json("get", "pods", "--selector", "job-name")["items"]
    return [mesh.PROXY in {each["name"] for each in pod["spec"]["containers"]} for pod in found]


def test_the_hooks_pods_get_no_proxy(with_mesh: Kubectl) -> None:
    with_mesh.helm("install", "shop", HOOK, *VALUES)

    assert set(proxies(with_mesh)) == {False}


INJECTED = (*VALUES, "--set", "job.injectSidecars=true")
either_side = pytest.mark.parametrize("first", [True, False], ids=["before-ours", "behind-ours"])
"""Istio and Linkerd put their native sidecar before the other init containers; another injector may not."""


@pytest.fixture
def beside_a_sidecar(shop: Kubectl, first: bool) -> Iterator[Kubectl]:
    """kubectl in the shop's namespace, where each pod gets a native sidecar that does not end by itself."""
    with mesh.injecting(shop, PROXY, native=True, first=first):
        yield shop


def init_containers(kubectl: Kubectl, *words: str) -> list[list[str]]:
    """Return the names of the init containers of each pod, in their order."""
    pods = kubectl.json("get", "pods", *words)["items"]
    return [[each["name"] for each in pod["spec"]["initContainers"]] for pod in pods]


@pytest.mark.parametrize("first", [True])
def test_a_hook_ends_beside_a_native_sidecar_well_or_badly(beside_a_sidecar: Kubectl) -> None:
    beside_a_sidecar.helm("install", "shop", HOOK, *INJECTED)

    refused = beside_a_sidecar.run_helm("upgrade", "shop", HOOK, *INJECTED, "--set", "version=1.12.3")  # fmt: skip

    assert refused.returncode != 0
    assert "1.12.3 cannot start" in refused.stderr
    assert {mesh.PROXY} == {name for pod in init_containers(beside_a_sidecar) for name in pod}
    assert not beside_a_sidecar("get", "pods", "--field-selector=status.phase=Running")


@either_side
def test_an_init_container_of_a_server_migrates_beside_a_native_sidecar(
    beside_a_sidecar: Kubectl, first: bool, database: Database
) -> None:
    init = pages.block("docs/init-container.md", "For a shop without an operator")
    server = {"name": "server", "image": PROXY, "imagePullPolicy": "Never"}
    beside_a_sidecar.apply(
        {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "server"},
            "spec": yaml.safe_load(init) | {"containers": [server]},
        }
    )  # fmt: skip

    beside_a_sidecar("wait", "pod/server", "--for=condition=Ready", "--timeout=60s")

    both = [mesh.PROXY, "migrate-database"] if first else ["migrate-database", mesh.PROXY]
    assert init_containers(beside_a_sidecar) == [both]
    with psycopg.connect(database.here) as conn:
        assert conn.execute("select count(*) from migrations").fetchall() == [(75,)]


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("first", [True])
def test_a_run_of_a_resource_ends_beside_a_native_sidecar_without_a_warning(
    beside_a_sidecar: Kubectl,
) -> None:
    declare(beside_a_sidecar, {})

    beside_a_sidecar("wait", "mdb/shop", "--for=condition=Ready", "--timeout=60s")

    assert init_containers(beside_a_sidecar, "--selector", "job-name") == [[mesh.PROXY]]
    eventually(lambda: not beside_a_sidecar("get", "pods", "--field-selector=status.phase=Running"), 60)  # fmt: skip
    assert "warnings" not in beside_a_sidecar.json("get", "mdb", "shop")["status"]


@pytest.mark.usefixtures("operator")
def test_the_runs_of_a_resource_get_no_proxy(with_mesh: Kubectl) -> None:
    declare(with_mesh, yaml.safe_load(pages.block(PAGE, "warning in the status")))

    with_mesh("wait", "mdb/shop", "--for=condition=Ready", "--timeout=60s")

    assert set(proxies(with_mesh)) == {False}


@pytest.mark.usefixtures("operator")
def test_a_run_is_over_though_its_proxy_goes_on_and_a_warning_says_so(with_mesh: Kubectl) -> None:
    declare(with_mesh, {})

    with_mesh("wait", "mdb/shop", "--for=condition=Ready", "--timeout=60s")

    eventually(
        lambda: mesh.PROXY in str(with_mesh.json("get", "mdb", "shop")["status"].get("warnings")),
        60,
    )
    eventually(lambda: not with_mesh("get", "pods", "--field-selector=status.phase=Running"), 60)


def test_the_annotations_are_those_of_the_table(kubectl: Kubectl, tmp_path: Path) -> None:
    text = pages.block(PAGE, "container of the shop's server")
    table = [
        line.split("|")
        for line in (pages.ROOT / PAGE).read_text().splitlines()
        if line.startswith("|")
    ]
    named = {
        tuple(each.split(": "))
        for row in table[2:]
        for each in re.findall(r'`([\w./-]+: "\d+")`', row[3])
    }

    assert annotations(kubectl, tmp_path, text) == {key: value.strip('"') for key, value in named}


def annotations(kubectl: Kubectl, folder: Path, text: str) -> dict[str, str]:
    """Return what a pod template with *text* in it has, in a chart that depends on the hook's."""
    (folder / "shop" / "templates").mkdir(parents=True)
    (folder / "shop" / "charts").mkdir()
    (folder / "shop" / "charts" / HOOK.name).symlink_to(HOOK)
    depends = {"name": HOOK.name, "version": "*", "repository": f"file://{HOOK}"}
    about = {"apiVersion": "v2", "name": "shop", "version": "1.0.0", "dependencies": [depends]}
    (folder / "shop" / "Chart.yaml").write_text(yaml.safe_dump(about))
    pod = "apiVersion: v1\nkind: PodTemplate\nmetadata: {name: server}\ntemplate:\n"
    (folder / "shop" / "templates" / "server.yaml").write_text(
        pod + "".join(f"  {line}\n" for line in text.splitlines())
    )
    values = "medusa-db-hook.version=1.20.11,medusa-db-hook.database.urlSecret.name=shop-db"
    made = kubectl.helm("template", "shop", folder / "shop", "--set", values)
    [found] = [
        each["template"]["metadata"]["annotations"]
        for each in yaml.safe_load_all(made)
        if each and each["kind"] == "PodTemplate"
    ]
    return dict(found)


def declare(kubectl: Kubectl, more: dict[str, Any]) -> None:
    """Declare the shop, with *more* in its spec."""
    url = {"urlSecretRef": {"name": "shop-db", "key": "DATABASE_URL"}}
    kubectl.apply(
        {
            "apiVersion": "medusadb.dev/v1alpha1", "kind": "MedusaDatabase",
            "metadata": {"name": "shop"}, "spec": {"version": "1.20.11", "database": url} | more,
        }
    )  # fmt: skip
