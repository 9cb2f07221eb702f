"""Runs that are cut short: by a limit, a signal, a kill, a server that goes away, a full disk."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest

import faults
import servers
from faults import gate, is_locked, is_noticed, running, snapshot
from medusa_testbed.waiting import eventually
from tiers import need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from medusa_migrations.catalog.model import Catalog
    from servers import TestServer

LAST = "AlterCustomerUniqueConstraint1709888477798"
ALL = bool(os.environ.get("MEDUSA_TEST_ALL"))


@pytest.fixture
def slow(tmp_path: Path) -> str:
    """A folder with a migration of the shop's own that takes half a minute."""
    (tmp_path / "1800000000000_slow.sql").write_text(
        "create table half (id int);\nselect pg_sleep(30);"
    )
    return str(tmp_path)


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        (
            "--statement-timeout",
            (
                "slow1800000000000: canceling statement due to statement timeout (SQLSTATE 57014); rolled "
                "back. Nothing of this step remains; "
            ),
        ),
        (
            "--run-timeout",
            "the run took longer than --run-timeout 3 s and was rolled back; allow it more, ",
        ),
    ],
)
def test_a_limit_that_is_exceeded_rolls_everything_back(
    shop_at: Callable[..., str], slow: str, limit: str, says: str
) -> None:
    url = shop_at("1.12.3")
    before = snapshot(url)

    started = time.monotonic()
    done = servers.medusa_db(
        "migrate", "--to", "1.20.11", "--migrations-dir", slow, limit, "3s", url=url
    )

    assert (done.returncode, done.stdout) == (7, "")
    assert f"\nmedusa-db: {says}" in f"\n{done.stderr}"
    assert time.monotonic() - started < 25
    assert snapshot(url) == before
    assert not is_locked(url)


def test_the_limit_of_the_run_holds_while_it_waits_for_a_table(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.12.3")

    with psycopg.connect(url) as other:
        other.execute("lock table money_amount")
        done = servers.medusa_db(
            "migrate", "--to", "1.20.11", "--run-timeout", "2s", "--lock-timeout", "200ms", url=url
        )

    assert done.returncode == 7
    assert "the run took longer than --run-timeout 2 s and was rolled back" in done.stderr


def test_a_session_that_is_terminated_ends_the_run_and_the_next_one_finishes(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")

    with gate(url, LAST) as held, running("migrate", "--to", "1.20.11", url=url) as run:
        before = snapshot_beside(url)
        pid = eventually(held.reached)
        held.keeper.execute("select pg_terminate_backend(%s)", [pid])
        done = run.finish()
        after = snapshot(url)

    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.splitlines()[-1] == (
        f"medusa-db: {LAST}: the connection to the database was lost; the server rolls back what was "
        "not committed. Run the same command again, it goes on from what the ledger says"
    )
    assert after >= before
    assert servers.medusa_db("migrate", "--to", "1.20.11", url=url).returncode == 0


def snapshot_beside(url: str) -> faults.Snapshot:
    """Return the ledger, the one part that a look beside a run need not wait for."""
    with psycopg.connect(url) as conn:
        rows = servers.rows(conn, 'select "timestamp", name from migrations order by id')
    return frozenset(("ledger", "public", place, row) for place, row in enumerate(rows))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["restarted", "crashed"])
def test_a_server_that_goes_away_ends_the_run_and_the_next_one_finishes(
    server: TestServer, how: signal.Signals
) -> None:
    with servers.started(faults.programs(server)) as own:
        assert own.process is not None
        with own.database() as name:
            url = own.url(name)
            with gate(url, "addNotes1632220294687") as held, running("migrate", url=url) as run:
                eventually(held.reached)
                own.process.stop(how)
                done = run.finish()
            own.process.start()
            with psycopg.connect(url) as conn:
                left = servers.rows(conn, "select name from migrations")
                conn.execute("drop schema gate cascade")
            again = servers.medusa_db("migrate", url=url)

    assert (done.returncode, done.stdout) == (4, "")
    assert "the connection to the database was lost" in done.stderr.splitlines()[-1]
    assert left == []
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"]
)
def test_a_signal_rolls_back_and_releases_the_lock_within_two_seconds(
    shop_at: Callable[..., str], number: signal.Signals, code: int
) -> None:
    url = shop_at("1.12.3")

    with gate(url, LAST) as held:
        before = snapshot(url)
        with running("migrate", "--to", "1.20.11", url=url) as run:
            eventually(held.reached)
            run.process.send_signal(number)
            started = time.monotonic()
            done = run.finish()
            took = time.monotonic() - started
        eventually(lambda: not is_locked(url), within=2)
        after = snapshot(url)

    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.splitlines()[-1] == (
        "medusa-db: interrupted; rolled back, the lock is released"
    )
    assert took < 2
    assert after == before
    assert servers.medusa_db("migrate", "--to", "1.20.11", url=url).returncode == 0


