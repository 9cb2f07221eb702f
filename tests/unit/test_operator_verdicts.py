"""What a Job that is over proves: the runner's report, the pod and Kubernetes, believing none alone."""

from __future__ import annotations

import json

import pytest

from ledgers import CATALOG
from medusa_migrations.contract.report import LEAST, Done, Proven, Report, bounded
from medusa_operator.knowledge.verdicts import judge
from medusa_operator.resource.model import Job, Pod, SeedSource
from medusa_operator.resource.reasons import Reason
from operator_bodies import SEED, at, database, ended, pod, pod_ended, report, seen, started

JOB = started(database())
NAME = JOB["metadata"]["name"]
ELSEWHERE = {"state": "version", "from": "1.12.0", "to": "1.12.3"}


def seeding():
    """Return the Job of a seed."""
    identity = database().spec.identity
    shop = database({"observedGeneration": 1, "configuration": identity}, seed=SEED)
    return started(shop, seen(seed=SeedSource("abc")))


def judged(job, *pods):
    return judge(CATALOG, Job.from_body(job), tuple(Pod.from_body(pod) for pod in pods))


def outcome(verdict):
    return verdict.success, verdict.reason, verdict.retry, verdict.message


@pytest.mark.parametrize("state", ["done", "nothing"])
def test_a_report_that_proves_the_version_is_success(state):
    said = report(JOB, state=state, migrationCount=0)

    verdict = judged(ended(JOB), pod_ended(JOB, 0, said))

    assert outcome(verdict) == (True, None, False, "")


@pytest.mark.parametrize(
    ("message", "doubt"),
    [
        pytest.param("", "it left no report", id="nothing"),
        pytest.param("Migration complete!", "its report is not JSON", id="text"),
        pytest.param("[1]", "report: '[1]' is not an object", id="list"),
        pytest.param("[" * 4000, "its report is not JSON", id="deep"),
        pytest.param(
            report(JOB) + " " * 4096, "its report is longer than 4096 bytes", id="oversized"
        ),
        pytest.param(
            report(JOB, report="v2"),
            "its report is not of the format medusadb.dev/v1",
            id="other-format",
        ),
        pytest.param(
            report(JOB, runId="uid-2/x"), "its report is that of another run", id="other-run"
        ),
        pytest.param(report(JOB, runId=None), "its report is that of another run", id="no-run"),
        pytest.param(
            report(JOB, command="seed"), "its report is that of another command", id="other-command"
        ),
        pytest.param(
            report(JOB, exitCode=7),
            "its report names another exit code than its container",
            id="other-code",
        ),
        pytest.param(
            report(JOB, exitCode=False),
            "report.exitCode: 'False' is not a whole number",
            id="false",
        ),
        pytest.param(
            report(JOB, state="running", exitCode=None),
            "its report is that of a run that has not ended",
            id="running",
        ),
        pytest.param(report(JOB, state="failed"), "its report is that of a failure", id="failed"),
        pytest.param(
            report(JOB, target="1.20.10"),
            "its report is that of another target than 1.20.11",
            id="other-target",
        ),
        pytest.param(
            report(JOB, verified=False),
            "its report says that the schema is not the version's",
            id="unverified",
        ),
        pytest.param(
            report(JOB, proven=None),
            "its report does not prove that the database is at 1.20.11",
            id="unproven",
        ),
        pytest.param(
            report(JOB, proven=ELSEWHERE),
            "its report does not prove that the database is at 1.20.11",
            id="elsewhere",
        ),
        pytest.param(
            report(JOB, proven={"state": "version"}), "its report names no version", id="no-version"
        ),
        pytest.param(
            report(JOB, proven={"state": "version", "from": "new", "to": "newer"}),
            "its report names something else than a version of Medusa 1",
            id="no-versions",
        ),
        pytest.param(
            report(JOB, proven={"state": "fine"}),
            "its report names no state of the database that is known",
            id="no-state",
        ),
    ],
)
def test_exit_code_0_without_proof_is_no_success(message, doubt):
    verdict = judged(ended(JOB), pod_ended(JOB, 0, message))

    said = f"Job {NAME} ended well, but {doubt}"
    assert outcome(verdict) == (False, Reason.RESULT_INVALID, False, said)


