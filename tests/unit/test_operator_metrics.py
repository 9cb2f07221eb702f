"""What the metrics say of resources."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry

from medusa_operator.api.cluster import ObjectKind
from medusa_operator.loop.cache import Cache
from medusa_operator.loop.health import Health
from medusa_operator.loop.queue import WorkQueue
from medusa_operator.process.metrics import Fleet, Metrics
from operator_bodies import resource, spelt

SLACK = 60.0
"""Seconds that a test may take."""


def ago(**time: float) -> str:
    return spelt(datetime.now(UTC) - timedelta(**time))


def condition(kind: str, value: str, reason: str, since: str) -> dict[str, object]:
    return {
        "type": kind, "status": value, "reason": reason, "message": "", "lastTransitionTime": since,
        "observedGeneration": 1,
    }  # fmt: skip


def scraped(*statuses: dict[str, object], health: Health | None = None) -> CollectorRegistry:
    """Return a registry for resources with these statuses; `spec` is taken out of one."""
    cache, registry = Cache(), CollectorRegistry()
    for number, status in enumerate(statuses):
        spec = status.pop("spec", {})
        meta = {"name": f"shop-{number}", "uid": f"uid-{number}", "creationTimestamp": ago(hours=9)}
        cache.put(ObjectKind.DATABASE, resource(status, meta, **spec))
    registry.register(Fleet(cache, WorkQueue(), health or Health(300.0), limit=3))
    return registry


def on_its_way(reason: str, **since: float) -> dict[str, object]:
    return {"conditions": [condition("Ready", "False", reason, ago(**since))]}


def test_the_longest_way_is_reported_for_each_reason():
    stalled = on_its_way("AccessDenied", hours=8)
    stalled["conditions"].append(condition("Stalled", "True", "AccessDenied", ago(hours=8)))

    found = scraped(
        on_its_way("Migrating", hours=1), on_its_way("Migrating", hours=2),
        on_its_way("AwaitingApproval", hours=3), {}, stalled,
    )  # fmt: skip

    ages = {
        reason: found.get_sample_value("medusadb_pending_age_seconds", {"reason": reason})
        for reason in ("Migrating", "AwaitingApproval", "", "AccessDenied")
    }
    assert ages.pop("AccessDenied") is None
    hours = {"Migrating": 2, "AwaitingApproval": 3, "": 9}
    assert {r: age // SLACK for r, age in ages.items()} == {r: h * 60 for r, h in hours.items()}


def test_a_comparison_is_overdue_by_the_interval_of_its_own_resource():
    def at_rest(interval: str, **since: float) -> dict[str, object]:
        return {
            "conditions": [condition("Ready", "True", "UpToDate", ago(days=30))],
            "verified": {"result": "Verified", "time": ago(**since)},
            "spec": {"verify": {"interval": interval}},
        }

    late = scraped(at_rest("168h", days=6), at_rest("1h", hours=3), at_rest("0s", days=20))
    in_time = scraped(at_rest("168h", days=6))

    found = late.get_sample_value("medusadb_verification_overdue_seconds")
    assert found is not None
    assert found // SLACK == 120
    assert in_time.get_sample_value("medusadb_verification_overdue_seconds") == 0
    assert late.get_sample_value("medusadb_verification_age_seconds") // SLACK == 6 * 24 * 60


def test_what_the_probe_and_the_log_know_is_in_the_metrics():
    health = Health(300.0)
    well = scraped(health=health)
    before = well.get_sample_value("medusadb_healthy")

    health.dead_watches["jobs"] = "default/one"
    health.watch_refused("pods", "default", "forbidden")

    names = ("medusadb_healthy", "medusadb_dead_watches", "medusadb_refused_watches")
    assert before == 1
    assert [well.get_sample_value(name) for name in names] == [0, 1, 1]
    assert well.get_sample_value("medusadb_max_concurrent_runs") == 3


def test_the_first_crash_is_an_increase_to_prometheus():
    found = Metrics().registry.get_sample_value("medusadb_passes_total", {"result": "crashed"})

    assert found == 0
