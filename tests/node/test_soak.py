"""A long time on the node: shops come, are upgraded and go, and so do namespaces, the API server and the node.

Six hours with MEDUSA_TEST_ALL=1, or MEDUSA_SOAK_SECONDS of them; `make soak`. MEDUSA_SOAK_RATE=3
makes three times as many changes in the time.
"""

from __future__ import annotations

import os
import random
import re
import statistics
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from medusa_testbed.kubectl import Kubectl
from medusa_testbed.objects import condition, secret
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from medusa_testbed.node.node import Cluster
    from medusa_testbed.node.postgres import Database, Postgres

LONG = bool(os.environ.get("MEDUSA_TEST_ALL"))
SECONDS = float(os.environ.get("MEDUSA_SOAK_SECONDS") or (6 * 3600 if LONG else 0))
SEED = os.environ.get("MEDUSA_SOAK_SEED") or str(random.SystemRandom().randrange(10**6))
RATE = float(os.environ.get("MEDUSA_SOAK_RATE") or 1)
PACE = 12.0 / RATE
"""Seconds between two changes."""
RARE = 360.0 / RATE
"""Seconds between two of the rare things."""
SHOPS = 6
"""That are there at once."""
NAMESPACES = ("soak-a", "soak-b")
PATH = {"1.12.3": 66, "1.17.2": 72, "1.20.3": 75, "1.20.11": 75}
"""The versions that a shop goes through, and the migrations in its ledger."""
OPERATOR = "medusa-database-operator"
_WORKING_SET = re.compile(
    rf'pod_memory_working_set_bytes{{namespace="{OPERATOR}",pod="([^"]+)"}} (\S+)'
)

pytestmark = [
    pytest.mark.timeout(SECONDS + 1200),
    pytest.mark.skipif(
        not SECONDS, reason="takes hours; the chaos on the control plane is its sample"
    ),
]


@dataclass(slots=True)
class Shop:
    """A resource and its database."""

    kubectl: Kubectl
    name: str
    database: Database
    life: ExitStack
    versions: list[str]
    """Still to come, the next one first."""
    version: str = ""

    def upgrade(self) -> None:
        """Declare the next version."""
        self.version = self.versions.pop(0)
        self.declare()

    def declare(self) -> None:
        """Apply the Secret and the resource."""
        url = {"urlSecretRef": {"name": self.name, "key": "url"}}
        spec = {"version": self.version, "database": url, "upgrade": {"approval": "Automatic"}}
        self.kubectl.apply(
            secret(self.name, url=self.database.url),
            {
                "apiVersion": "medusadb.dev/v1alpha1", "kind": "MedusaDatabase",
                "metadata": {"name": self.name}, "spec": spec,
            },
        )  # fmt: skip

    def ready(self) -> bool:
        """Whether it says that the database is at its version."""
        status = self.kubectl.json("get", "mdb", self.name).get("status", {})
        ready = condition({"status": status}, "Ready")
        return ready.get("status") == "True" and status.get("appliedVersion") == self.version

    def rows(self) -> int:
        """Return how many migrations its ledger has."""
        with psycopg.connect(self.database.here) as conn:
            found = conn.execute("select count(*) from migrations").fetchone()
        assert found is not None
        return int(found[0])


