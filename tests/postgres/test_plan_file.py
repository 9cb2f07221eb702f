"""`migrate --plan FILE` applies the plan that was reviewed, and nothing else, to nothing else."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import psycopg
import pytest

from servers import command, environ, medusa_db, rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers import TestServer

ASKING = {"MEDUSA_DB_APPROVAL": "on-breaking"}
TO = ("--to", "1.15.2")


def planned(file: Path, *options: str, url: str) -> dict[str, object]:
    done = medusa_db("plan", *options, "--output", "json", url=url)
    assert done.returncode == 0, done.stderr
    file.write_text(done.stdout)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def place(url: str) -> str:
    return str(json.loads(medusa_db("status", "--output", "json", url=url).stdout)["place"])


def applied(file: Path, *options: str, url: str, **environment: str) -> subprocess.CompletedProcess[str]:  # fmt: skip
    return medusa_db("migrate", "--plan", str(file), *options, url=url, **(ASKING | environment))  # type: ignore[arg-type]  # not timeout


def assert_outdated(done: subprocess.CompletedProcess[str], *said: str) -> None:
    assert done.returncode == 9, done.stdout + done.stderr
    for words in said:
        assert words in done.stderr
    assert "Make the plan again" in done.stderr or "make the plan again" in done.stderr


def test_a_reviewed_plan_is_applied_and_is_the_approval_of_what_is_in_it(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url, file = shop_at("1.12.3"), tmp_path / "plan.json"
    plan = planned(file, *TO, url=url)

    told = medusa_db("plan", "--plan", str(file), "--check", url=url, **ASKING)
    done = applied(file, url=url)
    again = applied(file, url=url)

    assert plan["breaking"] == ["1.13.0", "1.15.2"]
    assert told.returncode == 10, told.stderr
    assert done.returncode == 0, done.stderr
    assert place(url) == "1.15.2"
    assert_outdated(
        again, "the database was at 1.12.3, and is at 1.15.2", "it was applied. Nothing was changed"
    )


def test_a_plan_comes_from_stdin_as_well(shop_at: Callable[..., str], tmp_path: Path) -> None:
    url, file = shop_at("1.12.3"), tmp_path / "plan.json"
    planned(file, *TO, url=url)

    with file.open() as stream:
        done = subprocess.run(
            command("migrate", "--plan", "-"), env=environ(url, ASKING), stdin=stream,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert place(url) == "1.15.2"


def test_everything_that_was_asked_for_is_in_the_plan(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url, file, own = shop_at("1.12.3"), tmp_path / "plan.json", tmp_path / "own"
    own.mkdir()
    (own / "1690000000000_mine.sql").write_text("alter table product add column loyalty integer")
    planned(
        file, *TO, "--stop", "1.13.0", "--transaction", "each", "--flag", "tax_inclusive_pricing=true",
        "--migrations-dir", str(own), "--no-data-steps", "--data-step", "1.7.1/gift_card_tax_rate",
        "--lock-timeout", "3s", url=url,
    )  # fmt: skip

    done = applied(file, "--output", "json", url=url)

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert [step["name"] for step in report["dataSteps"]] == ["1.7.1/gift_card_tax_rate"]
    assert "mine1690000000000" in [one["name"] for one in report["migrations"]]
    with psycopg.connect(url) as conn:
        runs = rows(conn, "select to_version, cardinality(migrations) from medusa_db.history order by id")  # fmt: skip
        assert {("1.13.0", 1), ("1.15.2", 1)} <= set(runs)
        assert rows(conn, "select count(includes_tax) > 0 from currency") == [(True,)]


def test_a_plan_of_a_baseline_is_applied(shop_at: Callable[..., str], tmp_path: Path) -> None:
    url, file = shop_at("1.12.3"), tmp_path / "plan.json"
    with psycopg.connect(url) as conn:
        conn.execute("drop table migrations; drop schema medusa_db cascade")
    planned(file, *TO, "--baseline", "1.12.3", url=url)

    done = applied(file, url=url, MEDUSA_DB_APPROVAL="on-breaking")

    assert done.returncode == 0, done.stderr
    assert place(url) == "1.15.2"


def test_an_empty_database_is_filled_by_its_plan(server: TestServer, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    with server.database() as name:
        url = server.url(name)
        planned(file, url=url)

        done = applied(file, url=url)

        assert done.returncode == 0, done.stderr
        assert place(url) == "1.20.11"


def test_a_plan_with_nothing_to_do_does_nothing(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url, file = shop_at("1.12.3"), tmp_path / "plan.json"
    planned(file, "--to", "1.12.3", url=url)

    done = applied(file, url=url)

    assert (done.returncode, done.stdout[:13]) == (0, "Nothing to do")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("alter table product add column loyalty integer", "the table product is not what it was"),
        ("create table mine (id text)", "the table mine is new"),
        ("drop index \"IDX_cf9cc6c3f2e6414b992223fff1\"", "the table "),
        ("insert into migrations (timestamp, name) values (1, 'mine1')", "the ledger has got mine1"),
        ("delete from migrations where id = (select max(id) from migrations)", "the ledger has lost "),
        ("drop table migrations", ""),
        ("create view mine as select id from product", "the view mine is new"),
        ("alter table product enable row level security", "the owner or row security of product is not what it was"),
        ("create function mine() returns int language sql as 'select 1'", "the function mine() is new"),
    ],
)  # fmt: skip
def test_a_database_that_has_moved_since_is_left_alone(
    shop_at: Callable[..., str], tmp_path: Path, change: str, said: str
) -> None:
    url, file = shop_at("1.12.3"), tmp_path / "plan.json"
    planned(file, *TO, url=url)
    with psycopg.connect(url) as conn:
        if "index" in change:  # any of Medusa's
            (name,) = rows(conn, "select indexname from pg_indexes where tablename = 'product' and indexname like 'IDX%'")[0]  # fmt: skip
            change = f'drop index "{name}"'
        conn.execute(change)  # type: ignore[call-overload]  # no input

    done = applied(file, "--report-file", str(tmp_path / "report.json"), url=url)

    assert done.returncode == 9, done.stderr
    assert said in done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["reason"] == ("PlanOutdated" if said else "NoLedger")
    with psycopg.connect(url) as conn:
        assert rows(conn, "select to_regclass('product_shipping_profile')::text") == [(None,)]


def test_rows_that_a_shop_writes_meanwhile_do_not_outdate_a_plan(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url, file = shop_at("1.12.3"), tmp_path / "plan.json"
    planned(file, *TO, url=url)
    with psycopg.connect(url) as conn:
        conn.execute("update store set name = 'Busy'")

    assert applied(file, url=url).returncode == 0


def test_a_database_that_went_past_the_plan_outdates_it(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url, file = shop_at("1.12.3"), tmp_path / "plan.json"
    planned(file, *TO, url=url)
    assert medusa_db("migrate", "--to", "1.20.11", url=url).returncode == 0

    done = applied(file, url=url)

    assert_outdated(done, "the database was at 1.12.3, and is at 1.20.11")


@pytest.mark.parametrize("how", ["edited", "more", "gone"])
def test_own_files_that_are_not_those_of_the_plan_outdate_it(
    shop_at: Callable[..., str], tmp_path: Path, how: str
) -> None:
    url, file, own = shop_at("1.12.3"), tmp_path / "plan.json", tmp_path / "own"
    own.mkdir()
    mine = own / "1690000000000_mine.sql"
    mine.write_text("select 1")
    planned(file, *TO, "--migrations-dir", str(own), url=url)
    match how:
        case "edited":
            mine.write_text("select 2")
        case "more":
            (own / "1690000000001_other.sql").write_text("select 1")
        case _:
            mine.unlink()

    done = applied(file, url=url)

    said = {
        "edited": "the text is not the one that was planned, of mine1690000000000",
        "more": "other1690000000001 would run as well",
        "gone": "mine1690000000000 would not run",
    }[how]
    assert_outdated(done, said)
    assert place(url) == "1.12.3"


def test_a_plan_is_for_one_database(shop_at: Callable[..., str], tmp_path: Path) -> None:
    url, other, file = shop_at("1.12.3"), shop_at("1.12.3"), tmp_path / "plan.json"
    planned(file, *TO, url=url)

    done = applied(file, "--output", "json", url=other)
    schema = applied(file, "--schema", "medusa_db", url=url)

    one, another = (u.rpartition("/")[2] for u in (url, other))
    assert done.returncode == 9
    assert json.loads(done.stdout)["reason"] == "OtherDatabase"
    assert f"it was made for the database {one}, and this is {another}" in done.stderr
    assert "it was made for the schema public, and this is medusa_db" in schema.stderr
    assert place(other) == "1.12.3"


def test_the_schema_of_the_plan_counts_where_none_is_named(
    server: TestServer, tmp_path: Path
) -> None:
    file = tmp_path / "plan.json"
    with server.database() as name:
        url = server.url(name)
        with psycopg.connect(url) as conn:
            conn.execute("create schema shop")
        planned(file, "--to", "1.12.3", "--schema", "shop", url=url)

        assert applied(file, url=url).returncode == 0

        with psycopg.connect(url) as conn:
            assert rows(conn, "select count(*) from shop.migrations") == [(66,)]


DECIDED = (
    ("--to", "1.20.11"), ("--to", "1.15.2"), ("--stop", "1.13.0"), ("--no-data-steps",),
    ("--data-step", "1.7.1/gift_card_tax_rate"), ("--baseline", "1.12.3"), ("--transaction", "each"),
    ("--transaction", "step"), ("--flag", "tax_inclusive_pricing=true"),
)  # fmt: skip


def test_what_a_plan_decides_cannot_be_asked_for_beside_it(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url, file = shop_at("1.12.3"), tmp_path / "plan.json"
    planned(file, *TO, url=url)

    for options in DECIDED:
        done = applied(file, *options, url=url)

        assert (done.returncode, done.stdout) == (2, ""), options
        assert f"the plan {file}" in done.stderr
    assert place(url) == "1.12.3"


def test_the_environment_may_say_what_the_plan_says_and_nothing_else(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url, file = shop_at("1.12.3"), tmp_path / "plan.json"
    planned(file, *TO, url=url)

    other = medusa_db("migrate", url=url, MEDUSA_DB_PLAN=str(file), MEDUSA_DB_TO="1.20.11")
    same = medusa_db("migrate", url=url, MEDUSA_DB_PLAN=str(file), MEDUSA_DB_TO="1.15.2")

    assert other.returncode == 2
    assert "--to and --plan exclude each other" in other.stderr
    assert "(it is set in MEDUSA_DB_TO)" in other.stderr
    assert same.returncode == 0, same.stderr


def test_a_breaking_version_that_is_not_in_the_plan_is_not_agreed_to(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url, file = shop_at("1.12.3"), tmp_path / "plan.json"
    body = planned(file, *TO, url=url)
    file.write_text(json.dumps(body | {"breaking": ["1.13.0"]}))

    done = applied(file, url=url)

    assert done.returncode == 9
    assert "the way crosses breaking versions (1.15.2)" in done.stderr
