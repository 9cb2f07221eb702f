"""The password of the URL appears nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

import faults
import servers
from faults import gate, running
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servers import TestServer

SECRET = "s3cr3t-p4ss"
LAST = "AlterCustomerUniqueConstraint1709888477798"


@pytest.fixture
def guarded(server: TestServer) -> Iterator[TestServer]:
    """A server of the test's own whose role `shop` has the password."""
    with servers.started(faults.programs(server)) as own:
        own.execute(f"create role shop login password '{SECRET}'")
        own.execute("create database shop owner shop")
        own.execute("alter system set log_statement to 'none'")
        with psycopg.connect(own.url("shop")) as conn:
            conn.execute("create extension pg_trgm")  # only a superuser may before PostgreSQL 13
        faults.ask_for_password(own, "shop")
        yield own


def test_the_password_is_in_no_output_no_report_no_session_and_no_history(
    guarded: TestServer, tmp_path: Path
) -> None:
    assert guarded.process is not None
    host = f"127.0.0.1:{guarded.process.port}"
    good = f"postgres://shop:{SECRET}@{host}/shop"
    words = f"host=127.0.0.1 port={guarded.process.port} user=shop dbname=shop password='{SECRET}'"
    report, file = tmp_path / "report.json", tmp_path / "url"
    file.write_text(good)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "1800000000000_bad.sql").write_text("select nothing;")
    eventually(lambda: servers.medusa_db("status", url=good.replace(SECRET, "x")).returncode == 5)
    told = []

    for code, url, command in (
        (2, f"postgres://shop:{SECRET}/x@{host}/shop", ("migrate",)),
        (2, f"postgres://shop:{SECRET}@x@{host}/shop", ("migrate",)),
        (2, f"{good}?nonsense={SECRET}", ("migrate",)),
        (2, f"{words} nonsense", ("migrate",)),
        (2, f"{words} nonsense=1", ("migrate",)),
        (3, f"mysql://shop:{SECRET}@{host}/shop", ("migrate",)),
        (4, f"postgres://shop:{SECRET}@127.0.0.1:1/shop", ("migrate", "--connect-wait", "1s")),
        (4, words.replace(host[10:], "1"), ("migrate", "--connect-wait", "1s")),
        (5, f"postgres://shop:{SECRET}-not@{host}/shop", ("migrate",)),
        (5, f"postgres://shop:{SECRET}@{host}/no_shop", ("migrate",)),
        (5, f"{good}?sslmode=require&sslpassword={SECRET}", ("migrate",)),
        (10, good, ("wait", "--for", "1.20.11", "--timeout", "1s")),
        (7, good, ("migrate", "--to", "1.20.11", "--migrations-dir", str(tmp_path / "own"))),
        (0, good, ("plan", "--to", "1.20.11", "--output", "json")),
        (0, words, ("migrate", "--to", "1.12.3", "--output", "json")),
        (0, good, ("status", "--output", "json")),
        (0, good, ("verify",)),
    ):
        reported = ("--report-file", str(report)) if command[0] == "migrate" else ()
        done = servers.medusa_db(*command, *reported, url=url)
        assert done.returncode == code, (command, done.stdout, done.stderr)
        told += [done.stdout, done.stderr]
        told.append(report.read_text() if report.exists() else "")

    owner = guarded.process.url("shop")
    with gate(owner, LAST) as held:
        held.keeper.execute("grant execute on function gate.wait() to public")
        with running("migrate", "--to", "1.20.11", "--database-url-file", str(file), url="") as run:
            eventually(held.reached)
            with psycopg.connect(owner) as conn:
                told.append(str(servers.rows(conn, "select * from pg_stat_activity")))
            held.open()
            assert run.finish().returncode == 0
    with psycopg.connect(owner) as conn:
        told.append(str(servers.rows(conn, "select * from medusa_db.history")))
        told.append(str(servers.rows(conn, "select * from migrations")))

    assert [text for text in told if SECRET in text] == []
    assert any("***" in text for text in told)
