"""Signals around a commit: exit code, report, stderr and database never disagree."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import servers
from faults import is_locked, running
from held_commits import Moment, holding
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ALL = bool(os.environ.get("MEDUSA_TEST_ALL"))
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
ROLLED_BACK = "interrupted; rolled back, the lock is released"


@dataclass(frozen=True)
class Way:
    """One way to change a database, and what its commit is known by."""

    arguments: tuple[str, ...]
    of: str = "medusa_db.history"
    after: int = 0


WAYS = {
    "step": Way(("migrate", "--to", "1.20.11")),
    "steps": Way(("migrate", "--to", "1.20.11", "--stop", "1.13.0")),
    "each": Way(("migrate", "--to", "1.20.11", "--transaction", "each"), after=2),
    "last": Way(("migrate", "--to", "1.20.11", "--transaction", "each"), after=8),
    "seed": Way(("seed",), of="medusa_db.seed"),
}
CASES = [
    pytest.param(way, moment, number, id=f"{name}-{moment}-{number.name}")
    for row, (name, way) in enumerate(WAYS.items())
    for column, moment in enumerate(Moment)
    for at, number in enumerate(SIGNALS)
    if ALL or at == (row + column) % 4
]


@pytest.fixture
def seed(tmp_path: Path) -> tuple[str, ...]:
    file = tmp_path / "seed.json"
    file.write_text('{"products": [{"title": "Mug", "handle": "mug"}]}')
    return ("-f", str(file))


@pytest.mark.parametrize(("way", "moment", "number"), CASES)
def test_a_signal_leaves_no_doubt_about_what_is_committed(
    shop_at: Callable[..., str], tmp_path: Path, seed: tuple[str, ...], way: Way, moment: Moment,
    number: signal.Signals,
) -> None:  # fmt: skip
    url, file = shop_at("1.12.3"), tmp_path / "report.json"
    extra = seed if way.arguments[0] == "seed" else ()
    before = rows(url)

    with (
        holding(url, moment, of=way.of, after=way.after) as (relay, held),
        running(*way.arguments, *extra, "--report-file", str(file), url=relay) as run,
    ):
        eventually(held.reached, within=90)
        assert json.loads(file.read_text())["state"] == "running"
        run.process.send_signal(number)
        second = signal.SIGINT if number is not signal.SIGINT else signal.SIGTERM
        run.process.send_signal(second)  # disturbs nothing
        if moment is not Moment.CONNECTING:
            held.open()
        done = run.finish(within=120)
        held.open()

    eventually(lambda: not is_locked(url), within=5)
    agree(done, json.loads(file.read_text()), before, rows(url), {128 + number, 128 + second})
    if moment in (Moment.CONNECTING, Moment.RECORDING):
        assert done.returncode in (128 + number, 128 + second)
    if moment in (Moment.COMMITTED, Moment.COMMITTING):
        assert rows(url) != before


def rows(url: str) -> dict[str, Any]:
    """Return what the database itself has of runs and seeds."""
    with psycopg.connect(url) as conn:
        seeds = servers.rows(conn, "select to_regclass('medusa_db.seed')::text")
        return {
            "ledger": servers.rows(conn, "select count(*) from migrations")[0][0],
            "products": servers.rows(conn, "select count(*) from product")[0][0],
            "seeds": servers.rows(conn, "select count(*) from medusa_db.seed")[0][0]
            if seeds != [(None,)]
            else 0,
            "place": json.loads(servers.medusa_db("status", "--output", "json", url=url).stdout)[
                "place"
            ],
        }


def agree(
    done: Any, report: dict[str, Any], before: dict[str, Any], after: dict[str, Any], by_signal: set[int]
) -> None:  # fmt: skip
    """Assert that exit code, report, stderr and database say the same."""
    changed = after != before
    last = done.stderr.splitlines()[-1] if done.stderr else ""
    assert report["exitCode"] == done.returncode, (report, done.stderr)
    assert report["migrationCount"] == after["ledger"] - before["ledger"]
    if report["proven"]["state"] != "unknown":
        assert report["version"] == after["place"]
    if done.returncode == 0:
        assert report["state"] == "done"
        assert changed
        assert "interrupted" not in done.stderr
        assert "rolled back" not in done.stderr
    else:
        assert done.returncode in by_signal
        assert (report["state"], report["reason"]) == ("failed", "Interrupted")
        assert last == f"medusa-db: {report['message']}"
        assert done.stdout == ""
        assert (report["message"] == ROLLED_BACK) <= (not changed)
        assert changed == ("stays" in report["message"])
    assert report.get("seed", {}).get("loaded", False) == (after["products"] > before["products"])
    assert (after["seeds"] > before["seeds"]) == (after["products"] > before["products"])


def test_a_closed_terminal_does_not_end_what_nohup_has_started(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")

    with (
        holding(url, Moment.RECORDING) as (relay, held),
        running("migrate", "--to", "1.20.11", url=relay, before=("nohup",)) as run,
    ):
        eventually(held.reached, within=90)
        run.process.send_signal(signal.SIGHUP)
        held.open()
        done = run.finish(within=120)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("level", ["off", "local", "remote_write", "on", "remote_apply"])
def test_what_is_reported_as_committed_outlives_a_crash_of_the_server(
    shop_at: Callable[..., str], seed: tuple[str, ...], level: str
) -> None:
    url = shop_at("1.12.3")
    with psycopg.connect(url, autocommit=True) as conn:
        name = servers.rows(conn, "select current_database()")[0][0]
        conn.execute(f'alter database "{name}" set synchronous_commit = {level}')
        conn.execute(
            """
            create schema probe;
            create table probe.levels (level text);
            create function probe.note() returns trigger language plpgsql as $$
            begin
              insert into probe.levels values (current_setting('synchronous_commit'));
              return new;
            end $$;
            create trigger probe after insert on migrations for each row execute function probe.note();
            create trigger probe after insert on product for each row execute function probe.note();
            """
        )

    migrated = servers.medusa_db("migrate", "--to", "1.13.0", url=url)
    seeded = servers.medusa_db("seed", *seed, "--no-migrate", url=url)

    assert (migrated.returncode, seeded.returncode) == (0, 0), migrated.stderr + seeded.stderr
    with psycopg.connect(url) as conn:
        found = servers.rows(conn, "select distinct level from probe.levels")
    assert found == [("remote_apply" if level == "remote_apply" else "on",)]
