"""What a person reads after a seed, and what the command line makes of its words."""

from __future__ import annotations

import json

import pytest

from medusa_db.show import seed
from medusa_migrations.catalog import load, version
from medusa_migrations.contract.report import LIMIT, Done, ProvenState, RunState, bounded
from medusa_migrations.plan.place import Place
from medusa_migrations.run.outcome import Committed, Ending, Outcome, SeedOutcome, report
from medusa_seed.document import json_schema
from medusa_seed.planning.changes import ORDER, Counts
from seed_documents import written
from servers import medusa_db

CATALOG = load.read()


def place(text):
    return Place(ProvenState.VERSION, (version.parse(text),), known=CATALOG.versions)


def outcome(state=RunState.DONE, **seeded):
    found = Outcome("seed", state=state, after=place("1.20.11"))
    found.seed = SeedOutcome(
        **{"checksum": "sha256:1", "counts": {}, "loaded": True, "recorded": True} | seeded
    )
    return found


def counts(**kinds):
    found = Counts()
    for kind, (created, updated, unchanged, kept) in kinds.items():
        count = found.of(kind)
        count.created, count.updated, count.unchanged, count.kept = (
            created,
            updated,
            unchanged,
            kept,
        )
    return found.to_dict()


def test_a_seed_is_told_as_a_table():
    found = outcome(counts=counts(products=(2, 0, 0, 0), shipping_options=(0, 1, 3, 2)))
    found.committed = Committed((Done("one", 1.0),))
    found.before = place("1.12.3")
    found.warnings = ["mind the step"]

    assert seed.report(found, 0.25).splitlines() == [
        "Migrated from 1.12.3 to 1.20.11: 1 migration.",
        "                  CREATED  UPDATED  UNCHANGED  KEPT",
        "products          2",
        "shipping options           1        3          2",
        "",
        (
            "Kept: 2 entries that the shop has changed, or that this tool did not seed; --overwrite writes over "
            "them."
        ),
        "",
        "Warnings:",
        "  - mind the step",
        "",
        "Seeded the shop, at 1.20.11: 2 created, 1 updated, in 250 ms.",
    ]


@pytest.mark.parametrize(
    ("found", "last"),
    [
        (outcome(RunState.NOTHING), "Nothing to do: the shop, at 1.20.11, has all of it."),
        (outcome(RunState.NOTHING, skipped="the shop has products"), "Nothing to do: the shop has products."),
        (outcome(dry_run=True), "A dry run: nothing was written."),
    ],
)  # fmt: skip
def test_the_last_line_tells_how_it_ended(found, last):
    assert seed.report(found, 0.25).splitlines()[-1] == last


def test_the_counts_of_every_kind_fit_into_a_report():
    found = outcome(counts=counts(**dict.fromkeys(ORDER, (10**6, 10**6, 10**6, 10**6))))
    found.warnings = ["w" * 500] * 20

    text = bounded(report(found, Ending(), 0.25).to_dict())

    assert json.loads(text)["seed"] == found.seed.to_dict()
    assert len(text.encode()) <= LIMIT


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--demo", "--overwrite", "--if-exists", "skip"),
            "--overwrite writes over rows that exist, and --if-exists skip does not; leave one out",
        ),
        (
            ("--demo", "--overwrite", "--if-exists", "fail"),
            "--overwrite writes over rows that exist, and --if-exists fail does not; leave one out",
        ),
        (
            ("export", "--products", " , "),
            "--products names no product; leave it out for all of them",
        ),
        ((), "there is no seed document data/seed.json; name a file, a folder or - with -f"),
    ],
)
def test_words_that_contradict_each_other_are_refused(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)

    done = medusa_db("seed", *words)

    assert (done.returncode, done.stderr) == (2, f"medusa-db: {message}\n")


@pytest.mark.parametrize(
    "words",
    [
        ("export", "--once"),
        ("export", "-f", "x.json"),
        ("schema", "--to", "9.9.9"),
        ("--products", "mug"),
    ],
    ids=" ".join,
)
def test_no_option_is_taken_and_ignored(words):
    done = medusa_db("seed", *words)

    assert (done.returncode, done.stdout) == (2, "")
    assert ": error: unrecognized arguments: " in done.stderr


def test_a_document_is_checked_before_the_database_is_asked_for(tmp_path):
    path = written({"products": [{}]}, tmp_path)
    report_file = tmp_path / "report.json"

    done = medusa_db("seed", "-f", str(path), "--report-file", str(report_file))

    body = json.loads(report_file.read_text())
    assert done.returncode == 2
    assert (body["command"], body["exitCode"], body["reason"]) == ("seed", 2, "InvalidDocument")


def test_the_schema_is_written_without_a_database():
    done = medusa_db("seed", "schema")

    assert (done.returncode, done.stdout) == (0, json_schema.text())
