"""docs/kubectl.md: its commands, typed in its order on shops in the state that each section begins with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg
import pytest
import yaml

import pages
from medusa_testbed.objects import secret
from pages import Command, Reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from medusa_testbed.kubectl import Kubectl
    from medusa_testbed.node.postgres import Database, Postgres

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def kubectl_page(
    kubectl: Kubectl, operator: None, tls_server: Postgres, tmp_path: Path
) -> Iterator[KubectlPage]:
    """Somebody who reads docs/kubectl.md."""
    del operator
    with tls_server.database() as database:
        yield KubectlPage(
            Reader("docs/kubectl.md", kubectl, pages.copied(tmp_path / "project")), database
        )


@dataclass(frozen=True, slots=True)
class KubectlPage:
    """docs/kubectl.md, whose sections begin with shops in different states."""

    reader: Reader
    database: Database

    def section(self, title: str) -> list[Command]:
        """Return the commands below a heading."""
        return self.reader.section(title)

    def type(self, *commands: Command) -> None:
        """Type commands; those that look are typed again until they show what the page shows."""
        for command in commands:
            if command.text.startswith("kubectl get") and command.output:
                self.reader.look(command)
            else:
                self.reader.type(command)

    def shop(self, version: str, **spec: object) -> None:
        """Declare the shop of the sample at *version*, on an empty database, and wait until that is so."""
        kubectl = self.reader.kubectl
        kubectl("delete", "--ignore-not-found", "mdb/shop", "configmap/shop-seed", "secret/shop-db")
        with psycopg.connect(self.database.here, autocommit=True) as conn:
            conn.execute("drop owned by medusa")
            conn.execute("create schema if not exists public")
        kubectl.apply(secret("shop-db", DATABASE_URL=self.database.url))
        body, seed = yaml.safe_load_all(
            (pages.ROOT / "deploy" / "samples" / "shop.yaml").read_text()
        )
        body["spec"] |= {"version": version} | spec
        kubectl("apply", "--server-side", "-f", "-", stdin=[body, seed])
        kubectl("wait", "mdb/shop", "--for=condition=Ready", "--timeout=50s")


def test_declare_watch_and_delete(kubectl_page: KubectlPage) -> None:
    create, apply, look = kubectl_page.section("Declare, and watch")
    kubectl_page.reader.real["postgres://medusa:...@127.0.0.1:5432/shop"] = (
        kubectl_page.database.url
    )

    kubectl_page.type(create, apply)
    kubectl_page.reader.watch(look)
    kubectl_page.type(*kubectl_page.section("Wait")[:3])
    [events] = kubectl_page.section("What happened")
    happened = kubectl_page.reader.run(events).stdout.splitlines()
    kubectl_page.type(*kubectl_page.section("Suspend"))
    kubectl_page.type(*kubectl_page.section("Delete"))

    assert reasons(happened) == reasons(events.output)


def reasons(events: Sequence[str]) -> set[tuple[str, ...]]:
    """Return type, reason and object of each line; those of one second come in any order."""
    return {tuple(line.split()[1:4]) for line in events[1:]}


def test_upgrade_and_acknowledge(kubectl_page: KubectlPage) -> None:
    waits = kubectl_page.section("Wait")[3]
    upgrade, *rest = kubectl_page.section("Upgrade, and acknowledge")
    refused, unknown = rest[-2:]
    kubectl_page.shop("1.12.3")

    kubectl_page.type(upgrade, waits, *rest[:-2])
    kubectl_page.shop("1.19.0")
    kubectl_page.type(refused, unknown)


def test_when_it_fails(kubectl_page: KubectlPage) -> None:
    wide, listing = kubectl_page.section("When it fails")
    retry, ready, with_secret = kubectl_page.section("Try again")
    verify, wait, what = kubectl_page.section("Is it still so?")
    kubectl = kubectl_page.reader.kubectl
    body, *_ = yaml.safe_load_all((pages.ROOT / "deploy" / "samples" / "shop.yaml").read_text())
    del body["spec"]["seed"]
    body["spec"]["version"] = "1.12.3"
    url = kubectl_page.database.url
    kubectl.apply(secret("shop-db", DATABASE_URL=url.replace(":medusa@", ":another@")), body)

    kubectl_page.type(wide)
    kubectl.apply(secret("shop-db", DATABASE_URL=url))
    kubectl_page.type(retry, ready)
    jobs = kubectl_page.reader.run(listing).stdout
    kubectl_page.type(with_secret)
    with psycopg.connect(kubectl_page.database.here) as conn:
        conn.execute("alter table store drop column swap_link_template")
    kubectl_page.type(
        verify, wait, replace(what, output=(what.output[0].replace("1.20.11", "1.12.3"),))
    )

    assert {line.split()[1] for line in jobs.splitlines()[1:3]} == {"Failed", "Complete"}


def test_restore_a_backup(kubectl_page: KubectlPage) -> None:
    kubectl_page.shop("1.20.11")

    kubectl_page.type(*kubectl_page.section("Restore a backup"))

    reason = '--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=Downgrade'
    kubectl_page.reader.kubectl("wait", "mdb/shop", reason, "--timeout=50s")


def test_server_side_apply(kubectl_page: KubectlPage) -> None:
    kubectl_page.shop("1.12.3")
    text = pages.block("docs/kubectl.md", "apply each of them owns its fields")
    (kubectl_page.reader.folder / "version.yaml").write_text(
        text.partition("version.yaml\n")[2].partition("\n\n")[0].partition("$")[0]
    )
    conflict, force, managers = kubectl_page.section("Who may set what: server-side apply")

    refused = kubectl_page.reader.run(conflict)
    kubectl_page.type(force)
    shown = kubectl_page.reader.run(managers).stdout

    assert refused.stdout.splitlines()[0] == conflict.output[0]
    owners = {line.split()[-1] for line in shown.splitlines() if "manager:" in line}
    assert owners == {line.split()[-1] for line in managers.output if "manager:" in line}