@pytest.mark.timeout(3600 if ALL else 300)
@pytest.mark.parametrize("start", ["empty", "1.12.3"])
def test_a_run_killed_inside_any_migration_leaves_nothing_and_the_next_one_finishes(
    server: TestServer, shop_at: Callable[..., str], url: str, catalog: Catalog, start: str
) -> None:
    there = [] if start == "empty" else [*_names(catalog, start)]
    shop = url if start == "empty" else shop_at(start)
    pending = [name for name in _names(catalog, "1.20.11") if name not in there]
    for name in pending if ALL else (pending[0], pending[len(pending) // 2], pending[-1]):
        with gate(shop, name) as held:
            before = snapshot(shop)
            with running("migrate", "--to", "1.20.11", url=shop) as run:
                eventually(held.reached)
                run.process.kill()
                run.process.wait()
                if not is_noticed(shop):
                    held.open()  # then at the end of the statement
                eventually(lambda: not is_locked(shop))  # the server noticed by itself
            assert snapshot(shop) == before, name

    done = servers.medusa_db("migrate", "--to", "1.20.11", url=shop)

    assert done.returncode == 0, done.stderr
    assert servers.medusa_db("verify", "--to", "1.20.11", url=shop).returncode == 0
    with server.database(server.at("1.20.11") if start == "empty" else server.at(start)) as other:
        clean = server.url(other)
        assert servers.medusa_db("migrate", "--to", "1.20.11", url=clean).returncode == 0
        assert snapshot(shop) == snapshot(clean)


def _names(catalog: Catalog, version: str) -> list[str]:
    found = next(known for known in catalog.versions if str(known) == version)
    return [migration.name for migration in catalog.enabled(found, {})]


def test_a_killed_run_that_commits_one_by_one_goes_on_where_it_was(
    server: TestServer, url: str
) -> None:
    for name in ("addNotes1632220294687", "salesChannel1656949291839", LAST):
        with gate(url, name) as held, running("migrate", "--transaction", "each", url=url) as run:
            eventually(held.reached)
            run.process.kill()
            run.process.wait()
            if not is_noticed(url):
                held.open()
            eventually(lambda: not is_locked(url))

    done = servers.medusa_db("migrate", "--transaction", "each", "--output", "json", url=url)

    assert done.returncode == 0, done.stderr
    assert '"migrationCount": 1,' in done.stdout
    with server.database(server.at("1.20.11")) as other:
        assert snapshot(url) == snapshot(server.url(other))


@pytest.mark.skipif(not ALL, reason="takes more than a minute")
def test_a_frozen_run_gives_the_tables_back_to_the_shop(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.12.3")

    with gate(url, LAST) as held, running("migrate", "--to", "1.20.11", url=url) as run:
        eventually(held.reached)
        run.process.send_signal(signal.SIGSTOP)
        held.open()
        eventually(lambda: not is_locked(url), within=90)
        run.process.send_signal(signal.SIGCONT)
        done = run.finish()

    assert done.returncode == 4, done.stderr
    assert servers.medusa_db("migrate", "--to", "1.20.11", url=url).returncode == 0


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a small disk of its own at *folder* for the duration of a `with`."""
    folder.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)],
        check=False, capture_output=True,
    )  # fmt: skip
    need(made.returncode == 0, "this user may not mount a disk (tmpfs)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Fill the disk of *folder* but for *leave* bytes; return the file that does."""
    found, file = os.statvfs(folder), folder / "filler"
    with file.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, found.f_bavail * found.f_frsize - leave)
    return file


def test_a_full_disk_rolls_back_and_the_next_run_finishes(server: TestServer) -> None:
    with servers.started(faults.programs(server)) as own:
        assert own.process is not None
        template = own.at("1.12.3")
        with small_disk(own.process.folder / "small", 40) as disk:
            faults.own(own.process, disk)
            own.execute(f"create tablespace small location '{disk}'")
            own.execute("create database shop template {} tablespace small", template)
            url = own.url("shop")
            before = snapshot(url)
            filler = fill(disk, leave=8192)
            done = servers.medusa_db("migrate", "--to", "1.20.11", url=url)
            after = snapshot(url)
            filler.unlink()
            again = servers.medusa_db("migrate", "--to", "1.20.11", url=url)
            own.execute("drop database shop")
            own.execute("drop tablespace small")

    assert (done.returncode, done.stdout) == (7, "")
    assert "No space left on device (SQLSTATE 53100); rolled back." in done.stderr
    assert (
        "The server's disk is full: make room on it, then run the same command again"
    ) in done.stderr
    assert after == before
    assert again.returncode == 0, again.stderr


def test_a_server_whose_whole_disk_is_full_loses_nothing(server: TestServer) -> None:
    with servers.started(faults.programs(server)) as own:
        assert own.process is not None
        url = own.url(own.at("1.2.0"))
        own.process.stop()
        data = own.process.data
        moved = data.rename(data.with_name("moved"))
        with small_disk(data, 120):
            faults.own(own.process, data)
            data.chmod(0o700)
            subprocess.run(["cp", "-a", f"{moved}/.", str(data)], check=True)
            own.process.start()
            before = snapshot(url)
            filler = fill(data, leave=200_000)
            done = servers.medusa_db("migrate", "--to", "1.20.11", url=url)
            filler.unlink()
            own.process.stop(signal.SIGQUIT)
            own.process.start()
            after = snapshot(url)
            again = servers.medusa_db("migrate", "--to", "1.20.11", url=url)
            own.process.stop()

    assert done.returncode in (4, 7)  # as the server makes it: it may stop when its log is full
    assert after == before
    assert again.returncode == 0, again.stderr
