"""What time heals goes on for ever, on one clock; what a person heals is noticed without a word."""

from __future__ import annotations

import pytest

from medusa_operator.judgement.decision import Expire, Stalled, Start, Waiting
from medusa_operator.loop import events
from medusa_operator.resource.model import CreateError, Database
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

DENIED = {"exitCode": 5, "state": "failed", "message": "password authentication failed"}


def failing(shop, seconds, skew=0.0, code=4, **said):
    """Let the Job of the next attempt fail at *seconds*, by a clock that is *skew* ahead of ours."""
    then = at(seconds + skew)
    job = started(shop, now=then)
    said = {"exitCode": code, "state": "failed", "message": "refused"} | said
    observed = seen(
        (ended(job, "Failed", now=then), pod_ended(job, code, report(job, **said), now=then))
    )
    return observed, reported(shop, observed, at(seconds))


@pytest.mark.parametrize("skew", [-3600, 0, 3600], ids=["behind", "same", "ahead"])
def test_attempts_follow_by_the_operators_own_clock(skew):
    shop = database()
    observed, status = failing(shop, 0, skew)
    waiting = after(resource(), status)

    soon = decided(waiting, observed, at(5))
    due = decided(waiting, observed, at(12))

    assert soon.outlook == Waiting(Reason.UNREACHABLE, "refused", retry=True)
    assert abs((status.next_retry - at(10)).total_seconds()) <= 1
    assert due.outlook.reason is Reason.STARTING


def test_a_time_that_a_clock_far_ahead_has_written_is_brought_near():
    shop = database()
    _, status = failing(shop, 0)
    body = status.to_dict() | {"nextRetryTime": "2026-03-01T14:00:00Z"}

    found = decided(Database.from_body(resource(body)), seen(), at(60))

    assert found.facts.next_retry == at(60 + 660)


def test_what_time_can_heal_is_tried_for_ever_at_the_longest_pace():
    shop, waits, now = database(), [], 0.0
    for _ in range(60):
        _, status = failing(shop, now)
        shop = after(resource(), status)
        wait = (status.next_retry - at(now)).total_seconds()
        waits.append(wait)
        now += wait + 1
        assert isinstance(decided(shop, seen(), at(now)).act, Start)

    assert status.attempts == 60
    assert all(540 <= wait <= 660 for wait in waits[8:])


def test_a_limit_that_was_set_still_ends_it():
    shop = database(retry={"limit": 1})
    _, status = failing(shop, 0)

    found = decided(after(resource(retry={"limit": 1}), status), seen(), at(3600))

    assert isinstance(found.outlook, Stalled)
    assert found.outlook.reason is Reason.RETRIES_EXHAUSTED


def test_a_password_that_is_wrong_stalls_and_is_looked_at_again_every_five_minutes():
    _, status = failing(database(), 0, code=5, **DENIED)
    shop = after(resource(), status)

    soon, due = decided(shop, seen(), at(200)), decided(shop, seen(), at(331))

    assert isinstance(soon.outlook, Stalled)
    assert soon.wake == status.next_retry
    assert 270 <= (status.next_retry - at(0)).total_seconds() <= 330
    assert isinstance(due.act, Start)
    assert due.outlook == soon.outlook


def test_nobody_is_told_of_a_look_that_finds_the_same():
    _, before = failing(database(), 0, code=5, **DENIED)
    news = []
    for attempt in range(1, 4):
        now = 400.0 * attempt
        job = started(after(resource(), before), now=at(now))
        running = seen((job, pod(job, {"running": {}}, "Running")))
        during = reported(after(resource(), before), running, at(now))
        over = (ended(job, "Failed", now=at(now)), pod_ended(job, 5, report(job, **DENIED)))
        status = reported(after(resource(), during), seen(over), at(now + 2))
        news += [*events.changes(before, during), *events.changes(during, status)]
        assert told(during, "Stalled") == ("True", "AccessDenied")
        before = status

    assert news == []
    assert before.attempts == 4
    assert before.condition("Stalled").since == at(0)


