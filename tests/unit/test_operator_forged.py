"""Whatever a runner, a Job or a pod says, the status that is written is one that the definition takes."""

from __future__ import annotations

import copy
import json
import os

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crd_schema import STATUS, violations
from full_status import filled
from medusa_operator.judgement import conditions
from medusa_operator.resource import plain
from medusa_operator.resource.model import CreateError, Job, Observed, Pod
from medusa_operator.resource.status import Status
from operator_bodies import (
    START,
    after,
    at,
    database,
    ended,
    pod_ended,
    report,
    reported,
    resource,
    seen,
    started,
)
from operator_mutations import mutated

MANY = 2000 if os.environ.get("MEDUSA_TEST_ALL") else 300

texts = st.one_of(
    st.sampled_from([
        "", "version", "empty", "partial", "unknown", "migrate", "seed", "done", "nothing", "failed",
        "1.20.11", "2.0.0", "1.99999.3", "1.3.0 to 1.3.3", "1.99999999999999999999.3", "0.0.0", "Downgrade",
        "NotAcknowledged", "LedgerExists", "medusadb.dev/v1", "\x1b[31mred\x1b[0m", "a\x00b", "\ud800",
        "postgres://shop:secret@host/shop", "x" * 5000, "9" * 5000, "1970-01-01T00:00:00Z",
    ]),
    st.text(max_size=40),
)  # fmt: skip
numbers = st.sampled_from([0, 1, -1, 7, 9, 2**31, 2**63, 10**30, -(10**30)])
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.floats(allow_nan=False), texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=12), st.dictionaries(texts, inner, max_size=30)
    ),
    max_leaves=40,
)
KEYS = (
    "report", "runId", "command", "state", "exitCode", "reason", "message", "target", "from", "proven", "verified",
    "migrationCount", "warnings", "deferred", "seed",
)  # fmt: skip
versions = st.sampled_from(
    ["", "1.1.0", "1.20.11", "1.20.99", "1.99999.3", "2.0.0", "9" * 30 + ".1.1", "new"]
)
places = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["version", "version", "empty", "partial", "odd"]),
        "from": versions,
        "to": versions,
    },
    optional={"at": versions},
)
counts = st.fixed_dictionaries(
    {},
    optional={
        "checksum": texts,
        "counts": st.dictionaries(texts, st.dictionaries(texts, numbers, max_size=12), max_size=30),
    },
)
KINDS = dict.fromkeys(KEYS, values) | {
    "proven": places,
    "seed": counts,
    "warnings": st.lists(texts, max_size=12),
    "deferred": st.lists(texts, max_size=12),
    "message": texts,
    "reason": texts,
    "from": texts,
    "migrationCount": numbers,
    "driftCount": numbers,
    "verified": st.booleans(),
}
lies = st.lists(
    st.sampled_from(sorted(KINDS)).flatmap(lambda key: KINDS[key].map(lambda found: (key, found))),
    max_size=4,
).map(dict)
NOTES = ("step", "attempt", "version", "target", "configuration", "reference", "generation", "retry",
         "seed-source", "template")  # fmt: skip
notes = st.fixed_dictionaries(
    {}, optional={f"medusadb.dev/{name}": texts.map(lambda t: t.replace("\ud800", "")) for name in NOTES}
)  # fmt: skip


@given(
    said=lies,
    noted=notes,
    code=st.sampled_from([0, 0, 1, 2, 4, 5, 7, 8, 9, 137, 255]),
    image=texts,
    over=st.booleans(),
    name=st.sampled_from(["", "n" * 253]),
)
@example(
    said={"proven": {"state": "version", "from": "2.0.0", "to": "2.0.0"}},
    noted={},
    code=9,
    image="",
    over=True,
    name="",
)
@example(said={}, noted={}, code=0, image="x" * 5000, over=True, name="")
@settings(max_examples=MANY, deadline=None)
def test_whatever_is_told_of_a_run_the_definition_takes_the_status(
    said, noted, code, image, over, name
):
    shop = resource(seed={"from": {"secretKeyRef": {"name": "a", "key": "b"}}})
    job = started(database(seed=shop["spec"]["seed"]))
    truth = json.loads(report(job, exitCode=code))
    pod = pod_ended(job, code, json.dumps(truth | said))
    pod["status"]["containerStatuses"][0]["imageID"] = image
    job["metadata"]["annotations"] |= noted
    job["spec"]["template"]["spec"]["containers"][0]["image"] = image
    if name:
        job["metadata"]["name"] = pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] = name
    if over:
        job = ended(job, "Complete" if code == 0 else "Failed", "PodFailurePolicy")
    look = seen((job, pod))

    first = reported(database(seed=shop["spec"]["seed"]), look)
    second = reported(after(shop, first), look)

    assert list(violations(first.to_dict(), STATUS)) == []
    assert list(violations(second.to_dict(), STATUS)) == []


