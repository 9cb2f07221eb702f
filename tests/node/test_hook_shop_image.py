"""The hook's chart with a shop's own image on a real node: the runner is carried into an image that has nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import mesh
import pages
from medusa_testbed.objects import condition, secret

if TYPE_CHECKING:
    from medusa_testbed.kubectl import Kubectl
    from medusa_testbed.node.postgres import Database

pytestmark = pytest.mark.timeout(900)

HOOK = pages.ROOT / "helm" / "medusa-db-hook"
EMPTY = "localhost/pause:1"
"""An image with one static program: no shell, no libc, no Node, no project."""
VALUES = (
    "--set", "database.urlSecret.name=shop-db,image.repository=registry.example.com/medusa-database-operator",
    "--set", f"server.image={EMPTY},server.imagePullPolicy=Never",
    "--timeout", "90s",
)  # fmt: skip
NO_PROJECT = "server.workingDir /: neither it nor a folder above it has node_modules/@medusajs/"
"""Without the rest: the word `medusa` is masked where the URL in the Secret has it as a name."""


@pytest.fixture
def shop(kubectl: Kubectl, database: Database) -> Kubectl:
    """kubectl in a namespace with the Secret of a shop's database."""
    kubectl.apply(secret("shop-db", DATABASE_URL=database.url))
    return kubectl


def test_the_carried_runner_starts_in_an_image_without_anything_where_pods_are_restricted(
    shop: Kubectl,
) -> None:
    done = shop.run_helm("install", "shop", HOOK, *VALUES)

    first, later = shop.json(
        "get", "jobs", "--sort-by", "{.metadata.creationTimestamp}"
    )["items"]  # fmt: skip
    assert condition(first, "Complete")["status"] == "True"
    assert condition(later, "Failed")["reason"] == "PodFailurePolicy"
    assert NO_PROJECT in done.stderr


def test_an_image_that_should_have_the_runner_and_has_none_fails_the_release_soon(
    shop: Kubectl,
) -> None:
    done = shop.run_helm("install", "shop", HOOK, *VALUES, "--set", "server.runner=Image")

    [job] = shop.json("get", "jobs")["items"]
    assert "-can-start-" in done.stderr
    assert condition(job, "Failed")["reason"] == "BackoffLimitExceeded"
    events = shop("get", "events")
    assert "/medusa-db/bin/medusa-db: no such file or directory" in events


@pytest.mark.parametrize("first", [True, False], ids=["before-ours", "behind-ours"])
def test_the_runner_is_carried_beside_a_native_sidecar(
    shop: Kubectl, namespace: str, first: bool
) -> None:
    shop("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=baseline", "--overwrite")  # fmt: skip
    with mesh.injecting(shop, EMPTY, native=True, first=first):
        done = shop.run_helm(
            "install", "shop", HOOK, *VALUES, "--set", "job.injectSidecars=true"
        )  # fmt: skip

    both = [mesh.PROXY, "install-medusa-db"] if first else ["install-medusa-db", mesh.PROXY]
    pods = shop.json("get", "pods")["items"]
    assert [[each["name"] for each in pod["spec"]["initContainers"]] for pod in pods] == [both] * 2
    assert NO_PROJECT in done.stderr
    assert not shop("get", "pods", "--field-selector=status.phase=Running")
