"""Tables that others have locked, and runs that meet."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

import servers
from faults import gate, is_locked, running, runs, snapshot
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from servers import TestServer

LAST = "AlterCustomerUniqueConstraint1709888477798"


@contextmanager
def holding(url: str, statement: str) -> Iterator[psycopg.Connection[Any]]:
    """Leave a transaction open in which *statement* ran, for the duration of a `with`."""
    with psycopg.connect(url, application_name="nightly-export") as conn:
        conn.execute(sql.SQL(statement))
        yield conn
        conn.rollback()


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("select count(*) from money_amount", id="a-reader"),
        pytest.param("lock table money_amount in access exclusive mode", id="an-exclusive-lock"),
    ],
)
def test_a_table_that_stays_locked_ends_the_run_with_who_has_it(
    shop_at: Callable[..., str], statement: str
) -> None:
    url = shop_at("1.12.3")
    before = snapshot(url)

    with holding(url, statement) as holder:
        done = servers.medusa_db(
            "migrate", "--to", "1.20.11", "--lock-wait", "3s", "--lock-timeout", "300ms", url=url
        )

        assert (done.returncode, done.stdout) == (6, "")
        last = done.stderr.splitlines()[-1]
        assert last.startswith("medusa-db: ")
        assert (
            f"a table is locked by others (pid {holder.info.backend_pid} (nightly-export, user "
            "postgres, idle in transaction, "
        ) in last
        assert " s) holds money_amount" in last
        assert "was not to be had in 3 s of short tries; rolled back" in last
    assert snapshot(url) == before
    assert not is_locked(url)


def test_a_run_goes_on_by_itself_when_the_table_is_free(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.12.3")

    with (
        holding(url, "lock table money_amount in access exclusive mode") as holder,
        running("migrate", "--to", "1.20.11", "--lock-timeout", "300ms", url=url) as run,
    ):
        eventually(lambda: "trying again in" in run.said)
        holder.rollback()
        done = run.finish()

    assert done.returncode == 0, done.stderr
    assert (
        "locked by another session, so it was not looked for what was made by hand" in done.stderr
    )
    assert servers.medusa_db("status", "--check", "1.20.11", url=url).returncode == 0


def test_a_look_at_a_locked_shop_ends_too(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.12.3")

    with holding(url, "lock table migrations in access exclusive mode"):
        done = servers.medusa_db("status", url=url)

    assert (done.returncode, done.stdout) == (6, "")
    assert "another session has a table locked; try again, or end that session" in done.stderr


def test_a_schema_that_a_lock_keeps_from_being_compared_is_not_called_verified(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute("alter table store add mine text")  # nothing that was noted of it holds
    verify = ("wait", "--for", "1.20.11", "--verify", "--timeout")

    with holding(url, "lock table product in access exclusive mode"):
        status = servers.medusa_db("status", "--output", "json", url=url)
        shown = servers.medusa_db("status", url=url)
        waited = servers.medusa_db(*verify, "1s", url=url)
    after = servers.medusa_db(*verify, "5s", url=url)

    body, why = json.loads(status.stdout), "a table is locked by another session"
    assert (status.returncode, body["drift"], body["differences"]) == (0, [], [])
    assert body["notCompared"].startswith(why)
    assert f"The schema was not compared with its version's: {why}" in shown.stdout
    assert waited.returncode == 10, waited.stderr
    assert f"the ledger is at 1.20.11, and the schema was not compared: {why}" in waited.stderr
    assert after.returncode == 0, after.stderr


def test_the_shop_is_never_kept_waiting_for_longer_than_the_lock_timeout(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")
    slowest, over = [0.0], threading.Event()

    def ask() -> None:
        with psycopg.connect(url, autocommit=True) as shop:
            while not over.is_set():
                started = time.monotonic()
                shop.execute("select count(*) from money_amount")
                slowest[0] = max(slowest[0], time.monotonic() - started)
                over.wait(0.02)

    with holding(url, "select count(*) from money_amount"), ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        done = servers.medusa_db(
            "migrate", "--to", "1.20.11", "--lock-wait", "6s", "--lock-timeout", "1s", url=url
        )
        over.set()
        asking.result()

    assert done.returncode == 6, done.stderr
    assert 0.2 < slowest[0] < 1.0 + 1.0  # it did queue behind a try, and a try ends; then slack


def test_a_prepared_transaction_that_nobody_ended_is_named(server: TestServer) -> None:
    assert server.process is not None
    with servers.started(server.process.programs, max_prepared_transactions="1") as own:
        name = own.at("1.12.3")
        with psycopg.connect(own.url(name), autocommit=True) as conn:
            conn.execute(
                "begin; lock table money_amount in row exclusive mode; prepare transaction 'for''gotten'"
            )
            conn.execute("select pg_sleep(6)")

        plan = servers.medusa_db("plan", "--to", "1.20.11", "--output", "json", url=own.url(name))
        assert plan.returncode == 0, plan.stderr
        done = servers.medusa_db(
            "migrate",
            "--to",
            "1.20.11",
            "--lock-wait",
            "1s",
            "--lock-timeout",
            "200ms",
            url=own.url(name),
        )

    assert done.returncode == 6
    named = "the prepared transaction 'for''gotten' (user postgres, "
    ends = "`rollback prepared 'for''gotten'` ends it) holds money_amount"
    assert named in done.stderr
    assert ends in done.stderr
    (found,) = (one for one in json.loads(plan.stdout)["findings"] if named in one["problem"])
    assert ends in found["problem"]
    assert "pg_terminate_backend" not in found["advice"]


def test_a_second_run_gives_up_after_the_wait_and_names_the_first(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")

    with (
        gate(url, LAST) as held,
        running("migrate", "--to", "1.20.11", url=url, POD_NAME="migrate-x7k2p") as first,
    ):
        pid = eventually(held.reached)
        started = time.monotonic()
        second = servers.medusa_db("migrate", "--to", "1.20.11", "--lock-wait", "1s", url=url)
        took = time.monotonic() - started
        held.open()
        done = first.finish()

    assert (second.returncode, second.stdout) == (6, "")
    last = second.stderr.splitlines()[-1]
    assert last.startswith(
        f"medusa-db: another run holds the lock of this database (pid {pid}, 'medusa-db migrate "
    )
    assert "migrate-x7k2p', user postgres, from 127.0.0.1, connected since 20" in last
    assert last.endswith(
        ", active); waited 1 s. Let it finish and try again, or wait longer with --lock-wait"
    )
    assert took < 20
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("start", [None, "1.12.3"], ids=["empty", "old"])
@pytest.mark.parametrize("count", [2, 8])
def test_of_runs_that_start_together_one_does_the_work_and_all_succeed(
    server: TestServer, shop_at: Callable[..., str], url: str, start: str | None, count: int
) -> None:
    shop = shop_at(start) if start else url
    before = runs(shop)

    with ThreadPoolExecutor(count) as pool:
        done = list(
            pool.map(
                lambda _: servers.medusa_db("migrate", "--to", "1.20.11", url=shop), range(count)
            )
        )

    assert [one.returncode for one in done] == [0] * count, [one.stderr[-500:] for one in done]
    assert sum("Nothing to do" in one.stdout for one in done) == count - 1
    assert runs(shop) == before + 1
    with server.database(server.at("1.20.11")) as other:
        assert snapshot(shop) == snapshot(server.url(other)) or start
    with psycopg.connect(shop) as conn:
        doubled = servers.rows(
            conn, "select name from migrations group by name having count(*) > 1"
        )
    assert doubled == []


def test_a_ledger_that_others_have_locked_is_waited_for(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.12.3")

    with (
        holding(url, "lock table migrations in access exclusive mode") as holder,
        running("migrate", "--to", "1.13.0", url=url) as run,
    ):
        pid = holder.info.backend_pid
        short = servers.medusa_db("migrate", "--to", "1.13.0", "--lock-wait", "1s", url=url)
        eventually(lambda: "waiting up to 600 s for a lock: pid " in run.said)
        holder.rollback()
        done = run.finish()

    assert short.returncode == 6
    assert f"end that session: pid {pid} (nightly-export, user postgres, " in short.stderr
    assert f"for a lock: pid {pid} (nightly-export, user postgres, " in done.stderr
    assert " s) holds migrations" in done.stderr
    assert done.returncode == 0, done.stderr


def test_wait_names_who_has_locked_the_ledger_and_ends_in_time(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.12.3")

    with holding(url, "lock table migrations in access exclusive mode") as holder:
        pid, started = holder.info.backend_pid, time.monotonic()
        done = servers.medusa_db("wait", "--for", "1.12.3", "--timeout", "9s", url=url)
        took = time.monotonic() - started

    assert done.returncode == 10
    assert "gave up after 9 s: " in done.stderr
    assert f": pid {pid} (nightly-export, user postgres, " in done.stderr
    assert " s) holds migrations" in done.stderr
    assert done.stderr.count("medusa-db: waiting: ") == 1
    assert took < 9 + 20


def test_a_ledger_that_is_dropped_while_it_is_looked_at_is_waited_for(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.20.11")
    with psycopg.connect(url, autocommit=True) as conn, psycopg.connect(url) as restoring:
        conn.execute("create table kept as table migrations")
        restoring.execute("drop table migrations")
        words = servers.command("wait", "--for", "1.20.11", "--timeout", "60s")
        with subprocess.Popen(
            words, env=servers.environ(url), stderr=subprocess.PIPE, text=True
        ) as wait:
            eventually(lambda: bool(conn.execute(BLOCKED).fetchall()))
            restoring.commit()
            assert wait.stderr is not None
            said = wait.stderr.readline()
            conn.execute("alter table kept rename to migrations")

    assert wait.returncode == 0
    assert (
        'somebody drops or restores tables of the schema public at this moment: relation "public.migrations"'
        in said
    )


BLOCKED = (
    "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
)


def test_a_row_that_the_shop_has_locked_is_waited_for_and_its_holder_named(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url, file = shop_at("1.20.11"), tmp_path / "seed.json"
    file.write_text('{"products": [{"title": "Mug", "handle": "mug"}]}')
    assert servers.medusa_db("seed", "-f", str(file), url=url).returncode == 0
    file.write_text('{"products": [{"title": "Cup", "handle": "mug"}]}')
    limits = ("--lock-timeout", "2s", "--lock-wait")

    with holding(url, "update product set subtitle = 'held'") as holder:
        pid = holder.info.backend_pid
        gave_up = servers.medusa_db("seed", "-f", str(file), *limits, "3s", url=url)
        with running("seed", "-f", str(file), *limits, "60s", url=url) as run:
            eventually(lambda: "trying again for up to 60 s" in run.said)
            holder.rollback()
            done = run.finish()

    who = f"pid {pid} (nightly-export, user postgres, idle in transaction, "
    assert gave_up.returncode == 6
    assert who in gave_up.stderr
    assert (
        " s) holds a row of product. It was waited for in short tries, for 3 s; no row "
        in gave_up.stderr
    )
    assert done.returncode == 0, done.stderr
    with psycopg.connect(url) as conn:
        assert servers.rows(conn, "select title from product") == [("Cup",)]


PLUGIN = """
    create table plugin (id serial primary key, at timestamptz default now(), name text, check (length(name) < 9));
    create index plugin_at on plugin (lower(name)) where id > 0;
    create function plugged() returns trigger language plpgsql as 'begin return new; end';
    create trigger plugging before update on plugin for each row when (new.id > 1) execute function plugged();
    create rule plugged as on delete to plugin where old.id = 0 do instead nothing;
    create policy plugged on plugin using (id > 0);
    create view plugins as select p.id, s.name from plugin p, store s;
    create materialized view counted as select count(*) as n from plugins;
    create index counted_n on counted ((n + 1))
