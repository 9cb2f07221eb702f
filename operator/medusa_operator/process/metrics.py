"""What Prometheus scrapes: names, and where their values come from."""

from __future__ import annotations

import sys
from collections import Counter as Tally
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from medusa_operator.api.cluster import ObjectKind
from medusa_operator.loop.health import State
from medusa_operator.loop.queue import PassResult
from medusa_operator.resource.parse import InvalidError
from medusa_operator.resource.reasons import Reason
from medusa_operator.resource.status import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from medusa_operator.api.client import Call
    from medusa_operator.loop.cache import Cache
    from medusa_operator.loop.health import Health
    from medusa_operator.loop.queue import WorkQueue
    from medusa_operator.resource.model import Database
    from medusa_operator.resource.status import Run

disable_created_metrics()  # type: ignore[no-untyped-call]  # it is not annotated
RUN_BUCKETS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Counters that rise when something happens; gauges are read when they are scraped."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    runs: Counter = field(init=False)
    run_seconds: Histogram = field(init=False)
    lock_waits: Counter = field(init=False)
    passes: Counter = field(init=False)
    calls: Counter = field(init=False)
    call_seconds: Histogram = field(init=False)

    def __post_init__(self) -> None:
        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(f"medusadb_{name}", about, labels, registry=self.registry)

        def histogram(name: str, about: str, label: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(
                f"medusadb_{name}", about, (label,), registry=self.registry, buckets=buckets
            )

        made = {
            "runs": counter(
                "runs", "Runs that are over, by how they ended.", "step", "outcome", "reason"
            ),
            "run_seconds": histogram(
                "run_duration_seconds", "Duration of runs that are over.", "step", RUN_BUCKETS
            ),
            "lock_waits": counter(
                "lock_waits", "Runs that gave up waiting for a lock that somebody else held."
            ),
            "passes": counter("passes", "Passes over a resource, by how they ended.", "result"),
            "calls": counter(
                "api_requests", "Requests to the API server.", "verb", "resource", "code"
            ),
            "call_seconds": histogram(
                "api_request_duration_seconds", "Duration of requests, watches left out.", "verb",
                (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            ),
        }  # fmt: skip
        for name, metric in made.items():
            object.__setattr__(self, name, metric)
        for result in PassResult:  # from 0 on, or the first of a kind is no increase to Prometheus
            self.passes.labels(result)
        ProcessCollector(registry=self.registry)

    def called(self, call: Call) -> None:
        """Count a request to the API server."""
        self.calls.labels(call.verb, call.resource, call.code or "none").inc()
        if call.verb != "watch":
            self.call_seconds.labels(call.verb).observe(call.seconds)

    def ended(self, run: Run) -> None:
        """Count a run that is over."""
        step = run.step.partition("-")[0] or "migrate"
        self.runs.labels(step, run.outcome, run.reason).inc()
        if run.started is not None and run.completed is not None:
            self.run_seconds.labels(step).observe((run.completed - run.started).total_seconds())
        if run.reason == "LockHeld":
            self.lock_waits.inc()

    def passed(self, result: PassResult) -> None:
        """Count a pass."""
        self.passes.labels(result).inc()


@dataclass(frozen=True, slots=True, eq=False)
class Fleet(Collector):
    """Gauges of the resources, the queue and the process, read from where they are."""

    cache: Cache
    queue: WorkQueue
    health: Health
    limit: int = 0
    """How many Jobs may run at a time; 0: no limit."""

    def describe(self) -> list[Metric]:
        """Return nothing: the names are known only with the values."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges as they are at this moment."""
        info = InfoMetricFamily("medusadb_build", "The operator that runs.")
        info.add_metric(
            (),
            {
                "version": version("medusa-database-operator"),
                "python": ".".join(map(str, sys.version_info[:3])),
            },
        )
        yield info
        yield from self._resources()
        yield _gauge("queue_depth", "Resources that are due for a pass.", self.queue.depth)
        yield _gauge(
            "queue_oldest_seconds", "How long the one that waits the longest is due.", self.queue.oldest
        )  # fmt: skip
        yield _gauge(
            "leader",
            "Whether this replica is the one that acts.",
            self.health.state is State.LEADING,
        )
        yield _gauge(
            "healthy", "Whether /healthz answers that the process works.", not self.health.problems()
        )  # fmt: skip
        yield _gauge(
            "dead_watches",
            "Watches that did not report a change.",
            len(self.health.dead_watches),
        )
        yield _gauge(
            "refused_watches",
            "Watches that the API server refuses for now.",
            len(self.health.refused),
        )
        unreadable = GaugeMetricFamily(
            "medusadb_unreadable_objects",
            "Objects that are there and cannot be read; the log names them.",
            labels=("kind",),
        )
        for kind in ObjectKind:
            unreadable.add_metric((kind.plural,), self.cache.unreadable(kind))
        yield unreadable
        up = GaugeMetricFamily(
            "medusadb_namespace_up",
            "Whether a watched namespace could be listed; empty where all are watched.",
            # `namespace` is the label that Prometheus gives to whatever a pod exposes
            labels=("watched_namespace",),
        )
        for namespace in self.health.namespaces or ("",):
            up.add_metric((namespace,), namespace not in self.health.unlisted)
        yield up
        yield _gauge("event_loop_lag_seconds", "How late the event loop was last.", self.health.lag)

    def _resources(self) -> Iterator[Metric]:
        conditions: Tally[tuple[str, str, str]] = Tally()
        pending: dict[str, float] = {}
        unverified, overdue, active, now = 0.0, 0.0, 0, datetime.now(UTC)
        for database in self.cache.databases():
            for condition in database.status.conditions:
                conditions[condition.type, condition.status, condition.reason] += 1
            reason, age = _pending(database, now)
            if age:
                pending[reason] = max(pending.get(reason, 0.0), age)
            age, interval = _unverified(database, now)
            unverified, overdue = max(unverified, age), max(overdue, age - interval)
            active += bool(self.cache.running(database.uid))
        family = GaugeMetricFamily(
            "medusadb_resources",
            "Resources by condition.",
            labels=("condition", "status", "reason"),
        )
        for labels, count in sorted(conditions.items()):
            family.add_metric(labels, count)
        yield family
        yield _gauge("active_runs", "Jobs that are not over.", active)
        yield _gauge("max_concurrent_runs", "How many may run at a time; 0: no limit.", self.limit)
        ages = GaugeMetricFamily(
            "medusadb_pending_age_seconds",
            "How long the resource that has waited longest is on its way, by the reason of Ready; stalled "
            "and suspended ones are left out.",
            labels=("reason",),
        )
        for reason, age in sorted(pending.items()):
            ages.add_metric((reason,), age)
        yield ages
        yield _gauge(
            "verification_age_seconds",
            "How long ago the schema was compared, of the resource at rest for which that is longest; those "
            "that are never verified are left out.",
            unverified,
        )
        yield _gauge(
            "verification_overdue_seconds",
            "By how much that is longer than `spec.verify.interval`, of the resource for which it is most.",
            overdue,
        )


def _pending(database: Database, now: datetime) -> tuple[str, float]:
    """Return why a resource is not Ready, and for how long it has been on its way; 0 where it is not."""
    status = database.status
    for kind in ("Stalled", "Suspended"):
        condition = status.condition(kind)
        if condition is not None and condition.status == "True":
            return "", 0.0
    ready = status.condition("Ready")
    if ready is None:
        return "", (now - database.created).total_seconds()
    if ready.status == "True":
        return "", 0.0
    return ready.reason, (now - ready.since).total_seconds()


def _unverified(database: Database, now: datetime) -> tuple[float, float]:
    """Return for how long nobody has compared the schema of a resource at rest, and how long that may be."""
    status, spec = database.status, database.spec
    ready, verified = status.condition("Ready"), status.condition("Verified")
    if isinstance(spec, InvalidError) or spec.suspend or not spec.verify.interval:
        return 0.0, 0.0
    if ready is None or (ready.status != "True" and ready.reason != Reason.DRIFTED):
        return 0.0, 0.0
    known = status.verified
    compared = known is not None and known.result in (Result.VERIFIED, Result.DRIFTED)
    last = known.time if known is not None and compared else None
    since = last or (verified.since if verified is not None else ready.since)
    return (now - since).total_seconds(), spec.verify.interval


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"medusadb_{name}", about, value=value)
