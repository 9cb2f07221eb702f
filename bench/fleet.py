"""Measures the operator with many resources at once, and with many at rest, on the test cluster.

The stand-in kubelet ends every run at once, so that what is measured is the operator and not the
databases. Calls and times are those of the API server's audit log.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_testbed import control_plane, operators
from medusa_testbed.kubectl import Kubectl
from medusa_testbed.kubelet.images import RUNNER, Image
from medusa_testbed.kubelet.kubelet import Kubelet
from medusa_testbed.shops import JOBS, RESOURCE, Shop, succeeds
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medusa_testbed.control_plane import ControlPlane
    from medusa_testbed.operators import Operator

NAMESPACE = "fleet"
HOUSEKEEPING = ("leases", "list medusadatabases", "list jobs", "watch", "get /")
"""Calls that are made however many migrations there are."""
APPLIERS = 8
RUNS = 50
"""Jobs that the operator lets go on at a time; the others wait for their turn."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What was wanted of the operator, and what was measured."""

    text: str
    most: float
    found: float
    shown: str

    @property
    def met(self) -> bool:
        """Whether it is within the bound."""
        return self.found <= self.most


def section(*, quick: bool) -> tuple[str, bool]:
    """Return the Markdown of the benchmark, and whether every bound was met."""
    at_once, at_rest, rest = (100, 300, 60) if quick else (500, 2000, 330)
    with _fleet() as (cluster, operator):
        bounds = [*_at_once(cluster, at_once), *_at_rest(cluster, operator, at_once, at_rest, rest)]
    lines = [
        "### The operator",
        "",
        (
            f"{at_once} resources are applied at once, {RUNS} may run at a time, and a Job ends as "
            "soon as it runs; then "
            f"{at_rest:,} rest for {rest} s with their Jobs and pods kept."
        ),
        "",
        "| wanted | measured | |",
        "|---|--:|---|",
        *(f"| {b.text} | {b.shown} | {'met' if b.met else '**not met**'} |" for b in bounds),
    ]
    return "\n".join(lines), all(bound.met for bound in bounds)


@contextmanager
def _fleet() -> Iterator[tuple[ControlPlane, Operator]]:
    with (
        control_plane.started() as cluster,
        tempfile.TemporaryDirectory(prefix="medusa-db-fleet-") as made,
    ):
        folder = Path(made)
        operators.install(cluster, Kubectl(cluster.kubeconfig, folder))
        cluster.api.create("v1/namespaces", {"metadata": {"name": NAMESPACE}})
        kubelet = Kubelet(cluster.server, cluster.ca, cluster.token("kubelet"), folder / "pods")
        kubelet.images[RUNNER] = Image(outcome=succeeds)
        kubelet.start()
        rights = cluster.service_account(operators.HOME, operators.HOME)
        try:
            with operators.running(rights, folder, f"--max-concurrent-runs={RUNS}") as operator:
                yield cluster, operator
        finally:
            kubelet.stop()


def _at_once(cluster: ControlPlane, count: int) -> list[Bound]:
    sys.stderr.write(f"the operator: {count} at once\n")
    mark = cluster.requests.mark()
    _apply(cluster, 0, count)
    _settle(cluster, count)
    made = cluster.requests.since(mark).of(operators.USER).count()
    calls = sum(n for call, n in made.items() if not any(word in call for word in HOUSEKEEPING))
    waits = _waits(cluster)
    p99 = statistics.quantiles(waits, n=100)[98]
    each = calls / count
    return [
        Bound("API calls for each migration: at most 12", 12, each, f"{each:.1f}"),
        Bound(
            "from its turn to the Job's creation, 99 of 100: at most 5 s", 5, p99,
            f"{p99:.2f} s (median {statistics.median(waits):.2f} s)",
        ),
    ]  # fmt: skip


def _at_rest(
    cluster: ControlPlane, operator: Operator, before: int, count: int, seconds: int
) -> list[Bound]:
    for first in range(before, count, before):
        sys.stderr.write(f"the operator: {first} of {count} at rest\n")
        _apply(cluster, first, min(count, first + before))
        _settle(cluster, min(count, first + before))
    time.sleep(10)
    sys.stderr.write(f"the operator: {count} at rest for {seconds} s\n")
    worked = operator.rss
    operator.stop()
    operator.start()
    operator.wait()
    time.sleep(20)
    mark, cpu, began = cluster.requests.mark(), operator.cpu, time.monotonic()
    time.sleep(seconds)
    share = (operator.cpu - cpu) / (time.monotonic() - began) * 100
    made = cluster.requests.since(mark).of(operators.USER)
    writes = [write for write in made.writes.all if write.resource != "leases"]
    memory = max(worked, operator.rss) / 1e6
    return [
        Bound(
            f"{count:,} at rest: at most 200 MB", 200, memory,
            f"{operator.rss / 1e6:.0f} MB ({worked / 1e6:.0f} MB after all the migrations)",
        ),
        Bound(f"{count:,} at rest: at most 2 % of a core", 2, share, f"{share:.2f} %"),
        Bound(f"{count:,} at rest: no writes", 0, len(writes), str(len(writes))),
    ]  # fmt: skip


def _apply(cluster: ControlPlane, first: int, last: int) -> None:
    """Create the resources of these numbers as fast as the API server takes them."""

    def create(number: int) -> None:
        Shop(cluster.api, NAMESPACE, f"shop-{number}").declare(
            database={"urlSecretRef": {"name": f"shop-{number}", "key": "url"}}
        )

    with ThreadPoolExecutor(APPLIERS) as pool:
        list(pool.map(create, range(first, last)))


def _settle(cluster: ControlPlane, count: int) -> None:
    """Wait until that many are ready and hold no finalizer."""

    def ready() -> bool:
        found = cluster.api.list(RESOURCE, NAMESPACE)
        done = [
            body
            for body in found
            if body.get("status", {}).get("appliedVersion") and "finalizers" not in body["metadata"]
        ]
        return len(done) == count

    eventually(ready, within=900, every=2)


def _waits(cluster: ControlPlane) -> list[float]:
    """Return how long each resource waited for its Job from its turn on.

    Its turn is when it was there and so many earlier Jobs were over that one more could run; the
    end of a Job is known in whole seconds, rounded down.
    """
    applied: dict[str, datetime] = {}
    made: dict[str, datetime] = {}
    with (cluster.folder / "audit.log").open() as log:
        for line in log:
            event = json.loads(line)
            about = event.get("objectRef", {})
            if event["verb"] != "create" or event["stage"] != "ResponseComplete":
                continue
            when = datetime.fromisoformat(event["stageTimestamp"])
            if about.get("resource") == "medusadatabases":
                applied.setdefault(about["name"], when)
            elif about.get("resource") == "jobs":
                made.setdefault(about["name"].rsplit("-migrate-", 1)[0], when)
    ends = sorted(
        datetime.fromisoformat(job["status"]["completionTime"])
        for job in cluster.api.list(JOBS, NAMESPACE)
    )
    began = sorted(made, key=lambda name: made[name])
    turns = [datetime.min.replace(tzinfo=UTC)] * RUNS + ends
    return [
        (made[name] - max(applied[name], turn)).total_seconds()
        for name, turn in zip(began, turns, strict=False)
    ]
