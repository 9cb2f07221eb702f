"""The report is bounded, says the most important things longest, and holds no secret."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from medusa_migrations.report import LIMIT, Done, Report, bounded

texts = st.text(max_size=300)


@given(
    migrations=st.lists(texts, max_size=60),
    drift=st.lists(texts, max_size=60),
    warnings=st.lists(texts, max_size=20),
    message=st.text(max_size=5000),
)
def test_a_report_never_exceeds_a_termination_message(migrations, drift, warnings, message):
    report = Report(
        "migrate", target="1.20.11", migrations=[Done(name, 1.0) for name in migrations],
        drift=drift, warnings=warnings, message=message, exit_code=8, reason="VerificationFailed",
    )  # fmt: skip

    text = bounded(report.to_dict())

    body = json.loads(text)
    assert len(text.encode()) <= LIMIT
    assert (body["exitCode"], body["reason"]) == (8, "VerificationFailed")
    assert body["migrationCount"] == len(migrations)


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