def test_a_password_that_was_corrected_makes_it_ready():
    _, status = failing(database(), 0, code=5, **DENIED)
    shop = after(resource(), status)
    job = started(shop, now=at(400))

    found = reported(shop, seen((ended(job), pod_ended(job, 0, report(job)))), at(402))

    assert told(found, "Ready") == ("True", "UpToDate")
    assert told(found, "Stalled") == ("False", "UpToDate")


def test_of_failed_jobs_only_the_newest_stay_for_their_time():
    pairs, runs = [], []
    for attempt in range(5):
        job = started(database(meta={"generation": attempt + 1}))
        job["spec"]["ttlSecondsAfterFinished"] = 86_400
        pairs.append((ended(job, "Failed", now=at(attempt)), None))
        meta = job["metadata"]
        runs.append({"job": meta["name"], "uid": meta["uid"], "outcome": "Failed"})
    shop = database({"observedGeneration": 1, "history": runs})

    first = decided(shop, seen(*pairs), at(100))
    pairs[1][0]["spec"]["ttlSecondsAfterFinished"] = 0
    second = decided(shop, seen(*pairs), at(100))

    assert isinstance(first.act, Expire)
    assert (first.act.job.finished, first.act.seconds) == (at(1), 0)
    assert isinstance(second.act, Expire)
    assert second.act.job.finished == at(0)


@pytest.mark.parametrize(
    ("code", "message", "reason", "stalled"),
    [
        pytest.param(400, "strict decoding error: unknown field", Reason.JOB_INVALID, True, id="400"),
        pytest.param(403, "exceeded quota: small", Reason.JOB_FORBIDDEN, False, id="quota"),
        pytest.param(409, "belongs to somebody else", Reason.JOB_NAME_TAKEN, True, id="409"),
        pytest.param(413, "Request entity too large", Reason.JOB_INVALID, True, id="413"),
        pytest.param(422, "is invalid: spec", Reason.JOB_INVALID, True, id="422"),
        pytest.param(
            422, "ValidatingAdmissionPolicy 'x' with binding 'y' denied request: no", Reason.JOB_FORBIDDEN,
            False, id="policy",
        ),
        pytest.param(
            400, 'admission webhook "kyverno" denied the request: no', Reason.JOB_FORBIDDEN, False, id="webhook"
        ),
        pytest.param(500, 'failed calling webhook "x"', Reason.API_SERVER_ERROR, False, id="500"),
        pytest.param(503, "unavailable", Reason.API_SERVER_ERROR, False, id="503"),
    ],
)  # fmt: skip
def test_a_refusal_of_the_api_server_has_its_reason(code, message, reason, stalled):
    found = decided(database(), seen(create_error=CreateError(code, message)))

    assert found.outlook.reason is reason
    assert message in found.outlook.message
    assert isinstance(found.outlook, Stalled) is stalled
    assert (found.facts.next_retry is None) is stalled


def test_a_clock_that_was_set_back_hides_no_verdict():
    """The history is full of runs that ended in what is the future now."""
    runs = [
        {"job": f"shop-{n}", "uid": f"uid-of-{n}", "outcome": "Succeeded", "completionTime": "2026-03-01T18:00:00Z"}
        for n in range(10)
    ]  # fmt: skip
    body = {"observedGeneration": 1, "history": runs}
    job = started(Database.from_body(resource(body)), now=at(1))
    observed = seen((ended(job, now=at(2)), pod_ended(job, 0, report(job))))

    status = reported(Database.from_body(resource(body)), observed, at(3))

    assert status.history[0].uid == job["metadata"]["uid"]
    assert told(status, "Ready") == ("True", "UpToDate")


def test_a_verdict_that_left_a_full_history_is_not_told_again():
    shop, pairs = database(), []
    for generation in range(1, 14):
        job = started(shop, now=at(generation))
        said = report(job, exitCode=7, state="failed", message="it broke")
        pairs.append((ended(job, "Failed", now=at(generation)), pod_ended(job, 7, said)))
        status = reported(shop, seen(*pairs), at(generation))
        shop = Database.from_body(resource(status.to_dict(), {"generation": generation + 1}))

    assert status.history[0].uid == pairs[-1][0]["metadata"]["uid"]
    assert len({run.uid for run in status.history}) == 10
    assert reported(shop, seen(*pairs), at(99)).history == status.history
