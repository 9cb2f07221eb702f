"""PgBouncer between us and the server."""

from __future__ import annotations

import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

import servers
from faults import is_locked, snapshot
from medusa_migrations.postgres import lock
from medusa_testbed.waiting import eventually
from tiers import need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servers import TestServer


@contextmanager
def pgbouncer(server: TestServer, mode: str, **settings: str) -> Iterator[int]:
    """Run PgBouncer before *server* for the duration of a `with`; yield its port."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    need(program, "PgBouncer is not installed (apt-get install pgbouncer)")
    assert program is not None
    need(server.process, "the server is a given one, and PgBouncer must know its port")
    assert server.process is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as folder:
        config = Path(folder) / "pgbouncer.ini"
        given = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(port),
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": mode,
            "ignore_startup_parameters": "extra_float_digits",
            **settings,
        }
        lines = [
            "[databases]",
            f"* = host=127.0.0.1 port={server.process.port} user=postgres",
            "[pgbouncer]",
            *(f"{key} = {value}" for key, value in given.items()),
        ]
        config.write_text("\n".join(lines) + "\n")
        Path(folder).chmod(0o755)
        account = pwd.getpwnam("nobody")
        with subprocess.Popen(
            [program, "-q", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            user=account.pw_uid if Path(folder).stat().st_uid == 0 else None,
        ) as process:  # fmt: skip
            try:
                eventually(lambda: _answers(port))
                yield port
            finally:
                process.send_signal(signal.SIGTERM)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("crowded", [False, True], ids=["quiet", "crowded"])
def test_a_pool_in_transaction_mode_is_refused_before_the_lock_is_taken(
    server: TestServer, shop_at: Callable[..., str], *, crowded: bool
) -> None:
    url = shop_at("1.12.3")
    name, before = url.rpartition("/")[2], snapshot(url)

    with (
        pgbouncer(server, "transaction", default_pool_size="8") as port,
        psycopg.connect(url, autocommit=True) as other,
    ):
        other.execute("select pg_advisory_lock(%s, %s)", lock.KEY)  # so that ours would wait
        pooled = f"postgresql://postgres@127.0.0.1:{port}/{name}"
        crowd = [psycopg.connect(pooled, prepare_threshold=None) for _ in range(4 * crowded)]
        for conn in crowd:
            conn.execute("select 1")  # each keeps one of the pool's sessions in a transaction
        done = servers.medusa_db("migrate", "--to", "1.20.11", "--lock-wait", "0s", url=pooled)
        for conn in crowd:
            conn.close()
        status = servers.medusa_db("status", url=pooled)

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "medusa-db: a pooler in transaction mode (PgBouncer or alike) is between: it shares one "
        "server session among clients, so the lock that keeps a second run away would not hold. Give "
        "the address of the PostgreSQL server itself, or of a pool in session mode\n"
    )
    assert status.returncode == 0, status.stderr
    assert snapshot(url) == before


def test_looking_through_a_pool_leaves_no_setting_of_ours_in_it(
    server: TestServer, shop_at: Callable[..., str]
) -> None:
    name = shop_at("1.12.3").rpartition("/")[2]

    with pgbouncer(server, "transaction", default_pool_size="1") as port:
        pooled = f"postgresql://postgres@127.0.0.1:{port}/{name}"
        done = servers.medusa_db("plan", "--to", "1.20.11", url=pooled)
        with psycopg.connect(pooled, prepare_threshold=None) as conn:
            left = servers.rows(
                conn, "select name, setting from pg_settings where source='session'"
            )

    assert "a pooler in transaction mode" in done.stdout
    assert "lock_timeout" not in dict(left)


def test_a_pool_in_session_mode_works_with_a_warning(
    server: TestServer, shop_at: Callable[..., str]
) -> None:
    url = shop_at("1.12.3")

    with pgbouncer(server, "session") as port:
        pooled = f"postgresql://postgres@127.0.0.1:{port}/{url.rpartition('/')[2]}"
        done = servers.medusa_db("migrate", "--to", "1.20.11", "--output", "json", url=pooled)

    assert done.returncode == 0, done.stderr
    assert (
        '"the connection goes through a pooler. It must be in session mode; the address of the server '
        'itself is safer"'
    ) in done.stdout
    assert '"verified": true' in done.stdout
    assert not is_locked(url)


def test_a_pool_in_session_mode_with_a_single_session_works(
    server: TestServer, shop_at: Callable[..., str]
) -> None:
    name = shop_at("1.12.3").rpartition("/")[2]

    with pgbouncer(server, "session", default_pool_size="1", query_wait_timeout="3") as port:
        pooled = f"postgresql://postgres@127.0.0.1:{port}/{name}"
        done = servers.medusa_db("migrate", "--to", "1.20.11", url=pooled)

    assert done.returncode == 0, done.stderr
