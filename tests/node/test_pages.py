"""The commands of the pages about Kubernetes, typed as they stand there; they print what stands below them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import pages
from medusa_testbed.objects import condition, secret
from medusa_testbed.waiting import eventually
from pages import Command, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from medusa_testbed.kubectl import Kubectl
    from medusa_testbed.node.postgres import Database

pytestmark = pytest.mark.timeout(900)

HOME = "medusa-database-operator"


READ = {
    "README.md": {
        "On Kubernetes",
        "The operator, by manifests",
        "The operator, by Helm",
        "The hook of Helm",
        "An init container, or a command",
    },
    "docs/install.md": {
        "The operator",
        "In one namespace, with a Role only",
        "First resource",
        "Uninstall",
        "To keep the resources",
        "Where the operator has gone first",
    },
    "docs/helm.md": {
        "The operator",
        "From the manifests to the chart, and back",
        "The hook",
        "Helm was killed",
    },
    "docs/init-container.md": {"When it fails"},
    "helm/medusa-db-operator/README.md": {"Install", "Upgrade", "Uninstall"},
    "helm/medusa-db-hook/README.md": {"Use", "What happens"},
}
"""The sections that are typed on the node; those of docs/kubectl.md are in test_kubectl_page."""
NOT_HERE = {
    "README.md": {
        "Medusa database operator",
        "Use it",
        "An upgrade",
    },  # on a shell, without Kubernetes
    "docs/install.md": {
        "The image",  # by test_image
        "With the Operator Lifecycle Manager",  # by tests/chart/test_olm
    },
}


@pytest.mark.parametrize("page", READ)
def test_every_section_with_commands_is_typed_or_named(page: str) -> None:
    sections = {command.section for command in pages.commands(page)}

    assert sections == READ[page] | NOT_HERE.get(page, set())


@pytest.fixture
def reader(bare: Kubectl, kubectl: Kubectl, tmp_path: Path) -> Callable[..., Reader]:
    """Return what starts somebody who reads a page, in a namespace of the test's own."""
    del bare  # what is installed on the way goes away behind the test

    project = pages.copied(tmp_path / "project")

    def new(page: str, helm: str = "helm", **real: str) -> Reader:
        return Reader(page, kubectl, project, real, helm)

    return new


README = "README.md"
ADDRESS = "shop:PASSWORD@HOST:5432/shop"


def write_resource(folder: Path) -> None:
    """Write the resource of the README, as `shop.yaml`."""
    (folder / "shop.yaml").write_text(pages.block(README, "The first line installs definition"))


def test_readme_the_operator_by_manifests(
    reader: Callable[..., Reader], database: Database
) -> None:
    here = reader(README, **{ADDRESS: database.address})
    install, apply, look = here.section("The operator, by manifests")
    write_resource(here.folder)

    here.read("On Kubernetes")
    here.type(install)
    here.type(apply)
    here.watch(look)


def test_readme_the_hook_of_helm(reader: Callable[..., Reader], database: Database) -> None:
    here = reader(README, **{ADDRESS: database.address, "./shop": "helm/shop"})
    write_shop(
        here.folder / "helm" / "shop",
        README,
        "The shop's chart has in its `Chart.yaml`",
        "and in its `values.yaml`",
    )

    here.read("On Kubernetes", "The hook of Helm")

    assert migrations(database) == 75
    assert here.kubectl.helm("status", "shop").splitlines()[3] == "STATUS: deployed"


def test_readme_an_init_container_or_a_command(
    reader: Callable[..., Reader], namespace: str, database: Database
) -> None:
    here = reader(README, **{ADDRESS: database.address})
    here.kubectl("label", "namespace", namespace, UNRESTRICTED, "--overwrite")
    name, migrate = here.section("An init container, or a command")
    here.read("On Kubernetes")

    start(here, pages.block(README, "In the pod template of the shop's server"))
    here.real[f"postgres://{ADDRESS}"] = database.here
    del here.real[ADDRESS]
    again = here.type(Command("", f"{name.text} && {migrate.text}"))

    assert migrations(database) == 75
    assert "nothing to do" in again.lower()


def start(here: Reader, init: str) -> None:
    """Start the shop's server behind the init containers of a page, and wait until it is ready."""
    apply_server(here, init)
    here.kubectl("rollout", "status", "deployment/shop", "--timeout=60s")


def apply_server(here: Reader, init: str) -> None:
    """Declare the shop's server behind the init containers of a page."""
    (here.folder / "server.yaml").write_text(
        SERVER.replace("      POD\n", "".join(f"      {line}\n" for line in init.splitlines()))
    )
    here.kubectl("apply", "-f", here.folder / "server.yaml")


