"""Both charts with a real helm: they install, migrate, do nothing twice, and fail with a sentence."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yaml

import charts
import mesh
import shop_images
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
    from medusa_testbed.kubelet.kubelet import Kubelet

IMAGE = dict(zip(("repository", "tag"), RUNNER.split(":"), strict=True))
SHOP: dict[str, Any] = {
    "version": "1.20.11",
    "image": IMAGE,
    "database": {"urlSecret": {"name": "shop-db"}},
}
CRD = "customresourcedefinition/medusadatabases.medusadb.dev"
pytestmark = pytest.mark.usefixtures("kubelet")


both_helms = pytest.mark.parametrize("kubectl", ["helm", "helm3"], indirect=True)
"""Helm 4, and what many still have."""


@pytest.fixture
def kubectl(kubectl: Kubectl, request: pytest.FixtureRequest) -> Kubectl:
    """The kubectl of every test, with the Helm that this one is for."""
    return kubectl.with_helm(getattr(request, "param", "helm"))


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
        if "message" in (state := status["state"]).get("terminated", {})
    ]
    return [json.loads(message) for message in ended]


def jobs(kubectl: Kubectl) -> list[dict[str, Any]]:
    """Return the Jobs that migrate, oldest first."""
    found = kubectl.json(
        "get", "jobs", "--selector", "app.kubernetes.io/component=migrate",
        "--sort-by", "{.metadata.creationTimestamp}",
    )["items"]  # fmt: skip
    return list(found)


def test_a_release_is_installed_once_its_database_is_migrated(kubectl, shop, release):
    done = release(charts.HOOK, SHOP)

    assert done.returncode == 0, done.stderr
    assert "The database of this release is at Medusa 1.20.11." in done.stdout
    [report] = said(kubectl)
    assert (report["state"], report["version"]) == ("done", "1.20.11")
    assert migrations(shop) == report["migrationCount"] == 75


def test_the_same_release_again_finds_nothing_to_do(kubectl, shop, release):
    release(charts.HOOK, SHOP)
    [first] = jobs(kubectl)

    done = release(charts.HOOK, SHOP)

    assert done.returncode == 0, done.stderr
    [again] = jobs(kubectl)
    assert again["metadata"]["name"] == first["metadata"]["name"]
    assert again["metadata"]["uid"] != first["metadata"]["uid"]
    assert said(kubectl)[-1]["state"] == "nothing"
    with psycopg.connect(shop) as conn:
        assert conn.execute("select count(*) from medusa_db.history").fetchall() == [(1,)]


@both_helms
def test_a_breaking_version_fails_the_upgrade_until_it_is_acknowledged(kubectl, shop, release):
    release(charts.HOOK, SHOP | {"version": "1.12.3"})
    before = migrations(shop)

    refused = release(charts.HOOK, SHOP | {"version": "1.13.0"})

    assert refused.returncode != 0
    [job] = [each for each in jobs(kubectl) if "migrate-1-13-0" in each["metadata"]["name"]]
    assert job["metadata"]["name"] in refused.stderr
    assert condition(job, "Failed")["reason"] == "PodFailurePolicy"
    report = said(kubectl)[-1]
    assert (report["exitCode"], report["reason"]) == (9, "NotAcknowledged")
    assert report["acknowledge"] == ["1.13.0"]
    assert report["message"].startswith("the way crosses breaking versions (1.13.0).")
    assert report["message"].endswith("then add 1.13.0 to upgrade.acknowledged")
    assert report["message"] in refused.stderr  # helm shows what the Job logged
    assert migrations(shop) == before
    assert json.loads(kubectl.helm("status", "shop", "-o", "json"))["info"]["status"] == "failed"

    accepted = release(
        charts.HOOK, SHOP | {"version": "1.13.0", "upgrade": {"acknowledged": ["1.13.0"]}}
    )

    assert accepted.returncode == 0, accepted.stderr
    assert said(kubectl)[-1]["version"].startswith("1.13.0")
    assert migrations(shop) > before


def test_what_only_a_person_can_fix_fails_at_once(kubectl, postgres, release):
    kubectl.apply(secret("shop-db", DATABASE_URL=postgres.url("nowhere")))

    done = release(charts.HOOK, SHOP)

    assert done.returncode != 0
    [report] = said(kubectl)
    assert (report["exitCode"], report["state"]) == (5, "failed")
    assert report["message"] == (
        "the database of DATABASE_URL (key DATABASE_URL of Secret shop-db): "
        "the database does not exist; create it first (createdb), or check the URL"
    )


@both_helms
def test_a_first_install_says_which_secret_is_missing(kubectl, release, url):
    done = release(charts.HOOK, SHOP)

    assert done.returncode != 0
    assert (
        "DATABASE_URL is not set: Secret shop-db is missing in this namespace, or has no key "
        "DATABASE_URL. Create it first, or correct its name and key"
    ) in done.stderr

    kubectl.apply(secret("shop-db", DATABASE_URL=url))
    again = release(charts.HOOK, SHOP)

    assert again.returncode == 0, again.stderr
    assert migrations(url) == 75


def test_a_hook_may_wait_for_its_secret(kubectl, url, eventually):
    values = SHOP | {"hook": {"waitForSecret": True, "startWithin": 0}}
    file = kubectl.home / "waiting.json"
    file.write_text(json.dumps(values))

    with kubectl.background_helm(
        "install", "shop", charts.HOOK, "--values", file, "--wait", "--timeout", "60s"
    ) as helm:
        eventually(lambda: "CreateContainerConfigError" in str(kubectl.json("get", "pods")))
        kubectl.apply(secret("shop-db", DATABASE_URL=url))
        code = helm.wait(60)

    assert (code, migrations(url)) == (0, 75)


@pytest.mark.usefixtures("shop")
@both_helms
def test_a_pod_that_cannot_start_fails_the_release_soon(kubectl, release):
    image = {"image": {"repository": "nowhere", "tag": "1"}, "hook": {"startWithin": 5}}

    done = release(charts.HOOK, SHOP | image)

    [job] = kubectl.json("get", "jobs")["items"]
    assert done.returncode != 0
    assert "-can-start-1-20-11-" in done.stderr
    assert condition(job, "Failed")["reason"] == "DeadlineExceeded"
    assert jobs(kubectl) == []


def test_secret_and_seed_may_come_from_values(release, url):
    seed = json.dumps({"regions": [{"name": "EU", "currency_code": "usd", "tax_rate": 0}]})
    values = SHOP | {"database": {"url": url}, "seed": {"enabled": True, "document": seed}}

    done = [release(charts.HOOK, values) for _ in range(2)]

    assert [each.returncode for each in done] == [0, 0], done[0].stderr + done[1].stderr
    with psycopg.connect(url) as conn:
        assert conn.execute("select name from region").fetchall() == [("EU",)]


@both_helms
def test_a_release_changes_from_hooks_to_a_job_of_its_own_and_back(kubectl, release, url):
    values = SHOP | {"version": "1.1.0", "database": {"url": url}}

    for enabled in (True, False, True, False):
        done = release(charts.HOOK, values | {"hook": {"enabled": enabled}}, "--wait-for-jobs")

        assert done.returncode == 0, done.stderr
        [used] = {
            variable["valueFrom"]["secretKeyRef"]["name"]
            for job in jobs(kubectl)
            if ("helm.sh/hook" in job["metadata"].get("annotations", {})) == enabled
            for variable in job["spec"]["template"]["spec"]["containers"][0]["env"]
            if variable["name"] == "DATABASE_URL"
        }
        assert kubectl.run("get", "secret", used).returncode == 0


@both_helms
def test_a_job_of_the_release_that_failed_runs_again_with_the_next_upgrade(
    kubectl, postgres, release, url
):
    values = SHOP | {"hook": {"enabled": False}}
    kubectl.apply(secret("shop-db", DATABASE_URL=postgres.url("nowhere")))

    failed = release(charts.HOOK, values, "--wait-for-jobs")
    kubectl.apply(secret("shop-db", DATABASE_URL=url))
    done = release(charts.HOOK, values, "--wait-for-jobs")

    assert failed.returncode != 0
    assert done.returncode == 0, done.stderr
    assert len(jobs(kubectl)) == 1
    assert migrations(url) == 75


@pytest.mark.usefixtures("shop")
@both_helms
def test_a_release_goes_back_while_its_database_stays(kubectl, release):
    values = SHOP | {"hook": {"enabled": False}}
    first = release(charts.HOOK, values | {"version": "1.18.1"}, "--wait-for-jobs")
    second = release(charts.HOOK, values, "--wait-for-jobs")

    back = kubectl.run_helm(
        "rollback", "shop", "1", "--wait", "--wait-for-jobs", "--timeout", "60s"
    )

    assert [each.returncode for each in (first, second, back)] == [0, 0, 0], back.stderr
    report = said(kubectl)[-1]
    assert (report["state"], report["version"]) == ("nothing", "1.20.11")
    assert report["warnings"] == [
        "the database is at 1.20.11, newer than 1.18.1, and stays there: a server of 1.18.1 works with it"
    ]


@pytest.mark.usefixtures("shop")
def test_values_of_an_older_version_are_refused_where_its_server_does_not_work(release):
    release(charts.HOOK, SHOP)

    refused = release(charts.HOOK, SHOP | {"version": "1.12.3"})
    accepted = release(charts.HOOK, SHOP | {"version": "1.20.3"})

    assert (refused.returncode != 0, accepted.returncode) == (True, 0)
    assert "servers older than 1.15.2 do not work with it: 1.12.3 cannot start" in refused.stderr


@both_helms
def test_the_way_out_after_helm_was_killed(kubectl, shop, release, kubelet, eventually):
    release(charts.HOOK, SHOP | {"version": "1.18.1"})
    kubelet.cordon("1 Insufficient cpu")
    file = kubectl.home / "killed.json"
    file.write_text(json.dumps(SHOP))

    with kubectl.background_helm(
        "upgrade", "shop", charts.HOOK, "--values", file, "--wait", "--timeout", "60s"
    ) as helm:
        eventually(lambda: "can-start-1-20-11" in str(kubectl.json("get", "jobs")))
        helm.kill()
        helm.wait(10)
    kubelet.uncordon()
    stuck = release(charts.HOOK, SHOP)
    back = kubectl.run_helm("rollback", "shop", "1", "--wait", "--timeout", "60s")
    done = release(charts.HOOK, SHOP)

    assert "another operation (install/upgrade/rollback) is in progress" in stuck.stderr
    assert (back.returncode, done.returncode) == (0, 0), back.stderr + done.stderr
    assert migrations(shop) == 75


@pytest.fixture
def with_mesh(kubectl: Kubectl) -> Iterator[None]:
    """A mesh injects its proxy into the pods of the namespace."""
    with mesh.injecting(kubectl, SHELL, ["sleep", "600"]):
        yield


@pytest.mark.usefixtures("with_mesh")
def test_a_mesh_injects_no_proxy_into_a_hook_and_keeps_none_from_ending(kubectl, shop, release):
    done = release(charts.HOOK, SHOP)

    assert done.returncode == 0, done.stderr
    pods = kubectl.json("get", "pods")["items"]
    assert {len(pod["spec"]["containers"]) for pod in pods} == {1}
    assert migrations(shop) == 75


@pytest.mark.usefixtures("with_mesh", "shop")
def test_a_proxy_that_is_let_in_keeps_the_hook_from_ending(kubectl, release):
    values = SHOP | {"job": {"injectSidecars": True}, "hook": {"startWithin": 5}}

    done = release(charts.HOOK, values)

    assert done.returncode != 0
    for pod in kubectl.json("get", "pods")["items"]:  # none, one, or one more attempt
        assert {each["name"] for each in pod["spec"]["containers"]} == {"can-start", "proxy"}


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


@pytest.fixture
def v2(kubelet: Kubelet, tmp_path: Path) -> Path:
    """The folder of a shop of Medusa 2.21.2, whose image is `shop:42`; its runner is carried in as a link."""
    folder = shop_images.project(tmp_path / "shop", "2.21.2")
    shop_images.publish_runner(kubelet, tmp_path)
    shop_images.publish(kubelet, "shop:42", folder)
    return folder


def test_a_shop_of_v2_is_migrated_by_its_own_image(kubectl, v2, shop, release):
    values = {
        "image": {"repository": "runner", "tag": "test"},
        "server": {"image": "shop:42", "workingDir": "/server"},
        "database": {"urlSecret": {"name": "shop-db"}},
    }

    other = release(charts.HOOK, values | {"version": "2.20.0"})
    done = release(charts.HOOK, values | {"version": "2.21.2"}, "--timeout", "250s")
    assert done.returncode == 0, (other.stderr, done.stderr)
    [report] = [each for each in said(kubectl) if each["state"] == "done"]
    shutil.rmtree(v2 / "src" / "links")
    refused = release(charts.HOOK, values)
    accepted = release(charts.HOOK, values | {"upgrade": {"acknowledged": ["links"]}})

    assert other.returncode != 0
    assert (
        f"version 2.20.0: Medusa 2.21.2 of {v2} is installed, and only that can run" in other.stderr
    )
    assert done.returncode == 0, done.stderr
    assert (report["medusa"], report["scriptCount"]) == ("2.21.2", 6)
    assert "The database of this release is at Medusa 2.21.2." in done.stdout
    assert refused.returncode != 0
    assert "Add links to upgrade.acknowledged, or change them with server.links All" in refused.stderr  # fmt: skip
    assert accepted.returncode == 0, accepted.stderr
    assert "as the Medusa of shop:42 wants it" in accepted.stdout
    with psycopg.connect(shop) as conn:
        assert conn.execute("select medusa from medusa_db.project_runs").fetchall()[0] == (
            "2.21.2",
        )


def test_a_shop_of_v2_is_seeded_by_a_script_of_its_own_image(kubectl, v2, shop, release):
    file = v2 / "src/scripts/seed.js"
    file.parent.mkdir()
    makes = "await container.resolve('product').createProducts([{ title: args.join(' ') }])"
    text = "module.exports = { default: async ({ container, args }) => { BODY } }"
    values = {
        "image": {"repository": "runner", "tag": "test"},
        "server": {"image": "shop:42", "workingDir": "/server"},
        "database": {"urlSecret": {"name": "shop-db"}},
        "seed": {"enabled": True, "script": "./src/scripts/seed.js", "args": ["Shirt", "$(HOME)"]},
    }
    file.write_text(text.replace("BODY", makes))

    done = [release(charts.HOOK, values, "--timeout", "280s") for _ in range(2)]
    file.write_text(text.replace("BODY", "throw new Error('no such region')"))
    changed = values | {"seed": values["seed"] | {"policy": "OnChange"}}
    failed = release(charts.HOOK, changed, "--timeout", "120s")

    assert [each.returncode for each in done] == [0, 0], done[0].stderr + done[1].stderr
    seeds = [each for each in said(kubectl) if each["command"] == "seed"]
    assert ("nothing", "this very script was the last one seeded") in [
        (each["state"], each["seed"].get("skipped")) for each in seeds
    ]
    with psycopg.connect(shop) as conn:
        assert conn.execute("select title from product").fetchall() == [("Shirt $(HOME)",)]
    assert failed.returncode != 0
    assert (
        "medusa exec ended with 1: Error running script: no such region. What it had written by then"
        in failed.stderr
    )
    assert "What it had written by then may stay" in failed.stderr


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


def test_the_pods_of_a_shop_may_migrate_themselves(kubectl, shop, release, tmp_path):
    _shop_chart(tmp_path / "chart", "migrate", replicas=3)
    values = {"medusa-db-hook": SHOP | {"job": {"enabled": False}}}

    done = release(tmp_path / "chart", values)

    assert done.returncode == 0, done.stderr
    pods = kubectl.json("get", "pods")["items"]
    [*ended] = (pod["status"]["initContainerStatuses"][0]["state"]["terminated"] for pod in pods)
    states = sorted(json.loads(each["message"])["state"] for each in ended)
    assert states == ["done", "nothing", "nothing"]
    assert migrations(shop) == 75


def test_the_init_container_of_the_page_migrates(kubectl, shop, eventually):
    page = (charts.ROOT / "docs" / "init-container.md").read_text()
    lines, *_of_an_own_image = re.findall(
        r"^    initContainers:\n(?:      .+\n)+", page, re.MULTILINE
    )
    pod = yaml.safe_load(lines)
    [runner] = pod["initContainers"]
    runner["image"] = RUNNER
    server = {"name": "server", "image": SHELL, "command": ["sleep", "600"]}

    kubectl.apply(
        {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop"},
            "spec": pod | {"containers": [server]},
        }
    )  # fmt: skip

    eventually(
        lambda: condition(kubectl.json("get", "pod", "shop"), "Ready").get("status") == "True"
    )
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


def _shop_chart(folder: Path, init: str = "wait", replicas: int = 1) -> None:
    """Write the chart of a shop whose server has this init container."""
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
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "server"}},
            "template": {
                "metadata": {"labels": {"app": "server"}},
                "spec": {"initContainers": "WAIT", "containers": [server]},
            },
        },
    }
    waits = f'\n{{{{ include "medusa-db-hook.{init}" . | indent 6 }}}}'
    text = yaml.safe_dump(deployment).replace(" WAIT", waits)
    (folder / "templates" / "server.yaml").write_text(text)
