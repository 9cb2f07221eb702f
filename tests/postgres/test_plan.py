"""The plan on a real server: it changes nothing, and tells what a run would do."""

from __future__ import annotations

import json

import psycopg
import pytest

from medusa_migrations.postgres import introspect
from servers import medusa_db, rows

LEDGER = "select timestamp, name from migrations order by id"


def test_a_plan_changes_nothing(shop_at):
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        before = (
            introspect.read(conn, "public", frozenset),
            rows(conn, "select xmin::text, * from migrations"),
        )

    for output in ("text", "json"):
        assert medusa_db("plan", "--to", "1.20.11", "--output", output, url=url).returncode == 0

    with psycopg.connect(url) as conn:
        after = (
            introspect.read(conn, "public", frozenset),
            rows(conn, "select xmin::text, * from migrations"),
        )
    assert after == before


def test_a_plan_tells_locks_and_sizes_and_what_the_guides_ask(shop_at):
    url = shop_at("1.12.3")

    plan = json.loads(medusa_db("plan", "--to", "1.20.11", "--output", "json", url=url).stdout)

    assert plan["place"] == "1.12.3"
    assert plan["breaking"] == ["1.13.0", "1.15.2", "1.17.0"]
    (step,) = plan["steps"]
    assert step["target"] == "1.20.11"
    money = next(i for i in step["items"] if i["name"].startswith("dropMoneyAmountConstraints"))
    (lock,) = [lock for lock in money["locks"] if lock["table"] == "money_amount"]
    assert lock["mode"] == "access exclusive"
    assert lock["bytes"] > 0


def test_rows_in_the_way_are_in_the_plan(shop_at):
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        conn.execute(
            "insert into money_amount (id, currency_code, amount) values ('ma_1', 'usd', 100)"
        )

    done = medusa_db("plan", "--to", "1.20.11", "--output", "json", url=url)

    (finding,) = json.loads(done.stdout)["findings"]
    assert finding["fatal"] is True
    assert finding["problem"].startswith("money_amount: 1 row ")
    assert finding["keys"] == ["ma_1"]


ASKING = {"MEDUSA_DB_APPROVAL": "on-breaking"}


def test_the_exit_status_of_a_check_says_whether_something_would_run(shop_at):
    url = shop_at("1.12.3")

    nothing = medusa_db("plan", "--to", "1.12.3", "--check", url=url, **ASKING)
    pending = medusa_db(
        "plan", "--to", "1.12.3", "--check", "--no-data-steps", url=shop_at("1.12.0")
    )
    refused = medusa_db("plan", "--to", "1.15.2", "--check", url=url, **ASKING)
    agreed = medusa_db(
        "plan", "--to", "1.15.2", "--check", "--acknowledge", "1.13.0", "--acknowledge", "1.15.2",
        url=url, **ASKING,
    )  # fmt: skip
    without = medusa_db("plan", "--to", "1.15.2", url=url, **ASKING)

    assert (nothing.returncode, nothing.stderr) == (0, "")
    assert "Nothing to do." in nothing.stdout
    assert pending.returncode == 10
    assert refused.returncode == 9
    assert refused.stderr.startswith(
        "medusa-db: migrate would be refused: the way crosses breaking versions (1.13.0, 1.15.2)."
    )
    assert agreed.returncode == 10
    assert agreed.stderr == "medusa-db: 6 migrations and 0 data steps to 1.15.2 would run\n"
    assert without.returncode == 0
    assert without.stdout.splitlines()[1].startswith(
        "Would be refused (exit code 9, NotAcknowledged): the way crosses breaking versions"
    )


@pytest.mark.parametrize(
    ("start", "options"),
    [
        pytest.param("1.12.3", ("--to", "1.15.2"), id="not-acknowledged"),
        pytest.param("1.12.3", ("--to", "1.15.2", "--yes"), id="agreed"),
        pytest.param("1.20.11", ("--to", "1.12.3"), id="downgrade"),
        pytest.param("1.12.3", ("--to", "1.12.4"), id="no-such-version"),
        pytest.param("1.12.3", ("--to", "1.15.2", "--yes", "--baseline", "1.12.3"), id="baseline-of-a-ledger"),
        pytest.param("1.12.3", ("--to", "1.15.2", "--yes", "--stop", "9.9.9"), id="no-such-stop"),
        pytest.param("1.12.3", ("--to", "1.15.2", "--yes", "--data-step", "x"), id="no-such-data-step"),
        pytest.param("1.12.3", ("--to", "1.15.2", "--yes", "--flag", "x=true"), id="no-such-flag"),
        pytest.param("1.12.3", (), id="nobody-asked"),
    ],
)  # fmt: skip
def test_a_check_foretells_the_exit_status_of_migrate(shop_at, start, options):
    url = shop_at(start)

    told = medusa_db("plan", "--check", *options, url=url, **ASKING)
    done = medusa_db("migrate", *options, url=url, **ASKING)

    assert told.returncode == (10 if done.returncode == 0 else done.returncode)
    if done.returncode:
        assert done.stderr.partition("\n")[0].removeprefix("medusa-db: ") in told.stderr


def test_what_stands_in_the_way_is_a_refusal_of_the_plan(shop_at):
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        conn.execute(
            "insert into money_amount (id, currency_code, amount) values ('ma_1', 'usd', 100)"
        )

    told = medusa_db("plan", "--to", "1.20.11", "--check", "--output", "json", url=url)

    assert told.returncode == 9
    (refusal,) = json.loads(told.stdout)["refused"]
    assert (refusal["exitCode"], refusal["reason"]) == (9, "RowsInTheWay")