@pytest.mark.parametrize(
    ("code", "reason", "retry"),
    [
        (1, Reason.RUNNER_ERROR, False),
        (2, Reason.RUNNER_USAGE, True),
        (3, Reason.UNSUPPORTED, True),
        (4, Reason.UNREACHABLE, True),
        (5, Reason.ACCESS_DENIED, True),
        (6, Reason.LOCK_HELD, True),
        (7, Reason.MIGRATION_FAILED, False),
        (8, Reason.VERIFICATION_FAILED, False),
        (9, Reason.REFUSED, False),
        (130, Reason.INTERRUPTED, True),
        (143, Reason.INTERRUPTED, True),
    ],
)
def test_each_exit_code_has_its_reason_and_the_runners_sentence(code, reason, retry):
    said = report(JOB, exitCode=code, state="failed", message="the sentence")

    verdict = judged(ended(JOB, "Failed", "PodFailurePolicy"), pod_ended(JOB, code, said))

    assert outcome(verdict) == (False, reason, retry, "the sentence")


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("Downgrade", Reason.DOWNGRADE),
        ("NotAcknowledged", Reason.AWAITING_ACKNOWLEDGEMENT),
        ("RowsInTheWay", Reason.REFUSED),
    ],
)
def test_a_refusal_is_told_apart_by_the_runners_word(word, reason):
    said = report(JOB, exitCode=9, state="failed", reason=word, message="no")

    verdict = judged(ended(JOB, "Failed"), pod_ended(JOB, 9, said))

    assert verdict.reason is reason


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("Downgrade", Reason.DOWNGRADE),
        ("NotAcknowledged", Reason.AWAITING_ACKNOWLEDGEMENT),
        ("LedgerExists", Reason.REFUSED),
    ],
)
def test_a_refusal_that_ends_with_0_is_a_refusal(word, reason):
    said = report(JOB, state="refused", reason=word, message="no")

    verdict = judged(ended(JOB), pod_ended(JOB, 0, said))

    assert outcome(verdict) == (False, reason, False, "no")
    assert verdict.refused


@pytest.mark.parametrize(
    ("seeds", "word"),
    [
        pytest.param(False, "RowsInTheWay", id="another-refusal"),
        pytest.param(False, "", id="no-reason"),
        pytest.param(True, "NotAcknowledged", id="seed"),
    ],
)
def test_a_refusal_that_must_not_end_with_0_is_not_believed(seeds, word):
    job = seeding() if seeds else JOB
    said = report(job, state="refused", reason=word, message="no")

    verdict = judged(ended(job), pod_ended(job, 0, said))

    name = job["metadata"]["name"]
    doubt = f"Job {name} ended well, but its report is that of a failure"
    assert outcome(verdict) == (False, Reason.RESULT_INVALID, False, doubt)


@pytest.mark.parametrize(
    ("code", "why", "reason", "retry"),
    [
        pytest.param(137, "OOMKilled", Reason.OUT_OF_MEMORY, True, id="memory"),
        pytest.param(137, "Error", Reason.KILLED, True, id="killed"),
        pytest.param(139, "Error", Reason.KILLED, True, id="crashed"),
        pytest.param(127, "Error", Reason.IMAGE_UNUSABLE, False, id="not-found"),
        pytest.param(42, "Error", Reason.RESULT_INVALID, False, id="not-ours"),
    ],
)
def test_an_end_without_a_report_is_told_by_its_exit_code(code, why, reason, retry):
    verdict = judged(ended(JOB, "Failed"), pod_ended(JOB, code, reason=why))

    assert (verdict.reason, verdict.retry) == (reason, retry)
    assert verdict.message.startswith(f"Job {NAME} ended with exit code {code}")


@pytest.mark.parametrize(
    ("said", "reason", "retry"),
    [
        pytest.param(
            'exec: "medusa-db": executable file not found in $PATH',
            Reason.IMAGE_UNUSABLE,
            False,
            id="no-such-program",
        ),
        pytest.param(
            'exec: "/medusa-db/bin/medusa-db": exec format error',
            Reason.IMAGE_UNUSABLE,
            False,
            id="another-architecture",
        ),
        pytest.param(
            "failed to create shim task: context deadline exceeded",
            Reason.POD_NOT_STARTING,
            True,
            id="busy-node",
        ),
    ],
)
def test_a_container_that_cannot_be_started_says_why(said, reason, retry):
    verdict = judged(ended(JOB, "Failed"), pod_ended(JOB, 128, said, "StartError"))

    message = f"the container of Job {NAME} cannot be started: {said}"
    assert outcome(verdict) == (False, reason, retry, message)


def test_what_is_no_report_of_ours_is_not_passed_on():
    verdict = judged(
        ended(JOB, "Failed"), pod_ended(JOB, 7, "password=hunter2 for postgres://u:p@h/d")
    )

    assert verdict.message == f"Job {NAME} ended with exit code 7; its report is not JSON"


def test_a_job_without_a_pod_that_tells_is_not_guessed_about():
    for job in (ended(JOB), ended(JOB, "Failed", "BackoffLimitExceeded")):
        verdict = judged(job)

        said = f"Job {NAME} is over and no pod shows how it ended"
        assert outcome(verdict) == (False, Reason.POD_LOST, True, said)


def test_a_job_that_others_have_removed_at_once_says_so():
    job = ended(JOB)
    job["spec"]["ttlSecondsAfterFinished"] = 0

    verdict = judged(job)

    assert verdict.reason == Reason.POD_LOST
    assert verdict.message == (
        f"Job {NAME} is over and no pod shows how it ended: something in the cluster, such as a policy for Jobs, has set "
        "its ttlSecondsAfterFinished to 0, so that it is gone before it is read; leave out Jobs with the label "
        "medusadb.dev/database-uid"
    )


