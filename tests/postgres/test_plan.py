"""The plan on a real server: it changes nothing, and what it prints is what runs."""

from __future__ import annotations

import json
import subprocess

import psycopg
import pytest

from medusa_migrations import embedded, live
from servers import medusa_db, rows

LEDGER = "select timestamp, name from migrations order by id"


@pytest.mark.parametrize("start", [None, "1.1.65", "1.7.11", "1.12.3"], ids=str)
def test_the_printed_statements_do_what_migrate_does(server, shop_at, tmp_path, start):
    if start:
        ours, theirs = shop_at(start), shop_at(start)
        script = medusa_db("plan", "--to", "1.20.11", "--sql", "--no-data-steps", url=theirs)
        file = tmp_path / "plan.sql"
        file.write_text(script.stdout)
        assert medusa_db("migrate", "--to", "1.20.11", "--no-data-steps", url=ours).returncode == 0
        _psql(theirs, file)
        _same(ours, theirs)
        return
    with server.database() as a, server.database() as b:
        ours, theirs = server.url(a), server.url(b)
        file = tmp_path / "plan.sql"
        file.write_text(medusa_db("plan", "--to", "1.20.11", "--sql", url=theirs).stdout)
        assert medusa_db("migrate", "--to", "1.20.11", url=ours).returncode == 0
        _psql(theirs, file)
        _same(ours, theirs)


def _psql(url, file):
    subprocess.run(
        [embedded.binaries() / "psql", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", file, url],
        check=True, capture_output=True, text=True,
    )  # fmt: skip


def _same(ours, theirs):
    with psycopg.connect(ours) as a, psycopg.connect(theirs) as b:
        assert live.read(a, "public") == live.read(b, "public")
        assert rows(a, LEDGER) == rows(b, LEDGER)


def test_a_plan_changes_nothing(shop_at):
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        before = (live.read(conn, "public"), rows(conn, "select xmin::text, * from migrations"))

    for output in ("text", "json"):
        assert medusa_db("plan", "--to", "1.20.11", "--output", output, url=url).returncode == 0

    with psycopg.connect(url) as conn:
        after = (live.read(conn, "public"), rows(conn, "select xmin::text, * from migrations"))
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
