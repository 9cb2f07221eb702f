"""The report is bounded, says the most important things longest, and holds no secret."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from medusa_migrations.contract.report import (
    LEAST,
    LIMIT,
    Done,
    Proven,
    ProvenState,
    Report,
    bounded,
)

DOCS = Path(__file__).parents[2] / "docs"
PROVEN = Proven(ProvenState.VERSION, ("1.12.0", "1.12.1"), "1.12.1")
texts = st.text(max_size=300)


def told(field):
    """A value of the field's type that says something."""
    match field.type:
        case "tuple[Done, ...]":
            return (Done("one", 1.0, 1),)
        case "tuple[Mapping[str, Any], ...]":
            return ({"version": "1.13.0"},)
        case "tuple[str, ...]":
            return ("one",)
        case "Mapping[str, Any]":
            return {"checksum": "one"}
        case "Proven":
            return PROVEN
        case "str" | "RunState":
            return "one"
        case "bool | None":
            return True
        case _:
            return 1


def keys(text, mark):
    """The keys of a table in the docs, in its order."""
    section = text.partition(mark)[2].partition("\n\n")[0]
    rows = re.findall(r"(?m)^\| (.+?) \|", section)
    return [key for row in rows for key in re.findall("`(\\w+)`", row)]


def test_the_docs_name_every_key_in_the_order_of_the_report():
    full = Report(**{field.name: told(field) for field in dataclasses.fields(Report)})
    text = (DOCS / "report.md").read_text()

    assert keys(text, "out of memory).\n\n") == [*full.to_dict(), "truncated"]
    assert keys(text, '"at": "1.12.3"}\n\n') == list(full.to_dict()["proven"])


def test_a_report_that_has_nothing_to_say_still_has_what_the_docs_promise_always():
    text = (DOCS / "report.md").read_text()

    always = re.findall(r"(?m)^\| `(\w+)` \| always: ", text)

    assert {*always} <= {*Report("migrate").to_dict()}


@given(
    migrations=st.lists(texts, max_size=60),
    drift=st.lists(texts, max_size=60),
    warnings=st.lists(texts, max_size=20),
    message=st.text(max_size=5000),
    run_id=st.text(st.characters(exclude_categories=["C", "Z"]), max_size=128),
)
def test_a_report_never_exceeds_a_termination_message(migrations, drift, warnings, message, run_id):
    report = Report(
        "migrate", run_id=run_id, target="1.20.11", proven=PROVEN, migrations=[Done(name, 1.0) for name in migrations],
        drift=drift, warnings=warnings, message=message, exit_code=8, reason="VerificationFailed",
    )  # fmt: skip

    text = bounded(report.to_dict())

    body = json.loads(text)
    assert len(text.encode()) <= LIMIT
    assert (body["exitCode"], body["reason"]) == (8, "VerificationFailed")
    assert body["migrationCount"] == len(migrations)
    assert (body["report"], body.get("runId", "")) == ("medusadb.dev/v1", run_id)
    assert {key: body["proven"][key] for key in ("state", "from", "to", "at")} == {
        key: value for key, value in PROVEN.to_dict().items() if key != "versions"
    }


@given(
    versions=st.lists(st.integers(1000, 9999), max_size=80, unique=True),
    kinds=st.lists(st.sampled_from([f"kind_of_row_{n}" for n in range(24)]), unique=True),
    message=st.text(max_size=3000),
    acknowledge=st.lists(st.just("1.13.0"), max_size=40),
)
def test_a_report_fits_in_a_kibibyte_where_that_is_asked_for(versions, kinds, message, acknowledge):
    proven = Proven(
        ProvenState.VERSION, tuple(f"1.{n}.{n}" for n in versions) or ("1.1.0",), "1.12.1"
    )
    counts = {kind: {"created": 10**6, "updated": 0, "unchanged": 0} for kind in kinds}
    report = Report(
        "seed", run_id="u" * 128, target="1.20.11", schema="s" * 63, proven=proven, message=message, exit_code=9,
        reason="NotAcknowledged", acknowledge=acknowledge, before="1.1.0 to 1.20.11", after="1.1.0 to 1.20.11",
        seed={"checksum": "sha256:" + "0" * 64, "counts": counts},
    )  # fmt: skip

    text = bounded(report.to_dict(), LEAST)

    body = json.loads(text)
    assert len(text.encode()) <= LEAST
    assert (body["runId"], body["exitCode"], body["reason"]) == ("u" * 128, 9, "NotAcknowledged")
    assert body["proven"]["at"] == "1.12.1"
    assert body["seed"]["checksum"].endswith("0" * 64)


def test_a_message_is_cut_to_what_fits_and_no_shorter():
    report = Report("migrate", message="m" * 3000, reason="VerificationFailed", exit_code=8)

    text = bounded(report.to_dict(), LEAST)

    assert LEAST - 200 < len(text.encode()) <= LEAST


def test_what_is_cut_first_is_the_list_of_migrations():
    report = Report("migrate", migrations=[Done("m" * 100, 1.0)] * 75, drift=["one difference"])

    body = json.loads(bounded(report.to_dict()))

    assert body["truncated"] is True
    assert body["drift"] == ["one difference"]
    assert body["migrationCount"] == 75
    assert len(body.get("migrations", [])) < 75


def test_passwords_are_masked():
    report = Report("migrate", message="cannot reach postgres://shop:hunter2@db/shop")

    assert report.to_dict()["message"] == "cannot reach postgres://shop:***@db/shop"


def test_a_verification_that_failed_is_said():
    assert Report("migrate", verified=False).to_dict()["verified"] is False


def test_a_message_with_bytes_that_are_no_text_can_be_written():
    report = Report("migrate", message="--flag \udcff=on")

    assert bounded(report.to_dict()).encode().count(rb"--flag \udcff=on") == 1