@given(
    said=lies, noted=notes, code=st.sampled_from([0, 3, 4, 8, 9, 10, 255]),
    name=st.sampled_from(["", "n" * 253]),
)  # fmt: skip
@settings(max_examples=MANY, deadline=None)
def test_whatever_is_told_of_a_verification_the_definition_takes_the_status(
    said, noted, code, name
):
    run = ended(started(database(verify={"interval": "10s"})))
    body = resource(meta={"finalizers": []}, verify={"interval": "10s"})
    shop = after(body, reported(database(), seen((run, pod_ended(run, 0, report(run))))))
    job = started(shop, now=at(60))
    truth = json.loads(report(job, exitCode=code))
    pod = pod_ended(job, code, json.dumps(truth | said))
    job["metadata"]["annotations"] |= noted
    if name:
        job["metadata"]["name"] = pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] = name
    look = seen((ended(job, "Complete" if code == 0 else "Failed"), pod))

    first = reported(shop, look, at(70))

    assert list(violations(first.to_dict(), STATUS)) == []


SEED = {"from": {"secretKeyRef": {"name": "a", "key": "b"}}}
WHOLE = filled(Status).to_dict() | {"observedGeneration": 1}
stored = mutated(
    WHOLE,
    st.one_of(
        texts.map(lambda text: text.replace("\ud800", "")),
        st.sampled_from([7, -1, 2**63 - 1, True]),
        st.sampled_from([
            WHOLE["steps"] * 2, WHOLE["history"] * 12, ["x" * 300] * 50, WHOLE["links"]["skipped"] * 11,
            {f"l{n}": n for n in range(30)}, {f"l{n}": {f"c{m}": m for m in range(9)} for n in range(30)},
        ]),
    ),
)  # fmt: skip


@given(
    stored=stored,
    spec=st.sampled_from([{}, {"suspend": True}, {"version": "1.20.10"}, {"seed": SEED}]),
    seconds=st.sampled_from([0, 10_000]),
)
@settings(max_examples=MANY, deadline=None)
def test_whatever_stands_in_the_stored_status_the_definition_takes_the_next_one(
    stored, spec, seconds
):
    shop = database(stored, **spec)
    job = started(database(**{k: v for k, v in spec.items() if k != "suspend"}))
    end = ended(job, "Failed", "PodFailurePolicy")

    for look in (
        seen(),
        seen((job, pod_ended(job, 9, report(job, exitCode=9)))),
        seen((end, None)),
    ):
        status = reported(shop, look, at(seconds))
        assert list(violations(status.to_dict(), STATUS)) == []


@given(code=st.sampled_from([400, 403, 409, 413, 422, 500, 503]), message=texts)
def test_whatever_the_api_server_says_the_definition_takes_the_status(code, message):
    status = reported(database(), seen(create_error=CreateError(code, message)))

    assert list(violations(status.to_dict(), STATUS)) == []


@given(message=texts)
def test_the_least_status_is_taken_too(message):
    status = conditions.minimal(database(), message, START)

    assert list(violations(status.to_dict(), STATUS)) == []


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        pytest.param("\x1b[31;1mred\x1b[0m and \x1b]8;;http://x\x07link\x1b]8;;\x07", "red and link", id="ansi"),
        pytest.param("a\x00b\x07c\x7fd\x9be", "abcde", id="controls"),
        pytest.param("first\nsecond\tthird", "first\nsecond\tthird", id="lines-and-tabs-stay"),
        pytest.param("pay \u202eemorf\u202c", "pay emorf", id="turned-text"),
        pytest.param("\ud800half", "?half", id="half-a-character"),
        pytest.param("postgres://shop:secret@host/db", "postgres://shop:***@host/db", id="password"),
    ],
)  # fmt: skip
def test_a_text_of_others_is_shown_without_what_moves_a_terminal(said, shown):
    assert plain.text(said, 1000) == shown


def test_the_message_of_a_run_reaches_the_status_without_control_characters():
    job = started(database())
    said = report(job, state="failed", exitCode=7, message="\x1b[31mbroken\x1b[0m\x00 here")
    pod = pod_ended(job, 7, said)

    status = reported(database(), seen((ended(job, "Failed"), pod)))

    ready = status.condition("Ready")
    assert ready is not None
    assert ready.message.startswith("broken here")


def test_a_pod_without_a_container_of_ours_says_nothing():
    job = started(database())
    pod = pod_ended(job, 0, report(job))
    stranger = copy.deepcopy(pod)
    stranger["status"]["containerStatuses"][0]["name"] = "other"

    look = Observed(jobs=(Job.from_body(ended(job)),), pods=(Pod.from_body(stranger),))

    assert reported(database(), look).history[0].outcome == "Failed"
