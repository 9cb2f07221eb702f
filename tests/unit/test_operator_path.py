"""Which steps lead to a version, and what gates them."""

from __future__ import annotations

import pytest

from ledgers import CATALOG, v
from medusa_operator.jobs.path import available, fits, plan, too_old
from medusa_operator.resource.status import ProvenPlace
from operator_bodies import SEED, database

EMPTY, PARTIAL, UNKNOWN = ProvenPlace("empty"), ProvenPlace("partial"), ProvenPlace("unknown")


def at(oldest, newest=None, where=""):
    return ProvenPlace("version", oldest, newest or oldest, where)


def steps(proven, *, version="1.20.11", applied=False, seed_due=False, **upgrade):
    """Return the names of the steps; one that is gated begins with a `!`."""
    spec = database(version=version, upgrade=upgrade, seed=SEED if seed_due else None).spec
    path = plan(CATALOG, spec, proven, applied=applied, seed_due=seed_due)
    return ["!" * (step.gate is not None) + step.name for step in path.steps]


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        pytest.param(steps(None), ["migrate-1.20.11"], id="unknown-goes-at-once"),
        pytest.param(steps(UNKNOWN), ["migrate-1.20.11"], id="unreadable-goes-at-once"),
        pytest.param(
            steps(None, stops=["1.13.0"]),
            ["migrate-1.13.0", "migrate-1.20.11"],
            id="unknown-goes-by-its-stops",
        ),
        pytest.param(
            steps(EMPTY, stops=["1.13.0"]), ["migrate-1.20.11"], id="empty-crosses-nothing"
        ),
        pytest.param(steps(PARTIAL), ["!migrate-1.20.11"], id="partial-may-cross-everything"),
        pytest.param(
            steps(at("1.18.0"), stops=["1.13.0", "1.19.0", "1.20.11"]),
            ["migrate-1.19.0", "migrate-1.20.11"],
            id="stops-behind-are-left-out",
        ),
        pytest.param(
            steps(at("1.12.3")),
            ["!migrate-1.20.11"],
            id="breaking-comes-next",
        ),
        pytest.param(
            steps(at("1.12.0")),
            ["migrate-1.12.3", "!migrate-1.20.11"],
            id="as-far-as-the-breaking-one",
        ),
        pytest.param(
            steps(at("1.12.0", "1.12.3")),
            ["!migrate-1.20.11"],
            id="a-range-counts-as-its-newest",
        ),
        pytest.param(
            steps(at("1.12.0", "1.12.3", "1.12.1")),
            ["migrate-1.12.3", "!migrate-1.20.11"],
            id="history-says-where-in-the-range",
        ),
        pytest.param(
            steps(at("1.12.3"), acknowledged=["1.13.0"]),
            ["migrate-1.15.1", "!migrate-1.20.11"],
            id="one-acknowledged",
        ),
        pytest.param(
            steps(at("1.12.3"), acknowledged=["1.13.0", "1.15.2", "1.17.0"]),
            ["migrate-1.20.11"],
            id="all-acknowledged",
        ),
        pytest.param(
            steps(at("1.12.3"), approval="Automatic"), ["migrate-1.20.11"], id="automatic"
        ),
        pytest.param(
            steps(at("1.12.0"), stops=["1.14.0"]),
            ["migrate-1.12.3", "!migrate-1.14.0", "!migrate-1.20.11"],
            id="a-gate-before-a-stop",
        ),
        pytest.param(steps(EMPTY, approval="Manual"), ["!migrate-1.20.11"], id="manual-empty"),
        pytest.param(
            steps(EMPTY, approval="Manual", acknowledged=["1.20.11"]),
            ["migrate-1.20.11"],
            id="manual-approved",
        ),
        pytest.param(
            steps(at("1.17.4"), approval="Manual", stops=["1.19.0"], acknowledged=["1.19.0"]),
            ["migrate-1.19.0", "!migrate-1.20.11"],
            id="manual-step-by-step",
        ),
        pytest.param(
            steps(at("1.12.3"), approval="Manual", acknowledged=["1.20.11"]),
            ["!migrate-1.20.11"],
            id="manual-still-asks-for-the-breaking-ones",
        ),
        pytest.param(
            steps(at("1.20.11"), applied=True, seed_due=True), ["seed"], id="only-the-seed"
        ),
        pytest.param(
            steps(None, seed_due=True), ["migrate-1.20.11", "seed"], id="the-seed-comes-last"
        ),
        pytest.param(steps(at("1.20.11"), applied=True), [], id="nothing"),
        pytest.param(steps(at("1.20.11")), ["migrate-1.20.11"], id="another-configuration"),
    ],
)
def test_the_way(found, wanted):
    assert found == wanted


@pytest.mark.parametrize(
    ("proven", "wanted", "found"),
    [
        pytest.param(at("1.12.0", "1.12.3"), "1.12.1", (True, False), id="inside"),
        pytest.param(at("1.12.0", "1.12.3"), "1.20.11", (False, False), id="above"),
        pytest.param(at("1.20.3", "1.20.11"), "1.12.3", (False, True), id="below"),
        pytest.param(
            at("1.6.1"), "1.6.0", (True, False), id="a-flag-by-hand-looks-like-a-neighbour"
        ),
        pytest.param(at("1.1.65"), "1.1.0", (False, True), id="far-below"),
        pytest.param(EMPTY, "1.12.3", (False, False), id="empty"),
        pytest.param(PARTIAL, "1.12.3", (False, False), id="partial"),
    ],
)
def test_what_a_proof_fits(proven, wanted, found):
    assert (fits(CATALOG, proven, v(wanted)), too_old(CATALOG, proven, v(wanted))) == found


def test_what_can_come_next_is_short_and_ends_with_the_newest():
    found = available(CATALOG, v("1.1.0"))

    assert found == (
        "1.1.65", "1.2.1", "1.3.9", "1.4.2", "1.5.0", "1.6.5", "1.7.15", "1.8.2", "1.9.0", "1.20.11",
    )  # fmt: skip
