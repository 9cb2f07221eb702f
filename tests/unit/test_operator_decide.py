"""One decision for each case: a table of every rule and every reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medusa_operator.judgement.decision import (
    AddFinalizer,
    Cancel,
    Expire,
    Ready,
    RemoveFinalizer,
    Running,
    Stalled,
    Start,
    Waiting,
)
from medusa_operator.judgement.decision import Suspended as IsSuspended
from medusa_operator.knowledge import known
from medusa_operator.resource.model import (
    CreateError,
    Event,
    Job,
    Observed,
    Rival,
    SeedSource,
    Turn,
)
from medusa_operator.resource.reasons import Reason
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
)

AGAIN = "(tried again when the spec or the annotation medusadb.dev/retry changes)"


def proven(oldest, newest=None, where=None, **rest):
    """A status that says where the database is."""
    reference = database().spec.database.reference
    found = {"state": "version", "from": oldest, "to": newest or oldest, "reference": reference}
    if where:
        found["at"] = where
    applied = where or newest or oldest
    return {"observedGeneration": 1, "appliedVersion": applied, "proven": found} | rest


def applied(version="1.20.11", **rest):
    """A status that says that everything declared is applied."""
    return (
        proven(version, where=version, configuration=database(version=version).spec.identity) | rest
    )


def failed(reason, *, retry, attempts=1, due=None, **rest):
    failure = {"reason": reason, "message": "it broke", "retry": retry, "generation": 1}
    body = {"observedGeneration": 1, "failure": failure | rest, "attempts": attempts}
    if due is not None:
        body["nextRetryTime"] = at(due).isoformat()
    return body


def test_a_new_resource_is_held_before_anything_else():
    found = decided(database(meta={"finalizers": []}))

    assert found.act == AddFinalizer()
    assert found.outlook.reason is Reason.STARTING


def test_a_held_resource_gets_a_job_for_its_first_step():
    found = decided(database())

    assert isinstance(found.act, Start)
    assert (found.act.step.name, found.act.attempt) == ("migrate-1.20.11", 1)


def test_a_job_that_was_seen_to_go_gives_its_name_to_no_other():
    first = decided(database()).act

    second = decided(database(), Observed(gone=(first.name,))).act

    assert isinstance(second, Start)
    assert second.name != first.name


@pytest.mark.parametrize(
    ("shop", "outlook"),
    [
        pytest.param(
            database(version="1.20.12"),
            Stalled(
                Reason.UNKNOWN_VERSION,
                "spec.version 1.20.12: there is no such version; near it are 1.20.9, 1.20.10, 1.20.11",
            ),
            id="unknown-version",
        ),
        pytest.param(
            database(upgrade={"stops": ["1.3.99"]}),
            Stalled(
                Reason.INVALID_SPEC,
                "spec.upgrade.stops 1.3.99: there is no such version; near it are 1.3.9, 1.4.0, 1.4.1",
            ),
            id="unknown-stop",
        ),
        pytest.param(
            database(baseline="1.1.12"),
            Stalled(
                Reason.INVALID_SPEC,
                "spec.baseline 1.1.12: there is no such version; near it are 1.1.11, 1.1.13, 1.1.14",
            ),
            id="unknown-baseline",
        ),
        pytest.param(
            database(featureFlags={"sale_channels": True}),
            Stalled(
                Reason.INVALID_SPEC,
                "spec.featureFlags.sale_channels: no migration depends on it; known are analytics, "
                "isolate_product_domain, medusa_v2, order_editing, publishable_api_keys, "
                "sales_channels, tax_inclusive_pricing",
            ),
            id="unknown-flag",
        ),
        pytest.param(
            database(database={}),
            Stalled(
                Reason.INVALID_SPEC,
                "spec.database needs either urlSecretRef, or the parts: host or hostSecretRef, name "
                "or nameSecretRef, user or userSecretRef, passwordSecretRef",
            ),
            id="no-database",
        ),
        pytest.param(
            database(job={"template": {"spec": {"restartPolicy": "OnFailure"}}}),
            Stalled(
                Reason.TEMPLATE_REFUSED,
                "spec.job.template.spec.restartPolicy cannot be set: a run depends on the operator's "
                "own value; leave it out",
            ),
            id="template",
        ),
        pytest.param(
            database(job={"template": {"spec": {"volumes": "none"}}}),
            Stalled(
                Reason.TEMPLATE_REFUSED, "spec.job.template.spec.volumes: 'none' is not a list"
            ),
            id="malformed-template",
        ),
        pytest.param(
            database(suspend=True),
            IsSuspended(Reason.SUSPENDED, "spec.suspend is true; nothing new is started"),
            id="suspended",
        ),
        pytest.param(
            database(proven("1.20.11"), version="1.12.3"),
            Stalled(
                Reason.DOWNGRADE,
                "the database is at 1.20.11, newer than 1.12.3; a downgrade would lose data and is "
                "not done. Declare a later version, set spec.upgrade.allowOlder, or restore a backup",
            ),
            id="downgrade",
        ),
        pytest.param(
            database(proven("1.20.11"), version="1.12.3", upgrade={"allowOlder": True}),
            Ready(
                Reason.NEWER_ACCEPTED,
                "the database is at 1.20.11, newer than 1.12.3, which is accepted",
            ),
            id="newer-accepted",
        ),
        pytest.param(
            database(applied()),
            Ready(Reason.UP_TO_DATE, "the database is at 1.20.11"),
            id="up-to-date",
        ),
        pytest.param(
            database(failed("MigrationFailed", retry=False)),
            Stalled(Reason.MIGRATION_FAILED, f"it broke {AGAIN}"),
            id="needs-a-person",
        ),
        pytest.param(
            database(failed("Unreachable", retry=True, attempts=20, due=-1), retry={"limit": 20}),
            Stalled(
                Reason.RETRIES_EXHAUSTED,
                f"20 attempts failed, the last with Unreachable: it broke {AGAIN}",
            ),
            id="retries-exhausted",
        ),
        pytest.param(
            database(failed("Unreachable", retry=True, due=10)),
            Waiting(Reason.UNREACHABLE, "it broke", retry=True),
            id="retry-scheduled",
        ),
        pytest.param(
            database(failed("AwaitingAcknowledgement", retry=False)),
            Waiting(Reason.AWAITING_ACKNOWLEDGEMENT, "it broke"),
            id="the-runner-knows-of-a-breaking-version-that-we-do-not",
        ),
        pytest.param(
            database(proven("1.12.3"), version="1.13.0"),
            Waiting(
                Reason.AWAITING_ACKNOWLEDGEMENT,
                "1.13.0 is breaking: A product may have several shipping profiles; "
                "product.profile_id is dropped. Read status.upgradeNotes, then add 1.13.0 to "
                "spec.upgrade.acknowledged",
            ),
            id="breaking",
        ),
        pytest.param(
            database(upgrade={"approval": "Manual"}),
            Waiting(
                Reason.AWAITING_APPROVAL,
                "the step to 1.20.11 waits for approval: add 1.20.11 to spec.upgrade.acknowledged",
            ),
            id="manual",
        ),
    ],
)
def test_what_is_not_started(shop, outlook):
    found = decided(shop)

    assert found.outlook == outlook
    assert found.act == RemoveFinalizer()


@pytest.mark.parametrize(
    ("observed", "outlook"),
    [
        pytest.param(
            seen(rivals=(Rival("other", "other-migrate-1"),)),
            Waiting(
                Reason.DATABASE_BUSY,
                "MedusaDatabase other names the same database, and its Job other-migrate-1 goes on",
            ),
            id="rival",
        ),
        pytest.param(
            seen(turn=Turn(limit=2, running=2, ahead=0)),
            Waiting(
                Reason.QUEUED,
                "2 runs go on, as many as the operator allows at once; none waits before this one",
            ),
            id="full",
        ),
        pytest.param(
            seen(turn=Turn(limit=4, running=2, ahead=7)),
            Waiting(
                Reason.QUEUED,
                "4 runs go on, as many as the operator allows at once; at most 10 wait before this "
                "one",
            ),
            id="others-first",
        ),
    ],
)
def test_a_step_waits_for_its_turn(observed, outlook):
    found = decided(database(), observed)

    assert found.outlook == outlook
    assert found.wake == at(30)


@pytest.mark.parametrize(
    "observed",
    [
        pytest.param(seen(rivals=(Rival("other"),)), id="rival-at-rest"),
        pytest.param(seen(turn=Turn(limit=4, running=2, ahead=1)), id="a-turn"),
    ],
)
def test_a_step_starts_when_it_is_its_turn(observed):
    found = decided(database(), observed)

    assert isinstance(found.act, Start)


def test_a_pod_that_is_not_gone_is_waited_for():
    job = started(database())
    left = seen((job, pod(job, {"running": {}}, "Running")))

    found = decided(database(), replace(left, jobs=()))

    assert found.outlook == Waiting(
        Reason.POD_TERMINATING, f"pod {job['metadata']['name']}-0 of an earlier run is not gone"
    )


def test_a_seed_waits_for_its_document():
    shop = database(applied(), seed=SEED)
    missing = SeedSource(missing="ConfigMap shop-seed is not there")

    found = decided(shop, seen(seed=missing))

    assert found.outlook == Waiting(
        Reason.REFERENCE_MISSING, "the seed waits: ConfigMap shop-seed is not there"
    )


@pytest.mark.parametrize(
    ("state", "event", "outlook"),
    [
        pytest.param(
            None, None, Running(Reason.STARTING, "Job {job} is there, its pod starts"), id="no-pod"
        ),
        pytest.param(
            None,
            Event("FailedCreate", "pods is forbidden: exceeded quota: small"),
            Waiting(
                Reason.POD_FORBIDDEN,
                "Job {job} gets no pod: pods is forbidden: exceeded quota: small",
            ),
            id="quota",
        ),
        pytest.param(
            {"waiting": {"reason": "ContainerCreating"}},
            None,
            Running(Reason.STARTING, "Job {job} is there, its pod starts"),
            id="creating",
        ),
        pytest.param(
            {"waiting": {"reason": "ContainerCreating"}},
            Event("FailedMount", 'MountVolume.SetUp failed: configmap "shop-seed" not found'),
            Waiting(
                Reason.REFERENCE_MISSING,
                'pod {job}-0 does not start: MountVolume.SetUp failed: configmap "shop-seed" not '
                "found",
            ),
            id="volume",
        ),
        pytest.param(
            {
                "waiting": {
                    "reason": "CreateContainerConfigError",
                    "message": 'secret "shop-db" not found',
                }
            },
            None,
            Waiting(
                Reason.REFERENCE_MISSING, 'pod {job}-0 does not start: secret "shop-db" not found'
            ),
            id="secret",
        ),
        pytest.param(
            {
                "waiting": {
                    "reason": "CreateContainerConfigError",
                    "message": "couldn't find key DATABASE_URL in Secret default/shop-db",
                }
            },
            None,
            Waiting(
                Reason.REFERENCE_MISSING,
                "pod {job}-0 does not start: couldn't find key DATABASE_URL in Secret "
                "default/shop-db",
            ),
            id="key",
        ),
        pytest.param(
            {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling "runner:1"'}},
            None,
            Waiting(
                Reason.IMAGE_PULL_FAILED,
                'the image of pod {job}-0 cannot be pulled: Back-off pulling "runner:1"',
            ),
            id="image",
        ),
        pytest.param(
            {"waiting": {"reason": "CreateContainerError", "message": "no device left"}},
            None,
            Waiting(Reason.POD_NOT_STARTING, "pod {job}-0 does not start: no device left"),
            id="other",
        ),
        pytest.param(
            {"running": {"startedAt": "2026-03-01T12:00:00Z"}},
            None,
            Running(Reason.MIGRATING, "Job {job} takes the database to 1.20.11"),
            id="running",
        ),
    ],
)
def test_a_job_that_is_not_over_is_told_as_it_is(state, event, outlook):
    job = started(database())
    name = job["metadata"]["name"]

    found = decided(database(), seen((job, state and pod(job, state)), event=event))

    assert found.outlook == replace(outlook, message=outlook.message.replace("{job}", name))
    assert found.act is None


def test_an_unschedulable_pod_says_what_the_scheduler_says():
    job = started(database())
    refusal = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}

    found = decided(database(), seen((job, pod(job, conditions=[refusal]))))

    name = job["metadata"]["name"]
    assert found.outlook == Waiting(
        Reason.UNSCHEDULABLE, f"no node takes pod {name}-0: 0/3 nodes are available"
    )


def test_a_seed_job_says_that_it_seeds():
    shop = database(applied(), seed=SEED)
    job = started(shop, seen(seed=SeedSource("abc")))

    found = decided(shop, seen((job, pod(job, {"running": {}}, "Running"))))

    assert found.outlook.reason is Reason.SEEDING


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"job": {"image": "runner:2"}}, id="image"),
        pytest.param(
            {"database": {"urlSecretRef": {"name": "shop-db", "key": "url"}}}, id="secret"
        ),
        pytest.param({"version": "1.12.3"}, id="version"),
        pytest.param({"suspend": True}, id="suspended"),
        pytest.param({"version": "1.20.99"}, id="unknown-version"),
        pytest.param({"database": {}}, id="invalid"),
    ],
)
def test_a_job_that_has_not_started_is_taken_away_when_the_spec_changes(changed):
    job = started(database())
    shop = database(meta={"generation": 2}, **changed)

    found = decided(shop, seen((job, pod(job, {"waiting": {"reason": "ErrImagePull"}}))))

    assert found.act == Cancel(Job.from_body(job))
    assert found.outlook.reason is Reason.CANCELLING


def test_a_job_that_has_started_is_finished_when_the_spec_changes():
    job = started(database())
    shop = database(meta={"generation": 2}, version="1.12.3")

    found = decided(shop, seen((job, pod(job, {"running": {}}, "Running"))))

    assert found.act is None
    assert found.outlook.reason is Reason.MIGRATING


@pytest.mark.parametrize(
    ("policy", "state", "act"),
    [
        pytest.param("Wait", {"running": {}}, None, id="wait"),
        pytest.param("Cancel", {"running": {}}, Cancel, id="cancel"),
        pytest.param("Wait", {"waiting": {"reason": "ErrImagePull"}}, Cancel, id="nothing-runs"),
    ],
)
def test_deletion_goes_by_its_policy(policy, state, act):
    job = started(database())
    going = {"deletionTimestamp": "2026-03-01T12:00:00Z"}
    shop = database(meta=going, deletionPolicy=policy)

    found = decided(shop, seen((job, pod(job, state))))

    assert found.act == (act and act(Job.from_body(job)))
    assert found.outlook.reason is Reason.DELETING


def test_a_deleted_resource_without_a_run_is_released():
    found = decided(database(meta={"deletionTimestamp": "2026-03-01T12:00:00Z"}, database={}))

    assert found.act == RemoveFinalizer()


def test_a_job_that_lost_its_hold_is_held_again():
    job = started(database())

    found = decided(database(meta={"finalizers": []}), seen((job, None)))

    assert found.act == AddFinalizer()


def test_a_job_is_let_go_only_when_its_verdict_is_stored():
    body = resource()
    job = ended(started(database()))
    observed = seen((job, pod_ended(job, 0, report(job))))

    first = decided(database(), observed)
    stored = after(body, reported(database(), observed))
    second = decided(stored, observed)

    assert first.act == RemoveFinalizer()
    assert second.act == Expire(Job.from_body(job), 86400)


def test_the_time_to_live_is_the_owners():
    shop = database(job={"ttlSecondsAfterFinished": 60})
    job = ended(started(shop))
    observed = seen((job, pod_ended(job, 0, report(job))))

    found = decided(
        after(resource(job={"ttlSecondsAfterFinished": 60}), reported(shop, observed)), observed
    )

    assert found.act == Expire(Job.from_body(job), 60)


@pytest.mark.parametrize(
    ("code", "outlook"),
    [
        pytest.param(403, Waiting(Reason.JOB_FORBIDDEN, "exceeded quota", retry=True), id="quota"),
        pytest.param(422, Stalled(Reason.JOB_INVALID, f"exceeded quota {AGAIN}"), id="invalid"),
        pytest.param(409, Stalled(Reason.JOB_NAME_TAKEN, f"exceeded quota {AGAIN}"), id="taken"),
    ],
)
def test_a_job_that_the_api_refuses_is_no_job(code, outlook):
    observed = seen(create_error=CreateError(code, "exceeded quota"))

    found = decided(database(), observed)

    assert found.outlook == outlook
    assert found.facts.attempts == 1


def test_a_failed_attempt_is_followed_by_another_when_it_is_due():
    shop = database(failed("Unreachable", retry=True, attempts=3, due=-1))

    found = decided(shop)

    assert isinstance(found.act, Start)
    assert found.act.attempt == 4


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"meta": {"generation": 2}}, id="spec"),
        pytest.param({"meta": {"annotations": {"medusadb.dev/retry": "now"}}}, id="annotation"),
    ],
)
def test_a_change_is_tried_at_once(changed):
    shop = database(failed("MigrationFailed", retry=False, attempts=3), **changed)

    found = decided(shop)

    assert isinstance(found.act, Start)
    assert found.act.attempt == 1


def test_the_annotation_makes_a_ready_database_be_looked_at_again():
    shop = database(applied(), meta={"annotations": {"medusadb.dev/retry": "after-restore"}})

    found = decided(shop)

    assert isinstance(found.act, Start)


def test_the_annotation_makes_a_newer_database_be_looked_at_again():
    token = {"annotations": {"medusadb.dev/retry": "after-restore"}}

    found = decided(database(proven("1.20.11"), meta=token, version="1.12.3"))

    assert isinstance(found.act, Start)


def test_an_annotation_that_was_honoured_does_nothing():
    token = {"annotations": {"medusadb.dev/retry": "before"}}

    found = decided(database(applied(retryToken="before"), meta=token))

    assert found.outlook.reason is Reason.UP_TO_DATE


@pytest.mark.parametrize(
    ("policy", "stored", "document", "due"),
    [
        pytest.param("Once", None, "a", True, id="never-seeded"),
        pytest.param("Once", "a", "b", False, id="once"),
        pytest.param("OnChange", "a", "a", False, id="unchanged"),
        pytest.param("OnChange", "a", "b", True, id="changed"),
        pytest.param("OnChange", "a", None, False, id="document-taken-away"),
        pytest.param("Never", None, "a", False, id="never"),
    ],
)
def test_when_a_seed_is_due(policy, stored, document, due):
    shop = database(applied(), seed=SEED | {"policy": policy})
    spec = database(seed=SEED).spec
    facts = decided(shop).facts
    if stored:
        source = known.seed_source(spec, facts, SeedSource(stored))
        reference = shop.spec.database.reference
        shop = database(
            applied(seed={"source": source, "reference": reference}), seed=SEED | {"policy": policy}
        )
    there = SeedSource(document) if document else SeedSource(missing="gone")

    found = decided(shop, seen(seed=there))

    assert (found.path.next is not None) == due


def test_a_seed_of_a_secret_is_due_again_when_the_annotation_changes():
    secret = {"from": {"secretKeyRef": {"name": "seed", "key": "seed.json"}}, "policy": "OnChange"}
    shop = database(applied(), seed=secret)
    job = ended(started(shop))
    stored = reported(shop, seen((job, pod_ended(job, 0, report(job)))))

    same = decided(after(resource(seed=secret), stored))
    honoured = decided(after(resource(seed=secret), replace(stored, retry_token="again")))

    assert same.outlook.reason is Reason.UP_TO_DATE
    assert honoured.path.next.name == "seed"


def test_what_waits_for_its_pod_is_looked_at_less_and_less_often():
    job = started(database())
    waiting = seen((job, pod(job, {"waiting": {"reason": "ErrImagePull"}})))

    wakes = [
        (decided(database(), waiting, at(age)).wake - at(age)).seconds for age in (0, 100, 9000)
    ]

    assert wakes == [6, 25, 300]


@pytest.mark.parametrize(
    "token",
    [
        "\0",
        "\x1b[31m",
        "now\0",
        "\u202enow",
        "password=secret",
        "x" * 300,
        "\ud800",
        " now\r\n",
        "\x7f",
    ],
)
def test_a_token_of_an_attempt_that_no_text_should_be_asks_for_one_at_most(token):
    shop = database(applied(), meta={"annotations": {"medusadb.dev/retry": token}})
    if not isinstance(decided(shop).act, Start):
        return
    job = ended(started(shop))

    found = decided(shop, seen((job, pod_ended(job, 0, report(job)))))

    assert not isinstance(found.act, Start)
