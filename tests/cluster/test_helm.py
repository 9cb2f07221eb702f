"""Both charts with a real helm: they install, migrate, do nothing twice, and fail with a sentence."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yaml

import charts
from medusa_testbed.kubelet.images import RUNNER, SHELL
from medusa_testbed.objects import condition, config_map, secret
from medusa_testbed.operators import DEPLOY, OWN
from medusa_testbed.processes import free_port
from medusa_testbed.shops import Shop

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from medusa_testbed.control_plane import ControlPlane
    from medusa_testbed.kubectl import Kubectl

IMAGE = dict(zip(("repository", "tag"), RUNNER.split(":"), strict=True))
SHOP: dict[str, Any] = {
    "version": "1.20.11",
    "image": IMAGE,
    "database": {"urlSecret": {"name": "shop-db"}},
}
CRD = "customresourcedefinition/medusadatabases.medusadb.dev"
pytestmark = pytest.mark.usefixtures("kubelet")


@pytest.fixture
def shop(kubectl: Kubectl, url: str) -> str:
    """The URL of the shop's database, which the Secret `shop-db` holds too."""
    kubectl.apply(secret("shop-db", DATABASE_URL=url))
    return url


@pytest.fixture
def release(kubectl: Kubectl, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Install or upgrade the release `shop`: `release(chart, values, *words)`."""

    def upgrade(
        chart: Path, values: dict[str, Any], *words: str
    ) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "values.json"
        file.write_text(json.dumps(values))
        return kubectl.run_helm(
            "upgrade", "--install", "shop", chart, "--values", file, "--wait", "--timeout", "60s",
            *words,
        )  # fmt: skip

    return upgrade


@pytest.fixture
def operator(
    cluster: ControlPlane, kubectl: Kubectl, namespace: str, release: Callable[..., Any]
) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Install or upgrade the operator's chart: `operator(chart, **values)`; it goes with the test."""
    cluster.api.patch(
        "v1/namespaces",
        namespace,
        {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}},
    )

    def upgrade(chart: Path = charts.OPERATOR, **values: Any) -> Any:
        alone = {
            "image": IMAGE,
            "replicas": 1,  # the pods of this node share one address
            "watch": {"selector": f"{OWN}={namespace}"},
            "metrics": {"port": free_port()},
            "health": {"port": free_port()},
        }
        return release(chart, alone | values, "--take-ownership", "--force-conflicts")

    yield upgrade

    kubectl.run_helm("uninstall", "shop", "--wait", "--timeout", "60s")


def migrations(url: str) -> int:
    """Return how many rows the ledger has; 0 where there is none."""
    with psycopg.connect(url) as conn:
        row = conn.execute("select to_regclass('migrations')").fetchone()
        if row == (None,):
            return 0
        [count] = conn.execute("select count(*) from migrations").fetchall()
    return int(count[0])


def said(kubectl: Kubectl) -> list[dict[str, Any]]:
    """Return what the runner reported in each pod that has ended, oldest first."""
    pods = kubectl.json("get", "pods", "--sort-by", "{.metadata.creationTimestamp}")["items"]
    ended = [
        state["terminated"]["message"]
        for pod in pods
        for status in pod["status"].get("containerStatuses", [])
        if "terminated" in (state := status["state"])
    ]
    return [json.loads(message) for message in ended]


def test_a_release_is_installed_once_its_database_is_migrated(kubectl, shop, release):
    done = release(charts.HOOK, SHOP)

    assert done.returncode == 0, done.stderr
    assert "The database of this release is at Medusa 1.20.11." in done.stdout
    [report] = said(kubectl)
    assert (report["state"], report["version"]) == ("done", "1.20.11")
    assert migrations(shop) == report["migrationCount"] == 75


def test_the_same_release_again_finds_nothing_to_do(kubectl, shop, release):
    release(charts.HOOK, SHOP)
    [first] = kubectl.json("get", "jobs")["items"]

    done = release(charts.HOOK, SHOP)

    assert done.returncode == 0, done.stderr
    [again] = kubectl.json("get", "jobs")["items"]
    assert again["metadata"]["name"] == first["metadata"]["name"]
    assert again["metadata"]["uid"] != first["metadata"]["uid"]
    assert said(kubectl)[-1]["state"] == "nothing"
    with psycopg.connect(shop) as conn:
        assert conn.execute("select count(*) from medusa_db.history").fetchall() == [(1,)]


