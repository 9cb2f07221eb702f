"""What a report says is proven: what holds when the run has ended, however it ended."""

from __future__ import annotations

import json

import psycopg
import pytest

from servers import medusa_db


def version(*versions, at=None):
    ends = {"from": versions[0], "to": versions[-1], "versions": [*versions]}
    return {"state": "version"} | ends | ({"at": at} if at else {})


NEWEST = version(*(f"1.20.{patch}" for patch in range(3, 12)), at="1.20.11")
OLD = version("1.12.0", "1.12.1", "1.12.2", "1.12.3", at="1.12.3")
STOP = version("1.15.2", "1.16.0", "1.16.1", *(f"1.17.{p}" for p in range(5)), at="1.15.2")
RANGE = "1.1.65, 1.3.0 to 1.3.3"
LOST_AT_COMMIT = """
create table loyalty (id int);
create function leave() returns trigger language plpgsql as
  $$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$;
create constraint trigger leaves after insert on loyalty deferrable initially deferred
  for each row execute function leave();
insert into loyalty values (1);
"""


def report_of(url, *arguments):
    to = () if "--to" in arguments else ("--to", "1.20.11")
    return json.loads(medusa_db("migrate", *to, "--output", "json", *arguments, url=url).stdout)


def told(report):
    return {
        key: report[key] for key in ("reason", "from", "version", "proven") if key in report
    }  # fmt: skip


def test_a_run_that_is_done_proves_its_target(url):
    report = report_of(url)

    assert told(report) == {"from": "empty", "version": "1.20.11", "proven": NEWEST}


def test_a_downgrade_is_refused_with_what_the_ledger_proves(shop_at):
    report = report_of(shop_at("1.20.11"), "--to", "1.12.3")

    assert told(report) == {
        "reason": "Downgrade", "from": "1.20.11", "version": "1.20.11", "proven": NEWEST,
    }  # fmt: skip


def test_without_our_history_a_range_is_proven(shop_at):
    url = shop_at("1.3.1")
    with psycopg.connect(url) as conn:
        conn.execute("drop schema medusa_db cascade")

    report = report_of(url, "--to", "1.1.0")

    assert told(report) == {
        "reason": "Downgrade", "from": RANGE, "version": RANGE,
        "proven": version("1.1.65", "1.3.0", "1.3.1", "1.3.2", "1.3.3"),
    }  # fmt: skip


def test_versions_to_be_acknowledged_are_named(shop_at):
    report = report_of(
        shop_at("1.12.3"), "--approval", "on-breaking", "--acknowledge", "1.15.2"
    )  # fmt: skip

    assert report["acknowledge"] == ["1.13.0", "1.17.0"]
    assert told(report) == {
        "reason": "NotAcknowledged", "from": "1.12.3", "version": "1.12.3", "proven": OLD,
    }  # fmt: skip


def test_tables_without_a_ledger_prove_nothing(shop_at):
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        conn.execute("drop table migrations; drop schema medusa_db cascade")

    assert told(report_of(url)) == {"reason": "NoLedger", "proven": {"state": "unknown"}}
    assert told(report_of(url, "--baseline", "1.11.0")) == {
        "reason": "VerificationFailed", "proven": {"state": "unknown"},
    }  # fmt: skip
    assert told(report_of(url, "--baseline", "1.12.3")) == {
        "from": "1.12.3", "version": "1.20.11", "proven": NEWEST,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "proven"),
    [
        pytest.param([], OLD, id="step"),
        pytest.param(["--stop", "1.15.2"], STOP, id="stop"),
        pytest.param(["--transaction", "each"], NEWEST, id="each"),
    ],
)
def test_a_run_that_fails_proves_what_is_committed(arguments, proven, shop_at, tmp_path):
    url = shop_at("1.12.3")
    (tmp_path / "1800000000000_broken.sql").write_text("select 1/0;")

    report = report_of(url, *arguments, "--migrations-dir", str(tmp_path))

    status = json.loads(medusa_db("status", "--output", "json", url=url).stdout)
    assert report["proven"] == proven
    assert report["version"] == status["place"]
    assert report["proven"]["versions"] == status["versions"]


def test_a_connection_lost_at_the_commit_proves_what_a_new_one_finds(shop_at, tmp_path):
    (tmp_path / "1800000000000_loyalty.sql").write_text(LOST_AT_COMMIT)

    report = report_of(shop_at("1.12.3"), "--migrations-dir", str(tmp_path))

    assert told(report) == {
        "reason": "ConnectionLost", "from": "1.12.3", "version": "1.12.3", "proven": OLD,
    }  # fmt: skip
    assert report["message"].endswith("A new connection shows that it was rolled back")


def test_a_newer_database_stays_where_it_is_where_that_is_allowed(shop_at):
    url = shop_at("1.20.11")

    report = report_of(url, "--to", "1.18.1", "--allow-newer")

    assert told(report) == {"from": "1.20.11", "version": "1.20.11", "proven": NEWEST}
    assert (report["state"], report["exitCode"]) == ("nothing", 0)
    assert report["warnings"] == [
        "the database is at 1.20.11, newer than 1.18.1, and stays there: a server of 1.18.1 works with it"
    ]


def test_a_patch_release_taken_back_and_put_on_again_is_no_downgrade(shop_at):
    url = shop_at("1.20.11")

    back, again = report_of(url, "--to", "1.20.3"), report_of(url, "--to", "1.20.11")

    assert [(each["exitCode"], each["version"]) for each in (back, again)] == [
        (0, "1.20.3"),
        (0, "1.20.11"),
    ]
    assert back["migrationCount"] == again["migrationCount"] == 0
