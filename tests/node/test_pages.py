"""The commands of the pages about Kubernetes, typed as they stand there; they print what stands below them."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

import pages
from medusa_testbed.objects import secret
from medusa_testbed.waiting import eventually
from pages import Command, Reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from medusa_testbed.kubectl import Kubectl
    from medusa_testbed.node.postgres import Database

pytestmark = pytest.mark.timeout(900)

HOME = "medusa-database-operator"


@pytest.fixture
def reader(bare: Kubectl, kubectl: Kubectl, tmp_path: Path) -> Callable[..., Reader]:
    """Return what starts somebody who reads a page, in a namespace of the test's own."""
    del bare  # what is installed on the way goes away behind the test

    def new(page: str, **real: str) -> Reader:
        return Reader(page, kubectl, pages.copied(tmp_path / "project"), real)

    return new


def watch(reader: Reader, command: Command) -> None:
    """Type a watch, and end it when it shows that the shop is as declared."""
    process = reader.start(command)
    assert process.stdout is not None
    try:
        shown = next(line for line in process.stdout if "UpToDate" in line)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert not command.output or pages.same(command.output[-1], shown)


def test_readme(reader: Callable[..., Reader], database: Database) -> None:
    here = reader("README.md")
    install, apply, look, _demo = here.section("On Kubernetes")
    here.kubectl.apply(secret("shop-db", DATABASE_URL=database.url))

    here.type(install)
    here.type(apply)
    watch(here, look)


def test_install(reader: Callable[..., Reader], database: Database) -> None:
    here = reader("docs/install.md", **{"shop:PASSWORD@HOST:5432/shop": database.address})
    choose, install = here.section("The operator")
    create, apply, look = here.section("First resource")
    remove, let_go = here.section("Uninstall")

    here.type(Command("", f"{choose.text} && {install.text}"))
    here.type(create)
    here.type(apply)
    watch(here, look)
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
