"""What a server refuses has the exit code and the advice of its cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

import faults
import servers
from faults import gate, running
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servers import TestServer

LAST = "AlterCustomerUniqueConstraint1709888477798"


@pytest.fixture
def alone(server: TestServer) -> Iterator[TestServer]:
    """A server of the test's own."""
    with servers.started(faults.programs(server), max_connections="20") as started:
        yield started


def test_an_explicit_reject_is_a_denial_that_names_pg_hba_conf(alone: TestServer) -> None:
    assert alone.process is not None
    rules = alone.process.data / "pg_hba.conf"
    alone.execute("create role outsider login")
    rules.write_text(f"host all outsider 127.0.0.1/32 reject\n{rules.read_text()}")
    alone.execute("select pg_reload_conf()")

    def rejected() -> str:
        done = servers.medusa_db("migrate", url=alone.url("postgres", "outsider"))
        return done.stderr if done.returncode == 5 else ""

    assert (
        "; a line of the server's pg_hba.conf keeps this user out; change that line, or use another user\n"
    ) in eventually(rejected)


def test_a_full_table_of_locks_is_said_and_what_needs_fewer(alone: TestServer) -> None:
    url = alone.url("postgres")
    with psycopg.connect(url, autocommit=True) as crowd:
        with pytest.raises(psycopg.errors.OutOfMemory):
            crowd.execute("select pg_advisory_lock(n) from generate_series(1, 100000) n")
        crowd.execute("select pg_advisory_unlock(n) from generate_series(1, 60) n")
        done = servers.medusa_db("migrate", "--to", "1.20.11", url=url)

    assert (done.returncode, done.stdout) == (7, "")
    assert "out of shared memory (SQLSTATE 53200)" in done.stderr
    assert "--transaction each needs only those of one migration at a time" in done.stderr
    assert "raise max_locks_per_transaction of the server" in done.stderr
    assert servers.medusa_db("migrate", "--to", "1.1.10", url=url).returncode == 0


def test_a_statement_that_somebody_cancels_was_not_too_slow(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.12.3")

    with gate(url, LAST) as held, running("migrate", "--to", "1.20.11", url=url) as run:
        pid = eventually(held.reached)
        held.keeper.execute("select pg_cancel_backend(%s)", [pid])
        done = run.finish()

    assert done.returncode == 7
    assert f"{LAST}: canceling statement due to user request (SQLSTATE 57014)" in done.stderr
    assert "was cancelled by another session (pg_cancel_backend)" in done.stderr
    assert "timeout" not in done.stderr
