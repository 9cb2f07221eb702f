"""What `plan --sql` prints does with psql what `migrate` does, and says what it leaves out."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import psycopg
import pytest

from medusa_db.demo import embedded
from medusa_migrations.postgres import introspect
from servers import medusa_db, rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers import TestServer

LEDGER = "select timestamp, name from migrations order by id"
TO = ("--to", "1.20.11")


def psql(url: str, script: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [embedded.binaries() / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *options, "-f", "-", url],
        input=script, check=False, capture_output=True, text=True,
    )  # fmt: skip


def printed(*arguments: str, url: str) -> str:
    done = medusa_db("plan", "--sql", *arguments, url=url)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_same(ours: str, theirs: str) -> None:
    with psycopg.connect(ours) as a, psycopg.connect(theirs) as b:
        assert introspect.read(a, "public", frozenset) == introspect.read(b, "public", frozenset)
        assert rows(a, LEDGER) == rows(b, LEDGER)


@pytest.mark.parametrize(
    ("start", "options", "how"),
    [
        pytest.param("1.1.65", TO, (), id="from-the-first"),
        pytest.param("1.7.11", TO, ("-1",), id="in-one-transaction-of-psql"),
        pytest.param("1.12.3", (*TO, "--stop", "1.13.0", "--stop", "1.17.0"), (), id="stops"),
        pytest.param("1.12.3", (*TO, "--stop", "1.13.0"), ("-1",), id="stops-in-one"),
        pytest.param("1.7.11", (*TO, "--transaction", "each"), (), id="each"),
    ],
)
def test_the_printed_statements_do_what_migrate_does(
    shop_at: Callable[..., str], start: str, options: tuple[str, ...], how: tuple[str, ...]
) -> None:
    ours, theirs = shop_at(start), shop_at(start)

    assert medusa_db("migrate", *options, url=ours).returncode == 0
    done = psql(theirs, printed(*options, url=theirs), *how)

    assert done.returncode == 0, done.stderr
    assert_same(ours, theirs)
    assert medusa_db("verify", url=theirs).returncode == 0


def test_an_empty_database_is_filled_by_them(server: TestServer) -> None:
    with server.database() as a, server.database() as b:
        ours, theirs = server.url(a), server.url(b)

        assert medusa_db("migrate", *TO, url=ours).returncode == 0
        done = psql(theirs, printed(*TO, url=theirs))

        assert done.returncode == 0, done.stderr
        assert_same(ours, theirs)


def test_a_baseline_is_written_by_them(shop_at: Callable[..., str]) -> None:
    ours, theirs = shop_at("1.12.3"), shop_at("1.12.3")
    for url in (ours, theirs):
        with psycopg.connect(url) as conn:
            conn.execute("drop table migrations; drop schema medusa_db cascade")
    options = (*TO, "--baseline", "1.12.3")

    assert medusa_db("migrate", *options, url=ours).returncode == 0
    done = psql(theirs, printed(*options, url=theirs))

    assert done.returncode == 0, done.stderr
    assert_same(ours, theirs)


OWN = """\
set lock_timeout to 0; set search_path to audit, public;
alter table public.product add column loyalty integer;
insert into note select id from public.product;
select 1 -- without a semicolon"""


def test_the_shops_own_migrations_run_as_in_a_run(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    ours, theirs = shop_at("1.12.3"), shop_at("1.12.3")
    (tmp_path / "1685000000000_mine.sql").write_text(OWN)
    for url in (ours, theirs):
        with psycopg.connect(url) as conn:
            conn.execute("create schema audit; create table audit.note (id text)")
            conn.execute("insert into product (id, title, profile_id) select 'prod_1', 'A', id from shipping_profile limit 1")  # fmt: skip
    options = (*TO, "--migrations-dir", str(tmp_path))

    assert medusa_db("migrate", *options, url=ours).returncode == 0
    done = psql(theirs, printed(*options, url=theirs))

    assert done.returncode == 0, done.stderr
    assert_same(ours, theirs)
    with psycopg.connect(ours) as a, psycopg.connect(theirs) as b:
        assert rows(a, "select id from audit.note") == rows(b, "select id from audit.note")


@pytest.mark.parametrize(
    "broken",
    [
        "select setval('migrations_id_seq', 1)",
        "alter table migrations alter id drop default; drop sequence migrations_id_seq",
    ],
    ids=["sequence-behind", "no-default"],
)
def test_a_ledger_that_a_copy_broke_is_repaired_by_them(
    shop_at: Callable[..., str], broken: str
) -> None:
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        conn.execute(broken)  # type: ignore[call-overload]  # no input

    done = psql(url, printed(*TO, url=url))

    assert done.returncode == 0, done.stderr
    assert medusa_db("verify", url=url).returncode == 0


def test_they_end_without_a_change_where_the_ledger_has_moved(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.12.3")
    script = printed(*TO, url=url)
    assert psql(url, script).returncode == 0
    with psycopg.connect(url) as conn:
        before = (introspect.read(conn, "public", frozenset), rows(conn, LEDGER))

    again = psql(url, script)

    assert again.returncode == 3
    assert "the ledger is not what it was when this script was made" in again.stderr
    with psycopg.connect(url) as conn:
        assert (introspect.read(conn, "public", frozenset), rows(conn, LEDGER)) == before


def test_the_second_transaction_does_not_run_where_the_first_one_failed(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")
    script = printed(*TO, "--stop", "1.13.0", url=url)
    with psycopg.connect(url) as conn:
        conn.execute("create table product_shipping_profile (id text)")
        before = (introspect.read(conn, "public", frozenset), rows(conn, LEDGER))

    psql(url, script, "-v", "ON_ERROR_STOP=0")

    with psycopg.connect(url) as conn:
        assert (introspect.read(conn, "public", frozenset), rows(conn, LEDGER)) == before


def test_they_wait_for_nobody_who_has_a_table_or_the_lock_of_a_run(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")
    script = printed(*TO, url=url)

    with psycopg.connect(url) as conn:
        conn.execute("lock table product in access share mode")
        table = psql(url, script)
    with psycopg.connect(url) as conn:
        conn.execute("select pg_advisory_lock(28005, 1685418849)")
        run = psql(url, script)

    for done in (table, run):
        assert done.returncode == 3
        assert "canceling statement due to" in done.stderr
    assert medusa_db("status", "--check", "1.12.3", url=url).returncode == 0


def test_they_have_the_limits_of_the_run(shop_at: Callable[..., str]) -> None:
    script = printed(
        *TO, "--lock-timeout", "2s", "--statement-timeout", "7s", url=shop_at("1.12.3")
    )

    assert "set local lock_timeout to '2000ms';" in script
    assert "set local statement_timeout to '7000ms';" in script
    assert "set local \"row_security\" to 'off';" in script
    assert 'set local search_path to "public"' in script


def test_what_they_leave_out_is_said(shop_at: Callable[..., str]) -> None:
    script = printed(*TO, url=shop_at("1.3.0"))

    head = " ".join(line.removeprefix("--").strip() for line in script.partition("\n\n")[0].splitlines())  # fmt: skip
    for said in (
        "psql -v ON_ERROR_STOP=1 -f FILE", "retries: where a table", "the limit of the whole run, 3600 s",
        "the preflight check", "the verification at the end: `medusa-db verify --to 1.20.11`",
        "the history (medusa_db.history)", "what data steps warn of",
        "1.7.3/sales_channels does nothing where it is not ready yet",
    ):  # fmt: skip
        assert said in head


def test_a_refusal_stands_at_their_top(shop_at: Callable[..., str]) -> None:
    done = medusa_db("plan", "--sql", *TO, url=shop_at("1.12.3"), MEDUSA_DB_APPROVAL="on-breaking")

    assert "-- `medusa-db migrate` would refuse it (exit code 9, NotAcknowledged)" in done.stdout


@pytest.mark.parametrize("where", ["option", "environment"])
def test_a_script_is_not_printed_as_json(where: str) -> None:
    options = ("--output", "json") if where == "option" else ()
    twin = {"MEDUSA_DB_OUTPUT": "json"} if where == "environment" else {}

    done = medusa_db("plan", "--sql", *options, **twin)  # type: ignore[arg-type]  # not timeout

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "medusa-db: --sql prints statements for psql, and --output json the plan for machines; leave one "
        "out\n"
    )