def test_a_breaking_version_fails_the_upgrade_until_it_is_acknowledged(kubectl, shop, release):
    release(charts.HOOK, SHOP | {"version": "1.12.3"})
    before = migrations(shop)

    refused = release(charts.HOOK, SHOP | {"version": "1.13.0"})

    assert refused.returncode != 0
    [job] = [
        each
        for each in kubectl.json("get", "jobs")["items"]
        if "migrate-1-13-0" in each["metadata"]["name"]
    ]
    assert job["metadata"]["name"] in refused.stderr
    assert condition(job, "Failed")["reason"] == "PodFailurePolicy"
    report = said(kubectl)[-1]
    assert (report["exitCode"], report["reason"]) == (9, "NotAcknowledged")
    assert report["acknowledge"] == ["1.13.0"]
    assert report["message"].startswith("the way crosses breaking versions (1.13.0).")
    assert report["message"] in refused.stderr  # helm shows what the Job logged
    assert migrations(shop) == before
    assert json.loads(kubectl.helm("status", "shop", "-o", "json"))["info"]["status"] == "failed"

    accepted = release(
        charts.HOOK, SHOP | {"version": "1.13.0", "upgrade": {"acknowledged": ["1.13.0"]}}
    )

    assert accepted.returncode == 0, accepted.stderr
    assert said(kubectl)[-1]["version"].startswith("1.13.0")
    assert migrations(shop) > before


def test_what_only_a_person_can_mend_fails_at_once(kubectl, postgres, release):
    kubectl.apply(secret("shop-db", DATABASE_URL=postgres.url("nowhere")))

    done = release(charts.HOOK, SHOP)

    assert done.returncode != 0
    [report] = said(kubectl)
    assert (report["exitCode"], report["state"]) == (5, "failed")
    assert report["message"] == (
        "the database of DATABASE_URL (key DATABASE_URL of Secret shop-db): "
        "the database does not exist; create it first (createdb), or check the URL"
    )


def test_a_first_install_says_which_secret_is_missing(kubectl, release, url):
    done = release(charts.HOOK, SHOP, "--timeout", "3s")

    [pod] = kubectl.json("get", "pods")["items"]
    [status] = pod["status"]["containerStatuses"]
    assert done.returncode != 0
    assert status["state"]["waiting"]["reason"] == "CreateContainerConfigError"
    assert 'secret "shop-db" not found' in status["state"]["waiting"]["message"]

    kubectl.apply(secret("shop-db", DATABASE_URL=url))
    again = release(charts.HOOK, SHOP)

    assert again.returncode == 0, again.stderr
    assert migrations(url) == 75


def test_the_database_may_be_given_in_parts(kubectl, shop, release):
    where = psycopg.conninfo.conninfo_to_dict(shop)
    database = {
        "host": where["host"],
        "port": int(where["port"]),
        "name": where["dbname"],
        "user": where["user"],
        "passwordSecret": {"name": "password"},
    }
    kubectl.apply(secret("password", password=where.get("password", "unused")))

    done = release(charts.HOOK, SHOP | {"database": database})

    assert done.returncode == 0, done.stderr
    assert migrations(shop) == 75


def test_the_seed_follows_the_migration(kubectl, shop, release):
    sample = (charts.ROOT / "deploy" / "samples" / "shop.yaml").read_text()
    [document] = [
        each["data"]["seed.json"]
        for each in yaml.safe_load_all(sample)
        if each["kind"] == "ConfigMap"
    ]
    kubectl.apply(config_map("shop-seed", {"seed.json": document}))
    seed = {"enabled": True, "configMap": {"name": "shop-seed"}}

    done = [release(charts.HOOK, SHOP | {"seed": seed}) for _ in range(2)]

    assert [each.returncode for each in done] == [0, 0], done[0].stderr + done[1].stderr
    assert [(each["command"], each["state"]) for each in said(kubectl)] == [
        ("migrate", "nothing"),
        ("seed", "nothing"),
    ]
    with psycopg.connect(shop) as conn:
        assert conn.execute("select handle from product").fetchall() == [("enamel-mug",)]


