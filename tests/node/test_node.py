"""A shop on a real node: the operator from its manifests, a database by TLS, pods of the shipped image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from medusa_testbed.objects import secret

if TYPE_CHECKING:
    from medusa_testbed.kubectl import Kubectl
    from medusa_testbed.node.postgres import Database

pytestmark = pytest.mark.timeout(900)


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
