"""A shop's own, unchanged image migrates its database: the runner is carried into its container."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

import shop_bases
from medusa_testbed.kubectl import kstatus
from medusa_testbed.medusa import packages
from medusa_testbed.node.docker_engine import RUNNER
from medusa_testbed.objects import config_map, secret
from medusa_testbed.shops import Shop
from medusa_testbed.waiting import eventually
from shop_bases import DEBIAN, MUSL, SHELL_LESS, ShopImage
from tiers import need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from medusa_testbed.api import Object
    from medusa_testbed.kubectl import Kubectl
    from medusa_testbed.node.node import Cluster
    from medusa_testbed.node.postgres import Database

pytestmark = pytest.mark.timeout(1200)

V2, V1 = ShopImage("2.21.2", DEBIAN), ShopImage("1.7.15", SHELL_LESS)
IN_PODS = [ShopImage("2.21.2", SHELL_LESS)]
"""Those that a pod as of docs/project.md migrates with."""
DECLARED = [pytest.param(V2, "2.20.0", id="v2")]
"""That of a resource, behind its version, and another version than it has installed."""
IMAGES = [V2, *IN_PODS]
if os.environ.get("MEDUSA_TEST_ALL"):
    IN_PODS += [
        V2,
        ShopImage("2.21.2", MUSL),
        ShopImage("2.11.1", SHELL_LESS),
        ShopImage("1.20.11", DEBIAN),
    ]
    # before v2: so the images of each version come to the node once
    DECLARED.insert(0, pytest.param(V1, "1.20.11", id="v1-with-a-local-plugin"))
    IMAGES = [*IN_PODS, V1]
AS_A_USER = {"spec": {"securityContext": {"runAsUser": 1000}}}
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@pytest.fixture(scope="module")
def load(
    cluster: Cluster, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[ShopImage], None]]:
    """Call it with an image: those of its Medusa are on the node then, and no others, as not all find room in its memory."""
    loaded: set[str] = set()

    def remove() -> None:
        found = [name for name in cluster.runtime.images() if name.startswith(shop_bases.REGISTRY)]
        if found:
            cluster.runtime.remove(*found)
        loaded.clear()

    def put(image: ShopImage) -> None:
        if image.version in loaded:
            return
        remove()
        archive = tmp_path_factory.mktemp("shops") / "images.tar"
        images = [one for one in IMAGES if one.version == image.version]
        try:
            shop_bases.write(archive, images, lambda: request.getfixturevalue("docker"))
        except packages.InstallError as exc:
            need(None, f"the packages of a project cannot be installed: {exc}")
        cluster.runtime.load(archive)
        shutil.rmtree(archive.parent)
        loaded.add(image.version)

    yield put
    remove()


@pytest.fixture
def shop(cluster: Cluster, namespace: str, database: Database) -> Shop:
    """A resource that is not declared, and the Secret of its database."""
    found = Shop(cluster.plane.api, namespace)
    found.database(database.url)
    return found


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize(("image", "other"), DECLARED)
def test_a_resource_follows_its_image_and_the_same_one_under_another_tag_finds_nothing_to_do(
    cluster: Cluster,
    load: Callable[[ShopImage], None],
    shop: Shop,
    database: Database,
    image: ShopImage,
    other: str,
) -> None:
    load(image)
    again = f"{image.name}-again"
    cluster.runtime.tag(image.name, again)

    shop.declare(other, server={"image": image.name}, job={"template": AS_A_USER})
    refused = shop.wait("OtherVersion", within=120)
    before = counted(database)
    shop.change(version=image.version)
    shop.wait(within=300)
    migrated = shop.status()
    shop.change(server={"image": again})
    shop.wait(within=200)
    repeated = shop.status()

    assert refused["message"].startswith(
        f"spec.version {other}: Medusa {image.version} of {shop_bases.APP} is installed"
    )
    assert before == {}
    assert (migrated["appliedVersion"], migrated["medusaVersion"]) == (image.version,) * 2
    assert counted(database).items() >= migrated["migrations"].items()
    assert sum(migrated["migrations"].values()) >= 60
    *_, first, second = (report_of(pod) for pod in shop.pods())
    assert (first["state"], second["state"]) == ("done", "nothing")
    assert second["ledgers"] == first["ledgers"] == counted(database)
    assert (repeated["image"], repeated["imageID"]) == (again, migrated["imageID"])
    assert repeated["migrations"] == migrated["migrations"]
    assert [run[1:] for run in shop.history()] == [
        ("Failed", "OtherVersion"),
        ("Succeeded", ""),
        ("Succeeded", ""),
    ]
    assert kstatus([shop.get()])[0].status == "Current"


@pytest.mark.usefixtures("operator")
def test_a_run_has_what_the_deployment_has_and_the_shops_own_script_seeds(
    cluster: Cluster, load: Callable[[ShopImage], None], shop: Shop, database: Database
) -> None:
    load(V2)
    settings = config_map("shop", {"SHOP_TITLE": "Shirt", "words": "of linen"})
    cluster.plane.api.create("v1/configmaps", settings, shop.namespace)
    cluster.plane.api.create("apps/v1/deployments", deployment(V2), shop.namespace)

    shop.declare(
        V2.version,
        server={"image": V2.name, "workloadRef": {"name": "server"}},
        seed={"script": shop_bases.SEED, "args": ["and cotton"]},
    )
    shop.wait(within=400)
    first = shop.history()
    shop.retry("again")
    shop.wait_for(lambda body: len(body["status"]["history"]) > len(first), "a run more", 200)
    shop.wait(within=200)

    with psycopg.connect(database.here) as conn:
        titles = [title for (title,) in conn.execute("select title from product")]
    assert titles == ["Shirt of linen and cotton by 1234 in 5678"]
    assert shop.condition("Seeded")["status"] == "True"
    assert [run[:2] for run in first] == [
        (f"migrate-{V2.version}", "Succeeded"),
        ("seed", "Succeeded"),
    ]
    assert {pod["spec"]["securityContext"]["fsGroup"] for pod in shop.pods()} == {5678}


def deployment(image: ShopImage) -> Object:
    """Return the workload that serves the shop, which is scaled down while its database is migrated."""
    labels = {"app": "server"}
    container = {
        "name": "server",
        "image": image.name,
        "env": [{"name": "DATABASE_URL", "value": "postgres://nobody@nowhere.invalid/none"}],
        "envFrom": [{"configMapRef": {"name": "shop"}}],
        "volumeMounts": [
            {"name": "settings", "mountPath": "/settings", "readOnly": True},
            {"name": "files", "mountPath": "/files"},
        ],
    }
    spec = {
        "securityContext": {"runAsUser": 1234, "fsGroup": 5678},
        "containers": [container],
        "volumes": [
            {"name": "settings", "configMap": {"name": "shop"}},
            {"name": "files", "emptyDir": {}},
        ],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "server"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


@pytest.mark.parametrize("image", IN_PODS, ids=lambda image: f"{image.version}-{image.base}")
def test_a_shops_own_image_migrates_its_database(
    load: Callable[[ShopImage], None], kubectl: Kubectl, database: Database, image: ShopImage
) -> None:
    load(image)
    kubectl.apply(secret("shop-db", DATABASE_URL=database.url), pod(image))

    report, ended = run(kubectl)

    assert ended["exitCode"] == 0, report
    assert (report["state"], report["medusa"], report["engine"]) == (
        "done",
        image.version,
        "project",
    )
    assert report["pending"] == {"migrations": [], "links": [], "scripts": []}
    assert counted(database) == report["ledgers"]
    assert report["migrationCount"] > 80


def report_of(pod: Object) -> Any:
    """Return what the container of a run has reported."""
    [container] = pod["status"]["containerStatuses"]
    return json.loads(container["state"]["terminated"]["message"])


def run(kubectl: Kubectl) -> tuple[Any, Any]:
    """Wait until the pod has ended; return its report and how its container ended."""

    def ended() -> Any:
        status = kubectl.json("get", "pod", "migrate")["status"]
        [started] = status.get("initContainerStatuses") or [{}]
        failed = started.get("state", {}).get("terminated", {}).get("exitCode", 0)
        assert failed == 0, kubectl("logs", "migrate", "-c", "medusa-db")
        [found] = status.get("containerStatuses") or [{}]
        return found.get("state", {}).get("terminated")

    terminated = eventually(ended, within=300)
    try:
        return json.loads(terminated["message"]), terminated
    except (KeyError, ValueError):
        raise AssertionError(f"{terminated}\n{kubectl('logs', 'migrate')}") from None


def counted(database: Database) -> dict[str, int]:
    """Return how many rows each ledger has."""
    with psycopg.connect(database.here) as conn:
        names = conn.execute(
            "select table_name from information_schema.tables where table_schema = 'public' and table_name"
            " in ('migrations', 'mikro_orm_migrations', 'link_module_migrations', 'script_migrations')"
        ).fetchall()
        found = {}
        for (name,) in names:
            row = conn.execute(
                sql.SQL("select count(*) from {}").format(sql.Identifier(name))
            ).fetchone()
            assert row is not None
            found[name] = row[0]
        return found


def pod(image: ShopImage) -> dict[str, Any]:
    """Return a pod that migrates, as strict as Pod Security Standards go."""
    carried = {"name": "medusa-db", "mountPath": "/medusa-db"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "migrate"},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "initContainers": [
                {
                    "name": "medusa-db",
                    "image": f"docker.io/library/{RUNNER}",
                    "imagePullPolicy": "Never",
                    "args": ["install", "/medusa-db"],
                    "securityContext": RESTRICTED,
                    "volumeMounts": [carried],
                }
            ],
            "containers": [
                {
                    "name": "migrate",
                    "image": image.name,
                    "imagePullPolicy": "Never",
                    "command": [
                        "/medusa-db/bin/medusa-db", "migrate", "--project", ".",
                        "--report-file", "/dev/termination-log",
                    ],
                    "envFrom": [{"secretRef": {"name": "shop-db"}}],
                    "securityContext": RESTRICTED,
                    "volumeMounts": [
                        carried | {"readOnly": True},
                        {"name": "tmp", "mountPath": "/tmp"},
                    ],
                }
            ],
            "volumes": [
                {"name": "medusa-db", "emptyDir": {"sizeLimit": "200Mi"}},
                {"name": "tmp", "emptyDir": {}},
            ],
        },
    }  # fmt: skip