def test_a_plan_of_a_baseline_tells_what_comes_behind_it(shop_at):
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        conn.execute("drop table migrations; drop schema medusa_db cascade")

    told = medusa_db("plan", "--baseline", "1.12.3", "--to", "1.13.0", "--check", url=url)
    alone = medusa_db("plan", "--baseline", "1.12.3", "--check", url=url)
    wrong = medusa_db("plan", "--baseline", "1.13.0", "--check", url=url)

    assert told.returncode == 10, told.stderr
    assert told.stdout.startswith(
        "The database has tables and no ledger; wanted is 1.13.0.\n"
        "The tables are those of 1.12.3: their ledger would get 66 rows.\n\nStep to 1.13.0: 4 migrations"
    )
    assert (alone.returncode, alone.stderr) == (
        10, "medusa-db: a ledger of 1.12.3 would be written\n",
    )  # fmt: skip
    assert wrong.returncode == 8
    with psycopg.connect(url) as conn:
        assert rows(conn, "select to_regclass('migrations')::text") == [(None,)]


def test_a_plan_tells_how_long_a_run_would_wait_and_who_has_the_lock(shop_at):
    url = shop_at("1.12.3")

    with psycopg.connect(url) as conn:
        conn.execute("select pg_advisory_lock(28005, 1685418849)")
        told = medusa_db(
            "plan", "--to", "1.13.0", "--lock-wait", "90s", "--statement-timeout", "1500ms",
            "--run-timeout", "2h", url=url,
        )  # fmt: skip

    said = " ".join(told.stdout.split())
    assert (
        "It would wait up to 90s for another run and for busy tables, which it asks for in tries of 500ms; a "
        "statement would wait up to 5s for any other lock. A statement has 1.5s at most, the whole run 2h at "
        "most." in said
    )
    assert "another run holds the lock of this database now (pid " in said


def test_the_report_of_a_plan_says_what_it_found(shop_at, tmp_path):
    url = shop_at("1.12.3")
    file = tmp_path / "report.json"

    medusa_db(
        "plan", "--to", "1.15.2", "--report-file", str(file), "--run-id", "one", url=url, **ASKING
    )
    told = json.loads(file.read_text())
    medusa_db("plan", "--to", "1.12.3", "--report-file", str(file), url=url)
    nothing = json.loads(file.read_text())

    assert (told["command"], told["state"], told["exitCode"]) == ("plan", "planned", 0)
    assert (told["reason"], told["acknowledge"]) == ("NotAcknowledged", ["1.13.0", "1.15.2"])
    assert (told["runId"], told["version"], told["target"]) == ("one", "1.12.3", "1.15.2")
    assert (nothing["state"], nothing["exitCode"]) == ("nothing", 0)


def test_with_a_transaction_each_the_plan_tells_the_locks_of_each(shop_at):
    url = shop_at("1.12.3")

    plan = json.loads(
        medusa_db(
            "plan", "--to", "1.20.11", "--transaction", "each", "--output", "json", url=url
        ).stdout
    )

    (step,) = plan["steps"]
    assert [part["items"] for part in step["transactions"]] == [
        [item["name"]] for item in step["items"]
    ]
    first = {lock["mode"]: [t["table"] for t in lock["tables"]] for lock in step["transactions"][0]["locks"]}  # fmt: skip
    assert first == {
        "access exclusive": ["line_item", "line_item_adjustment", "line_item_tax_line"],
        "share row exclusive": ["migrations"],
    }


def planned_sizes(url, table):
    plan = json.loads(medusa_db("plan", "--to", "1.20.11", "--output", "json", url=url).stdout)
    items = [item for step in plan["steps"] for item in step["items"]]
    return [
        (lock["rows"], lock["bytes"])
        for item in items
        if item["name"] == "dropMoneyAmountConstraintsForPricingModule1692953518123"
        for lock in item["locks"]
        if lock["table"] == table
    ]


def test_rows_without_statistics_are_estimated_and_those_of_partitions_counted(shop_at):
    url = shop_at("1.12.3")
    many = (
        "insert into money_amount (id, currency_code, amount, variant_id)"
        " select 'ma_' || md5(g::text), 'eur', 1, 'variant' from generate_series(1, 20000) g"
    )
    with psycopg.connect(url) as conn:
        conn.execute("alter table money_amount set (autovacuum_enabled = off)")
        conn.execute("set session_replication_role = replica")
        conn.execute(many)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("select pg_stat_reset()")  # as behind pg_upgrade

    ((estimated, size),) = planned_sizes(url, "money_amount")

    assert 7_000 < estimated < 60_000
    assert size > 1_000_000

    with psycopg.connect(url) as conn:
        conn.execute("alter table money_amount rename to whole")
        conn.execute(
            "create table money_amount (like whole including defaults) partition by list (currency_code)"
        )
        conn.execute("create table parted partition of money_amount default")
        conn.execute("create table euros partition of money_amount for values in ('eur')")
        conn.execute("insert into money_amount select * from whole")
        conn.execute("analyze money_amount, parted, euros")

    assert [count for count, _ in planned_sizes(url, "money_amount")] == [20_000]
