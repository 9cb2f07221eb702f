"""Migrations of the shop's own that are broken, or that do what a migration must not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

import servers
from faults import snapshot

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


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        pytest.param("loyalty.sql", b"select 1", "the name is not TIMESTAMP_name.sql", id="name"),
        pytest.param("1800_loyalty.sql", b"select 1", "with 13 digits", id="short-timestamp"),
        pytest.param(FILE, b"select '\xff'", "cannot be read as UTF-8 text", id="not-utf-8"),
        pytest.param(FILE, b"", "holds no statement; write one", id="empty"),
        pytest.param(FILE, b"-- to do\n;\n", "holds no statement; write one", id="only-comments"),
        pytest.param(FILE, b"select '\0'", "holds a NUL character", id="nul"),
        pytest.param(
            FILE, b"select 1;\nselect 'it", "line 2: the text that ' opens is never closed",
            id="quote",
        ),
        pytest.param(
            FILE, b'drop table "x', 'line 1: the text that " opens is never closed', id="name-quote"
        ),
        pytest.param(FILE, b"do $x$ begin", "the text that $x$ opens is never", id="dollar"),
        pytest.param(FILE, b"/* /* */ select 1", "line 1: the comment is never closed", id="comment"),
        pytest.param(
            FILE, b"create table a (b int);\ncommit;\n",
            "line 2: `commit` controls the transaction; a migration and its ledger row are one "
            "transaction, remove it", id="commit",
        ),
        pytest.param(FILE, b"BEGIN; select 1", "line 1: `BEGIN` controls the", id="begin"),
        pytest.param(
            FILE, b"create table points (id int);\ncopy points from stdin;\n1\n\\.\n",
            "line 2: `copy` from or to the client needs psql", id="copy-from-stdin",
        ),
        pytest.param(
            FILE, b"\\restrict x\nselect 1;", "line 1: `\\restrict` is written by pg_dump", id="pg-dump"
        ),
        pytest.param(
            FILE, b"create index concurrently on product (title);",
            "line 1: `create index concurrently` cannot run in a transaction", id="concurrently",
        ),
        pytest.param(
            FILE, b"-- Up Migration\nselect 1;\n-- Down Migration\ndrop table product;\n",
            "line 3: `-- Down Migration` begins what takes the migration back", id="two-halves",
        ),
        pytest.param("1800000000000-a.js", b"", "JavaScript does not run here", id="medusas-programs"),
        pytest.param("1800000000000_a.SQL", b"select 1", "does not end in .sql in lower", id="case"),
        pytest.param(
            "1611063162649_initialSchema.sql", b"select 1",
            "is the name of one of Medusa's own migrations", id="medusas-own",
        ),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_a_migration_is_refused_before_the_database_is_opened(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)

    done = servers.medusa_db(
        "migrate", "--migrations-dir", str(tmp_path), url="postgres://nobody@127.0.0.1:1/none"
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"medusa-db: {tmp_path}")
    assert says in done.stderr


@pytest.mark.parametrize(
    "command",
    [("plan",), ("status",), ("migrations", "show")],
    ids="-".join,
)
def test_every_command_refuses_such_a_file_before_the_database_is_opened(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / FILE).write_text("select 1;\n-- migrate:down\ndrop table product;\n")

    done = servers.medusa_db(
        *command, "--migrations-dir", str(tmp_path), url="postgres://nobody@127.0.0.1:1/none"
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert "line 2: `-- migrate:down` begins what takes the migration back" in done.stderr


def test_a_folder_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    done = servers.medusa_db("migrate", "--migrations-dir", str(tmp_path / "no"), url="postgres://")

    assert (done.returncode, done.stdout) == (2, "")
    assert f"{tmp_path}/no is not a folder" in done.stderr


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(
            "create table points (id int);\ncreate tabel rewards (id int);\n",
            'loyalty1800000000000: syntax error at or near "tabel" (SQLSTATE 42601); rolled back. '
            "Nothing of this step remains; the database is as it was before, and the old server "
            "keeps working.\nFILE: {file}, line 2\nLINE 2: create tabel rewards (id int)\n               ^\n",
            id="syntax",
        ),
        pytest.param(
            "alter table product add points int;\nselect nothing from product;",
            'loyalty1800000000000: column "nothing" does not exist (SQLSTATE 42703); rolled back. '
            "Nothing of this step remains; the database is as it was before, and the old server "
            "keeps working.\nFILE: {file}, line 2\nLINE 2: select nothing from product\n               ^\n",
            id="column",
        ),
        pytest.param(
            "create table points (id int);\ndo $$ begin commit; end $$;",
            "loyalty1800000000000: invalid transaction termination (SQLSTATE 2D000); rolled back. ",
            id="a-block-that-commits",
        ),
        pytest.param(
            "create procedure settle() language plpgsql as $$ begin rollback; end $$;\ncall settle();",
            "loyalty1800000000000: invalid transaction termination (SQLSTATE 2D000), in the function settle(); "
            "rolled back. ",
            id="a-procedure-that-rolls-back",
        ),
        pytest.param(
            "do $$ begin execute 'create index concurrently on product (title)'; end $$;",
            "CREATE INDEX CONCURRENTLY cannot ",
            id="concurrently-in-a-block",
        ),
        pytest.param(
            "do $$ begin create table product (id int); end $$;",
            'relation "product" already exists (SQLSTATE 42P07)',
            id="a-name-that-is-taken-in-a-block",
        ),
    ],
)
def test_a_migration_that_fails_leaves_nothing_and_says_where(
    shop: str, tmp_path: Path, content: str, says: str
) -> None:
    before = snapshot(shop)
    (tmp_path / FILE).write_text(content)

    done = servers.medusa_db(
        "migrate", "--to", "1.20.11", "--migrations-dir", str(tmp_path), url=shop
    )

    assert (done.returncode, done.stdout) == (7, "")
    assert says.replace("{file}", str(tmp_path / FILE)) in done.stderr
    assert "Traceback" not in done.stderr
    assert snapshot(shop) == before


def test_a_name_that_is_taken_is_found_before_anything_is_written(
    shop: str, tmp_path: Path
) -> None:
    before = snapshot(shop)
    (tmp_path / FILE).write_text("create table product (id int);")

    done = servers.medusa_db(
        "migrate", "--to", "1.20.11", "--migrations-dir", str(tmp_path), url=shop
    )

    assert (done.returncode, done.stdout) == (9, "")
    assert done.stderr == (
        "medusa-db: the table product is there already, and loyalty1800000000000 makes it. Give what the "
        "file makes another name, or rename or drop what is there\n"
    )
    assert snapshot(shop) == before


@pytest.mark.parametrize(
    "content",
    [
        "create schema elsewhere; set search_path to elsewhere; create table points (id int);",
        "create schema elsewhere; set local search_path to pg_catalog;",
        "set lock_timeout to 1; set statement_timeout to 1000; set datestyle to german;",
        "set session characteristics as transaction read only;",
        "reset all;",
        "set role pg_read_all_settings;",
        "set local role pg_read_all_settings; create temporary table points (id int);",
        "set session authorization pg_read_all_settings;",
    ],
)
def test_a_migration_that_changes_the_session_does_not_disturb_the_run(
    shop_at: Callable[..., str], tmp_path: Path, content: str
) -> None:
    url = shop_at("1.12.3")
    (tmp_path / "1600000000000_before.sql").write_text(content)
    (tmp_path / "1800000000000_after.sql").write_text("alter table product add points int;")

    done = servers.medusa_db(
        "migrate", "--to", "1.20.11", "--migrations-dir", str(tmp_path), "--stop", "1.15.0", url=url
    )

    assert done.returncode == 0, done.stderr
    with psycopg.connect(url) as conn:
        names = servers.rows(conn, "select name from public.migrations")
        conn.execute(sql.SQL("select points from public.product"))
    assert {("before1600000000000",), ("after1800000000000",)} <= set(names)
    assert servers.medusa_db("verify", "--to", "1.20.11", url=url).returncode == 0


HALVES = {
    "node-pg-migrate": (
        "1800000000000_tier.sql",
        "-- Up Migration\n{up}\n-- Down Migration\n{down}",
    ),
    "dbmate": ("20270115080000_tier.sql", "-- migrate:up\n{up}\n-- migrate:down\n{down}"),
    "goose": (
        "20270115080000_tier.sql",
        "-- +goose Up\n-- +goose StatementBegin\n{up}\n-- +goose StatementEnd\n-- +goose Down\n{down}",
    ),
    "sql-migrate": ("20270115080000-tier.sql", "-- +migrate Up\n{up}\n-- +migrate Down\n{down}"),
}


@pytest.mark.parametrize("format_", HALVES)
def test_of_another_tools_file_only_the_half_that_goes_forward_runs(
    shop_at: Callable[..., str], tmp_path: Path, format_: str
) -> None:
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute("create table loyalty as select 1 as points")
    name, content = HALVES[format_]
    up = (
        "create function tier() returns text language plpgsql as $$\nbegin\n  return 'gold';\nend $$;\n"
        "alter table loyalty add tier text default tier();"
    )
    (tmp_path / name).write_text(content.format(up=up, down="drop table loyalty;"))
    words = ("--migrations-dir", str(tmp_path), "--migrations-format", format_)

    first = servers.medusa_db("migrate", "--to", "1.20.11", *words, url=url)
    again = servers.medusa_db("migrate", "--to", "1.20.11", *words, url=url)

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    with psycopg.connect(url) as conn:
        assert servers.rows(conn, "select points, tier from loyalty") == [(1, "gold")]
        ledger = servers.rows(conn, "select name from migrations where name like 'tier%'")
    assert ledger == [("tier1800000000000",)]


def test_of_a_pair_only_the_file_that_goes_forward_runs(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.20.11")
    (tmp_path / "1800000000_tier.up.sql").write_text("create table tier (id int);")
    (tmp_path / "1800000000_tier.down.sql").write_text("drop table tier;")
    words = ("--migrations-dir", str(tmp_path), "--migrations-format", "golang-migrate")

    done = servers.medusa_db("migrate", "--to", "1.20.11", *words, url=url)

    assert done.returncode == 0, done.stderr
    with psycopg.connect(url) as conn:
        assert servers.rows(conn, "select to_regclass('tier') is not null") == [(True,)]


def test_a_line_that_fails_in_the_second_half_of_a_file_is_named_where_it_is(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.20.11")
    content = "-- Down Migration\ndrop table x;\n\n-- Up Migration\n\ncreate tabel x (id int);\n"
    (tmp_path / FILE).write_text(content)
    words = ("--migrations-dir", str(tmp_path), "--migrations-format", "node-pg-migrate")

    done = servers.medusa_db("migrate", "--to", "1.20.11", *words, url=url)

    assert done.returncode == 7
    assert "LINE 6: create tabel x" in done.stderr


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(
            "create function f() returns int language sql begin atomic select case when true then 1 end; "
            "end;\ncreate table points as select f();", id="begin-atomic",
        ),
        pytest.param(
            "create table points (a int[]);\ncreate rule r as on insert to points do also (select 1; "
            "select a[1:cardinality(a)] from points);", id="rule-and-slice",
        ),
        pytest.param("-- rollback: none\r\ncreate table points (id int);\r\n", id="prose-windows"),
        pytest.param(
            # as pg_dump --inserts writes it, without its lines for psql
            "--\n-- PostgreSQL database dump\n--\nSET statement_timeout = 0;\nSET lock_timeout = 0;\n"
            "SELECT pg_catalog.set_config('search_path', '', false);\nSET row_security = off;\n"
            "CREATE TABLE public.points (id integer NOT NULL);\n"
            "INSERT INTO public.points VALUES (1);\n", id="dump-with-inserts",
        ),
    ],
)  # fmt: skip
def test_what_only_looks_like_trouble_runs(
    shop_at: Callable[..., str], tmp_path: Path, content: str
) -> None:
    url = shop_at("1.20.11")
    (tmp_path / "1800000000000_first.sql").write_bytes(content.encode())
    (tmp_path / "1800000000001_second.sql").write_text("alter table points add more int;")

    done = servers.medusa_db(
        "migrate", "--to", "1.20.11", "--migrations-dir", str(tmp_path), url=url
    )

    assert done.returncode == 0, done.stderr
    with psycopg.connect(url) as conn:
        conn.execute("select more from public.points")
