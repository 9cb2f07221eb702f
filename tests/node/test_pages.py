"""The commands of the pages about Kubernetes, typed as they stand there; they print what stands below them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import pages
from medusa_testbed.objects import condition, secret
from medusa_testbed.waiting import eventually
from pages import Command, Reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from medusa_testbed.kubectl import Kubectl
    from medusa_testbed.node.postgres import Database

pytestmark = pytest.mark.timeout(900)

HOME = "medusa-database-operator"


READ = {
    "README.md": {"On Kubernetes"},
    "docs/install.md": {
        "The operator",
        "In one namespace, with a Role only",
        "First resource",
        "Uninstall",
    },
    "docs/helm.md": {"The operator", "The hook"},
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
    "docs/install.md": {"The image"},  # by test_image
    "docs/helm.md": {"Helm was killed"},  # wants a Helm that is killed at the right moment
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


def test_readme(reader: Callable[..., Reader], database: Database) -> None:
    here = reader("README.md")
    install, apply, look, _demo = here.section("On Kubernetes")
    here.kubectl.apply(secret("shop-db", DATABASE_URL=database.url))

    here.type(install)
    here.type(apply)
    here.watch(look)


def test_install(reader: Callable[..., Reader], database: Database) -> None:
    here = reader("docs/install.md", **{"shop:PASSWORD@HOST:5432/shop": database.address})
    choose, install = here.section("The operator")
    create, apply, look = here.section("First resource")
    remove, let_go = here.section("Uninstall")

    here.type(Command("", f"{choose.text} && {install.text}"))
    here.type(create)
    here.type(apply)
    here.watch(look)
    found = here.kubectl.within(HOME).json("get", "deployment", HOME)
    here.type(let_go)
    here.type(remove)

    [container] = found["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.com/medusa-database-operator:0.1.0"
    eventually(lambda: not here.kubectl.run("get", "mdb").stdout)


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
    [upgrade] = chart.section("Upgrade")
    remove, forget = chart.section("Uninstall")
    here.kubectl.apply(secret("shop-db", DATABASE_URL=database.url))

    here.type(install)
    here.kubectl("apply", "-f", pages.ROOT / "deploy" / "samples" / "shop.yaml")
    here.kubectl("wait", "mdb/shop", "--for=condition=Ready", "--timeout=50s")
    chart.type(upgrade)
    chart.type(remove)
    kept = here.kubectl.json("get", "mdb", "shop")
    chart.type(forget)

    assert again == replace(install, section="Install")
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
    write_shop(here.folder / "helm" / "shop")

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


BUILD, INSTALL = "helm dependency build shop", "helm install shop ./shop --wait --timeout 60s"


def write_shop(folder: Path) -> None:
    """Write the chart of a shop as the hook's README tells to; its server is the pause program."""
    page = "helm/medusa-db-hook/README.md"
    (folder / "templates").mkdir(parents=True)
    about = "apiVersion: v2\nname: shop\nversion: 0.1.0\n"
    (folder / "Chart.yaml").write_text(about + pages.block(page, "In the `Chart.yaml`"))
    (folder / "values.yaml").write_text(pages.block(page, "In its `values.yaml`"))
    head, template, pod = SERVER.partition("      POD\n")
    assert template
    lines = pages.block(page, "In the pod template").splitlines()
    (folder / "templates" / "server.yaml").write_text(
        head + "".join(f"      {line}\n" for line in lines) + pod
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
