"""Defects that operators of this kind have had, and that this one must not have."""

from __future__ import annotations

import copy

import pytest

from medusa_operator.judgement.decision import Expire, RemoveFinalizer, Start
from medusa_operator.resource.model import Rival
from medusa_operator.resource.reasons import Reason
from operator_bodies import (
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


def finished(condition="Complete", code=0, **said):
    """A Job that is over, and its pod."""
    job = ended(started(database()), condition)
    message = report(job, **({"exitCode": code} | said))
    return job, pod_ended(job, code, message)


def test_a_job_that_succeeded_with_its_second_pod_is_not_run_again():
    job, second = finished()
    job["status"] |= {"failed": 1, "succeeded": 1}
    first = pod_ended(job, 143, now=at(-9))
    first["metadata"]["name"] += "-first"

    found = decided(database(), seen((job, second), (job, first)))

    assert found.outlook.reason is Reason.UP_TO_DATE


def test_success_is_not_told_while_the_job_still_runs():
    job = started(database())
    job["status"] |= {"succeeded": 1}
    job["status"]["conditions"] = [{"type": "SuccessCriteriaMet", "status": "True"}]

    status = reported(database(), seen((job, pod_ended(job, 0, report(job)))))

    assert told(status, "Ready") == ("False", "Migrating")


def test_a_job_whose_failure_is_decided_is_not_overlapped_by_another():
    job = started(database())
    job["status"]["conditions"] = [{"type": "FailureTarget", "status": "True", "reason": "X"}]

    found = decided(database(), seen((job, pod(job, {"running": {}}, "Running"))))

    assert found.act is None
    assert found.outlook.reason is Reason.MIGRATING


def test_the_evidence_is_kept_until_the_verdict_is_stored():
    job, told_by = finished("Failed", 7, state="failed", message="no")
    observed = seen((job, told_by))

    before = decided(database(), observed)
    behind = decided(after(resource(), reported(database(), observed)), observed)

    assert isinstance(before.act, RemoveFinalizer)
    assert isinstance(behind.act, Expire)


def test_deleting_a_failed_job_does_not_get_round_the_backoff():
    job, told_by = finished("Failed", 4, state="failed", message="refused")
    stored = reported(database(), seen((job, told_by)))

    found = decided(after(resource(), stored), seen(), at(1))

    assert found.act == RemoveFinalizer()
    assert found.outlook.reason is Reason.UNREACHABLE


def test_deleting_a_running_job_does_not_get_round_the_backoff():
    job = started(database())
    stored = reported(database(), seen((job, pod(job, {"running": {}}, "Running"))))

    found = decided(after(resource(), stored), seen(), at(1))

    assert found.outlook.reason is Reason.JOB_LOST
    assert found.facts.next_retry > at(1)


def test_a_rising_backoff_survives_the_operator():
    waits = []
    shop = database()
    for attempt in range(1, 9):
        job = ended(started(shop, now=at(10_000 * attempt)), "Failed", now=at(10_000 * attempt))
        message = report(job, exitCode=4, state="failed", message="refused")
        observed = seen((job, pod_ended(job, 4, message)))
        status = reported(shop, observed, at(10_000 * attempt))
        shop = after(resource(), status)
        waits.append((status.next_retry - at(10_000 * attempt)).total_seconds())

    ideal = [10, 20, 40, 80, 160, 320, 600, 600]
    assert all(abs(wait - want) <= want * 0.1 for wait, want in zip(waits, ideal, strict=True))


def test_a_job_that_only_bears_our_label_is_left_alone():
    job, told_by = finished()
    job["metadata"]["ownerReferences"] = []

    found = decided(database(), seen((job, told_by)))

    assert isinstance(found.act, Start)
    assert found.act.name != job["metadata"]["name"]


def test_an_old_failure_is_not_told_after_success():
    job, told_by = finished("Failed", 4, state="failed", message="refused")
    failed = after(resource(), reported(database(), seen((job, told_by))))
    second = ended(started(failed, now=at(60)))

    status = reported(failed, seen((second, pod_ended(second, 0, report(second)))), at(60))

    assert (status.failure, status.attempts, status.next_retry) == (None, 0, None)
    assert told(status, "Stalled") == ("False", "UpToDate")


def test_what_is_acknowledged_is_run():
    reference = database().spec.database.reference
    proven = {"state": "version", "from": "1.12.3", "to": "1.12.3", "reference": reference}
    waiting = reported(database({"observedGeneration": 1, "proven": proven}, version="1.13.0"))

    found = decided(
        after(resource(version="1.13.0"), waiting, upgrade={"acknowledged": ["1.13.0"]})
    )

    assert told(waiting, "Ready") == ("False", "AwaitingAcknowledgement")
    assert isinstance(found.act, Start)


def test_two_resources_of_a_namespace_have_jobs_of_their_own():
    names = {
        started(database(meta={"name": name, "uid": uid}))["metadata"]["name"]
        for name, uid in (("a", "1"), ("b", "2"), ("a", "3"))
    }

    assert len(names) == 3


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"job": {"image": "runner:2"}}, id="image"),
        pytest.param({"job": {"template": {"spec": {"nodeSelector": {"a": "b"}}}}}, id="template"),
        pytest.param({"timeouts": {"run": "2h"}}, id="timeouts"),
        pytest.param({"upgrade": {"acknowledged": ["1.13.0"]}}, id="acknowledged"),
    ],
)
def test_what_says_only_how_does_not_run_again_what_is_done(changed):
    job, told_by = finished()
    stored = reported(database(), seen((job, told_by)))

    found = decided(after(resource(), stored, **changed))

    assert found.outlook.reason is Reason.UP_TO_DATE


