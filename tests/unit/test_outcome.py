"""One outcome value: the report, the exit code and the last line on stderr are made of it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from medusa_migrations.catalog import load, version
from medusa_migrations.contract.errors import (
    FailedError,
    Interrupted,
    NotAcknowledgedError,
    UnreachableError,
    VerificationError,
)
from medusa_migrations.contract.report import Done, Proven, ProvenState, RunState
from medusa_migrations.plan.place import Place
from medusa_migrations.run import outcome as outcomes
from medusa_migrations.run.outcome import CommitOf, Committed, Comparison, Ending, Outcome

ROOT = Path(__file__).parents[2]
CATALOG = load.read()
HERE = Place(ProvenState.VERSION, (version.parse("1.13.0"),), known=CATALOG.versions)
ONE = Committed((Done("one", 1.0),))
ROLLED_BACK = "interrupted; rolled back, the lock is released"
STAYS = (
    "What came before it in this run stays: 1 migration or data step committed, and the database is at 1.13.0 "
    "now. An older server may not work with it; the same command goes on from here"
)


def ended(exc, **noted):
    outcome = Outcome("migrate", after=HERE, **noted)
    ending = outcomes.failed(outcome, exc)
    return ending, outcomes.report(outcome, ending, 0.5)


@pytest.mark.parametrize(
    ("noted", "message"),
    [
        pytest.param({}, "it failed", id="nothing-stays"),
        pytest.param({"committed": ONE}, f"it failed. {STAYS}", id="committed"),
        pytest.param(
            {"committed": Committed(baseline=version.parse("1.12.3"))},
            "it failed. The ledger of --baseline 1.12.3 stays; leave that out", id="adopted",
        ),
        pytest.param(
            {"committed": ONE, "seeding": True},
            "it failed. What was migrated before the seed stays (1 migrations): the database is at 1.13.0 now",
            id="seed",
        ),
    ],
)  # fmt: skip
def test_a_failure_says_what_of_the_run_stays(noted, message):
    exc = FailedError("it failed", reason="SeedFailed")

    ending, report = ended(exc, **noted)

    assert (str(exc), ending.message, report.message) == (message,) * 3
    assert (ending.exit_code, report.exit_code, report.state) == (7, 7, RunState.FAILED)


@pytest.mark.parametrize("of", CommitOf)
def test_a_commit_without_an_answer_proves_nothing(of):
    exc = UnreachableError("lost", reason="ConnectionLost")

    ending, report = ended(exc, unanswered=of, began=True, committed=ONE)

    assert f"Whether {of} was committed is not known" in ending.message
    assert "roll" not in ending.message
    assert (report.after, report.proven) == ("", Proven())
    assert report.migrations == ONE.migrations


@pytest.mark.parametrize(
    ("noted", "said"),
    [
        ({}, "interrupted; what was not committed is rolled back, the lock is released"),
        ({"began": True}, ROLLED_BACK),
        (
            {"began": True, "committed": ONE},
            f"interrupted; what was not committed is rolled back, the lock is released. {STAYS}",
        ),
    ],
)
def test_rolled_back_is_said_only_of_what_was(noted, said):
    exc = Interrupted(15)

    ending, report = ended(exc, **noted)

    assert (exc.text, ending.message, report.message) == (said,) * 3
    assert (ending.exit_code, report.reason) == (143, "Interrupted")


def test_a_verification_that_failed_is_of_a_run_that_is_done():
    noted = {"state": RunState.DONE, "committed": ONE, "comparison": Comparison(verified=False)}

    ending, report = ended(VerificationError("it differs"), **noted)

    assert (ending.message, report.state, report.verified) == ("it differs", RunState.DONE, False)


def test_what_nobody_acknowledged_is_in_the_error_and_so_in_the_report():
    exc = NotAcknowledgedError("no", versions=("1.13.0",))

    _, report = ended(exc)

    assert (report.reason, report.acknowledge) == ("NotAcknowledged", ("1.13.0",))


def test_a_refusal_that_counts_as_a_result_ends_with_0():
    exc = NotAcknowledgedError("no", versions=())

    ending = outcomes.failed(Outcome("migrate"), exc, as_result=True)

    assert ending == Ending(0, "NotAcknowledged", "no", RunState.REFUSED)


ENGINE = [
    *(ROOT / "migrations/medusa_migrations/run").glob("*.py"),
    *(ROOT / "seed/medusa_seed/run").glob("*.py"),
]
ADDED_TO = {"is_at", "warn", "warnings", "command"}
"""What may be named of an outcome but to write it: methods that add, a list that is added to."""


@pytest.mark.parametrize(
    "file", [f for f in ENGINE if f.name != "outcome.py"], ids=lambda f: f.stem
)
def test_nothing_that_a_run_does_depends_on_its_outcome(file):
    read = [
        f"{file.name}:{node.lineno} {node.attr}"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and (getattr(node.value, "id", "") or getattr(node.value, "attr", "")) == "outcome"
        and node.attr not in ADDED_TO
    ]

    assert read == []
