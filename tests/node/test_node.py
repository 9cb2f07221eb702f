"""A shop on a real node: the operator from its manifests, a database by TLS, pods of the shipped image."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import psycopg
import pytest

from medusa_testbed.kubectl import Kubectl
from medusa_testbed.node import archives
from medusa_testbed.objects import secret
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from medusa_testbed.node.node import Cluster
    from medusa_testbed.node.postgres import Database

pytestmark = pytest.mark.timeout(900)

HOME = "medusa-database-operator"


@pytest.mark.usefixtures("operator")
def test_the_node_takes_restricted_pods_that_find_services_and_the_database(
    kubectl: Kubectl, database: Database
) -> None:
    kubectl.apply(
        secret("shop-db", DATABASE_URL=f"{database.url}?sslmode=verify-full"),
        secret("shop-ca", **{"ca.crt": database.postgres.ca}),
        shop(version="1.20.11"),
    )

    kubectl("wait", "mdb/shop", "--for=condition=Ready", "--timeout=50s")

    with psycopg.connect(database.here) as conn:
        found = conn.execute("select count(*) from migrations").fetchone()
    assert found is not None
    assert found[0] > 50


@pytest.mark.usefixtures("operator")
def test_the_operator_connects_to_the_api_server_only(cluster: Cluster, tmp_path: Path) -> None:
    """So the network policy leaves it what it needs; `kubectl exec` needs no shell for Python."""
    admin = Kubectl(cluster.plane.kubeconfig, tmp_path, HOME)
    read = "print(open('/proc/net/tcp').read())"

    tables = [
        admin("exec", pod, "--", "python", "-c", read)
        for pod in admin("get", "pods", "-o", "name").split()
    ]
    server = admin.json("get", "service", "kubernetes", "-n", "default")["spec"]["clusterIP"]

    assert {peer for table in tables for peer in peers(table)} == {f"{server}:443"}


def test_an_image_that_is_removed_is_kept_by_no_other_name(
    cluster: Cluster, tmp_path: Path
) -> None:
    layer = archives.layer(tmp_path / "layer.tar", {"file": b"text"})
    image = archives.ArchivedImage("shop.example/small:1", (layer,))
    before = set(cluster.runtime.images())
    cluster.runtime.load(archives.write(tmp_path / "image.tar", [image]))
    eventually(lambda: len(set(cluster.runtime.images()) - before) == 2)  # one by its digest

    cluster.runtime.remove(image.name)

    assert set(cluster.runtime.images()) == before


def peers(table: str) -> set[str]:
    """Return whom a pod has connected to, by what `/proc/net/tcp` says of its sockets."""
    rows = [line.split() for line in table.splitlines()[1:] if line.strip()]
    listening = {row[1].partition(":")[2] for row in rows if row[3] == "0A"}
    return {
        f"{socket.inet_ntoa(bytes.fromhex(row[2].partition(':')[0])[::-1])}:{int(row[2].partition(':')[2], 16)}"
        for row in rows
        if row[3] == "01" and row[1].partition(":")[2] not in listening
    }


def shop(version: str) -> dict[str, object]:
    """Return a resource whose database is reached by TLS."""
    return {
        "apiVersion": "medusadb.dev/v1alpha1",
        "kind": "MedusaDatabase",
        "metadata": {"name": "shop"},
        "spec": {
            "version": version,
            "database": {
                "urlSecretRef": {"name": "shop-db", "key": "DATABASE_URL"},
                "caSecretRef": {"name": "shop-ca", "key": "ca.crt"},
            },
        },
    }
