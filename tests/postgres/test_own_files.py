"""Files of the shop's own as they run: what is said of them, and what they may not do to a run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

import servers
from faults import snapshot
from medusa_testbed.processes import MEASURING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from servers import TestServer

FILE = "1800000000000_loyalty.sql"


@pytest.fixture(scope="module")
def shop(server: TestServer) -> Iterator[str]:
    """The URL of a shop at 1.12.3, the same for all runs that must leave it as it is."""
    with server.database(server.at("1.12.3")) as name:
        yield server.url(name)


def migrate(url: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return servers.medusa_db(
        "migrate", "--to", "1.20.11", "--migrations-dir", str(folder), *words, url=url
    )


def execute(url: str, *queries: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        for query in queries:
            conn.execute(sql.SQL(query))


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        pytest.param(
            "create table points (id int primary key);\n\ninsert into points\nvalues (1);\n"
            "-- again\ninsert into points values (1);\n",
            [
                "FILE: {file}, line 6",
                "STATEMENT: insert into points values (1)",
                "Key (id)=(1) already exists.",
            ],
            id="no-place-from-the-server",
        ),
        pytest.param(
            "select 1;\nselect 2;\ndo $$\nbegin\n  raise exception 'no points';\nend $$;\n",
            [
                "no points",
                "FILE: {file}, line 3",
                "STATEMENT: do $$",
                "CONTEXT: PL/pgSQL function inline_code_block line 3 at RAISE",
            ],
            id="in-a-block",
        ),
        pytest.param(
            "select 'é';\nselect 1;\nselect\n  nothing\nfrom product;\n",
            ["FILE: {file}, line 4", "LINE 4:   nothing", "          ^"],
            id="a-place-behind-letters-of-two-bytes",
        ),
        pytest.param(
            "-- much\n" + "insert into product_tag (id, value) values ('x', 'y');\n" * 2,
            ["FILE: {file}, line 3", "STATEMENT: insert into product_tag"],
            id="inserts",
        ),
        pytest.param(
            "create table points (id int primary key);\n"
            + "".join(f"insert into points values ({n});\n" for n in range(20_000))
            + "insert into points values (7);\n",
            ["FILE: {file}, line 20002", "STATEMENT: insert into points values (7)"],
            id="a-large-file",
        ),
        pytest.param(
            "create table points (id int primary key);\n"
            + "".join(f"insert into points values ({n});\n" for n in range(20_000))
            + "select\n\n  nothing;\n",
            ["FILE: {file}, line 20004", "LINE 20004:   nothing", "              ^"],
            id="a-large-file-with-a-place",
        ),
    ],
)
def test_an_error_names_file_line_and_statement(
    shop: str, tmp_path: Path, content: str, lines: list[str]
) -> None:
    before = snapshot(shop)
    (tmp_path / FILE).write_text(content)

    done = migrate(shop, tmp_path)

    assert (done.returncode, done.stdout) == (7, "")
    said = done.stderr.splitlines()
    for line in lines:
        wanted = line.format(file=tmp_path / FILE)
        assert any(wanted in one for one in said), done.stderr
    assert snapshot(shop) == before


def test_notices_and_warnings_are_shown_up_to_a_bound(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / FILE).write_text(
        "do $$ begin raise notice 'moved % rows', 7; raise warning 'no stock'; end $$;\n"
        "do $$ begin for i in 1..60 loop raise notice 'row %', i; end loop; end $$;\n"
    )

    done = migrate(shop_at("1.20.11"), tmp_path)

    assert done.returncode == 0, done.stderr
    assert "NOTICE: moved 7 rows" in done.stderr
    assert "WARNING: no stock" in done.stderr
    assert "NOTICE: row 48" in done.stderr
    assert "NOTICE: row 49" not in done.stderr
    assert "and 12 more notices" in done.stderr


@pytest.mark.parametrize(
    "content",
    [
        "delete from migrations where timestamp < 1650000000000;",
        "truncate migrations restart identity;",
        "drop table migrations;",
        "do $$ begin update migrations set name = name || '_old'; end $$;",
        "alter table migrations rename to migrations_old;",
    ],
)
def test_a_file_that_takes_rows_from_the_ledger_ends_the_run(
    shop: str, tmp_path: Path, content: str
) -> None:
    before = snapshot(shop)
    (tmp_path / FILE).write_text(content)

    done = migrate(shop, tmp_path)

    assert done.returncode == 7, done.stderr
    assert f"{FILE} takes " in done.stderr
    assert "rows from the table migrations (" in done.stderr
    assert "it was rolled back" in done.stderr
    assert snapshot(shop) == before


def test_a_file_outside_of_a_transaction_that_takes_rows_from_the_ledger_leads_to_repair(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.20.11")
    (tmp_path / FILE).write_text(
        "-- medusa-db: no-transaction\ndelete from migrations where name like 'AddMetadata%';\n"
    )

    done = migrate(url, tmp_path)

    assert done.returncode == 7, done.stderr
    assert "is committed: `medusa-db repair` shows which rows the schema proves" in done.stderr


def test_a_file_may_take_the_rows_of_a_plugin_that_is_gone(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.12.3")
    execute(url, "insert into migrations (timestamp, name) values (1, 'wishlist1')")
    (tmp_path / FILE).write_text("delete from migrations where name = 'wishlist1';")

    assert migrate(url, tmp_path).returncode == 0


@pytest.mark.parametrize(
    "content",
    [
        "select pg_advisory_unlock_all();",
        f"select pg_advisory_unlock({0x6D65}, {0x64757361});",
        "do $$ begin perform pg_advisory_unlock_all(); end $$;",
    ],
)
def test_a_file_that_lets_go_of_the_lock_ends_the_run(
    shop: str, tmp_path: Path, content: str
) -> None:
    before = snapshot(shop)
    (tmp_path / FILE).write_text(content)

    done = migrate(shop, tmp_path)

    assert (done.returncode, done.stdout) == (7, "")
    assert f"{tmp_path / FILE} released the advisory lock" in done.stderr
    assert snapshot(shop) == before


@pytest.mark.parametrize(
    "swallows",
    [
        pytest.param(
            "create function swallow() returns trigger language plpgsql as 'begin return null; end';"
            "create trigger t before insert on migrations for each row execute function swallow()",
            id="a-trigger",
        ),
        pytest.param("create rule r as on insert to migrations do instead nothing", id="a-rule"),
    ],
)
@pytest.mark.parametrize("own", [False, True], ids=["medusas", "the-shops"])
def test_a_ledger_that_swallows_its_rows_leaves_no_schema_without_them(
    shop_at: Callable[..., str], tmp_path: Path, swallows: str, own: bool
) -> None:
    url = shop_at("1.20.11" if own else "1.12.3")
    execute(url, swallows)
    before = snapshot(url)
    (tmp_path / FILE).write_text("create table points (id int);")

    done = migrate(url, tmp_path)

    assert done.returncode in (7, 9), done.stderr
    assert snapshot(url) == before


def test_a_temporary_table_of_a_file_hides_none_of_medusas(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.12.3")
    (tmp_path / "1600000000000_before.sql").write_text(
        "create temp table product (id int); create temp table cart (x int);"
        "insert into product values (1);"
    )
    (tmp_path / "1600000000001_after.sql").write_text("alter table product add points int;")

    done = migrate(url, tmp_path)

    assert done.returncode == 0, done.stderr
    execute(url, "select points from public.product")
    assert servers.medusa_db("verify", "--to", "1.20.11", url=url).returncode == 0


def test_a_large_file_is_read_in_little_memory_and_in_a_time_that_grows_with_it(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.20.11")
    with (tmp_path / FILE).open("w") as file:
        file.write("create table points (id int, note text, more text);\n")
        file.write("insert into points (id, note) values (1, 'it''s ä so');\n" * 100_000)
        file.write("update points set note = 'x' where false and id = 2;\n" * 20_000)
        file.write(f"insert into points values (2, '{'ab' * 2_000_000}', null);\n")
        file.write("insert into points values" + "\n (3, 'x', null)," * 300_000 + "(3, 'x', '');\n")

    output = tmp_path / "output"
    command = servers.command("migrate", "--to", "1.20.11", "--migrations-dir", str(tmp_path))
    measured = subprocess.run(
        [sys.executable, str(MEASURING), str(output), *command],
        env=servers.environ(url), capture_output=True, text=True, check=True,
    )  # fmt: skip
    code, _, cpu, memory = measured.stdout.split()
    said = output.read_text()

    assert code == "0", said
    assert int(memory) < 130 * 1024 * 1024
    assert float(cpu) < 20
    with psycopg.connect(url) as conn:
        assert servers.rows(conn, "select id, count(*) from points group by 1 order by 1") == [
            (1, 100_000), (2, 1), (3, 300_001),
        ]  # fmt: skip
    assert re.search(r"\bloyalty1800000000000\b", said)


def test_a_file_that_was_changed_or_deleted_since_is_named(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.20.11")
    for number, name in enumerate(("kept", "edited", "gone")):
        (tmp_path / f"180000000000{number}_{name}.sql").write_text(f"create table {name} (id int);")
    assert migrate(url, tmp_path).returncode == 0
    words = ("--migrations-dir", str(tmp_path))
    before = servers.medusa_db("status", *words, "--output", "json", url=url)
    (tmp_path / "1800000000001_edited.sql").write_text("create table edited (id int); -- more")
    (tmp_path / "1800000000002_gone.sql").unlink()

    shown = servers.medusa_db("status", *words, "--output", "json", url=url)
    verified = servers.medusa_db("verify", *words, url=url)

    assert "shopFiles" not in json.loads(before.stdout)
    said = [
        (
            f"{tmp_path}/1800000000001_edited.sql was changed after it had been applied, and does not run again; put "
            "back what it said, and write what is new into a file of its own"
        ),
        (
            "1800000000002_gone.sql was applied, and is not in the folder any more; put it back, so that an empty "
            "database becomes the same shop"
        ),
    ]
    assert json.loads(shown.stdout)["shopFiles"] == said
    shown_by_verify = " ".join(verified.stdout.split())
    assert all(line in shown_by_verify for line in said), verified.stdout


@pytest.mark.parametrize("rows", [1, 20_000], ids=["small", "large"])
def test_a_file_with_the_line_ends_of_another_system_is_the_same(
    shop_at: Callable[..., str], tmp_path: Path, rows: int
) -> None:
    url, file = shop_at("1.20.11"), tmp_path / FILE
    text = "create table points (id int);\n" + "insert into points values (1);\n" * rows
    file.write_bytes(text.encode())
    assert migrate(url, tmp_path).returncode == 0

    file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    shown = servers.medusa_db(
        "status", "--migrations-dir", str(tmp_path), "--output", "json", url=url
    )

    assert "shopFiles" not in json.loads(shown.stdout)


def test_a_plan_as_sql_has_all_of_a_large_file(shop_at: Callable[..., str], tmp_path: Path) -> None:
    row = "insert into points values (1, 'it''s');\n"
    (tmp_path / FILE).write_text(
        "create table points (id int, note text);\n" + row * 20_000 + "select 1;"
    )

    done = servers.medusa_db(
        "plan",
        "--to",
        "1.20.11",
        "--migrations-dir",
        str(tmp_path),
        "--sql",
        url=shop_at("1.20.11"),
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.count(row) == 20_000


OUTSIDE = "-- medusa-db: no-transaction\n"


def test_a_file_runs_outside_of_a_transaction_where_it_says_so(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.12.3")
    (tmp_path / "1600000000000_before.sql").write_text("create table points (id int);")
    (tmp_path / "1600000000001_index.sql").write_text(
        f"{OUTSIDE}create index concurrently points_id on points (id);\nvacuum points;\n"
        "reindex index concurrently points_id;\n"
    )
    (tmp_path / "1600000000002_after.sql").write_text("alter table points add note text;")

    done = migrate(url, tmp_path)
    again = migrate(url, tmp_path)

    assert done.returncode == 0, done.stderr
    assert again.returncode == 0, again.stderr
    with psycopg.connect(url) as conn:
        assert servers.rows(
            conn, "select indisvalid from pg_index where indexrelid = 'points_id'::regclass"
        ) == [(True,)]
        names = {name for (name,) in servers.rows(conn, "select name from migrations")}
    assert {"before1600000000000", "index1600000000001", "after1600000000002"} <= names
    assert servers.medusa_db("verify", "--to", "1.20.11", url=url).returncode == 0


def test_a_plan_marks_a_file_that_runs_outside_of_a_transaction(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.12.3")
    (tmp_path / "1600000000000_tags.sql").write_text("create table tags (id int);")
    (tmp_path / "1600000000001_index.sql").write_text(
        f"{OUTSIDE}create index concurrently mine on product (title);\n"
    )
    words = ("plan", "--to", "1.20.11", "--migrations-dir", str(tmp_path))

    text = servers.medusa_db(*words, url=url).stdout
    plan = json.loads(servers.medusa_db(*words, "--output", "json", url=url).stdout)

    items = [item for step in plan["steps"] for item in step["items"]]
    parts = [part for step in plan["steps"] for part in step["transactions"]]
    assert [one["name"] for one in items if "noTransaction" in one] == ["index1600000000001"]
    outside = [part for part in parts if part.pop("noTransaction", False)]
    assert [(part["items"], part["locks"]) for part in outside] == [(["index1600000000001"], [])]
    row = next(line for line in text.splitlines() if " index1600000000001 " in line)
    assert "outside of a transaction; product: " in row
    said = "index1600000000001 runs outside of a transaction, as the file asks: each statement is"
    assert said in " ".join(text.split())


def test_a_file_that_fails_halfway_outside_of_a_transaction_is_known_by_the_next_run(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.20.11")
    execute(url, "create table points (id int)", "insert into points values (1), (1)")
    file = tmp_path / FILE
    file.write_text(
        f"{OUTSIDE}create table rewards (id int);\n"
        "create unique index concurrently points_id on points (id);\nvacuum points;\n"
    )

    failed = migrate(url, tmp_path)
    second = migrate(url, tmp_path)
    execute(url, "drop index points_id", "delete from points")
    last = migrate(url, tmp_path)

    assert failed.returncode == 7, failed.stderr
    for line in (
        "its first 1 statements are done and stay",
        "It left an invalid index behind: drop index concurrently public.points_id",
        f"FILE: {file}, line 3",
    ):
        assert line in failed.stderr
    assert second.returncode == 9, second.stderr
    assert "an invalid index was left behind: public.points_id" in second.stderr
    assert "drop index concurrently public.points_id" in second.stderr
    assert last.returncode == 0, last.stderr
    with psycopg.connect(url) as conn:
        conn.execute("select from rewards")
        assert servers.rows(
            conn, "select indisvalid from pg_index where indexrelid = 'points_id'::regclass"
        ) == [(True,)]


def test_a_file_that_came_halfway_and_was_changed_is_refused(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.20.11")
    file = tmp_path / FILE
    file.write_text(f"{OUTSIDE}create table rewards (id int);\nselect 1 / 0;\n")
    assert migrate(url, tmp_path).returncode == 7
    file.write_text(f"{OUTSIDE}create table rewards (id int, more int);\nselect 1;\n")

    done = migrate(url, tmp_path)

    assert done.returncode == 9, done.stderr
    assert "1 statements of it had run when it was changed" in done.stderr
