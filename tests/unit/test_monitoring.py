"""Alerts, runbooks and dashboard name what the operator exposes, and all of it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

import promql
from medusa_operator.api.client import Call
from medusa_operator.loop.cache import Cache
from medusa_operator.loop.health import Health
from medusa_operator.loop.queue import PassResult, WorkQueue
from medusa_operator.process.metrics import Fleet, Metrics
from medusa_operator.resource.reasons import MEANINGS, Category, Reason
from medusa_operator.resource.status import LEARNED, Run
from operator_bodies import at, database, reported, resource

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

TARGET = {"namespace", "job", "instance", "pod"}
"""Labels that Prometheus adds to whatever it scrapes."""
CONDITIONS = {c.type for c in reported(database()).conditions}
VALUES = {
    "condition": CONDITIONS,
    "status": {"True", "False", "Unknown"},
    "reason": set(Reason),
    "result": set(PassResult),
    "outcome": {"Succeeded", "Failed", LEARNED},
}
RUNBOOKS = (promql.ROOT / "docs" / "runbooks.md").read_text()
OPERATOR = (promql.ROOT / "docs" / "operator.md").read_text()
QUERIES = promql.dashboard() | {rule["alert"]: rule["expr"] for rule in promql.alerts()}


def filled() -> CollectorRegistry:
    """Return the registry of a process in which everything has happened once."""
    metrics, cache = Metrics(), Cache()
    body = resource(reported(database()).to_dict())
    body["apiVersion"], body["kind"] = "medusadb.dev/v1alpha1", "MedusaDatabase"
    cache.put(next(iter(cache._copies)), body)
    metrics.called(Call("get", "jobs", "200", 0.1))
    metrics.ended(
        Run("one", "migrate-1.20.11", "Succeeded", started=at(), completed=at() + timedelta(seconds=1))
    )  # fmt: skip
    metrics.registry.register(Fleet(cache, WorkQueue(), Health(300.0)))
    return metrics.registry


def exposed() -> dict[str, set[str]]:
    """Return the name of each metric, and of each series of one, with its labels."""
    found: dict[str, set[str]] = {}
    for family in filled().collect():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


EXPOSED = exposed()


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_selects_metrics_and_labels_that_are_exposed(name):
    named = promql.selectors(QUERIES[name])

    assert named
    for one in named:
        labels = {label for label, *_ in one.matchers} - TARGET
        assert one.metric in EXPOSED
        assert labels <= EXPOSED[one.metric]
    allowed = TARGET.union(*(EXPOSED[one.metric] for one in named))
    assert promql.grouped(QUERIES[name]) <= allowed


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_compares_labels_with_values_that_they_can_have(name):
    for one in promql.selectors(QUERIES[name]):
        for label, how, value in one.matchers:
            if label in VALUES:
                words = value.split("|") if "~" in how else [value]
                assert set(words) <= VALUES[label]


@pytest.mark.parametrize(
    "query",
    [
        "medusadb_resource",
        'medusadb_resources{state="Ready"}',
        "sum by (name) (medusadb_resources)",
    ],
)
def test_a_query_that_names_something_else_is_found(query, monkeypatch):
    monkeypatch.setitem(QUERIES, "wrong", query)

    with pytest.raises(AssertionError):
        test_a_query_selects_metrics_and_labels_that_are_exposed("wrong")


def test_every_metric_is_in_the_dashboard():
    shown = {one.metric for query in promql.dashboard().values() for one in promql.selectors(query)}

    own = {re.sub("_(bucket|sum|count)$", "", name) for name in EXPOSED if "medusadb_" in name}
    assert {re.sub("_bucket$", "", name) for name in shown if "medusadb_" in name} == own


def test_the_page_documents_every_metric_and_its_labels():
    rows = re.findall(r"^\| `((?:medusadb|process)_\w+)` \| (.*?) \|", OPERATOR, re.MULTILINE)

    documented = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    assert documented == {
        name.removesuffix("_count"): labels
        for name, labels in EXPOSED.items()
        if not name.endswith(("_bucket", "_sum"))
    }


def test_an_alert_has_a_severity_and_a_runbook():
    for rule in promql.alerts():
        _, _, anchor = rule["annotations"]["runbook_url"].partition("docs/runbooks.md#")
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
        assert anchor == rule["alert"].lower()


def test_every_alert_has_a_runbook_and_every_runbook_an_alert():
    sections = re.findall(r"^## (\w+)$", RUNBOOKS, re.MULTILINE)

    assert sections == [rule["alert"] for rule in promql.alerts()]


def reasons(alert: str) -> set[str]:
    """Return the reasons that the expression of an alert names."""
    [rule] = [rule for rule in promql.alerts() if rule["alert"] == alert]
    [found] = re.findall(r'reason=~"(.*?)"', rule["expr"])
    return set(found.split("|"))


def of(category: Category) -> set[str]:
    return {reason for reason, meaning in MEANINGS.items() if meaning.category is category}


def test_the_alerts_know_every_reason_that_lasts():
    passing = {Reason.QUEUED, Reason.DATABASE_BUSY, Reason.SIDECAR_RUNNING, Reason.CANCELLING, Reason.DELETING}  # fmt: skip

    assert reasons("MedusaDatabaseRetrying") == of(Category.RETRIED) - {Reason.RETRY_SCHEDULED}
    assert reasons("MedusaDatabaseAwaitingPerson") == of(Category.GATE)
    assert reasons("MedusaDatabaseRunNotStarting") == of(Category.WAITING) - passing
