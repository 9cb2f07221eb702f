"""A wish that must not be granted, and databases that are not what they seem."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import servers
from faults import runs, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

    from servers import TestServer


@pytest.fixture(scope="module")
def shop(server: TestServer) -> Iterator[str]:
    """The URL of a shop at 1.12.3, the same for all runs that must leave it as it is."""
    with server.database(server.at("1.12.3")) as name:
        yield server.url(name)


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("1.12.9", "--to 1.12.9: there is no such version; near it are 1.12.3, 1.13.0, 1.13.1"),
        ("1.0.5", "--to 1.0.5: Medusa 1.0 kept its data in MongoDB"),
        ("2.1.0", "--to 2.1.0: Medusa v2 has another schema and needs a database of its own"),
    ],
)
def test_a_version_that_is_not_ours_is_refused_by_its_name(
    shop: str, version: str, says: str
) -> None:
    before = snapshot(shop)

    done = servers.medusa_db("migrate", "--to", version, url=shop)

    assert (done.returncode, done.stdout) == (9, "")
    assert says in done.stderr
    assert snapshot(shop) == before


def test_a_downgrade_is_refused_and_names_what_would_be_lost(shop: str) -> None:
    before = snapshot(shop)

    done = servers.medusa_db("migrate", "--to", "1.11.0", url=shop)

    assert (done.returncode, done.stdout) == (9, "")
    assert "the ledger holds migrations from after 1.11.0: " in done.stderr
    assert "A downgrade would lose data and is not done; ask for 1.12.0 or later" in done.stderr
    assert snapshot(shop) == before


@pytest.fixture
def unledgered(shop_at: Callable[..., str]) -> str:
    """The URL of the tables of 1.12.3 without a ledger."""
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        conn.execute("drop table migrations; drop schema medusa_db cascade")
    return url


def test_tables_without_a_ledger_are_left_alone(unledgered: str) -> None:
    before = snapshot(unledgered)

    done = servers.medusa_db("migrate", url=unledgered)

    assert (done.returncode, done.stdout) == (9, "")
    assert "the schema public has tables that Medusa would make (address, " in done.stderr
    assert "adopt it with --baseline V" in done.stderr
    assert snapshot(unledgered) == before


def test_tables_without_a_ledger_are_adopted_where_they_prove_their_version(
    server: TestServer, unledgered: str
) -> None:
    done = servers.medusa_db("migrate", "--baseline", "1.12.3", "--to", "1.12.3", url=unledgered)

    assert done.returncode == 0, done.stderr
    with server.database(server.at("1.12.3")) as other:
        assert snapshot(unledgered) == snapshot(server.url(other))
    assert servers.medusa_db("verify", url=unledgered).returncode == 0


@pytest.mark.parametrize("wrong", ["1.10.0", "1.13.0", "1.20.11"])
def test_tables_that_are_not_the_version_named_are_not_adopted(unledgered: str, wrong: str) -> None:
    before = snapshot(unledgered)

    done = servers.medusa_db("migrate", "--baseline", wrong, "--to", "1.20.11", url=unledgered)

    assert (done.returncode, done.stdout) == (8, "")
    assert f"medusa-db: the tables are not those of {wrong}: " in done.stderr
    assert "Nothing was written" in done.stderr
    assert "\n- " in done.stderr
    assert (snapshot(unledgered), runs(unledgered)) == (before, 0)


REFUSES = """
    create function keep() returns trigger language plpgsql as $$
      begin {} end $$;
    create trigger keep before insert on migrations for each row execute function keep()
