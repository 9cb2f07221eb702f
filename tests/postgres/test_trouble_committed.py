"""A run that fails after a part of it was committed says so, and claims nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg
import pytest

import servers
from lost_answers import losing_commits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

UNCHANGED = "the database is as it was before, and the old server keeps working"


@pytest.mark.parametrize(
    ("options", "stays"),
    [
        pytest.param(
            ("--transaction", "each"), "9 migrations and data steps committed, and the database is at "
            "1.20.11 now", id="each",
        ),
        pytest.param(
            ("--stop", "1.13.0"), "committed, and the database is at 1.13.0 now", id="stop"
        ),
    ],
)  # fmt: skip
def test_what_was_committed_before_a_failure_is_said(
    shop_at: Callable[..., str], tmp_path: Path, options: tuple[str, ...], stays: str
) -> None:
    url = shop_at("1.12.3")
    (tmp_path / "1999999999999_bad.sql").write_text("select 1/0;")

    done = servers.medusa_db(
        "migrate", "--to", "1.20.11", *options, "--migrations-dir", str(tmp_path), "--output", "json",
        url=url,
    )  # fmt: skip

    body = json.loads(done.stdout)
    assert done.returncode == 7
    assert UNCHANGED not in body["message"]
    assert "What came before it in this run stays: " in body["message"]
    assert stays in body["message"]
    assert "An older server may not work with it" in body["message"]
    status = servers.medusa_db("status", "--output", "json", url=url)
    assert json.loads(status.stdout)["place"] in body["message"]


def test_a_run_that_left_nothing_says_so(shop_at: Callable[..., str], tmp_path: Path) -> None:
    url = shop_at("1.12.3")
    (tmp_path / "1999999999999_bad.sql").write_text("select 1/0;")

    done = servers.medusa_db(
        "migrate", "--to", "1.20.11", "--migrations-dir", str(tmp_path), url=url
    )

    assert done.returncode == 7
    assert UNCHANGED in done.stderr
    assert "stays" not in done.stderr


NOT_KNOWN = (
    "is not known, for the answer was lost: the same command finds out, and `medusa-db status` "
)
SHOWN = "A new connection shows that the commit was done"


@pytest.mark.parametrize(
    ("start", "options", "after"),
    [
        pytest.param("1.12.3", ("--to", "1.20.11"), 0, id="step"),
        pytest.param("1.12.3", ("--to", "1.20.11", "--transaction", "each"), 2, id="each"),
        pytest.param("1.15.2", ("--to", "1.17.0"), 0, id="no-migration"),
    ],
)
@pytest.mark.parametrize("for_good", [False, True], ids=["answer", "server"])
def test_a_commit_whose_answer_is_lost_is_looked_up_or_called_unknown(
    shop_at: Callable[..., str],
    start: str,
    options: tuple[str, ...],
    after: int,
    *,
    for_good: bool,
) -> None:
    url = shop_at(start)
    before = ledger(url)

    with losing_commits(url, after=after, for_good=for_good) as losing:
        done = servers.medusa_db("migrate", *options, "--output", "json", url=losing)
    place = json.loads(servers.medusa_db("status", "--output", "json", url=url).stdout)["place"]
    left = ledger(url) - before
    again = servers.medusa_db("migrate", *options, url=url)

    body = json.loads(done.stdout)
    assert (done.returncode, body["reason"]) == (4, "ConnectionLost"), body
    assert done.stderr.splitlines()[-1] == f"medusa-db: {body['message']}"
    assert_claims_nothing(body["message"])
    if for_good:
        assert f"Whether its last transaction was committed {NOT_KNOWN}" in body["message"]
        assert body["proven"]["state"] == "unknown"
        assert body["migrationCount"] <= left
    else:
        assert SHOWN in body["message"]
        assert (body["version"], body["migrationCount"]) == (place, left)
    assert again.returncode == 0, again.stderr


def ledger(url: str) -> int:
    with psycopg.connect(url) as conn:
        return int(servers.rows(conn, "select count(*) from migrations")[0][0])


def assert_claims_nothing(message: str) -> None:
    for claim in ("roll", "nothing", "Nothing", "as it was", "keeps working"):
        assert claim not in message, message


@pytest.mark.parametrize("for_good", [False, True], ids=["answer", "server"])
def test_a_baseline_whose_answer_is_lost_is_looked_up_or_called_unknown(
    shop_at: Callable[..., str], *, for_good: bool
) -> None:
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        conn.execute("drop table migrations; drop schema medusa_db cascade")

    with losing_commits(url, for_good=for_good) as losing:
        done = servers.medusa_db("migrate", "--baseline", "1.12.3", url=losing)

    assert done.returncode == 4
    said = f"Whether its last transaction was committed {NOT_KNOWN}" if for_good else SHOWN
    assert said in done.stderr
    assert_claims_nothing(done.stderr)
    assert servers.medusa_db("status", "--check", "1.12.3", url=url).returncode == 0


def test_a_seed_whose_answer_is_lost_is_looked_up(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url, file = shop_at("1.12.3"), tmp_path / "seed.json"
    file.write_text('{"products": [{"title": "Mug", "handle": "mug"}]}')

    with losing_commits(url, of="medusa_db.seed") as losing:
        done = servers.medusa_db("seed", "-f", str(file), "--output", "json", url=losing)
    again = servers.medusa_db("seed", "-f", str(file), "--on-change", url=url)

    body = json.loads(done.stdout)
    assert (done.returncode, body["state"], body["seed"]["recorded"]) == (0, "done", True), body
    assert body["warnings"] == [
        "the connection was lost as the seed was committed; a new one shows that it is"
    ]
    assert "Nothing to do: this very document was the last one seeded" in again.stdout


def test_a_seed_whose_server_is_lost_is_called_unknown(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url, file = shop_at("1.12.3"), tmp_path / "seed.json"
    file.write_text('{"products": [{"title": "Mug", "handle": "mug"}]}')

    with losing_commits(url, of="medusa_db.seed", for_good=True) as losing:
        done = servers.medusa_db("seed", "-f", str(file), "--output", "json", url=losing)
    again = servers.medusa_db("seed", "-f", str(file), "--on-change", url=url)

    body = json.loads(done.stdout)
    assert (done.returncode, body["reason"]) == (4, "ConnectionLost"), body
    assert f"Whether the seed was committed {NOT_KNOWN}" in body["message"]
    assert body["proven"]["state"] == "unknown"
    assert_claims_nothing(body["message"])
    assert again.returncode == 0, again.stderr
    assert "Nothing to do: this very document was the last one seeded" in again.stdout


def test_a_seed_that_fails_says_that_its_migrations_stay(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url, file = shop_at("1.12.0"), tmp_path / "seed.json"
    file.write_text('{"products": [{"title": "Mug", "handle": "mug"}]}')
    with psycopg.connect(url) as conn:
        conn.execute("alter table product add constraint no_mugs check (handle <> 'mug')")

    done = servers.medusa_db("seed", "-f", str(file), "--to", "1.13.0", url=url)

    assert done.returncode == 7
    assert "no row of it remains" in done.stderr
    assert "What was migrated before the seed stays (4 migrations)" in done.stderr
    assert "the database is at 1.13.0 now" in done.stderr


def test_a_limit_that_ends_a_run_says_that_a_part_stays(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.12.3")
    (tmp_path / "1999999999999_slow.sql").write_text("select pg_sleep(60)")

    done = servers.medusa_db(
        "migrate", "--to", "1.20.11", "--transaction", "each", "--migrations-dir", str(tmp_path),
        "--run-timeout", "8s", url=url,
    )  # fmt: skip

    assert done.returncode == 7
    assert "and its last transaction was rolled back; allow it more" in done.stderr
    assert "What came before it in this run stays: " in done.stderr


def test_a_baseline_that_is_refused_writes_no_ledger(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        conn.execute("drop table migrations; drop schema medusa_db cascade")
        conn.execute(
            "insert into money_amount (id, currency_code, amount) values ('ma_1', 'usd', 100)"
        )
    options = ("--baseline", "1.12.3", "--to", "1.15.2")

    refused = servers.medusa_db("migrate", *options, url=url, MEDUSA_DB_APPROVAL="on-breaking")
    in_the_way = servers.medusa_db("migrate", *options, url=url)

    assert (refused.returncode, in_the_way.returncode) == (9, 9)
    assert "money_amount: 1 row " in in_the_way.stderr
    with psycopg.connect(url) as conn:
        assert servers.rows(conn, "select to_regclass('migrations')::text") == [(None,)]
