"""A shop in a schema of its own, and roles and databases with settings of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

import servers
from faults import Snapshot, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers import TestServer

NAMED = [
    pytest.param((), "?schema=shop", "1.20.11", id="url"),
    pytest.param((), "?options=-c%20search_path%3Dshop", "1.2.0", id="options"),
    pytest.param(("--schema", "shop"), "", "1.2.0", id="option"),
    pytest.param(("--schema", "shop"), "?schema=public", "1.2.0", id="option-over-url"),
]


@pytest.mark.parametrize(("options", "parameters", "target"), NAMED)
def test_a_schema_other_than_public_works_like_public_and_leaves_public_alone(
    server: TestServer,
    shop_at: Callable[..., str],
    options: tuple[str, ...],
    parameters: str,
    target: str,
) -> None:
    url = shop_at("1.3.0")  # another shop, of another version, is in public
    with psycopg.connect(url) as conn:
        conn.execute("create schema shop")
    public = part(snapshot(url), "public")

    done = servers.medusa_db("migrate", "--to", target, *options, url=url + parameters)
    verified = servers.medusa_db("verify", *options, url=url + parameters)

    assert done.returncode == 0, done.stderr
    assert verified.returncode == 0, verified.stdout
    found, clean = snapshot(url), snapshot(server.url(server.at(target)))
    assert part(found, "public") == public
    assert part(found, "shop") == part(clean, "public", to="shop")


def test_a_table_that_was_moved_to_another_schema_is_moved_back_and_not_made_anew(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        conn.execute(
            "create schema other; alter table product set schema other;"
            " create schema crm; create table crm.note (id int primary key)"
        )
    back = "alter table other.product set schema public"

    verified = servers.medusa_db("verify", "--output", "json", url=url)
    refused = servers.medusa_db("migrate", "--to", "1.20.11", url=url)

    (missing,) = (
        one
        for one in json.loads(verified.stdout)["differences"]
        if one["object"] == "table product"
    )
    assert missing["fix"] == ""
    assert back in missing["hint"]
    assert refused.returncode == 9
    assert back in refused.stderr
    assert "create table" not in verified.stdout + refused.stderr
    with psycopg.connect(url) as conn:
        conn.execute(sql.SQL(back))
    assert servers.medusa_db("verify", url=url).returncode == 0


COMMANDS = [
    ("migrate", "--to", "1.12.3"),
    ("seed", "--demo"),
    ("plan", "--to", "1.20.11"),
    ("migrate", "--to", "1.20.11"),
    ("migrate", "--to", "1.20.11"),
    ("verify",),
    ("status",),
    ("wait", "--for", "1.20.11"),
    ("repair",),
    ("seed", "export"),
]


@pytest.mark.parametrize("schema", ["50%", 'a%s "b" {c} $1 :d; --', "%(schema)s", "it's"])
def test_a_schema_may_be_called_anything(url: str, schema: str) -> None:
    with psycopg.connect(url) as conn:
        conn.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))

    for command in COMMANDS:
        done = servers.medusa_db(*command, url=url, MEDUSA_DB_SCHEMA=schema)
        assert done.returncode == 0, (command, done.stderr)

    with psycopg.connect(url) as conn:
        query = sql.SQL("select count(*) from {}").format(sql.Identifier(schema, "product"))
        assert conn.execute(query).fetchone() != (0,)
        assert servers.rows(conn, "select to_regclass('public.product')") == [(None,)]


def part(found: Snapshot, schema: str, to: str | None = None) -> Snapshot:
    """Return the rows of one schema, as if it were called *to*."""
    rows = {row for row in found if row[1] == schema and row[0] != "schema"}
    return frozenset(tuple(_renamed(cell, schema, to or schema) for cell in row) for row in rows)


def _renamed(cell: object, schema: str, to: str) -> object:
    if cell == schema:
        return to
    return cell.replace(f"{schema}.", f"{to}.") if isinstance(cell, str) else cell


@pytest.mark.parametrize(
    ("options", "parameters"),
    [((), "?schema=boutique"), (("--schema", "boutique"), "")],
    ids=["url", "option"],
)
@pytest.mark.parametrize("command", ["migrate", "status"])
def test_a_schema_that_is_not_there_is_not_made(
    url: str, options: tuple[str, ...], parameters: str, command: str
) -> None:
    before = snapshot(url)

    done = servers.medusa_db(command, *options, url=url + parameters)

    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == (
        "medusa-db: there is no schema 'boutique' in this database; create it first: create schema "
        '"boutique"\n'
    )
    assert snapshot(url) == before


@pytest.mark.parametrize("asked", ["Boutique", "BOUTIQUE", '"boutique"'])
def test_a_schema_that_is_spelt_otherwise_is_named(url: str, asked: str) -> None:
    with psycopg.connect(url) as conn:
        conn.execute("create schema boutique")

    done = servers.medusa_db("migrate", "--schema", asked, url=url)

    assert (done.returncode, done.stdout) == (5, "")
    assert (
        f"there is no schema {asked!r} in this database; there is 'boutique': upper" in done.stderr
    )


def test_a_search_path_without_a_schema_is_said_so(url: str) -> None:
    done = servers.medusa_db("migrate", url=f"{url}?options=-c%20search_path%3Dnowhere")

    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == (
        "medusa-db: no schema of the search path exists; create one, or name one with --schema\n"
    )


@pytest.mark.parametrize(
    "path", ["nowhere%2Cpg_catalog", "pg_catalog", "information_schema%2Cmedusa_db"]
)
def test_a_search_path_of_schemas_that_hold_no_shop_hides_none(
    shop_at: Callable[..., str], path: str
) -> None:
    there = f"{shop_at('1.20.11')}?options=-c%20search_path%3D{path}"

    for words in (("status",), ("migrate", "--to", "1.20.11"), ("wait", "--for", "1.20.11")):
        done = servers.medusa_db(*words, url=there)
        assert (done.returncode, done.stdout) == (5, "")
        assert (
            "no schema of the search path can hold a shop, and the schema public has a ledger"
            in done.stderr
        )
    assert servers.medusa_db("status", "--schema", "public", url=there).returncode == 0


@pytest.mark.parametrize("schema", ["pg_catalog", "information_schema", "medusa_db", "pg_toast"])
def test_no_shop_is_made_among_what_is_postgresqls_or_ours(url: str, schema: str) -> None:
    done = servers.medusa_db("migrate", "--schema", schema, url=url)

    assert done.returncode == 2
    assert f"no shop can be in the schema {schema}" in done.stderr


SETTINGS = {
    "limits": (
        "statement_timeout to 50",
        "lock_timeout to 1",
        "idle_in_transaction_session_timeout to 1",
    ),
    "spelling": (
        "datestyle to 'German, DMY'",
        "intervalstyle to sql_standard",
        "standard_conforming_strings to off",
        "quote_all_identifiers to on",
        "client_encoding to latin1",
        "timezone to 'Asia/Kathmandu'",
    ),
    "behaviour": (
        "search_path to elsewhere, public",
        "default_transaction_isolation to serializable",
        "default_transaction_deferrable to on",
    ),
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_settings_of_the_role_or_the_database_do_not_disturb_a_run(
    server: TestServer, url: str, kind: str
) -> None:
    name = url.rpartition("/")[2]
    with psycopg.connect(url) as conn:
        conn.execute("create schema elsewhere")
    for setting in SETTINGS[kind]:
        server.execute(f"alter database {{}} set {setting}", name)

    done = servers.medusa_db("migrate", "--schema", "public", url=url)
    status = servers.medusa_db("status", "--schema", "public", "--check", "1.20.11", url=url)
    verified = servers.medusa_db("verify", "--schema", "public", url=url)

    assert done.returncode == 0, done.stderr
    assert status.returncode == 0, status.stderr
    assert verified.returncode == 0, verified.stdout
    assert reference_rows(url) == reference_rows(server.url(server.at("1.20.11")))


def test_no_query_is_compiled(server: TestServer, url: str, tmp_path: Path) -> None:
    server.execute("alter database {} set jit to on", url.rpartition("/")[2])
    own = "create table seen as select current_setting('jit') as jit;"
    (tmp_path / "1600000000000_own.sql").write_text(own)

    done = servers.medusa_db("migrate", "--migrations-dir", str(tmp_path), url=url)

    assert done.returncode == 0, done.stderr
    with psycopg.connect(url) as conn:
        assert conn.execute("select jit from seen").fetchall() == [("off",)]


def reference_rows(url: str) -> list[tuple[object, ...]]:
    """Return the rows of which some have letters and signs beyond ASCII."""
    with psycopg.connect(
        url, autocommit=True, client_encoding="utf-8", options="-c statement_timeout=0"
    ) as conn:
        return servers.rows(
            conn,
            "select iso_2, name, display_name from public.country union all "
            "select code, name, symbol_native from public.currency order by 1, 2, 3",
        )


def test_a_search_path_of_the_role_says_where_its_shop_is(server: TestServer, url: str) -> None:
    name = url.rpartition("/")[2]
    with psycopg.connect(url) as conn:
        conn.execute("create schema shop")
    server.execute("alter database {} set search_path to shop, public", name)

    done = servers.medusa_db("migrate", url=url)

    assert done.returncode == 0, done.stderr
    with psycopg.connect(url) as conn:
        tables = servers.rows(conn, "select tablename from pg_tables where schemaname = 'public'")
        found = conn.execute(sql.SQL("select count(*) from shop.migrations")).fetchone()
    assert tables == []
    assert found is not None
    assert found[0] > 70


def test_a_database_whose_encoding_cannot_hold_the_rows_is_refused(server: TestServer) -> None:
    server.execute(
        "create database latin1 template template0 encoding latin1 lc_collate 'C' lc_ctype 'C'"
    )
    try:
        done = servers.medusa_db("migrate", url=server.url("latin1"))
    finally:
        server.drop("latin1")

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "medusa-db: the encoding of this database is LATIN1, which cannot hold Medusa's own rows. "
        "Make a database with encoding UTF8 (createdb -E UTF8 -T template0)\n"
    )


def test_a_text_that_no_server_of_medusas_can_read_is_called_that(
    server: TestServer, tmp_path: Path
) -> None:
    server.execute(
        "create database ascii template template0 encoding sql_ascii lc_collate 'C' lc_ctype 'C'"
    )
    document = tmp_path / "seed.json"
    document.write_text('{"product_collections": [{"title": "Cups"}]}')
    try:
        url = server.url("ascii")
        assert servers.medusa_db("seed", "-f", str(document), url=url).returncode == 0
        with psycopg.connect(url, client_encoding="sql_ascii") as conn:
            conn.execute(rb"update product_collection set title = E'caf\xe9'")
        told = [
            servers.medusa_db(*words, url=url)
            for words in (("seed", "export"), ("seed", "-f", str(document)))
        ]
    finally:
        server.drop("ascii")

    assert [done.returncode for done in told] == [3, 3]
    for done in told:
        assert 'invalid byte sequence for encoding "UTF8": 0xe9' in done.stderr
        assert "correct that text, or restore the shop into a database of UTF8" in done.stderr