def migrations(database: Database) -> int:
    """Return how many migrations the ledger has."""
    with psycopg.connect(database.here) as conn:
        row = conn.execute("select count(*) from migrations").fetchone()
    assert row is not None
    count: int = row[0]
    return count


def test_install(reader: Callable[..., Reader], database: Database) -> None:
    here = reader("docs/install.md", **{"shop:PASSWORD@HOST:5432/shop": database.address})
    choose, install = here.section("The operator")
    create, apply, look = here.section("First resource")

    here.type(Command("", f"{choose.text} && {install.text}"))
    here.type(create)
    here.type(apply)
    here.watch(look)
    found = here.kubectl.within(HOME).json("get", "deployment", HOME)
    here.read("Uninstall")

    [container] = found["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.com/medusa-database-operator:0.1.0"
    eventually(lambda: not here.kubectl.run("get", "mdb").stdout)


@contextmanager
def running(here: Reader, database: Database) -> Iterator[psycopg.Connection[Any]]:
    """Install by the manifests, and hold a run of the shop in the middle, as another session locks a table."""
    kubectl = here.kubectl
    kubectl("apply", "--server-side", "-k", here.folder / "deploy")
    kubectl.apply(secret("shop-db", DATABASE_URL=database.url))
    kubectl.apply(resource("1.12.3"))
    kubectl("wait", "mdb/shop", "--for=condition=Ready", "--timeout=60s")
    with psycopg.connect(database.here) as other:
        other.execute("lock table public.money_amount")
        kubectl.apply(resource("1.20.11", upgrade={"approval": "Automatic"}))
        reason = '--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=Migrating'
        kubectl("wait", "mdb/shop", reason, "--timeout=60s")
        yield other


def resource(version: str, **spec: object) -> dict[str, object]:
    """Return the shop's resource."""
    url = {"urlSecretRef": {"name": "shop-db", "key": "DATABASE_URL"}}
    return {
        "apiVersion": "medusadb.dev/v1alpha1", "kind": "MedusaDatabase", "metadata": {"name": "shop"},
        "spec": {"version": version, "database": url} | spec,
    }  # fmt: skip


def test_uninstall_while_a_job_runs(reader: Callable[..., Reader], database: Database) -> None:
    here = reader("docs/install.md")
    resources, remove = here.section("Uninstall")

    with running(here, database) as other, ThreadPoolExecutor(1) as beside:
        typed = beside.submit(here.type, resources)
        eventually(
            lambda: "deletionTimestamp" in here.kubectl.json("get", "mdb", "shop")["metadata"]
        )
        held = not typed.done()
        other.rollback()
        typed.result(60)
    here.type(remove)

    assert held
    assert migrations(database) == 75
    assert not here.kubectl.run("get", "namespace", HOME).stdout
    assert not here.kubectl.run("get", "crd", "medusadatabases.medusadb.dev").stdout


def test_a_run_is_not_lost_while_there_is_no_operator(
    reader: Callable[..., Reader], database: Database
) -> None:
    here = reader("docs/install.md")

    with running(here, database) as other:
        here.read("To keep the resources")
        here.kubectl("wait", "pod", "--selector", APP, "--for=delete", "-n", HOME, "--timeout=60s")
        other.rollback()
        [*_, job] = here.kubectl("get", "jobs", "-o", "name", "--sort-by", AGE).split()
        here.kubectl("wait", job, "--for=condition=Complete", "--timeout=60s")
    here.kubectl("apply", "--server-side", "-k", here.folder / "deploy")
    here.kubectl("wait", "mdb/shop", "--for=condition=Ready", "--timeout=60s")

    history = here.kubectl.json("get", "mdb", "shop")["status"]["history"]
    assert [each["job"] for each in history].count(job.partition("/")[2]) == 1
    assert migrations(database) == 75


def test_nothing_is_stuck_where_the_operator_has_gone_first(
    reader: Callable[..., Reader], namespace: str, database: Database
) -> None:
    here = reader("docs/install.md")
    _resources, remove = here.section("Uninstall")
    [let_go] = here.section("Where the operator has gone first")

    with running(here, database), ThreadPoolExecutor(1) as beside:
        typed = beside.submit(here.type, remove)
        eventually(lambda: not here.kubectl.run("get", "namespace", HOME).stdout, within=90)
        held = not typed.done()
        here.type(let_go)
        typed.result(60)
        here.kubectl("delete", "namespace", namespace, "--timeout=60s")

    assert held
    assert not here.kubectl.run("get", "crd", "medusadatabases.medusadb.dev").stdout


APP = f"app.kubernetes.io/name={HOME}"
AGE = "{.metadata.creationTimestamp}"


def test_from_the_manifests_to_the_chart_and_back(
    reader: Callable[..., Reader], database: Database
) -> None:
    here = reader("docs/helm.md")
    *forward, leave, clean, back = here.section("From the manifests to the chart, and back")
    kubectl = here.kubectl
    kubectl("apply", "--server-side", "-k", here.folder / "deploy")
    kubectl.apply(secret("shop-db", DATABASE_URL=database.url), resource("1.11.0"))
    kubectl("wait", "mdb/shop", "--for=condition=Ready", "--timeout=60s")

    for command in forward:
        here.type(command)
    kubectl.apply(resource("1.12.0"))
    applied = "--for=jsonpath={.status.appliedVersion}"
    kubectl("wait", "mdb/shop", f"{applied}=1.12.0", "--timeout=60s")
    for command in (leave, clean, back):
        here.type(command)
    kubectl("rollout", "status", f"deployment/{HOME}", "-n", HOME, "--timeout=60s")
    kubectl.apply(resource("1.12.3"))
    kubectl("wait", "mdb/shop", f"{applied}=1.12.3", "--timeout=60s")

    found = kubectl.json("get", "crd", "medusadatabases.medusadb.dev")["metadata"]
    assert not [key for key in found.get("annotations", {}) if "helm" in key]
    assert len(kubectl.json("get", "mdb", "shop")["status"]["history"]) >= 3


def test_after_client_side_apply_the_commands_of_the_pages_work(
    reader: Callable[..., Reader], database: Database
) -> None:
    here = reader("docs/install.md", **{ADDRESS: database.address})
    create, _apply, look = here.section("First resource")
    _choose, install = here.section("The operator")
    kubectl = here.kubectl
    again = "apply --server-side -f deploy/samples/shop.yaml"

    kubectl("apply", "-k", here.folder / "deploy")
    here.type(Command("", f"cd deploy && {install.text}"))
    here.type(create)
    kubectl("apply", "-f", here.folder / "deploy" / "samples" / "shop.yaml")
    here.watch(look)
    sample = here.folder / "deploy" / "samples" / "shop.yaml"
    sample.write_text(sample.read_text().replace("version: 1.20.11", "version: 1.20.10"))
    here.type(Command("", f"kubectl {again}"))
    here.type(Command("", "kubectl apply -f deploy/samples/shop.yaml"))

    assert kubectl.json("get", "mdb", "shop")["spec"]["version"] == "1.20.10"


def test_install_in_one_namespace(reader: Callable[..., Reader], database: Database) -> None:
    here = reader("docs/install.md", **{"set namespace shop": "set namespace NAMESPACE"})
    here.real["set namespace shop"] = f"set namespace {here.kubectl.namespace}"
    definition, choose, install = here.section("In one namespace, with a Role only")
    here.kubectl.apply(secret("shop-db", DATABASE_URL=database.url))
    here.type(definition)
    here.type(Command("", f"{choose.text} && {install.text}"))
    here.kubectl("apply", "-f", pages.ROOT / "deploy" / "samples" / "shop.yaml")

    here.kubectl("wait", "mdb/shop", "--for=condition=Ready", "--timeout=50s")


@pytest.mark.parametrize("helm", ["helm", "helm3"])
def test_the_operators_chart(
    reader: Callable[..., Reader], bare: Kubectl, database: Database, helm: str
) -> None:
    here = reader("docs/helm.md", helm=helm)
    [install] = here.section("The operator")
    chart = reader("helm/medusa-db-operator/README.md", helm=helm)
    again, _some_namespaces = chart.section("Install")
    of_readme, apply = reader(README, helm=helm).section("The operator, by Helm")
    [upgrade] = chart.section("Upgrade")
    remove, forget = chart.section("Uninstall")
    here.kubectl.apply(secret("shop-db", DATABASE_URL=database.url))
    write_resource(here.folder)

    here.type(install)
    here.type(apply)
    here.kubectl("wait", "mdb/shop", "--for=condition=Ready", "--timeout=50s")
    chart.type(upgrade)
    chart.type(remove)
    kept = here.kubectl.json("get", "mdb", "shop")
    chart.type(forget)

    assert again == replace(install, section="Install")
    assert of_readme.text == install.text
    assert condition(kept, "Ready")["status"] == "True"
    pods = ("pods", "--selector", "app.kubernetes.io/instance=medusa-db")
    eventually(lambda: not bare.json("get", *pods)["items"], within=60)


@pytest.mark.parametrize("helm", ["helm", "helm3"])
def test_the_hooks_chart(reader: Callable[..., Reader], database: Database, helm: str) -> None:
    here = reader("docs/helm.md", helm=helm)
    chart = reader("helm/medusa-db-hook/README.md", helm=helm)
    [alone] = [each for each in chart.section("Use") if each.text.startswith("helm")]
    upgrade, logs, reports = here.section("The hook")
    [forget] = chart.section("What happens")
    here.kubectl.apply(secret("shop-db", DATABASE_URL=database.url))
    write_shop(here.folder / "helm" / "shop", pod="In the pod template")

    chart.type(replace(alone, text=alone.text.replace("version=1.20.11", "version=1.12.3")))
    here.type(Command("", f"cd helm && {BUILD} && {INSTALL} --set medusa-db-hook.version=1.12.3"))
    refused = here.run(replace(upgrade, text=f"cd helm && {upgrade.text}"))
    said = here.type(logs)
    reported = here.type(reports)
    chart.type(forget)

    assert refused.returncode == 1
    assert helm == "helm3" or upgrade.printed(refused.stdout), refused.stdout
    assert "1.13.0 is breaking" in said or "(1.13.0)" in said
    assert '"reason": "AwaitingAcknowledgement"' in reported or "1.13.0" in reported


def test_helm_was_killed(reader: Callable[..., Reader], database: Database) -> None:
    here = reader("docs/helm.md")
    look, back, forward = here.section("Helm was killed")
    here.kubectl.apply(secret("shop-db", DATABASE_URL=database.url))
    write_shop(here.folder / "helm" / "shop", pod="In the pod template")
    install = f"cd helm && {BUILD} && {INSTALL} --set medusa-db-hook.version=1.18.1"
    here.type(Command("", install))

    with psycopg.connect(database.here) as other:
        other.execute("lock table public.product")
        with here.kubectl.background_helm(
            "upgrade",
            "shop",
            here.folder / "helm" / "shop",
            "--set",
            "medusa-db-hook.version=1.20.11",
        ) as helm:
            eventually(lambda: "migrate-1-20-11" in here.kubectl("get", "jobs"), within=60)
            helm.kill()
            helm.wait(10)
    stuck = here.run(replace(forward, text=f"cd helm && {forward.text}"))
    history = here.type(look)
    here.type(back)
    here.type(replace(forward, text=f"cd helm && {forward.text}"))

    assert "another operation (install/upgrade/rollback) is in progress" in stuck.stdout
    assert "pending-upgrade" in history
    assert migrations(database) == 75


def test_the_init_containers_page(
    reader: Callable[..., Reader], kubectl: Kubectl, namespace: str, database: Database
) -> None:
    page = "docs/init-container.md"
    here = reader(page)
    [logs] = here.section("When it fails")
    kubectl.apply(secret("shop-db", DATABASE_URL=database.url))
    kubectl("label", "namespace", namespace, UNRESTRICTED, "--overwrite")
    init = pages.block(page, "For a shop without an operator")

    start(here, init.replace("1.20.11", "1.12.3"))
    apply_server(here, init)
    here.look(logs)
    start(
        here,
        init.replace(
            "--to=1.20.11",
            "--to=1.20.11, --acknowledge=1.13.0, --acknowledge=1.15.2, --acknowledge=1.17.0",
        ),
    )
    start(here, init.replace("args: [migrate, --to=1.20.11]", "args: [wait, --for=1.20.11]"))

    assert migrations(database) == 75


def test_the_init_container_of_the_page_where_pods_are_restricted(
    reader: Callable[..., Reader], database: Database
) -> None:
    page = "docs/init-container.md"
    here = reader(page)
    here.kubectl.apply(secret("shop-db", DATABASE_URL=database.url))
    [row] = [
        line for line in (pages.ROOT / page).read_text().splitlines() if "*restricted*" in line
    ]
    context = row.split("`")[1]

    start(here, pages.block(page, "For a shop without").replace("args:", f"{context}, args:"))

    assert migrations(database) == 75


UNRESTRICTED = "pod-security.kubernetes.io/enforce=baseline"
BUILD, INSTALL = "helm dependency build shop", "helm install shop ./shop --wait --timeout 60s"


def write_shop(
    folder: Path,
    page: str = "helm/medusa-db-hook/README.md",
    chart: str = "In the `Chart.yaml`",
    values: str = "In its `values.yaml`",
    pod: str = "",
) -> None:
    """Write the chart of a shop as a page tells to, below these lines; its server is the pause program."""
    (folder / "templates").mkdir(parents=True)
    about = "apiVersion: v2\nname: shop\nversion: 0.1.0\n"
    (folder / "Chart.yaml").write_text(about + pages.block(page, chart))
    (folder / "values.yaml").write_text(pages.block(page, values))
    lines = pages.block(page, pod).splitlines() if pod else []
    (folder / "templates" / "server.yaml").write_text(
        SERVER.replace("      POD\n", "".join(f"      {line}\n" for line in lines))
    )


SERVER = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      POD
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: server
          image: localhost/pause:1
          imagePullPolicy: Never
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
"""
