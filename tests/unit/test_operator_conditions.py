"""Every row of the kstatus rules, and what a status says beside its conditions."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from medusa_operator.resource.model import SeedSource, Turn
from operator_bodies import (
    SEED,
    after,
    at,
    database,
    decided,
    ended,
    pod,
    pod_ended,
    report,
    reported,
    resource,
    seen,
    started,
    told,
)

MIGRATED = database().spec.identity
REFERENCE = database().spec.database.reference


def stored(**rest):
    """The status of a database that is as declared."""
    proven = {"state": "version", "from": "1.20.3", "to": "1.20.11", "at": "1.20.11"}
    return {
        "observedGeneration": 1,
        "appliedVersion": "1.20.11",
        "configuration": MIGRATED,
        "proven": proven | {"reference": REFERENCE},
    } | rest


def failing(retry, **rest):
    failure = {"reason": "LockHeld", "message": "it is held", "retry": retry, "generation": 1}
    return {"observedGeneration": 1, "failure": failure, "attempts": 2} | rest


def running_job():
    job = started(database())
    return seen((job, pod(job, {"running": {}}, "Running")))


@pytest.mark.parametrize(
    ("shop", "observed", "rows"),
    [
        pytest.param(
            database(),
            seen(),
            {"Ready": "False", "Reconciling": "True", "Stalled": "False"},
            id="just-created",
        ),
        pytest.param(
            database(),
            seen(turn=Turn(1, 1, 0)),
            {"Ready": "False", "Reconciling": "True", "Stalled": "False"},
            id="waiting",
        ),
        pytest.param(
            database(),
            running_job(),
            {"Ready": "False", "Reconciling": "True", "Stalled": "False"},
            id="running",
        ),
        pytest.param(
            database(failing(retry=True, nextRetryTime="2026-03-01T12:00:40Z")),
            seen(),
            {"Ready": "False", "Reconciling": "True", "Stalled": "False"},
            id="retry-scheduled",
        ),
        pytest.param(
            database(failing(retry=False)),
            seen(),
            {"Ready": "False", "Reconciling": "False", "Stalled": "True"},
            id="stalled",
        ),
        pytest.param(
            database(stored()),
            seen(),
            {"Ready": "True", "Reconciling": "False", "Stalled": "False"},
            id="done",
        ),
        pytest.param(
            database(stored(), suspend=True),
            seen(),
            {"Ready": "True", "Reconciling": "False", "Stalled": "False"},
            id="suspended-when-done",
        ),
        pytest.param(
            database(failing(retry=False), suspend=True),
            seen(),
            {"Ready": "False", "Reconciling": "False", "Stalled": "False"},
            id="suspended-when-failed",
        ),
    ],
)
def test_the_rows_of_kstatus(shop, observed, rows):
    status = reported(shop, observed)

    assert {kind: told(status, kind)[0] for kind in rows} == rows
    assert status.observed_generation == 1
    assert {c.generation for c in status.conditions} == {1}


def test_a_suspended_resource_is_not_ready_for_a_version_that_was_not_applied():
    shop = database(stored(), version="1.20.10", suspend=True, meta={"generation": 2})

    status = reported(shop)

    assert told(status, "Ready") == ("False", "NotApplied")
    assert told(status, "Suspended") == ("True", "Suspended")


def test_a_suspended_resource_stays_ready_for_a_newer_database_that_is_accepted():
    older = {"version": "1.12.3", "upgrade": {"allowOlder": True}, "suspend": True}

    status = reported(database(stored(), meta={"generation": 2}, **older))

    assert told(status, "Ready") == ("True", "NewerAccepted")
    assert told(status, "Migrated") == ("True", "NewerAccepted")


def test_a_failure_of_another_operator_version_is_tried_anew():
    shop = database(
        failing(retry=False, failure={"reason": "Unheard", "retry": False, "generation": 1})
    )

    status = reported(shop)

    assert told(status, "Ready") == ("False", "Starting")


def test_ready_is_false_from_the_first_write_of_a_new_generation():
    before = reported(database(stored()))
    shop = after(resource(), before, version="1.20.10")

    status = reported(shop)

    assert told(before, "Ready") == ("True", "UpToDate")
    assert told(status, "Ready") == ("False", "Starting")
    assert status.observed_generation == 2


def test_every_condition_is_there_from_the_first_visit():
    status = reported(database())

    assert [c.type for c in status.conditions] == [
        "Ready", "Reconciling", "Stalled", "Migrated", "Seeded", "Verified", "Suspended",
    ]  # fmt: skip
    assert all(c.reason for c in status.conditions)


def test_a_scheduled_retry_says_when_and_why():
    shop = database(failing(retry=True, nextRetryTime="2026-03-01T12:00:40Z"))

    status = reported(shop)

    assert told(status, "Ready") == ("False", "LockHeld")
    assert told(status, "Reconciling") == ("True", "RetryScheduled")
    assert status.condition("Reconciling").message == "attempt 3 follows at 2026-03-01T12:00:40Z"


def test_a_condition_changes_its_time_only_with_its_status():
    first = reported(database())
    shop = after(resource(), first)
    job = started(database())
    observed = seen((job, pod(job, {"running": {}}, "Running")))

    second = reported(shop, observed, at(60))

    assert told(first, "Ready") == ("False", "Starting")
    assert told(second, "Ready") == ("False", "Migrating")
    assert {c.since for c in second.conditions} == {at()}


def test_nothing_changes_where_nothing_happened():
    for shop in (database(stored()), database(failing(retry=False)), database(suspend=True)):
        first = reported(shop)
        settled = after(resource(**({"suspend": True} if shop.spec.suspend else {})), first)

        again = reported(settled, now=at(100_000))

        assert again == first
        assert settled.status.to_dict() == first.to_dict()


def test_a_run_that_succeeded_is_told_whole():
    job = started(database())
    body = ended(job, now=at(42))
    observed = seen((body, pod_ended(body, 0, report(body), now=at(41))))

    status = reported(database(), observed, at(50)).to_dict()

    name = job["metadata"]["name"]
    del status["conditions"]
    assert status == {
        "observedGeneration": 1,
        "appliedVersion": "1.20.11",
        "targetVersion": "1.20.11",
        "previousVersion": "empty",
        "proven": {
            "state": "version",
            "from": "1.20.11",
            "to": "1.20.11",
            "at": "1.20.11",
            "reference": REFERENCE,
        },
        "configuration": MIGRATED,
        "steps": [
            {
                "name": "migrate-1.20.11",
                "type": "Migrate",
                "state": "Done",
                "version": "1.20.11",
                "job": name,
                "startTime": "2026-03-01T12:00:00Z",
                "completionTime": "2026-03-01T12:00:42Z",
                "durationSeconds": 42,
                "migrations": 3,
            }
        ],
        "history": [
            {
                "job": name,
                "step": "migrate-1.20.11",
                "outcome": "Succeeded",
                "version": "1.20.11",
                "attempt": 1,
                "exitCode": 0,
                "startTime": "2026-03-01T12:00:00Z",
                "completionTime": "2026-03-01T12:00:42Z",
                "migrations": 3,
                "imageID": "runner@sha256:aaa",
                "uid": f"job-{name}",
            }
        ],
        "image": "runner:1",
        "imageID": "runner@sha256:aaa",
        "verified": {
            "configuration": MIGRATED,
            "time": "2026-03-01T12:00:50Z",
            "job": name,
            "version": "1.20.11",
            "generation": 1,
        },
    }


def test_the_notes_of_the_way_stay_when_it_is_gone():
    job = ended(started(database()))
    before = {"state": "version", "from": "1.17.0", "to": "1.17.2"}
    observed = seen((job, pod_ended(job, 0, report(job, provenBefore=before))))

    status = reported(database(), observed)

    versions = [note.version for note in status.upgrade_notes]
    assert status.previous_version == "1.17.2"
    assert versions == ["1.17.3", "1.17.4", "1.18.0", "1.18.1", "1.19.0", "1.20.0", "1.20.3"]
    assert reported(after(resource(), status)).upgrade_notes == status.upgrade_notes


def test_a_new_database_that_waits_at_a_stop_shows_the_notes_from_there():
    proven = {"state": "version", "from": "1.3.9", "to": "1.3.9", "reference": REFERENCE}
    status = stored(
        appliedVersion="1.3.9", previousVersion="empty", proven=proven, configuration=""
    )

    found = reported(database(status, version="1.8.0"))

    assert found.previous_version == "empty"
    assert [note.version for note in found.upgrade_notes][:2] == ["1.6.1", "1.7.0"]
    assert found.upgrade_notes[-1].version == "1.8.0"


def test_a_new_path_begins_where_the_last_one_ended():
    identity = database(version="1.19.0").spec.identity
    proven = {"state": "version", "from": "1.19.0", "to": "1.19.0", "reference": REFERENCE}
    done = stored(appliedVersion="1.19.0", configuration=identity, proven=proven)

    status = reported(database(done | {"previousVersion": "1.12.3"}, meta={"generation": 2}))

    assert status.previous_version == "1.19.0"
    assert [note.version for note in status.upgrade_notes] == ["1.20.0", "1.20.3"]


def test_what_can_come_next_is_offered():
    proven = {"state": "version", "from": "1.17.3", "to": "1.17.4", "reference": REFERENCE}

    status = reported(database({"observedGeneration": 1, "proven": proven}))

    assert status.available_versions == ("1.18.1", "1.19.0", "1.20.11")


def test_another_database_is_known_nothing_of():
    elsewhere = {"urlSecretRef": {"name": "other", "key": "url"}}

    status = reported(database(stored(), database=elsewhere, meta={"generation": 2}))

    assert (status.proven, status.applied_version) == (None, "")
    assert told(status, "Migrated") == ("False", "Starting")


def test_seeded_follows_migrated():
    first = reported(database(seed=SEED))
    shop = database(stored(), seed=SEED)
    job = ended(started(shop, seen(seed=SeedSource("abc"))))
    observed = seen((job, pod_ended(job, 0, report(job))), seed=SeedSource("abc"))
    second = reported(shop, observed)

    assert told(first, "Seeded") == ("False", "Starting")
    assert told(second, "Seeded") == ("True", "Seeded")
    assert second.to_dict()["seed"] == {
        "source": second.seed.source,
        "reference": REFERENCE,
        "checksum": "sha256:abc",
        "time": "2026-03-01T12:00:00Z",
        "counts": {"products": {"created": 2}},
    }


def test_a_moved_tag_is_reported():
    before = stored(image="runner:1", imageID="runner@sha256:old")
    shop = database(before, meta={"annotations": {"medusadb.dev/retry": "look"}})
    job = ended(started(shop))

    status = reported(shop, seen((job, pod_ended(job, 0, report(job)))))

    assert status.warnings == (
        "runner:1 names another image than at the run before: runner@sha256:aaa",
    )


def test_a_queue_is_joined_once():
    full = seen(turn=Turn(1, 1, 0))
    first = reported(database(), full)

    second = reported(after(resource(), first), full, at(500))

    assert first.waiting_since == at()
    assert second.waiting_since == at()
    assert reported(after(resource(), first)).waiting_since is None


def test_a_queue_that_moves_is_not_a_write_for_each_that_waits():
    messages = {
        decided(database(), seen(turn=Turn(1, 1, ahead))).outlook.message for ahead in range(500)
    }

    assert len(messages) == 10


def test_the_largest_status_is_small():
    reason = "x" * 5000
    job = ended(started(database()), "Failed", "PodFailurePolicy")
    failed = pod_ended(job, 7, report(job, exitCode=7, state="failed", message=reason[:3000]))
    status = reported(database(), seen((job, failed)))
    run = status.history[0]
    partial = replace(status.proven, state="partial") if status.proven else None
    stored = replace(
        status,
        history=tuple(replace(run, job=f"{'j' * 60}-{n}", image_id="i" * 200) for n in range(10)),
        previous_version="partial",
        proven=partial,
    )
    shop = after(resource(upgrade={"stops": [f"1.{n}.0" for n in range(2, 20)]}), stored)

    whole = reported(shop)

    assert len(json.dumps(whole.to_dict())) < 32 * 1024 - 8 * 1024
    assert len(whole.upgrade_notes) == 20
    assert max(len(c.message) for c in whole.conditions) <= 1024


def test_a_status_that_cannot_be_read_counts_as_lost():
    for broken in (
        {"observedGeneration": "x"},
        {"history": {}},
        {"conditions": [{"type": "Ready"}]},
    ):
        assert database(broken | {"appliedVersion": "1.20.11"}).status.lost
