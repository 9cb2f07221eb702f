"""The report is written however a run ends, also where its options are refused."""

from __future__ import annotations

import json

import pytest

from servers import medusa_db

SQLITE = "sqlite://shop.db"


def report_of(file, *arguments, url=None, **environment):
    done = medusa_db("migrate", "--report-file", str(file), *arguments, url=url, **environment)
    report = json.loads(file.read_text())
    assert report["exitCode"] == done.returncode
    return {key: value for key, value in report.items() if key not in ("runner", "seconds")}


@pytest.mark.parametrize(
    ("arguments", "url", "reason", "exit_code", "message"),
    [
        pytest.param(
            ["--to", "soon"], SQLITE, "Usage", 2,
            "argument --to: 'soon' is not a version such as 1.20.11", id="value",
        ),
        pytest.param(["--fast"], SQLITE, "Usage", 2, "unrecognized arguments: --fast", id="option"),
        pytest.param(
            ["--flag", "x"], SQLITE, "Usage", 2, "--flag x: no migration depends on 'x'", id="flag"
        ),
        pytest.param(["--to", "1.12.9"], SQLITE, "UnknownVersion", 9, "no such version", id="version"),
        pytest.param([], None, "Usage", 2, "no database is named", id="no-url"),
        pytest.param([], "postgres://a:b/c@d/e", "Usage", 2, "cannot be read", id="malformed"),
        pytest.param([], SQLITE, "NotPostgreSQL", 3, "sqlite is not supported", id="sqlite"),
    ],
)  # fmt: skip
def test_a_refused_run_is_reported(arguments, url, reason, exit_code, message, tmp_path):
    report = report_of(tmp_path / "report", "--run-id", "shop-7f9c.1", *arguments, url=url)

    assert message in report.pop("message")
    report.pop("target", None)
    assert report == {
        "report": "medusadb.dev/v1",
        "runId": "shop-7f9c.1",
        "command": "migrate",
        "state": "failed",
        "exitCode": exit_code,
        "reason": reason,
        "proven": {"state": "unknown"},
        "history": "on",
        "migrationCount": 0,
    }


@pytest.mark.parametrize(
    "command", [("migrate", "--to", "1.20.11"), ("seed", "-f", "-"), ("verify", "--to", "soon")]
)
def test_a_file_that_holds_something_else_is_not_written_over(command, tmp_path):
    document = tmp_path / "seed.json"
    document.write_text('{"products": []}')

    done = medusa_db(*command, "--report-file", str(document), url="postgres://127.0.0.1:1/shop")

    assert (done.returncode, document.read_text()) == (2, '{"products": []}')
    assert "it holds something that is no report" in done.stderr or (
        "the file holds something that is no report, and is not written over" in done.stderr
    )


def test_a_file_that_is_linked_to_or_holds_a_report_is_written(tmp_path):
    earlier = tmp_path / "earlier.json"
    earlier.write_text('{\n  "report": "medusadb.dev/v1"}')
    link = tmp_path / "link.json"
    link.symlink_to(earlier)

    assert report_of(link, url=SQLITE)["reason"] == "NotPostgreSQL"
    assert link.is_symlink()


def test_a_refused_environment_variable_is_reported(tmp_path):
    file = tmp_path / "report"

    done = medusa_db(
        "migrations", "run", MEDUSA_DB_REPORT_FILE=str(file), MEDUSA_DB_RUN_ID="seven",
        MEDUSA_DB_LOCK_WAIT="long",
    )  # fmt: skip

    report = json.loads(file.read_text())
    assert (done.returncode, report["exitCode"], report["runId"]) == (2, 2, "seven")
    assert "MEDUSA_DB_LOCK_WAIT: 'long' is not a duration" in report["message"]


def test_a_command_without_a_report_writes_none(tmp_path):
    file = tmp_path / "report"

    done = medusa_db("notes", "--from", "soon", MEDUSA_DB_REPORT_FILE=str(file))

    assert done.returncode == 2
    assert not file.exists()


@pytest.mark.parametrize("text", ["a b", "a\tb", "a\u00a0b", "x" * 129, "\x07"])
def test_a_run_id_that_cannot_be_shown_is_refused(text, tmp_path):
    report = report_of(tmp_path / "report", "--run-id", text)

    assert report["reason"] == "Usage"
    assert "is not 128 printable characters, or fewer, without blanks" in report["message"]
    assert "runId" not in report


def test_a_password_among_the_arguments_is_shown_nowhere(tmp_path):
    file = tmp_path / "report"

    done = medusa_db("migrate", "--report-file", str(file), "postgres://shop:s3cr3t@db/shop")

    assert done.returncode == 2
    assert "unrecognized arguments: postgres://shop:***@db/shop" in done.stderr
    assert "s3cr3t" not in done.stderr + file.read_text()
