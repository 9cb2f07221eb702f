"""When a run is over, whatever else its pod does; and why it never began."""

from __future__ import annotations

import copy
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medusa_operator.jobs import template
from medusa_operator.judgement.decision import Cancel, Ready, Running, Waiting
from medusa_operator.resource.parse import InvalidError
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


def beside(pod_body, name="istio-proxy"):
    """Return the pod with another container in it that goes on."""
    body = copy.deepcopy(pod_body)
    body["spec"] = {"containers": [{"name": "medusa-db"}, {"name": name}]}
    body["status"]["phase"] = "Running"
    body["status"]["containerStatuses"].append({"name": name, "state": {"running": {}}})
    return body


def test_a_run_that_is_over_is_judged_and_its_job_ended_although_a_sidecar_goes_on():
    job = started(database())
    observed = seen((job, beside(pod_ended(job, 0, report(job)))))
    first = reported(database(), observed, at(1))
    shop = after(resource(), first)

    soon, later = decided(shop, observed, at(5)), decided(shop, observed, at(11))
    gone = decided(after(resource(), reported(shop, observed, at(11))), seen(), at(12))

    assert first.applied_version == "1.20.11"
    assert [run.outcome for run in first.history] == ["Succeeded"]
    assert told(first, "Ready") == ("False", "SidecarRunning")
    assert "istio-proxy" in first.condition("Ready").message
    assert "istio-proxy" in first.warnings[0]
    assert soon.act is None
    assert isinstance(later.act, Cancel)
    assert gone.outlook == Ready(Reason.UP_TO_DATE, "the database is at 1.20.11")


def test_a_run_that_failed_beside_a_sidecar_is_told_at_once_too():
    job = started(database())
    said = report(job, state="failed", exitCode=7, message="it broke")
    observed = seen((job, beside(pod_ended(job, 7, said))))
    shop = after(resource(), reported(database(), observed, at(1)))

    found = decided(shop, observed, at(11))
    gone = decided(after(resource(), reported(shop, observed, at(11))), seen(), at(12))

    assert isinstance(found.act, Cancel)
    assert gone.outlook.reason is Reason.MIGRATION_FAILED


@pytest.mark.parametrize("skew", [-3600, 3600], ids=["behind", "ahead"])
def test_a_sidecar_has_no_patience_to_expect_of_another_clock(skew):
    job = started(database())
    observed = seen((job, beside(pod_ended(job, 0, report(job), now=at(skew)))))
    shop = after(resource(), reported(database(), observed, at(1)))

    assert isinstance(decided(shop, observed, at(2)).act, Cancel)


def test_a_sidecar_of_kubernetes_ends_by_itself_and_is_not_counted():
    job = started(database())
    body = pod_ended(job, 0, report(job))
    body["spec"] = {
        "containers": [{"name": "medusa-db"}],
        "initContainers": [{"name": "proxy", "restartPolicy": "Always"}],
    }
    body["status"]["phase"] = "Running"
    body["status"]["initContainerStatuses"] = [{"name": "proxy", "state": {"running": {}}}]

    found = decided(database(), seen((job, body)))

    assert isinstance(found.outlook, Running)


def test_a_good_end_without_a_report_is_followed_by_one_more_run_and_no_other():
    shop, outcomes = database(), []
    for attempt in (1, 2):
        job = started(shop, now=at(100 * attempt))
        observed = seen(
            (ended(job, now=at(100 * attempt)), pod_ended(job, 0, '{"report": "medusad'))
        )
        status = reported(shop, observed, at(100 * attempt))
        outcomes.append(told(status, "Stalled"))
        shop = after(resource(), status)

    assert outcomes == [("False", "ResultInvalid"), ("True", "ResultInvalid")]


def test_a_report_that_was_cut_is_made_good_by_the_next_run():
    shop = database()
    job = started(shop)
    cut = seen((ended(job), pod_ended(job, 0, report(job)[:80])))
    shop = after(resource(), reported(shop, cut))
    job = started(shop, now=at(20))
    whole = seen(
        (ended(job, now=at(21)), pod_ended(job, 0, report(job, state="nothing"), now=at(21)))
    )

    assert told(reported(shop, whole, at(22)), "Ready") == ("True", "UpToDate")


def test_an_init_container_that_fails_is_named_with_its_exit_code_and_its_words():
    job = started(database())
    body = pod(job, {"waiting": {"reason": "PodInitializing"}}, "Failed")
    end = {"exitCode": 3, "reason": "Error", "message": "no route to vault\x1b[0m"}
    body["status"]["initContainerStatuses"] = [
        {"name": "ok", "state": {"terminated": {"exitCode": 0}}},
        {"name": "vault", "state": {"terminated": end}},
    ]

    found = decided(database(), seen((ended(job, "Failed", "BackoffLimitExceeded"), body)))

    name = body["metadata"]["name"]
    assert found.outlook == Waiting(
        Reason.INIT_CONTAINER_FAILED,
        f"init container vault of pod {name} ended with exit code 3: no route to vault",
        retry=True,
    )


def test_a_job_that_somebody_suspended_waits_and_says_so():
    job = started(database())
    job["spec"]["suspend"] = True

    found = decided(database(), seen((job, None)), at(7200))

    assert found.outlook == Waiting(
        Reason.JOB_SUSPENDED,
        f"somebody suspended Job {job['metadata']['name']} (its spec.suspend); it goes on when they resume it",
    )
    assert found.act is None


def test_a_suspended_job_that_is_not_wanted_any_more_is_replaced():
    job = started(database())
    job["spec"]["suspend"] = True

    found = decided(database(version="1.19.0", meta={"generation": 2}), seen((job, None)))

    assert isinstance(found.act, Cancel)


def test_a_template_with_a_name_that_is_none_is_refused():
    shop = database(
        job={
            "template": {
                "spec": {"containers": [{"name": "medusa-db", "env": [{"name": {"a": "b"}}]}]}
            }
        }
    )

    found = decided(shop)

    assert found.outlook.reason is Reason.TEMPLATE_REFUSED
    assert "spec.job.template.spec.containers[0].env[0].name" in found.outlook.message


KEYS = st.sampled_from([
    "metadata", "spec", "labels", "annotations", "containers", "initContainers", "volumes", "env", "envFrom", "name",
    "volumeMounts", "mountPath", "resources", "securityContext", "tolerations", "nodeSelector", "affinity", "x",
])  # fmt: skip
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.sampled_from(["medusa-db", "tmp", "a", ""])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=25,
)  # fmt: skip


@given(patch=ANYTHING)
@settings(max_examples=500, deadline=None)
def test_any_template_is_laid_over_or_refused_with_a_sentence(patch):
    whole = started(database())["spec"]["template"]

    with suppress(InvalidError):
        template.merge(whole, patch)