"""
NOT_TAKEN = "the trigger keep on migrations does not take the row of "


@pytest.fixture
def emptied(shop_at: Callable[..., str]) -> str:
    """The URL of the tables of 1.12.3 with a ledger that has lost its rows."""
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        conn.execute("delete from migrations; drop schema medusa_db cascade")
    return url


@pytest.mark.parametrize("to", ["1.12.3", "1.13.0"])
@pytest.mark.parametrize(
    ("made", "says"),
    [
        pytest.param(
            REFUSES.format("raise exception 'closed on Sundays';"),
            NOT_TAKEN,
            id="refused",
        ),
        pytest.param(
            REFUSES.format(
                "if new.name like 'initialSchema%' then perform 1 / 0; end if; return new;"
            ),
            NOT_TAKEN,
            id="refused-some",
        ),
        pytest.param(REFUSES.format("return null;"), "trigger keep", id="swallowed"),
        pytest.param(
            "create rule keep as on insert to migrations do instead nothing",
            "rule keep",
            id="swallowed-by-a-rule",
        ),
    ],
)
def test_a_ledger_that_does_not_take_the_rows_of_a_baseline_is_found_beforehand(
    emptied: str, made: str, says: str, to: str
) -> None:
    with psycopg.connect(emptied) as conn:
        conn.execute(made)
    before = snapshot(emptied)
    asked = ("--baseline", "1.12.3", "--to", to)

    plan = servers.medusa_db("plan", "--check", *asked, "--output", "json", url=emptied)
    run = servers.medusa_db("migrate", *asked, "--output", "json", url=emptied)

    grave = [found for found in json.loads(plan.stdout)["findings"] if found["fatal"]]
    assert (plan.returncode, run.returncode) == (9, 9)
    assert snapshot(emptied) == before
    assert any(says in found["problem"] for found in grave)
    assert json.loads(run.stdout)["reason"] == "SchemaDiffers"
    assert says in json.loads(run.stdout)["message"]
    with psycopg.connect(emptied, autocommit=True) as conn:
        for found in grave:
            conn.execute(found["fix"].encode())
    done = servers.medusa_db("migrate", *asked, url=emptied)
    assert done.returncode == 0, done.stderr


def test_a_trigger_of_the_ledger_finds_the_tables_of_the_shop_under_a_baseline(
    emptied: str,
) -> None:
    with psycopg.connect(emptied, autocommit=True) as conn:
        conn.execute(
            "create schema audit; create table audit.seen (name text);"
            "create function seen() returns trigger language plpgsql as"
            " 'begin insert into seen values (new.name); return new; end';"
            "create trigger seen before insert on migrations for each row execute function seen();"
        )
        conn.execute(f"alter database {conn.info.dbname} set search_path = audit, public".encode())

    done = servers.medusa_db(
        "migrate", "--baseline", "1.12.3", "--to", "1.12.3", "--schema", "public", url=emptied
    )

    assert done.returncode == 0, done.stderr
    with psycopg.connect(emptied) as conn:
        assert servers.rows(
            conn, "select (select count(*) from audit.seen) = count(*) from migrations"
        ) == [(True,)]


def test_a_ledger_that_is_there_is_not_replaced_by_a_baseline(shop: str) -> None:
    before = snapshot(shop)

    done = servers.medusa_db("migrate", "--baseline", "1.12.3", url=shop)

    assert done.returncode == 9
    assert "there is a ledger already, at 1.12.3" in done.stderr
    assert snapshot(shop) == before


def test_a_medusa_v2_database_is_refused(url: str, conn: Connection[Any]) -> None:
    conn.execute(
        "create table mikro_orm_migrations (id serial primary key, name text);"
        "create table link_module_migrations (id serial primary key, table_name text);"
        "create table product (id text primary key)"
    )
    before = snapshot(url)

    done = servers.medusa_db("migrate", url=url)

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "medusa-db: this is a Medusa v2 database (it has the table link_module_migrations); migrations of v1 do "
        "not apply. Medusa v1 and v2 need databases of their own, and one of v2 is for the shop's own Medusa "
        "(`--project DIR`)\n"
    )
    assert snapshot(url) == before


def test_a_shop_with_modules_that_v2_has_too_is_of_v1(shop: str) -> None:
    with psycopg.connect(
        shop
    ) as conn:  # what @medusajs/pricing leaves of it, and tables called like v2's
        conn.execute(
            "create table mikro_orm_migrations (id serial primary key, name text, executed_at timestamptz);"
            "insert into mikro_orm_migrations (name) values ('InitialSetup20230907144224');"
            "create table price_set (id text primary key);"
            "insert into migrations (timestamp, name) values (1800000000000, 'tickets1800000000000');"
            "create table order_change (id text primary key)"
        )

    done = servers.medusa_db("status", url=shop)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("version     1.12.3 ")
    assert "66 of Medusa, 1 of others; what plugins still want is not known here" in done.stdout


def test_the_ledger_of_another_tool_is_not_touched(url: str, conn: Connection[Any]) -> None:
    conn.execute("create table migrations (id serial primary key, migration text, batch int)")
    before = snapshot(url)

    done = servers.medusa_db("migrate", url=url)

    assert (done.returncode, done.stdout) == (9, "")
    assert done.stderr == (
        "medusa-db: the table public.migrations is not Medusa's: it has the columns batch, id, "
        "migration. Another tool keeps its records there; give Medusa a schema or database of its "
        "own\n"
    )
    assert snapshot(url) == before


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("migrations", "show"),
        ("plan", "--to", "1.12.3"),
        ("verify", "--to", "1.12.3"),
        ("wait", "--for", "1.12.3", "--timeout", "20s"),
        ("migrate", "--to", "1.12.3"),
    ],
    ids=lambda words: words[0],
)
@pytest.mark.parametrize("how", ["drop table migrations", "delete from migrations"])
def test_tables_without_a_ledger_are_one_thing_to_every_command(
    shop_at: Callable[..., str], command: tuple[str, ...], how: str
) -> None:
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        conn.execute(how.encode())

    done = servers.medusa_db(*command, url=url)

    assert (done.returncode, done.stdout) == (9, "")
    assert "no ledger that says at which version they are" in done.stderr


ANEW = (
    'alter table "public"."migrations" drop column id, add column id serial, '
    'add constraint "PK_8c82d7f526340ab734260ea46be" primary key (id)'
)
UUIDS = (
    "alter table migrations drop column id; "
    "alter table migrations add id uuid primary key default gen_random_uuid()"
)


@pytest.mark.parametrize(
    ("change", "type_", "advice"),
    [
        (
            "alter table migrations alter id drop default, alter id type text",
            "text",
            'alter table "public"."migrations" alter column id type integer using id::integer',
        ),
        (UUIDS, "uuid", ANEW),
    ],
)
def test_a_ledger_whose_ids_do_not_count_is_refused_with_what_lets_them_count(
    shop_at: Callable[..., str], change: str, type_: str, advice: str
) -> None:
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        conn.execute(change.encode())

    for command in (("status",), ("plan", "--to", "1.20.11"), ("migrate", "--to", "1.20.11"), ("verify",)):  # fmt: skip
        done = servers.medusa_db(*command, url=url)

        assert done.returncode == 9
        assert done.stderr.startswith(
            f"medusa-db: the column public.migrations.id is of the type {type_}, and the order of the ids is that in "
            "which the migrations ran. "
        )
        assert advice in done.stderr
    with psycopg.connect(url) as conn:
        conn.execute(advice.encode())
    assert servers.medusa_db("migrate", "--to", "1.20.11", url=url).returncode == 0