@dataclass(slots=True)
class Soak:
    """What is there, and what was done."""

    cluster: Cluster
    server: Postgres
    admin: Kubectl
    dice: random.Random
    shops: list[Shop] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    memory: dict[str, list[float]] = field(default_factory=dict)
    """MiB of each of the operator's pods, one figure a minute."""
    _numbers: int = 0

    def at(self, namespace: str) -> Kubectl:
        """Return kubectl in that namespace."""
        return Kubectl(self.admin.kubeconfig, self.admin.home, namespace)

    def found(self, namespace: str) -> None:
        """Make a namespace, whose Pods are restricted."""
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        self.admin.apply(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": namespace, "labels": labels},
            }
        )
        api = self.cluster.plane.api
        eventually(lambda: api.find("v1/serviceaccounts", "default", namespace), within=120)

    def make(self) -> None:
        """Make a shop whose database is empty."""
        self._numbers += 1
        life = ExitStack()
        database = life.enter_context(self.server.database())
        where = self.at(self.dice.choice(NAMESPACES))
        shop = Shop(where, f"shop-{self._numbers}", database, life, list(PATH))
        self.shops.append(shop)
        shop.upgrade()

    def change(self) -> None:
        """Make a shop, upgrade one, or take one away that is at the end of its path."""
        shop = self.dice.choice(self.shops) if len(self.shops) >= SHOPS else None
        if shop is None:
            self._do("a shop is made", self.make)
        elif not shop.ready():
            self.done["a shop is left to its run"] += 1
        elif shop.versions:
            self._do("a shop is upgraded", shop.upgrade)
        else:
            self._do("a shop goes", lambda: self.remove(shop))

    def remove(self, shop: Shop) -> None:
        """Take a shop away; its ledger is what its versions say."""
        assert shop.rows() == PATH[shop.version]
        shop.kubectl("delete", "mdb", shop.name, "--timeout=55s")
        self.shops.remove(shop)
        shop.life.close()

    def empty(self) -> None:
        """Delete a namespace with everything in it, and make it and its resources again."""
        namespace = self.dice.choice(NAMESPACES)
        self.admin("delete", "namespace", namespace, "--wait=false")
        gone = self.cluster.plane.api
        eventually(lambda: not gone.find("v1/namespaces", namespace), within=180)
        self.found(namespace)
        for shop in self.shops:
            if shop.kubectl.namespace == namespace:
                shop.declare()

    def restart_api_server(self) -> None:
        """End the API server as a node's kubelet does, and start it again."""
        self.cluster.plane.stop_api_server()
        self.cluster.plane.start_api_server()

    def restart_kubelet(self) -> None:
        """Restart the kubelet below its pods."""
        self.cluster.stop_kubelet()
        self.cluster.start_kubelet()

    def go_on(self, seconds: float) -> None:
        """Change something every few seconds, for so long; now and then a rare thing."""
        rare: list[tuple[str, Callable[[], None]]] = [
            ("the API server restarts", self.restart_api_server),
            ("a namespace is emptied", self.empty),
            ("the kubelet restarts", self.restart_kubelet),
        ]
        begun = time.monotonic()
        turn, minutes = 1, 0
        while (passed := time.monotonic() - begun) < seconds:
            if passed >= 60 * minutes:
                minutes += 1
                self.weigh()
            if passed >= RARE * turn:
                self._do(*rare[turn % len(rare)])
                turn += 1
            else:
                self.change()
            time.sleep(PACE * self.dice.uniform(0.5, 1.5))

    def settle(self) -> None:
        """Wait until each shop is where it was told to go."""
        for shop in self.shops:
            eventually(shop.ready, within=900, every=1)
            assert shop.rows() == PATH[shop.version]

    def weigh(self) -> None:
        """Write down the memory of the operator's pods."""
        for line in self.admin(
            "get", "--raw", "/api/v1/nodes/node/proxy/metrics/resource"
        ).splitlines():
            if found := _WORKING_SET.match(line):
                self.memory.setdefault(found[1], []).append(float(found[2]) / 2**20)

    def pods(self) -> list[dict[str, Any]]:
        """Return the operator's pods."""
        found: list[dict[str, Any]] = self.at(OPERATOR).json("get", "pods")["items"]
        return found

    def _do(self, what: str, act: Callable[[], None]) -> None:
        self.done[what] += 1
        act()


@pytest.fixture
def soak(
    cluster: Cluster, operator: None, tls_server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Soak]:
    """The node with the operator and two namespaces."""
    del operator
    admin = Kubectl(cluster.plane.kubeconfig, tmp_path_factory.mktemp("soak"))
    made = Soak(cluster, tls_server, admin, random.Random(SEED))
    for namespace in NAMESPACES:
        made.found(namespace)
    yield made
    for namespace in NAMESPACES:
        admin("delete", "namespace", namespace, "--wait=false")
    for shop in made.shops:
        shop.life.close()


def test_for_hours_the_operator_neither_restarts_nor_grows(
    soak: Soak, record_property: Callable[[str, object], None]
) -> None:
    before = soak.pods()

    try:
        soak.go_on(SECONDS)
        soak.settle()
    finally:
        told = [
            f"MEDUSA_SOAK_SEED={SEED} {SECONDS:g} s, rate {RATE:g}",
            f"done: {dict(soak.done.most_common())}",
        ]
        told += [f"{pod}: {spelled(figures)}" for pod, figures in soak.memory.items()]
        record_property("soak", "\n".join(told))

    after = soak.pods()
    assert {pod["metadata"]["uid"] for pod in after} == {pod["metadata"]["uid"] for pod in before}
    assert [restarts(pod) for pod in after] == [0] * len(before)
    assert set(soak.memory) == {pod["metadata"]["name"] for pod in before}
    for figures in soak.memory.values():
        second, third = thirds(figures)
        assert third <= second * 1.1


def restarts(pod: dict[str, Any]) -> int:
    """Return how often the container of a pod was started again."""
    return sum(status["restartCount"] for status in pod["status"]["containerStatuses"])


def thirds(figures: list[float]) -> tuple[float, float]:
    """Return the mean of the second third and of the last one."""
    third = max(1, len(figures) // 3)
    return statistics.mean(figures[third : 2 * third] or figures), statistics.mean(figures[-third:])


def spelled(figures: list[float]) -> str:
    """Return what is said of the memory of a pod."""
    second, third = thirds(figures)
    return f"{second:.1f} MiB, then {third:.1f} MiB (at most {max(figures):.1f}, {len(figures)} figures)"