def test_a_job_that_is_gone_after_its_time_is_not_missed():
    job, told_by = finished()
    stored = reported(database(), seen((job, told_by)))

    found = decided(after(resource(), stored), seen(), at(100_000))

    assert found.outlook.reason is Reason.UP_TO_DATE


@pytest.mark.parametrize("expires", [False, True], ids=["not-stored", "stored"])
def test_a_lost_status_is_rebuilt_from_the_jobs_and_runs_nothing(expires):
    job, told_by = finished(provenBefore={"state": "version", "from": "1.18.0", "to": "1.18.0"})
    if expires:
        job["spec"]["ttlSecondsAfterFinished"] = 86400
    observed = seen((job, told_by))

    status = reported(database(), observed)

    assert told(status, "Ready") == ("True", "UpToDate")
    assert status.previous_version == "1.18.0"
    assert [run.outcome for run in status.history] == ["Succeeded"]


def test_a_time_to_live_that_somebody_else_sets_does_not_hide_a_result():
    shop = after(resource(), reported(database()))
    job, told_by = finished()
    job["spec"]["ttlSecondsAfterFinished"] = 100

    found = decided(shop, seen((job, told_by)))

    assert found.outlook.reason is Reason.UP_TO_DATE


LOOKED = [
    pytest.param("Complete", 0, "refused", id="as-asked"),
    pytest.param("Failed", 9, "failed", id="older-runner"),
]
"""How a Job ends whose run was refused: a result where the runner knows that this was asked for."""


@pytest.mark.parametrize(("end", "code", "state"), LOOKED)
def test_a_refusal_that_teaches_where_the_database_is_is_no_failed_attempt(end, code, state):
    elsewhere = {"state": "version", "from": "1.12.3", "to": "1.12.3"}
    job, told_by = finished(
        end, code, state=state, reason="NotAcknowledged", message="read", proven=elsewhere
    )

    status = reported(database(), seen((job, told_by)))

    assert told(status, "Ready") == ("False", "AwaitingAcknowledgement")
    assert (status.attempts, status.failure) == (0, None)
    assert [run.outcome for run in status.history] == ["Learned"]
    assert status.applied_version == "1.12.3"