"""
LOOKS = (
    ("verify",), ("status",), ("plan", "--to", "1.13.0"), ("plan", "--to", "1.13.0", "--output", "json"),
    ("plan", "--to", "1.13.0", "--sql"), ("repair",), ("repair", "--apply"),
)  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("lock table plugin in access exclusive mode", id="table"),
        pytest.param("alter view plugins rename to others", id="view"),
        pytest.param("refresh materialized view counted", id="materialized-view"),
        pytest.param("reindex index plugin_at", id="index"),
    ],
)
def test_a_table_of_somebody_elses_never_matters(
    shop_at: Callable[..., str], statement: str
) -> None:
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        conn.execute(sql.SQL(PLUGIN))

    with holding(url, statement):
        done = [
            servers.medusa_db(*words, url=url)
            for words in (*LOOKS, ("migrate", "--to", "1.13.0"), ("verify",))
        ]

    assert [one.returncode for one in done] == [0] * len(done), [one.stderr for one in done]
    assert "locked" not in "".join(one.stderr for one in done)


def test_a_baseline_and_a_reviewed_plan_stand_beside_a_locked_table_of_somebody_elses(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url, plan = shop_at("1.12.3"), tmp_path / "plan.json"
    with psycopg.connect(url) as conn:
        conn.execute(sql.SQL(PLUGIN))
        conn.execute("drop table migrations; drop schema medusa_db cascade")
    asked = ("plan", "--to", "1.13.0", "--output", "json")

    with holding(url, "lock table plugin in access exclusive mode"):
        adopted = servers.medusa_db("migrate", "--baseline", "1.12.3", "--to", "1.12.3", url=url)
        plan.write_text(servers.medusa_db(*asked, url=url).stdout)
    free = servers.medusa_db("plan", "--plan", str(plan), "--check", url=url)
    plan.write_text(servers.medusa_db(*asked, url=url).stdout)
    with holding(url, "lock table plugin in access exclusive mode"):
        applied = servers.medusa_db("migrate", "--plan", str(plan), url=url)

    assert adopted.returncode == 0, adopted.stderr
    assert free.returncode == 10, free.stderr
    assert applied.returncode == 0, applied.stderr
