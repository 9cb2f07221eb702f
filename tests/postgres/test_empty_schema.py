"""An empty schema: what is in a schema is found, whatever it is, before names in it are not asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

import servers
from medusa_migrations.postgres import introspect

if TYPE_CHECKING:
    from pathlib import Path

    from psycopg import Connection

pytestmark = pytest.mark.each_server

KINDS = {
    "aggregate": 'create aggregate "sum of"(int) (sfunc = int4pl, stype = int)',
    "collation": 'create collation one from "C"',
    "conversion": "create conversion one for 'UTF8' to 'LATIN1' from utf8_to_iso8859_1",
    "domain": "create domain one as text",
    "enum type": "create type one as enum ('a')",
    "extension": "create extension pg_trgm",
    "foreign table": "create foreign data wrapper w; create server s foreign data wrapper w; create foreign table one (id int) server s",
    "function": "create function one() returns int language sql as 'select 1'",
    "materialized view": "create materialized view one as select 1 as id",
    "operator": "create operator === (leftarg = int, rightarg = int, function = int4eq)",
    "range type": "create type one as range (subtype = int)",
    "row type": "create type one as (id int)",
    "sequence": "create sequence one",
    "shell type": "create type one",
    "table": "create table one ()",
    "text search": "create text search configuration one (copy = simple)",
    "unlogged table": "create unlogged table one ()",
    "view": "create view one as select 1 as id",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_with_one_thing_of_any_kind_is_not_empty(conn: Connection[Any], kind: str) -> None:
    conn.execute('create schema "My shop"')
    conn.execute('set search_path to "My shop"')
    assert introspect.is_empty(conn, "My shop")

    conn.execute(sql.SQL(KINDS[kind]))

    assert not introspect.is_empty(conn, "My shop")
    assert introspect.is_empty(conn, "public")


def test_a_schema_is_empty_again_when_all_of_it_is_gone(conn: Connection[Any]) -> None:
    conn.execute("create table one (id serial primary key)")
    conn.execute("drop table one")

    assert introspect.is_empty(conn, "public")


def findings(url: str, *options: str) -> list[dict[str, Any]]:
    done = servers.medusa_db("plan", "--to", "1.20.11", "--output", "json", *options, url=url)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout)["findings"])


def test_a_type_that_has_a_name_of_medusas_is_found_in_a_schema_without_tables(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create type cart_type_enum as enum ('x')")

    (found,) = findings(url)

    assert found["reason"] == "NameTaken"
    assert found["problem"].startswith("the enum type cart_type_enum is there already, and ")


def test_a_file_of_the_shops_own_is_about_other_schemas_as_well(url: str, tmp_path: Path) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create schema erp")
        conn.execute("create table erp.stock (id int)")
        conn.execute("create view public_stock as select id from erp.stock")
        conn.execute("create schema shop")
    (tmp_path / "1600000000000_away.sql").write_text("drop table erp.stock;")

    found = findings(url, "--schema", "shop", "--migrations-dir", str(tmp_path))

    assert [one["reason"] for one in found] == ["Dependents"]
