"""Argo CD, Flux and kstatus judge every status that the operator can write."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

import argocd
import flux
from ledgers import CATALOG
from medusa_operator.judgement import conditions
from medusa_operator.judgement.decision import Outlook, Ready, Running, Stalled, Suspended, Waiting
from medusa_operator.resource.model import Observed
from medusa_operator.resource.reasons import MEANINGS, Category, Reason
from medusa_operator.resource.status import Failure
from medusa_testbed.kubectl import kstatus
from operator_bodies import START, Body, at, database, decided, resource

SHOP = database()
VERDICTS = {
    "done": ("Healthy", "Current", "Current"),
    "on its way": ("Progressing", "InProgress", "InProgress"),
    "at a gate": ("Suspended", "InProgress", "Failed"),
    "stalled": ("Degraded", "Failed", "Failed"),
    "suspended": ("Suspended", "InProgress", "InProgress"),
}
"""What Argo CD, kstatus and Flux with our expressions call it."""


def outlooks(reason: str, category: Category) -> list[tuple[str, Outlook]]:
    """Return what a pass can report with *reason*, and which verdict it gets."""
    word, said = Reason(reason), "what it is"
    match category:
        case Category.READY if reason in (Reason.UP_TO_DATE, Reason.NEWER_ACCEPTED):
            ready = Ready(word, said)
            return [("done", ready), ("done", Suspended(Reason.SUSPENDED, said, ready))]
        case Category.RUNNING:
            return [("on its way", Running(word, said))]
        case Category.WAITING:
            return [("on its way", Waiting(word, said))]
        case Category.GATE:
            return [("at a gate", Waiting(word, said))]
        case Category.RETRIED if reason != Reason.RETRY_SCHEDULED:
            return [("on its way", Waiting(word, said, retry=True))]
        case Category.STALLED:
            return [("stalled", Stalled(word, said))]
        case Category.ASIDE if reason == Reason.SUSPENDED:
            return [("suspended", Suspended(word, said))]
    return []  # the reason of another condition than Ready


def written(outlook: Outlook, failure: Failure | None = None) -> Body:
    """Return the resource with the status that the operator writes for *outlook*."""
    decision = decided(SHOP)
    due = at(30) if isinstance(outlook, Waiting) and outlook.retry else None
    facts = replace(decision.facts, failure=failure, next_retry=due)
    decision = replace(decision, outlook=outlook, facts=facts)
    status = conditions.status(CATALOG, SHOP, Observed(), decision, START)
    return named(resource(status.to_dict()))


def named(body: Body) -> Body:
    return {"apiVersion": "medusadb.dev/v1alpha1", "kind": "MedusaDatabase"} | body


def every_status() -> list[tuple[str, str, Body]]:
    """Return each status with its name and the verdict that it should get."""
    found = [
        (f"{type(outlook).__name__} {reason}", verdict, written(outlook))
        for reason, meaning in MEANINGS.items()
        for verdict, outlook in outlooks(reason, meaning.category)
    ]
    paused = Suspended(Reason.SUSPENDED, "spec.suspend is true")
    for reason in (Reason.LOCK_HELD, Reason.MIGRATION_FAILED, Reason.AWAITING_ACKNOWLEDGEMENT):
        body = written(paused, Failure(reason, "it failed"))
        found.append((f"suspended after {reason}", "suspended", body))
    least = conditions.minimal(SHOP, "it is too long", START).to_dict()
    found.append(("the least status", "stalled", named(resource(least))))
    new = named(resource())
    found.append(("nobody has looked", "on its way", new))
    for name, verdict, body in list(found):
        if verdict != "on its way":
            changed = body | {"metadata": body["metadata"] | {"generation": 2}}
            found.append((f"{name}, of another generation", "on its way", changed))
    return found


def test_argo_cd_kstatus_and_flux_judge_every_status_alike() -> None:
    cases = every_status()
    bodies = [body for _, _, body in cases]

    argo = [each.status for each in argocd.health(*bodies)]
    plain = [each.status for each in kstatus(bodies)]
    told = flux.statuses(*bodies)

    found = {name: v for (name, *_), *v in zip(cases, argo, plain, told, strict=True)}
    assert found == {name: list(VERDICTS[verdict]) for name, verdict, _ in cases}


def test_every_reason_that_ready_can_have_is_judged() -> None:
    ready = [
        condition["reason"]
        for _, _, body in every_status()
        for condition in body["status"].get("conditions", ())
        if condition["type"] == "Ready"
    ]

    of_other_conditions = {
        Reason.SEEDED, Reason.VERIFIED, Reason.NOT_VERIFIED_YET, Reason.NOT_REQUESTED,
        Reason.SEED_SKIPPED, Reason.NOT_SUSPENDED, Reason.SUSPENDED, Reason.RETRY_SCHEDULED,
    }  # fmt: skip
    assert set(ready) == set(Reason) - of_other_conditions


def test_argo_cd_shows_the_reason_and_the_sentence() -> None:
    [found] = argocd.health(written(Stalled(Reason.ACCESS_DENIED, "the password is wrong")))

    assert found == argocd.Health("Degraded", "AccessDenied: the password is wrong")


def test_what_is_being_deleted_is_on_its_way() -> None:
    body = written(Ready(Reason.UP_TO_DATE, "done"))
    body["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"

    assert argocd.health(body) == [argocd.Health("Progressing", "Pending deletion")]


@pytest.mark.parametrize(
    ("body", "offered"),
    [
        pytest.param(written(Ready(Reason.UP_TO_DATE, "")), {"verify", "suspend"}, id="ready"),
        pytest.param(
            written(Waiting(Reason.LOCK_HELD, "", retry=True)), {"retry", "verify", "suspend"},
            id="retried",
        ),
        pytest.param(
            written(Stalled(Reason.DRIFTED, "")), {"retry", "verify", "suspend"}, id="stalled"
        ),
        pytest.param(
            written(Waiting(Reason.AWAITING_ACKNOWLEDGEMENT, "")),
            {"acknowledge", "verify", "suspend"}, id="gate",
        ),
        pytest.param(named(resource(suspend=True)), {"resume"}, id="suspended"),
        pytest.param(named(resource()), {"verify", "suspend"}, id="new"),
    ],
)  # fmt: skip
def test_argo_cd_offers_the_actions_that_make_sense(body: Body, offered: set[str]) -> None:
    assert argocd.actions(body) == offered


def at_gate(reason: Reason, acknowledged: list[str], **status: Any) -> Body:
    body = written(Waiting(reason, ""))
    body["spec"]["upgrade"] = {"acknowledged": acknowledged}
    body["status"] |= status
    return body


NOTES = [
    {"version": "1.13.0", "severity": "breaking", "summary": ""},
    {"version": "1.14.0", "severity": "info", "summary": ""},
    {"version": "1.17.0", "severity": "breaking", "summary": ""},
]
STEPS = [
    {"name": "migrate-1.13.0", "type": "Migrate", "state": "Done", "version": "1.13.0"},
    {"name": "migrate-1.17.0", "type": "Migrate", "state": "Waiting", "version": "1.17.0"},
    {"name": "migrate-1.20.11", "type": "Migrate", "state": "Pending", "version": "1.20.11"},
]


@pytest.mark.parametrize(
    ("body", "acknowledged"),
    [
        pytest.param(
            at_gate(Reason.AWAITING_ACKNOWLEDGEMENT, [], upgradeNotes=NOTES),
            ["1.13.0", "1.17.0"], id="notes",
        ),
        pytest.param(
            at_gate(Reason.AWAITING_ACKNOWLEDGEMENT, ["1.17.0", "1.3.6"], upgradeNotes=NOTES),
            ["1.17.0", "1.3.6", "1.13.0"], id="some-known",
        ),
        pytest.param(
            at_gate(Reason.AWAITING_APPROVAL, ["1.13.0"], upgradeNotes=NOTES, steps=STEPS),
            ["1.13.0", "1.17.0"], id="the-next-step",
        ),
    ],
)  # fmt: skip
def test_acknowledge_agrees_to_what_is_waited_for_and_to_nothing_later(
    body: Body, acknowledged: list[str]
) -> None:
    assert argocd.patch(body, "acknowledge") == {
        "spec": {"upgrade": {"acknowledged": acknowledged}}
    }


def test_suspend_and_resume_change_one_field() -> None:
    body = named(resource(upgrade={"acknowledged": []}, verify={}))

    assert argocd.patch(body, "suspend") == {"spec": {"suspend": True}}
    assert argocd.patch(named(resource(suspend=True)), "resume") == {"spec": {"suspend": False}}


@pytest.mark.parametrize("action", ["retry", "verify"])
@pytest.mark.parametrize("annotations", [None, {}, {"a": "b"}, {"medusadb.dev/retry": "1"}])
def test_an_annotation_is_set_beside_the_others(
    action: str, annotations: dict[str, str] | None
) -> None:
    body = written(Stalled(Reason.DRIFTED, ""))
    if annotations is not None:
        body["metadata"]["annotations"] = annotations

    sent = argocd.patch(body, action)

    [value] = sent["metadata"]["annotations"].values()
    assert sent == {"metadata": {"annotations": {f"medusadb.dev/{action}": value}}}
    assert value.endswith("Z")


def test_the_config_map_is_made_of_the_lua_files() -> None:
    assert argocd.CONFIG_MAP.read_text() == argocd.config_map(), "make sync-chart"


def test_without_the_config_map_argo_cd_would_not_wait() -> None:
    [found] = argocd.asked({"ask": "health", "live": named(resource()), "configMap": {}})

    assert found is None


def test_the_wave_of_the_database_comes_before_that_of_the_server() -> None:
    waves = {
        body["kind"]: int(body["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"])
        for body in yaml.safe_load_all((argocd.FOLDER / "sync-wave.yaml").read_text())
    }

    assert waves["MedusaDatabase"] < waves["Deployment"]


def test_the_page_has_the_expressions_that_are_shipped() -> None:
    page = (argocd.FOLDER.parents[1] / "docs" / "gitops.md").read_text()
    [snippet] = [text for text in page.split("\n\n") if "healthCheckExprs:" in text]

    [shown] = yaml.safe_load(snippet)["spec"]["healthCheckExprs"]

    assert {key: shown[key] for key in ("current", "failed")} == flux.check()