@pytest.mark.parametrize(
    ("end", "code", "state", "seconds"),
    [
        pytest.param("Complete", 0, "refused", 86_400, id="as-asked"),
        pytest.param("Failed", 9, "failed", 0, id="older-runner"),
    ],
)
def test_a_job_that_failed_by_a_look_goes_at_once_when_its_verdict_is_stored(
    end, code, state, seconds
):
    elsewhere = {"state": "version", "from": "1.12.3", "to": "1.12.3"}
    job, told_by = finished(
        end, code, state=state, reason="NotAcknowledged", message="read", proven=elsewhere
    )
    observed = seen((job, told_by))

    before = decided(database(), observed)
    stored = decided(after(resource(), reported(database(), observed)), observed)

    assert not isinstance(before.act, Expire)
    assert isinstance(stored.act, Expire)
    assert (stored.act.job.name, stored.act.seconds) == (job["metadata"]["name"], seconds)


def test_a_refusal_that_teaches_nothing_new_is_not_repeated():
    elsewhere = {"state": "version", "from": "1.17.3", "to": "1.17.3"}
    reference = database().spec.database.reference
    known = {"observedGeneration": 1, "proven": elsewhere | {"reference": reference}}
    job, _ = finished()
    message = report(
        job, exitCode=9, state="failed", reason="NotAcknowledged", message="read", proven=elsewhere
    )
    observed = seen((ended(job, "Failed"), pod_ended(job, 9, message)))

    status = reported(database(known), observed)

    assert told(status, "Ready") == ("False", "AwaitingAcknowledgement")
    assert told(status, "Reconciling") == ("True", "AwaitingAcknowledgement")


def test_a_database_that_was_moved_is_planned_for_anew_with_backoff():
    elsewhere = {"state": "version", "from": "1.12.3", "to": "1.12.3"}
    reference = database().spec.database.reference
    proven = {"state": "version", "from": "1.18.0", "to": "1.18.0", "reference": reference}
    known = {"observedGeneration": 1, "proven": proven}
    job, _ = finished()
    message = report(
        job, exitCode=9, state="failed", reason="NotAcknowledged", message="read", proven=elsewhere
    )
    observed = seen((ended(job, "Failed"), pod_ended(job, 9, message)))

    found = decided(database(known), observed)

    assert (found.outlook.reason, found.facts.applied) == (Reason.DATABASE_MOVED, "1.12.3")
    assert [step.name for step in found.path.steps] == ["migrate-1.20.11"]


def test_two_resources_on_one_database_run_one_after_the_other():
    busy = seen(rivals=(Rival("other", "other-migrate-1"),))

    first = decided(database(), busy)
    second = decided(database(), seen(rivals=(Rival("other"),)))

    assert first.act == RemoveFinalizer()
    assert isinstance(second.act, Start)


def test_a_job_for_another_database_proves_nothing_for_this_one():
    job, told_by = finished()
    elsewhere = {"urlSecretRef": {"name": "other", "key": "url"}}

    found = decided(database(database=elsewhere, meta={"generation": 2}), seen((job, told_by)))

    assert isinstance(found.act, Start)
    assert found.facts.proven is None


def test_going_there_and_back_does_not_believe_what_was_true_before():
    job, told_by = finished()
    job["spec"]["ttlSecondsAfterFinished"] = 86400
    first = reported(database(), seen((job, told_by)))
    away = after(resource(), first, featureFlags={"analytics": True})
    killed = ended(started(away, seen((job, told_by)), now=at(60)), "Failed", now=at(70))
    observed = seen((job, told_by), (killed, pod_ended(killed, 137, now=at(70))))
    second = reported(away, observed, at(70))

    back = copy.deepcopy(resource())
    back["metadata"]["generation"] = 3
    found = decided(after(back, second), observed, at(80))

    assert isinstance(found.act, Expire)
    assert found.outlook.reason is Reason.STARTING
