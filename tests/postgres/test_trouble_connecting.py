"""Servers that are not there, not ready, full, or say no."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest

import faults
import servers
from faults import running, snapshot
from medusa_migrations.contract.errors import UnreachableError
from medusa_migrations.postgres import connection
from medusa_migrations.postgres.address import parse
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servers import TestServer

pytestmark = pytest.mark.each_server

SECRET = "s3cr3t-p4ss"


@contextmanager
def port(*, listening: bool) -> Iterator[int]:
    """Yield a port that refuses, or one that accepts and says nothing."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if listening:
            taken.listen()
        yield taken.getsockname()[1]


@pytest.mark.parametrize(
    ("listening", "says"),
    [
        pytest.param(False, "Connection refused", id="closed"),
        pytest.param(True, "timeout expired", id="silent"),
    ],
)
def test_a_port_without_a_server_is_given_up_after_the_wait(listening: bool, says: str) -> None:
    with port(listening=listening) as number:
        started = time.monotonic()
        done = servers.medusa_db(
            "migrate", "--connect-wait", "3s", url=f"postgres://shop@127.0.0.1:{number}/shop"
        )
        took = time.monotonic() - started

    assert (done.returncode, done.stdout) == (4, "")
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"medusa-db: postgres://shop@127.0.0.1:{number}/shop: ")
    assert says in last
    assert last.endswith(
        "; check host and port, and that the server is running; in a container that host is the container itself, and a "
        "server beside it has another name"
    )
    assert took < 15


def test_a_last_try_that_is_cut_short_does_not_hide_what_the_others_have_found() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = parse(f"postgres://shop@127.0.0.1:{taken.getsockname()[1]}/shop")
        with pytest.raises(UnreachableError) as caught:
            connection.open_(address, "status", patience=1, say=lambda _: taken.listen())

    assert "Connection refused" in str(caught.value)


def test_a_database_that_is_not_there_is_said_so(server: TestServer) -> None:
    done = servers.medusa_db("migrate", url=server.url("no_shop_here"))

    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == (
        f'medusa-db: {server.url("no_shop_here")}: FATAL:  database "no_shop_here" does not exist; '
        "create it first (createdb), or check the URL\n"
    )


def test_a_role_that_is_not_there_is_said_so(server: TestServer) -> None:
    done = servers.medusa_db("migrate", url=server.url("postgres", "nobody_here"))

    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == (
        f"medusa-db: {server.url('postgres', 'nobody_here')}: FATAL:  role "
        '"nobody_here" does not exist; check the URL\n'
    )


@pytest.fixture
def alone(server: TestServer) -> Iterator[TestServer]:
    """A server of the test's own, with a role `shop` that needs a password and owns `shop`."""
    with servers.started(faults.programs(server), max_connections="8") as started:
        started.execute(f"create role shop login password '{SECRET}'")
        started.execute("create database shop owner shop")
        yield started


def test_a_wrong_password_is_said_so_and_not_shown(alone: TestServer) -> None:
    assert alone.process is not None
    faults.ask_for_password(alone, "shop")
    url = f"postgres://shop:wr0ng-p4ss@127.0.0.1:{alone.process.port}/shop"

    wrong = eventually(lambda: _denied(url))
    missing = servers.medusa_db("migrate", url=url.replace(":wr0ng-p4ss", ""))

    assert wrong == (
        f"medusa-db: {url.replace('wr0ng-p4ss', '***')}: FATAL:  password authentication failed for "
        'user "shop"; the password is wrong; check user and password in the URL\n'
    )
    assert missing.returncode == 5
    assert "the server wants a password; put it into the URL" in missing.stderr


def _denied(url: str) -> str:
    """Return what a run says once the server asks for passwords."""
    done = servers.medusa_db("plan", url=url)
    return done.stderr if done.returncode == 5 else ""


def test_a_server_that_starts_is_waited_for(alone: TestServer) -> None:
    server = alone.process
    assert server is not None
    faults.make_standby(server)
    faults.launch(server, hot_standby="off")
    url = server.url("shop", "shop")

    gave_up = eventually(lambda: _unreachable(url))
    with running("migrate", "--to", "1.2.0", "--connect-wait", "60s", url=url) as run:
        eventually(lambda: "waiting up to 60 s for the database" in run.said)
        faults.promote(server)
        done = run.finish()

    assert "; it is starting, stopping or recovering, try again" in gave_up
    assert done.returncode == 0, done.stderr


def _unreachable(url: str) -> str:
    """Return what a run says once the server answers that it is not ready."""
    done = servers.medusa_db("migrate", "--connect-wait", "0s", url=url)
    assert done.returncode == 4, done.stderr
    return done.stderr if "the database system is" in done.stderr else ""


def test_a_full_server_is_waited_for(alone: TestServer) -> None:
    assert alone.process is not None
    url = alone.process.url("shop", "shop")
    taken = [psycopg.connect(url) for _ in range(5)]  # the other 3 are for superusers

    gave_up = servers.medusa_db("migrate", "--connect-wait", "1s", url=url)
    with running("migrate", "--to", "1.2.0", "--connect-wait", "60s", url=url) as run:
        eventually(lambda: "waiting up to 60 s for the database" in run.said)
        for conn in taken:
            conn.close()
        done = run.finish()

    assert gave_up.returncode == 4
    assert "raise max_connections, end idle sessions, or try again" in gave_up.stderr
    assert done.returncode == 0, done.stderr


def test_a_full_database_is_reported_as_one_that_may_free_up(
    server: TestServer, shop_at: Callable[..., str]
) -> None:
    url = shop_at("1.2.0")
    name = url.rpartition("/")[2]
    server.execute("drop role if exists crowd")
    server.execute("create role crowd login")
    server.execute("alter database {} connection limit 0", name)

    done = servers.medusa_db("migrate", "--connect-wait", "0s", url=server.url(name, "crowd"))
    server.execute("drop role crowd")

    assert (done.returncode, done.stdout) == (4, "")
    assert f'too many connections for database "{name}"' in done.stderr


def test_a_standby_takes_no_migrations(alone: TestServer) -> None:
    server = alone.process
    assert server is not None
    url = server.url("shop", "shop")
    assert servers.medusa_db("migrate", "--to", "1.2.0", url=url).returncode == 0
    faults.make_standby(server)
    server.start()
    before = snapshot(url)

    done = servers.medusa_db("migrate", "--to", "1.3.0", url=url)
    same = servers.medusa_db("migrate", "--to", "1.2.0", url=url)

    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == (
        "medusa-db: the server is a standby and takes no writes. Give the address of the primary (a "
        "libpq URL may name several hosts with target_session_attrs=read-write)\n"
    )
    assert same.returncode == 0
    assert snapshot(url) == before


def test_a_url_may_name_several_hosts_of_which_one_takes_writes(alone: TestServer) -> None:
    assert alone.process is not None
    with port(listening=False) as closed:
        url = (
            f"postgres://shop@127.0.0.1:{closed},127.0.0.1:{alone.process.port}/shop"
            "?target_session_attrs=read-write"
        )
        done = servers.medusa_db("migrate", "--to", "1.2.0", url=url)

    assert done.returncode == 0, done.stderr
