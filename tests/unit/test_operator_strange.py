"""Whatever a resource, its Jobs and its pods say, there is a decision on it and a status."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledgers import CATALOG
from medusa_operator.api.cluster import ObjectKind
from medusa_operator.judgement import conditions
from medusa_operator.judgement.decide import decide
from medusa_operator.loop import events
from medusa_operator.loop.cache import Cache, Key
from medusa_operator.resource.model import Observed
from operator_bodies import SETTINGS, at
from operator_mutations import JOB, JUNK, POD, RESOURCE, SERVED, changed, junk, mutated, places

SHOP = Key("default", "shop")
MANY = 5000 if os.environ.get("MEDUSA_TEST_ALL") else 300


@settings(max_examples=MANY, deadline=None)
@given(
    resource=st.sampled_from([RESOURCE, SERVED]).flatmap(lambda body: mutated(body, junk)),
    job=st.sampled_from([JOB, None]) | mutated(JOB, junk),
    pod=st.just(POD) | mutated(POD, junk),
    seconds=st.sampled_from([0, 10, 10_000]),
)
def test_there_is_a_decision_and_a_status_whatever_is_said(resource, job, pod, seconds):
    decide_on(resource, job, pod, seconds)


@pytest.mark.parametrize("body", [RESOURCE, SERVED], ids=["core", "served"])
def test_there_is_a_decision_and_a_status_whatever_stands_anywhere_in_a_spec(body):
    for path in places(body["spec"]):
        for value in JUNK:
            decide_on(changed(body, ("spec", *path), value), None, None, 0)


def decide_on(resource, job, pod, seconds):
    cache = Cache()
    for kind, body in (
        (ObjectKind.DATABASE, resource),
        (ObjectKind.JOB, job),
        (ObjectKind.POD, pod),
    ):
        if body is not None:
            cache.put(kind, body)
    for database in cache.databases():
        observed = Observed(
            jobs=cache.jobs(database.uid),
            pods=cache.pods(database.uid),
            rivals=cache.rivals(database),
            turn=cache.turn(database, 1, at(seconds)),
        )

        decision = decide(CATALOG, database, observed, SETTINGS, at(seconds))
        status = conditions.status(CATALOG, database, observed, decision, at(seconds))

        assert status.condition("Ready") is not None
        assert status.to_dict()
        for condition in events.changes(database.status, status):
            assert events.body(database, condition, at(seconds))
