"""What a shop's own migrations, triggers and event triggers find: the search path that its role has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

import servers
from faults import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers import TestServer

AUDIT = """
    create schema audit;
    create table audit.noted (what text);
    create function audit.note_down(what text) returns void language sql as
      'insert into audit.noted values (what)';
    create function public.note() returns trigger language plpgsql as
      $$ begin perform note_down(tg_table_name); return null; end $$;
    create trigger note after insert or update on {table} for each statement execute function public.note();
"""
PATH = 'alter database {} set search_path to "$user", public, audit'


def counted(url: str, query: str) -> int:
    with psycopg.connect(url) as conn:
        return int(servers.rows(conn, query)[0][0])


def test_a_trigger_finds_what_its_role_finds_while_migrations_and_data_steps_run(
    server: TestServer, shop_at: Callable[..., str]
) -> None:
    url = shop_at("1.7.0")
    server.execute(PATH, url.rpartition("/")[2])
    with psycopg.connect(url) as conn:
        conn.execute(
            AUDIT.format(table="payment_session").encode()
        )  # a migration of 1.7.3 updates it
        conn.execute(
            "create trigger note after update on gift_card for each statement"  # and 1.7.1's data step
            " execute function public.note()"
        )

    done = servers.medusa_db("migrate", "--to", "1.7.3", url=url)

    assert done.returncode == 0, done.stderr
    assert counted(url, "select count(distinct what) from audit.noted") == 2


def test_a_trigger_finds_what_its_role_finds_while_a_seed_runs(
    server: TestServer, shop_at: Callable[..., str]
) -> None:
    url = shop_at("1.20.11")
    server.execute(PATH, url.rpartition("/")[2])
    with psycopg.connect(url) as conn:
        conn.execute(AUDIT.format(table="product").encode())

    done = servers.medusa_db("seed", "--demo", url=url)

    assert done.returncode == 0, done.stderr
    assert counted(url, "select count(*) from audit.noted where what = 'product'") > 0


def test_an_event_trigger_finds_what_its_role_finds(server: TestServer, url: str) -> None:
    server.execute(PATH, url.rpartition("/")[2])
    with psycopg.connect(url) as conn:
        conn.execute(
            """
            create schema audit;
            create table audit.statements (tag text);
            create function audit.ddl() returns event_trigger language plpgsql as
              $$ begin insert into statements values (tg_tag); end $$;
            create event trigger ddl on ddl_command_end execute function audit.ddl();
            """
        )

    done = servers.medusa_db("migrate", "--to", "1.2.0", url=url)

    assert done.returncode == 0, done.stderr
    assert counted(url, "select count(*) from audit.statements where tag = 'CREATE TABLE'") > 50


@pytest.mark.parametrize("parameters", ["", "?schema=shop"])
def test_an_own_migration_finds_what_psql_finds(
    server: TestServer, url: str, tmp_path: Path, parameters: str
) -> None:
    with psycopg.connect(url) as conn:
        conn.execute(
            "create schema shop; create schema tools; create extension pg_trgm schema tools"
        )
    server.execute("alter database {} set search_path to public, tools", url.rpartition("/")[2])
    (tmp_path / "1690000000000_alike.sql").write_text(
        "create table alike as select similarity('a', 'b') as how;"
        "create index on alike using gin ((how::text) gin_trgm_ops);"
    )

    done = servers.medusa_db(
        "migrate", "--to", "1.2.0", "--migrations-dir", str(tmp_path), url=url + parameters
    )
    script = servers.medusa_db(
        "plan", "--to", "1.20.11", "--sql", "--migrations-dir", str(tmp_path), url=url + parameters
    ).stdout
    with psycopg.connect(url, options="-c search_path=public") as conn:
        conn.execute(script.encode())

    assert done.returncode == 0, done.stderr
    schema = "shop" if parameters else "public"
    assert counted(url, f"select count(*) from {schema}.alike") == 1
    after = servers.medusa_db("status", "--check", "1.20.11", url=url + parameters)
    assert after.returncode == 0, after.stderr


@pytest.mark.parametrize("ledger", [True, False], ids=["ledger", "no-ledger"])
def test_medusas_statements_never_reach_what_another_schema_of_the_path_has(
    server: TestServer, shop_at: Callable[..., str], *, ledger: bool
) -> None:
    url = shop_at("1.12.3")  # another shop, in public
    with psycopg.connect(url) as conn:
        conn.execute("create schema shop")
        if not ledger:
            conn.execute("drop table migrations")
    server.execute("alter database {} set search_path to shop, public", url.rpartition("/")[2])
    with psycopg.connect(url) as conn:
        conn.execute(
            "create function public.noted() returns trigger language plpgsql as"
            " 'begin return null; end'"
        )
    public = {row for row in snapshot(url) if row[1] == "public"}

    done = servers.medusa_db("migrate", "--to", "1.20.11", "--schema", "shop", url=url)
    verified = servers.medusa_db("verify", "--schema", "shop", url=url)

    assert done.returncode == 0, done.stderr
    assert verified.returncode == 0, verified.stdout
    assert {row for row in snapshot(url) if row[1] == "public"} == public


@pytest.mark.parametrize("command", ["migrate", "seed"])
def test_a_failure_in_a_trigger_names_the_function_and_the_trigger(
    shop_at: Callable[..., str], tmp_path: Path, command: str
) -> None:
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute(
            """
            create function stand_in_the_way() returns trigger language plpgsql as
              $$ begin raise exception 'no writes today'; end $$;
            create trigger guard before insert or update on product_type for each row
              execute function stand_in_the_way();
            """
        )
    (tmp_path / "1690000000000_type.sql").write_text(
        "insert into product_type (id, value) values ('t', 's3cr3t')"
    )
    words = {
        "migrate": ("migrate", "--to", "1.20.11", "--migrations-dir", str(tmp_path)),
        "seed": ("seed", "--demo"),
    }
    with psycopg.connect(url) as conn:  # what the demo shop writes for certain
        conn.execute(
            "create trigger guard before insert or update on product for each row"
            " execute function stand_in_the_way()"
        )

    done = servers.medusa_db(*words[command], url=url)

    assert done.returncode == 7
    assert (
        "no writes today (SQLSTATE P0001), in the function stand_in_the_way(), called by"
        in done.stderr
    )
    assert "the trigger guard on product" in done.stderr
    assert "CONTEXT: " in done.stderr


SAME = (
    "create function same(varchar, varchar) returns boolean language sql as 'select true'",
    "create operator = (leftarg = varchar, rightarg = varchar, function = same)",
)
"""An operator that comes before PostgreSQL's own, which has text: by it, each name is each other's."""


def test_an_operator_of_the_shop_does_not_compare_the_names_of_the_ledger(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.17.2")
    with psycopg.connect(url) as conn:
        for one in SAME:
            conn.execute(one.encode())

    done = servers.medusa_db("migrate", "--to", "1.20.11", url=url)

    assert done.returncode == 0, done.stderr
    assert "verified" in done.stdout


def test_an_operator_of_the_shop_does_not_choose_the_rows_that_a_repair_takes_away(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        for one in SAME:
            conn.execute(one.encode())
        conn.execute("alter table product_category drop column metadata")

    done = servers.medusa_db("repair", "--apply", url=url)

    assert done.returncode == 0, done.stderr
    assert counted(url, "select count(*) from migrations") == 74
