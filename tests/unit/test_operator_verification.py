"""Drift at rest: when a database is verified, and what becomes of each way that a verification ends."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import timedelta

import pytest

from medusa_operator.judgement.decision import (
    Cancel,
    Expire,
    Ready,
    RemoveFinalizer,
    Running,
    Stalled,
    Start,
    Verify,
)
from medusa_operator.loop import events
from medusa_operator.resource.model import CreateError, Database, Event, Observed, Rival, Turn
from medusa_operator.resource.reasons import Reason
from operator_bodies import (
    START,
    after,
    at,
    decided,
    ended,
    pod,
    pod_ended,
    report,
    reported,
    resource,
    seen,
    spelt,
    started,
    told,
)

DAY = 86_400
VERSION = {"state": "version", "from": "1.20.11", "to": "1.20.11", "at": "1.20.11"}
OLDER = {"state": "version", "from": "1.12.3", "to": "1.12.3", "at": "1.12.3"}


def shop(now=START, verified=True, meta=None, **spec):
    """A resource whose run ended at *now*, which compared the schema, or only the ledger."""
    body = resource(meta={"finalizers": []} | (meta or {}), **spec)
    held = resource(meta=meta, **spec)
    job = started(Database.from_body(held))
    job = ended(job, now=now)
    run = (job, pod_ended(job, 0, report(job, verified=verified or None), now=now))
    return after(body, reported(Database.from_body(body), seen(run), now))


def annotated(database, **annotations):
    return replace(database, **annotations)


def verifying(database, now):
    """The Job that verifies *database* at *now*."""
    job = started(database, now=now)
    assert job["metadata"]["annotations"]["medusadb.dev/step"].startswith("verify-")
    return job


def judged(database, now, exit_code=0, job=None, **said):
    """*database* once the status tells how its verification ended at *now*."""
    job = job or verifying(database, now)
    failed = "Failed" if exit_code else "Complete"
    over = ended(job, failed, "BackoffLimitExceeded" if exit_code else "", now)
    message = report(over, exitCode=exit_code, **said)
    observed = seen((over, pod_ended(over, exit_code, message, now=now)))
    return stored(database, reported(database, observed, now)), observed


def stored(database, status):
    return replace(database, status=status)


def drifting(now=None, database=None):
    found, _ = judged(
        database or shop(), now or at(DAY), 8, verified=False, driftCount=2,
        message="the database is not what 1.20.11 should be: column store.x is missing",
    )  # fmt: skip
    return found


def test_a_run_that_compared_the_schema_is_a_verification():
    status = shop().status

    assert told(status, "Verified") == ("True", "Verified")
    assert told(status, "Ready") == ("True", "UpToDate")
    assert status.verified.time == START


def test_a_run_that_had_nothing_to_do_is_none_and_counts_as_a_proof():
    database = shop(verified=False)

    assert told(database.status, "Verified") == ("Unknown", "NotVerifiedYet")
    assert decided(database, now=at(1)).act is None


def test_a_database_is_verified_a_day_after_its_last_proof_at_the_latest():
    database = shop()

    wake = decided(database, now=at(1)).wake
    early = decided(database, now=wake - timedelta(seconds=1))
    late = decided(database, now=wake)

    assert at(0.9 * DAY) <= wake <= at(DAY)
    assert (early.act, early.wake) == (None, wake)
    assert isinstance(late.act, Verify)
    assert late.outlook == Ready(Reason.UP_TO_DATE, "the database is at 1.20.11")


def test_a_verification_that_was_seen_to_go_gives_its_name_to_no_other():
    first = decided(shop(), now=at(DAY)).act

    second = decided(shop(), Observed(gone=(first.name,)), now=at(DAY)).act

    assert isinstance(second, Verify)
    assert second.name != first.name


def test_a_fleet_is_not_verified_at_once():
    wakes = {decided(shop(meta={"uid": f"uid-{number}"}), now=at(1)).wake for number in range(50)}

    assert len(wakes) == 50
    assert max(wakes) - min(wakes) > timedelta(hours=1)


def test_a_verification_runs_the_same_runner_with_the_same_connection_and_writes_nothing():
    timeouts = {"connect": "7s"}
    database = shop(featureFlags={"analytics": True}, timeouts=timeouts)

    job = verifying(database, at(DAY))

    pod_spec = job["spec"]["template"]["spec"]
    container = pod_spec["containers"][0]
    assert container["args"][:-1] == [
        "verify", "--to", "1.20.11", "--flag", "analytics=true", "--connect-wait", "7s",
        "--report-file", "/dev/termination-log", "--output", "json", "--run-id",
    ]  # fmt: skip
    run = started(Database.from_body(resource(featureFlags={"analytics": True}, timeouts=timeouts)))
    same = run["spec"]["template"]["spec"]["containers"][0]
    assert container["env"] == same["env"]
    assert (container["image"], container["securityContext"]) == (
        same["image"], same["securityContext"],
    )  # fmt: skip
    assert job["metadata"]["labels"]["app.kubernetes.io/component"] == "verify"
    assert job["spec"]["activeDeadlineSeconds"] == 307


@pytest.mark.parametrize(
    ("spec", "due"),
    [
        pytest.param({"verify": {"interval": "1h"}}, at(3600), id="an-hour"),
        pytest.param({"verify": {"interval": "10s"}}, at(10), id="the-shortest"),
        pytest.param({"verify": {"interval": "0s"}}, None, id="never"),
        pytest.param({"suspend": True}, None, id="suspended"),
    ],
)
def test_the_interval_is_the_owners(spec, due):
    database = shop(verify=spec.get("verify", {}))
    database = replace(database, spec=replace(database.spec, suspend="suspend" in spec))

    wake = decided(database, now=at(1)).wake

    if due is None:
        assert wake is None
        assert decided(database, now=at(100 * DAY)).act is None
    else:
        assert START + 0.9 * (due - START) <= wake <= due


def test_a_time_that_a_wrong_clock_wrote_down_puts_nothing_off():
    database = shop(now=at(400 * DAY))

    assert isinstance(decided(database, now=at(DAY)).act, Verify)


@pytest.mark.parametrize("interval", ["1s", "9999ms"])
def test_an_interval_that_is_too_short_is_refused(interval):
    database = Database.from_body(resource(verify={"interval": interval}))

    said = f"spec.verify.interval: {interval} is too short; write 10s or more, or 0s for never"
    assert decided(database).outlook == Stalled(Reason.INVALID_SPEC, said)


def test_the_annotation_asks_for_a_verification_now_and_once():
    database = annotated(shop(verify={"interval": "0s"}), verify="now")

    done, _ = judged(database, at(60))

    assert isinstance(decided(database, now=at(60)).act, Verify)
    assert decided(done, now=at(61)).act is None
    assert told(done.status, "Verified") == ("True", "Verified")


@pytest.mark.parametrize(
    "observed",
    [
        pytest.param({"rivals": (Rival("other", "other-migrate-1"),)}, id="another-run"),
        pytest.param({"turn": Turn(3, 3, 0)}, id="no-turn-free"),
        pytest.param({"turn": Turn(3, 1, 2)}, id="others-wait-for-the-turns"),
        pytest.param({"verifying": 10}, id="many-verify"),
    ],
)
def test_a_verification_lets_others_go_first_and_nobody_is_told(observed):
    database = shop()

    found = decided(database, seen(**observed), at(DAY))

    assert found.act is None
    assert isinstance(found.outlook, Ready)
    assert at(DAY + 30) <= found.wake <= at(DAY + 150)
    assert reported(database, seen(**observed), at(DAY)) == database.status


def test_a_pod_that_is_left_over_goes_first():
    database = shop()
    left = pod(started(Database.from_body(resource())), {"running": {}}, "Running")
    observed = replace(seen(), pods=seen((verifying(database, at(DAY)), left)).pods)

    assert decided(database, observed, at(DAY)).act is None


def test_while_a_verification_runs_the_resource_is_ready_and_says_which_job():
    database = shop()
    job = verifying(database, at(DAY))
    observed = seen((job, pod(job, {"running": {}}, "Running")))

    status = reported(database, observed, at(DAY + 5))
    again = reported(stored(database, status), observed, at(DAY + 60))

    assert status.conditions == database.status.conditions
    assert status.verified.running == job["metadata"]["name"]
    assert (status.job, status.steps) == ("", database.status.steps)
    assert again == status
    assert decided(stored(database, status), observed, at(DAY + 60)).act is None


def test_a_database_without_drift_is_verified_until_the_next_time():
    database, _ = judged(shop(), at(DAY))

    job = verifying(shop(), at(DAY))["metadata"]["name"]
    verified = database.status.condition("Verified")
    assert (verified.status, verified.reason) == ("True", "Verified")
    assert verified.message == (f"the schema is that of 1.20.11: Job {job}, at {spelt(at(DAY))}")
    assert at(1.9 * DAY) <= decided(database, now=at(DAY + 1)).wake <= at(2 * DAY)
    assert database.status.history == shop().status.history


def test_a_verification_that_is_over_expires_and_makes_room_for_the_next():
    database, observed = judged(shop(), at(DAY))
    (job,) = observed.jobs
    kept = replace(observed, jobs=(replace(job, ttl=DAY),))

    first = decided(database, observed, at(DAY + 1))
    later = decided(database, kept, at(2 * DAY + 1))
    gone = decided(database, seen(), at(2 * DAY + 2))

    assert first.act == Expire(job, DAY)
    assert later.act == Cancel(kept.jobs[0])
    assert isinstance(gone.act, Verify)
    assert gone.act.name != job.name


def test_drift_needs_a_person_and_names_the_differences():
    database = drifting()

    status = database.status
    assert told(status, "Ready") == ("False", "Drifted")
    assert told(status, "Reconciling") == ("False", "Drifted")
    assert told(status, "Stalled") == ("True", "Drifted")
    assert told(status, "Verified") == ("False", "Drifted")
    assert told(status, "Migrated") == ("True", "UpToDate")
    assert "column store.x is missing" in status.condition("Ready").message
    assert status.verified.differences == 2


def test_drift_is_looked_at_again_and_heals_by_itself():
    database = drifting()
    due = decided(database, now=at(DAY + 1)).wake

    healed, _ = judged(database, due)

    assert at(1.9 * DAY) <= due <= at(2 * DAY)
    assert told(healed.status, "Ready") == ("True", "UpToDate")
    assert told(healed.status, "Verified") == ("True", "Verified")
    assert healed.status.verified.differences == 0


@pytest.mark.parametrize("annotation", ["retry", "verify"])
def test_drift_is_looked_at_again_when_it_is_asked_for(annotation):
    database = annotated(drifting(), **{annotation: "again"})

    act = decided(database, now=at(DAY + 10)).act
    still = drifting(at(DAY + 10), database)

    assert isinstance(act, Verify)
    assert decided(still, now=at(DAY + 11)).act is None
    assert told(still.status, "Stalled") == ("True", "Drifted")


def test_drift_is_looked_at_again_when_the_spec_changes():
    database = replace(drifting(), generation=2)

    assert isinstance(decided(database, now=at(DAY + 10)).act, Verify)


def test_drift_is_only_told_where_nobody_looks_for_it():
    database = drifting(at(60), annotated(shop(verify={"interval": "0s"}), verify="now"))

    assert told(database.status, "Ready") == ("True", "UpToDate")
    assert told(database.status, "Verified") == ("False", "Drifted")


def test_drift_is_told_while_suspended():
    database = drifting()
    suspended = replace(database, spec=replace(database.spec, suspend=True))

    status = reported(suspended, now=at(DAY + 9))

    assert told(status, "Ready") == ("False", "Drifted")
    assert told(status, "Suspended") == ("True", "Suspended")


def test_a_run_that_finds_drift_at_its_end_is_not_forgotten_by_a_run_with_nothing_to_do():
    body = resource()
    job = ended(started(Database.from_body(body)), "Failed", "PodFailurePolicy")
    said = report(job, exitCode=8, verified=False, driftCount=1, message="it differs")
    status = reported(Database.from_body(body), seen((job, pod_ended(job, 8, said))))
    database = annotated(after(body, status), retry="again")

    retried = ended(started(database, now=at(60)), now=at(60))
    status = reported(database, seen((retried, pod_ended(retried, 0, report(retried)))), at(61))
    again = replace(database, status=status, finalizers=())

    assert told(status, "Ready") == ("False", "Drifted")
    assert isinstance(decided(again, now=at(62)).act, Verify)


FAILURES = [
    pytest.param(4, {"message": "no route to db"}, "Unreachable", id="unreachable"),
    pytest.param(5, {"message": "the password is wrong"}, "AccessDenied", id="denied"),
    pytest.param(6, {"message": "a table is locked"}, "LockHeld", id="locked"),
    pytest.param(1, {"message": "a defect"}, "RunnerError", id="defect"),
    pytest.param(3, {"reason": "Pooler", "message": "a pooler"}, "Unsupported", id="pooler"),
    pytest.param(9, {"reason": "UnknownVersion", "message": "?"}, "Refused", id="old-image"),
    pytest.param(143, {"message": "interrupted"}, "Interrupted", id="interrupted"),
    pytest.param(8, {"runId": "another"}, "ResultInvalid", id="drift-of-another-run"),
    pytest.param(10, {"runId": "another"}, "ResultInvalid", id="older-in-another-run"),
    pytest.param(0, {"verified": None}, "ResultInvalid", id="no-proof"),
    pytest.param(0, {"target": "1.19.0"}, "ResultInvalid", id="of-another-version"),
    pytest.param(0, {"command": "migrate"}, "ResultInvalid", id="of-another-command"),
]


@pytest.mark.parametrize(("exit_code", "said", "reason"), FAILURES)
def test_what_finds_nothing_out_changes_nothing_and_is_tried_again(exit_code, said, reason):
    said = {"proven": {"state": "unknown"}, "verified": None} | said if exit_code else said
    database, _ = judged(shop(), at(DAY), exit_code, **said)

    status = database.status
    assert told(status, "Ready") == ("True", "UpToDate")
    assert told(status, "Reconciling") == ("False", "UpToDate")
    assert told(status, "Verified") == ("Unknown", reason)
    assert f"; last verified at {spelt(START)}" in status.condition("Verified").message
    assert decided(database, now=at(DAY + 1)).wake == at(DAY + 60)


def test_attempts_that_find_nothing_out_get_rarer_and_go_on_for_ever():
    database, now, pauses = shop(), at(DAY), []
    for _ in range(9):
        database, _ = judged(database, now, 4, message="no route", proven={"state": "unknown"})
        due = decided(database, now=now).wake
        pauses.append((due - now).total_seconds())
        now = due

    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert told(database.status, "Ready") == ("True", "UpToDate")


def test_drift_stays_told_by_ready_where_the_next_look_finds_nothing_out():
    database, _ = judged(
        drifting(), at(2 * DAY), 4, message="no route", proven={"state": "unknown"}
    )

    assert told(database.status, "Ready") == ("False", "Drifted")
    assert told(database.status, "Verified") == ("Unknown", "Unreachable")


@pytest.mark.parametrize(
    ("exit_code", "said", "at_version", "outlook"),
    [
        pytest.param(
            10, {"reason": "NotYet", "proven": OLDER}, "1.12.3", Reason.AWAITING_ACKNOWLEDGEMENT,
            id="older-behind-a-breaking-version",
        ),
        pytest.param(
            10,
            {"reason": "NotYet", "proven": {"state": "version", "from": "1.20.0", "to": "1.20.0"}},
            "1.20.0", Reason.STARTING, id="older",
        ),
        pytest.param(
            10, {"reason": "NotYet", "proven": {"state": "empty"}}, "", Reason.STARTING, id="empty"
        ),
        pytest.param(
            9, {"reason": "NoLedger", "proven": {"state": "unknown"}}, "", Reason.STARTING,
            id="tables-without-a-ledger",
        ),
        pytest.param(
            3, {"reason": "MedusaV2", "proven": {"state": "unknown"}}, "", Reason.STARTING, id="v2"
        ),
    ],
)  # fmt: skip
def test_another_database_is_taken_to_the_version_as_any_other(
    exit_code, said, at_version, outlook
):
    database, _ = judged(shop(), at(DAY), exit_code, message="it is another", **said)

    status = database.status
    assert told(status, "Verified") == ("False", "DatabaseMoved")
    assert status.condition("Verified").message == (
        "the database was at 1.20.11, and is not any more: it is another"
    )
    assert told(status, "Ready") == ("False", outlook)
    assert told(status, "Migrated")[0] == "False"
    assert (status.applied_version, status.configuration) == (at_version, "")


def test_another_database_is_verified_once_it_is_migrated():
    moved, observed = judged(
        shop(), at(DAY), 10, reason="NotYet", message="another", proven={"state": "empty"}
    )
    held = replace(moved, finalizers=("medusadb.dev/running-job",))
    gone = replace(seen(), jobs=())
    run = ended(started(held, gone, at(DAY + 5)), now=at(DAY + 9))
    run_seen = seen((run, pod_ended(run, 0, report(run, verified=True), now=at(DAY + 9))))

    status = reported(held, run_seen, at(DAY + 10))

    assert told(status, "Verified") == ("True", "Verified")
    assert told(status, "Ready") == ("True", "UpToDate")
    assert observed.jobs[0].uid == status.verified.uid


def test_a_seed_is_due_again_in_another_database():
    source = {"from": {"secretKeyRef": {"name": "seed", "key": "seed.json"}}}
    database = shop(seed=source)
    held = replace(database, finalizers=("medusadb.dev/running-job",))
    seed = ended(started(held, now=at(20)), now=at(30))
    status = reported(held, seen((seed, pod_ended(seed, 0, report(seed), now=at(30)))), at(31))
    seeded = stored(database, status)

    moved, _ = judged(
        seeded, at(DAY), 10, reason="NotYet", message="another", proven={"state": "empty"}
    )

    assert told(seeded.status, "Seeded") == ("True", "Seeded")
    assert [step.name for step in moved.status.steps] == ["migrate-1.20.11", "seed"]
    assert moved.status.seed is None


@pytest.mark.parametrize(
    ("accepted", "ready"), [(False, ("False", "Downgrade")), (True, ("True", "NewerAccepted"))]
)
def test_a_newer_database_is_a_downgrade_as_ever(accepted, ready):
    database = shop(version="1.18.0", upgrade={"allowOlder": accepted})

    newer, _ = judged(
        database, at(DAY), 9, reason="Newer", message="it is newer", proven=VERSION,
        target="1.18.0",
    )  # fmt: skip

    assert told(newer.status, "Ready") == ready
    assert newer.status.applied_version == "1.20.11"


def test_a_newer_database_that_is_accepted_is_compared_with_its_own_version():
    database, _ = judged(
        shop(version="1.18.0", upgrade={"allowOlder": True}, featureFlags={"analytics": True}),
        at(DAY), 9, reason="Newer", message="it is newer", proven=VERSION, target="1.18.0",
    )  # fmt: skip

    job = verifying(database, at(3 * DAY))

    arguments = job["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments[:4] == ["verify", "--to", "1.20.11", "--connect-wait"]


def test_a_verification_of_what_was_declared_before_counts_for_nothing():
    database = shop()
    job = verifying(database, at(DAY))
    over = ended(job, "Failed", "PodFailurePolicy", at(DAY + 3))
    said = report(over, exitCode=8, verified=False, message="it differs")
    changed = replace(
        database, generation=2, spec=replace(database.spec, deletion=database.spec.deletion)
    )

    observed = seen((over, pod_ended(over, 8, said)))
    status = reported(changed, observed, at(DAY + 5))

    assert told(status, "Ready") == ("True", "UpToDate")
    assert told(status, "Verified") == ("True", "Verified")
    assert decided(changed, observed, at(DAY + 5)).act == Cancel(observed.jobs[0])


@pytest.mark.parametrize(
    "change",
    [{"generation": 2, "version": "1.20.10"}, {"retry": "again"}],
    ids=["another-version", "another-attempt"],
)
def test_a_verification_makes_way_for_a_run(change):
    database = shop(version="1.20.9")
    job = verifying(database, at(DAY))
    observed = seen((job, pod(job, {"running": {}}, "Running")))
    spec = database.spec
    if "version" in change:
        wanted = Database.from_body(resource(version=change["version"])).spec.version
        spec = replace(spec, version=wanted)
    changed = replace(
        database, spec=spec, generation=change.get("generation", 1), retry=change.get("retry", "")
    )

    first = decided(changed, observed, at(DAY + 5))
    status = reported(changed, observed, at(DAY + 5))
    dying = replace(observed, jobs=(replace(observed.jobs[0], deleting=True),))
    waiting = decided(stored(changed, status), dying, at(DAY + 6))
    gone = decided(stored(changed, status), seen(), at(DAY + 7))

    assert first.act == Cancel(observed.jobs[0])
    assert isinstance(first.outlook, Running)
    assert waiting.act is None
    assert not isinstance(gone.act, Verify)
    assert status.verified is None or status.verified.running == ""


def test_a_verification_is_taken_away_with_its_resource():
    database = replace(shop(), deleting=True)
    job = verifying(shop(), at(DAY))
    observed = seen((job, pod(job, {"running": {}}, "Running")))

    assert decided(database, observed, at(DAY + 1)).act == Cancel(observed.jobs[0])


def test_a_suspended_resource_lets_its_verification_end():
    database = shop()
    job = verifying(database, at(DAY))
    observed = seen((job, pod(job, {"running": {}}, "Running")))
    suspended = replace(database, generation=2, spec=replace(database.spec, suspend=True))

    assert decided(suspended, observed, at(DAY + 1)).act is None


def test_a_verification_that_cannot_start_gives_its_turn_back():
    database = shop()
    job = verifying(database, at(DAY))
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    observed = seen((job, pod(job, waiting)), event=Event("Failed", "no such image"))

    soon = decided(database, observed, at(DAY + 59))
    late = decided(database, observed, at(DAY + 60))
    status = reported(database, observed, at(DAY + 60))

    assert soon.act is None
    assert late.act == Cancel(observed.jobs[0])
    assert told(status, "Ready") == ("True", "UpToDate")
    assert told(status, "Verified") == ("Unknown", "ImagePullFailed")
    assert status.verified.running == ""
    gone = reported(stored(database, status), seen(), at(DAY + 62))
    assert gone == status


def test_a_verification_is_over_once_its_container_has_ended():
    database = shop()
    job = verifying(database, at(DAY))
    container = {
        "terminated": {"exitCode": 0, "message": report(job), "finishedAt": spelt(at(DAY))}
    }
    alive = pod(job, container, "Running")
    alive["spec"] = {"containers": [{"name": "medusa-db"}, {"name": "mesh"}]}
    alive["status"]["containerStatuses"].append({"name": "mesh", "state": {"running": {}}})
    observed = seen((job, alive))

    status = reported(database, observed, at(DAY + 5))
    first = decided(database, observed, at(DAY + 5))
    then = decided(stored(database, status), observed, at(DAY + 6))

    assert told(status, "Verified") == ("True", "Verified")
    assert status.verified.time == at(DAY + 5)
    assert first.act is None
    assert then.act == Cancel(observed.jobs[0])


def test_a_verification_that_somebody_suspends_gives_its_turn_back():
    database = shop()
    job = verifying(database, at(DAY))
    job["spec"]["suspend"] = True
    observed = seen((job, None))

    assert decided(database, observed, at(DAY + 299)).act is None
    assert decided(database, observed, at(DAY + 300)).act == Cancel(observed.jobs[0])
    status = reported(database, observed, at(DAY + 300))
    assert told(status, "Verified") == ("Unknown", "JobSuspended")
    assert told(status, "Ready") == ("True", "UpToDate")


def test_a_verification_that_vanishes_is_tried_again_and_not_at_once():
    database = annotated(shop(), verify="now")
    job = verifying(database, at(60))
    running = stored(database, reported(database, seen((job, None)), at(60)))

    status = reported(running, seen(), at(65))
    lost = stored(running, status)

    assert told(status, "Ready") == ("True", "UpToDate")
    assert told(status, "Verified") == ("Unknown", "JobLost")
    assert decided(lost, now=at(66)).act is None
    assert decided(lost, now=at(66)).wake == at(125)


@pytest.mark.parametrize(
    ("code", "reason"), [(403, "JobForbidden"), (422, "JobInvalid"), (409, "JobNameTaken")]
)
def test_a_verification_that_the_api_refuses_is_told_beside(code, reason):
    database = shop()
    observed = seen(create_error=CreateError(code, "no more Jobs here", verifies=True))

    status = reported(database, observed, at(DAY))

    assert told(status, "Ready") == ("True", "UpToDate")
    assert told(status, "Verified") == ("Unknown", reason)
    assert status.failure is None
    assert decided(stored(database, status), now=at(DAY + 1)).wake == at(DAY + 60)


def test_a_template_that_is_refused_is_told_beside_and_not_tried_at_every_pass():
    database = shop()
    template = {"spec": {"restartPolicy": "Always"}}
    broken = replace(
        database, spec=replace(database.spec, job=replace(database.spec.job, template=template))
    )

    status = reported(broken, now=at(DAY))
    again = reported(stored(broken, status), now=at(DAY + 1))

    assert told(status, "Ready") == ("True", "UpToDate")
    assert told(status, "Verified") == ("Unknown", "TemplateRefused")
    assert again == status


def test_a_finalizer_that_is_left_goes_before_a_verification():
    database = replace(shop(), finalizers=("medusadb.dev/running-job",))

    assert decided(database, now=at(DAY)).act == RemoveFinalizer()


def test_a_copied_label_makes_no_verification():
    database = shop()
    job = ended(verifying(database, at(DAY)), "Failed", "PodFailurePolicy")
    foreign = copy.deepcopy(job)
    foreign["metadata"]["ownerReferences"] = []
    said = report(foreign, exitCode=8, verified=False, message="it differs")

    status = reported(database, seen((foreign, pod_ended(foreign, 8, said))), at(DAY))

    assert status == database.status


def test_nothing_is_written_between_two_verifications():
    database, observed = judged(shop(), at(DAY))
    kept = replace(observed, jobs=tuple(replace(job, ttl=DAY) for job in observed.jobs))

    for hours in range(1, 21):
        now = at(DAY + 3600 * hours)
        assert reported(database, kept, now) == database.status
        assert decided(database, kept, now).act is None


def test_events_tell_of_drift_once_and_of_its_end():
    fine, drift = shop(), drifting()
    healed, _ = judged(drift, at(2 * DAY))
    silent, _ = judged(fine, at(DAY), 4, message="no route", proven={"state": "unknown"})

    def told_of(before, later):
        return [
            (c.reason, events.body(later, c, at())["type"])
            for c in events.changes(before.status, later.status)
        ]

    assert told_of(fine, drift) == [("Drifted", "Warning")]
    assert told_of(drift, healed) == [("UpToDate", "Normal"), ("Verified", "Normal")]
    assert told_of(fine, silent) == [("Unreachable", "Warning")]
    assert told_of(silent, judged(silent, at(2 * DAY))[0]) == []


def test_a_start_of_a_run_is_never_a_verification():
    assert isinstance(decided(Database.from_body(resource())).act, Start)