def test_a_server_waits_for_the_job_of_its_own_release(kubectl, shop, release, tmp_path):
    _shop_chart(tmp_path / "chart")
    values = {"medusa-db-hook": SHOP | {"hook": {"enabled": False}}}

    done = release(tmp_path / "chart", values)

    assert done.returncode == 0, done.stderr
    [server] = [
        pod
        for pod in kubectl.json("get", "pods")["items"]
        if "initContainerStatuses" in pod["status"]
    ]
    [waited] = server["status"]["initContainerStatuses"]
    assert (waited["name"], waited["state"]["terminated"]["exitCode"]) == ("wait-for-database", 0)
    assert condition(server, "Ready")["status"] == "True"
    assert migrations(shop) == 75


def test_the_installed_operator_follows_resources(cluster, shop, operator, namespace):
    done = operator()

    assert done.returncode == 0, done.stderr
    assert "kind: MedusaDatabase" in done.stdout
    declared = Shop(cluster.api, namespace, labels=((OWN, namespace),))
    declared.database(shop)
    declared.declare("1.20.11")
    declared.wait()
    assert migrations(shop) == 75


def test_the_operator_needs_a_role_only(cluster, kubectl, shop, operator, namespace):
    watch = {"selector": f"{OWN}={namespace}", "namespaces": [namespace]}

    done = operator(watch=watch, rbac={"aggregate": False})

    assert done.returncode == 0, done.stderr
    bindings = kubectl.json("get", "clusterroles,clusterrolebindings")["items"]
    assert not [each for each in bindings if namespace in each["metadata"]["name"]]
    declared = Shop(cluster.api, namespace, labels=((OWN, namespace),))
    declared.database(shop)
    declared.declare("1.20.11")
    declared.wait()


def test_a_resource_ready_to_paste_is_in_the_notes(kubectl, operator):
    notes = operator().stdout

    pasted = notes.partition("<<'EOF'\n")[2].partition("EOF\n")[0]
    accepted = kubectl("apply", "--dry-run=server", "-f", "-", stdin=pasted)

    assert accepted == "medusadatabase.medusadb.dev/shop created (server dry run)\n"


def test_the_crd_is_upgraded_with_the_chart_and_outlives_it(kubectl, operator, tmp_path):
    older = tmp_path / "older"
    shutil.copytree(charts.OPERATOR, older)
    file = older / "files" / "medusadatabases.yaml"
    crd = yaml.safe_load(file.read_text())
    columns = crd["spec"]["versions"][0]["additionalPrinterColumns"]
    crd["spec"]["versions"][0]["additionalPrinterColumns"] = columns[:1]
    file.write_text(yaml.safe_dump(crd))

    installed = [
        (operator(chart, replicas=0).stderr, _columns(kubectl))
        for chart in (older, charts.OPERATOR)
    ]
    kubectl.helm("uninstall", "shop", "--wait")

    assert installed == [("", columns[:1]), ("", columns)]
    assert _columns(kubectl) == columns


def test_a_definition_that_was_applied_by_hand_is_handed_to_the_release(kubectl, operator):
    kubectl("apply", "--server-side", "--force-conflicts", "-f", DEPLOY / "crd")

    done = operator(replicas=0)

    assert done.stderr == ""
    labels = kubectl.json("get", CRD)["metadata"]["labels"]
    assert labels["app.kubernetes.io/managed-by"] == "Helm"


def _columns(kubectl: Kubectl) -> Any:
    return kubectl.json("get", CRD)["spec"]["versions"][0]["additionalPrinterColumns"]


def _shop_chart(folder: Path) -> None:
    """Write the chart of a shop whose server waits for the database."""
    (folder / "templates").mkdir(parents=True)
    (folder / "charts").mkdir()
    (folder / "charts" / charts.HOOK.name).symlink_to(charts.HOOK)
    depends = {"name": charts.HOOK.name, "version": "*", "repository": f"file://{charts.HOOK}"}
    about = {"apiVersion": "v2", "name": "shop", "version": "1.0.0", "dependencies": [depends]}
    (folder / "Chart.yaml").write_text(yaml.safe_dump(about))
    server = {"name": "server", "image": SHELL, "command": ["sleep", "600"]}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "server"},
        "spec": {
            "selector": {"matchLabels": {"app": "server"}},
            "template": {
                "metadata": {"labels": {"app": "server"}},
                "spec": {"initContainers": "WAIT", "containers": [server]},
            },
        },
    }
    waits = '\n{{ include "medusa-db-hook.wait" . | indent 6 }}'
    text = yaml.safe_dump(deployment).replace(" WAIT", waits)
    (folder / "templates" / "server.yaml").write_text(text)