def test_an_evicted_pod_is_named():
    gone = pod(JOB, phase="Failed", reason="Evicted", message="low on memory")

    verdict = judged(ended(JOB, "Failed"), gone)

    assert verdict.message.endswith("no pod shows how it ended (Evicted: low on memory)")


def test_a_pod_that_failed_before_one_that_succeeded_does_not_count():
    first = pod_ended(JOB, 143, now=at(1))
    second = pod_ended(JOB, 0, report(JOB), now=at(9))
    first["metadata"]["name"] += "-first"

    verdict = judged(ended(JOB), first, second)

    assert verdict.success


def test_a_proven_success_counts_where_kubernetes_says_failed():
    verdict = judged(ended(JOB, "Failed", "DeadlineExceeded"), pod_ended(JOB, 0, report(JOB)))

    assert verdict.success


@pytest.mark.parametrize("pods", [[], [pod_ended(JOB, 143)]], ids=["no-pod", "ended"])
def test_a_job_ended_at_its_deadline_says_so(pods):
    verdict = judged(ended(JOB, "Failed", "DeadlineExceeded"), *pods)

    assert (verdict.reason, verdict.retry) == (Reason.DEADLINE_EXCEEDED, True)


def test_pods_of_other_jobs_tell_nothing():
    other = pod_ended(JOB, 0, report(JOB))
    other["metadata"]["ownerReferences"][0] |= {"name": "another", "uid": "job-another"}

    verdict = judged(ended(JOB), other)

    assert verdict.reason is Reason.POD_LOST


@pytest.mark.parametrize("name", ["", "neighbour-", None])
def test_a_pod_that_the_job_took_over_tells_nothing(name):
    other = pod_ended(JOB, 0, report(JOB))
    other["metadata"]["generateName"] = name

    verdict = judged(ended(JOB), other)

    assert (verdict.success, verdict.reason) == (False, Reason.POD_LOST)


def test_a_sidecar_tells_nothing():
    found = pod_ended(JOB, 0, report(JOB))
    found["status"]["containerStatuses"][0]["name"] = "proxy"

    verdict = judged(ended(JOB), found)

    assert verdict.reason is Reason.POD_LOST


def test_a_seed_that_fails_has_a_reason_of_its_own():
    job = seeding()
    said = report(job, exitCode=7, state="failed", message="products[3] is odd")

    verdict = judged(ended(job, "Failed"), pod_ended(job, 7, said))

    assert outcome(verdict) == (False, Reason.SEED_FAILED, False, "products[3] is odd")


def test_counts_of_a_seed_are_bounded():
    job = seeding()
    counts = {f"kind-{n}": {"created": n} for n in range(60)}
    said = report(job, seed={"checksum": "x" * 500, "counts": counts})

    found = judged(ended(job), pod_ended(job, 0, said)).report

    assert (len(found.seed.counts), len(found.seed.checksum)) == (24, 128)


def test_half_a_character_does_not_break_the_status():
    message = json.dumps(
        json.loads(report(JOB, exitCode=7, state="failed")) | {"message": "\ud800 odd"}
    )

    verdict = judged(ended(JOB, "Failed"), pod_ended(JOB, 7, message))

    assert verdict.message.encode() == b"? odd"


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        ("no answer of postgres://u:pass@h/shop", "no answer of postgres://u:***@h/shop"),
        ("of postgres://u:pa@ss@h/shop, sir", "of postgres://u:***@h/shop, sir"),
        ("host=h password=geheim user=u", "host=h password=*** user=u"),
        ("password = 'ge heim' user=u", "password = *** user=u"),
        ('{"password": "ge heim", "user": "u"}', '{"password": ***, "user": "u"}'),
        ("PGPASSWORD=geheim medusa-db migrate", "PGPASSWORD=*** medusa-db migrate"),
        ("?sslpassword=geheim&x=1", "?sslpassword=***&x=1"),
        ("the password is wrong", "the password is wrong"),
    ],
)
def test_a_password_in_a_runners_sentence_is_masked(said, masked):
    told = report(JOB, exitCode=4, state="failed", message=said)

    verdict = judged(ended(JOB, "Failed"), pod_ended(JOB, 4, told))

    assert verdict.message == masked


def test_the_short_report_of_a_first_install_proves_its_version():
    notes = JOB["metadata"]["annotations"]
    whole = Report(
        "migrate", run_id=notes["medusadb.dev/run-id"], target="1.20.11", before="empty", after="1.20.11",
        state="done", verified=True, proven=Proven("version", ("1.20.11",), "1.20.11"),
        migrations=[Done(f"CreateSomething{n}1600000000000", 0.1) for n in range(140)],
        notes=[{"version": "1.13.0", "summary": "s" * 200}] * 20, foreign=["table of a plugin"] * 50,
    )  # fmt: skip

    text = bounded(whole.to_dict(), LEAST)

    verdict = judged(ended(JOB), pod_ended(JOB, 0, text))
    assert verdict.success
    assert verdict.report.migrations == 140
