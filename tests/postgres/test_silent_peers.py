"""Peers that are up and say nothing: every limit holds against them, and a process that is gone is missed."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

import servers
from faults import is_locked
from medusa_migrations.contract.errors import UnreachableError
from medusa_migrations.postgres import bounded, connection, translation
from medusa_migrations.postgres.address import parse
from medusa_migrations.postgres.backend import Backend
from medusa_testbed.waiting import eventually
from roles import role
from silent_peers import peer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers import TestServer

SLACK = 20.0
"""Seconds that a process may take to start and end on a busy machine, beside its limit."""


@pytest.mark.parametrize(
    ("at", "limit"),
    [
        pytest.param("pg_stat_get_activity", 3, id="while-it-connects"),
        pytest.param("current_schema", 3, id="while-it-looks"),
        pytest.param("pg_try_advisory_lock", 3, id="at-the-lock"),
        pytest.param("lock table", 15, id="at-a-statement"),  # it has to come as far as that
        pytest.param("COMMIT\0", 15, id="at-the-commit"),
    ],
)
def test_the_limit_of_a_run_holds_against_a_silent_peer(
    shop_at: Callable[..., str], at: str, limit: int
) -> None:
    url = shop_at("1.12.3")

    with peer(url, at=at) as (through, _):
        started = time.monotonic()
        done = servers.medusa_db(
            "migrate", "--to", "1.20.11", "--run-timeout", f"{limit}s", "--connect-wait", "3s", "--output", "json",
            url=through, timeout=60,
        )  # fmt: skip
        took = time.monotonic() - started

    assert (done.returncode, json.loads(done.stdout)["exitCode"]) == (4, 4), done.stderr
    assert took < limit + 5 + 2 + SLACK
    eventually(lambda: not is_locked(url))
    assert servers.medusa_db("migrate", "--to", "1.20.11", url=url).returncode == 0


def test_the_limit_of_a_seed_holds_against_a_silent_peer(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url, file = shop_at("1.20.11"), tmp_path / "seed.json"
    file.write_text('{"products": [{"title": "Mug", "handle": "mug"}]}')

    with peer(url, at="COMMIT\0", after="insert into medusa_db.seed ") as (through, _):
        started = time.monotonic()
        done = servers.medusa_db(
            "seed", "-f", str(file), "--run-timeout", "12s", url=through, timeout=60
        )
        took = time.monotonic() - started

    assert done.returncode == 4, done.stderr
    assert took < 12 + 5 + 2 + SLACK
    assert "Whether the seed was committed is not known" in done.stderr
    assert "--run-timeout 12 s was over, and the server did not answer" in done.stderr


@pytest.mark.parametrize("at", ["user\0", "pg_stat_get_activity", "current_schema"])
def test_the_limit_of_wait_holds_against_a_silent_peer(
    shop_at: Callable[..., str], at: str
) -> None:
    with peer(shop_at("1.12.3"), at=at) as (through, _):
        started = time.monotonic()
        done = servers.medusa_db(
            "wait", "--for", "1.20.11", "--timeout", "3s", url=through, timeout=60
        )
        took = time.monotonic() - started

    assert done.returncode == 10, done.stderr
    assert "gave up after 3 s: " in done.stderr
    assert took < 3 + SLACK


def test_hosts_that_say_nothing_share_the_time_to_connect() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        hosts = ",".join([f"127.0.0.1:{listening.getsockname()[1]}"] * 3)
        started = time.monotonic()
        with pytest.raises(UnreachableError):
            connection.open_(
                parse(f"postgres://shop@{hosts}/shop?sslmode=disable&connect_timeout=60"),
                "wait", patience=3, say=str,
            )  # fmt: skip

    assert time.monotonic() - started < 4


def test_the_process_of_a_long_statement_is_asked_after(
    shop_at: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "ASK_EVERY", 0.3)
    url = shop_at("1.2.0")
    with peer(url, at="select 'quiet'") as (through, relay):
        relay.lets_new_ones_through = True
        address = parse(through)
        conn = connection.open_(address, "migrate", patience=0, say=str)
        pid = Backend.of(conn).pid

        def end() -> None:
            with psycopg.connect(url, autocommit=True) as admin:
                eventually(lambda: relay.accepted > 2)  # it was asked after once, and is there
                admin.execute("select pg_terminate_backend(%s)", [pid])

        ending = threading.Thread(target=end)
        ending.start()
        with pytest.raises(UnreachableError) as caught, translation.translated(address, conn):
            conn.execute("select 'quiet'")
        ending.join()

    assert caught.value.reason == "ConnectionLost"
    assert f"the server process {pid} of this connection is gone" in str(caught.value)


def test_a_peer_that_answers_no_second_connection_either_is_given_up(
    shop_at: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "ASK_EVERY", 0.2)
    monkeypatch.setattr(bounded, "ANSWER", 0.5)
    with peer(shop_at("1.2.0"), at="select 'quiet'") as (through, _):
        address = parse(through)
        conn = connection.open_(address, "status", patience=0, say=str)
        with pytest.raises(UnreachableError) as caught, translation.translated(address, conn):
            conn.execute("select 'quiet'")

    assert "the server answers neither this connection nor a second one" in str(caught.value)


def test_a_peer_that_sends_a_byte_now_and_then_is_given_up_in_time(
    shop_at: Callable[..., str],
) -> None:
    with peer(shop_at("1.2.0"), at="select 'quiet'") as (through, relay):
        relay.drips = True
        address = parse(through)
        conn = connection.open_(address, "status", patience=0, say=str)
        bounded.bound(conn, 1)
        started = time.monotonic()
        with pytest.raises(UnreachableError) as caught, translation.translated(address, conn):
            conn.execute("select 'quiet'")
        took = time.monotonic() - started

    assert caught.value.reason == "ConnectionLost"
    assert 1 <= took < 1 + SLACK / 4


def test_the_question_on_a_second_connection_takes_no_longer_than_is_left(
    shop_at: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "ASK_EVERY", 0.1)
    monkeypatch.setattr(bounded, "ANSWER", 60)
    with peer(shop_at("1.2.0"), at="select 'quiet'") as (through, _):
        address = parse(through)
        conn = connection.open_(address, "status", patience=0, say=str)
        started = time.monotonic()
        with (
            pytest.raises(UnreachableError),
            translation.translated(address, conn),
            bounded.given_up_after(conn, 1),
        ):
            conn.execute("select 'quiet'")
        took = time.monotonic() - started

    assert took < 1 + SLACK / 4


def test_a_server_that_falls_silent_while_a_session_is_prepared_is_tried_again(
    shop_at: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT", 2)
    with peer(shop_at("1.2.0"), at="pg_stat_get_activity") as (through, relay):
        relay.lets_new_ones_through = True
        waited: list[str] = []
        conn = connection.open_(parse(through), "status", patience=60, say=waited.append)
        conn.close()

    assert len(waited) == 1
    assert relay.accepted == 2


def test_a_long_statement_goes_on_where_no_second_connection_is_let_in(
    server: TestServer, shop_at: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "ASK_EVERY", 0.1)
    name = shop_at("1.2.0").rpartition("/")[2]
    with role(server, name) as lonely:
        conn = connection.open_(parse(server.url(name, lonely)), "migrate", patience=0, say=str)
        server.execute("alter role {} connection limit 1", lonely)

        row = conn.execute("select pg_sleep(1), 'done'").fetchone()
        conn.close()

    assert row is not None
    assert row[1] == "done"
