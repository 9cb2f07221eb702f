"""Whatever a shop has built on Medusa's tables is left alone, or is in the way and said so beforehand."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from psycopg import sql

import servers
from faults import snapshot
from medusa_migrations.catalog import load
from medusa_migrations.catalog.version import parse
from medusa_migrations.schema import verify
from medusa_migrations.schema.effects import Drop, Retype, Space, of

if TYPE_CHECKING:
    from collections.abc import Callable

    from medusa_migrations.schema.model import Schema

pytestmark = pytest.mark.each_server

FEW = settings(
    max_examples=60 if os.environ.get("MEDUSA_TEST_ALL") else 5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
VERSIONS = ("1.1.18", "1.1.40", "1.3.0", "1.7.0", "1.12.3")
KINDS = {
    "view": "create view {name} as select {column} from {table}",
    "view on a view": "create view {name}_a as select {column} from {table};"
    " create view {name} as select {column} from {name}_a",
    "materialized view": "create materialized view {name} as select {column} from {table};"
    " create index on {name} ({column})",
    "policy": "create policy {name} on {table} using ({column} is not null)",
    "policy of another table": "create policy {name} on region using"
    " (exists (select from {table} where {column} is not null))",
    "trigger of a column": "create trigger {name} before update of {column} on {table}"
    " for each row execute function nothing()",
    "trigger with a condition": "create trigger {name} before update on {table}"
    " for each row when (new.{column} is null) execute function nothing()",
    "rule": "create rule {name} as on delete to {table} where old.{column} is null and false"
    " do also select 1",
    "generated column": "alter table {table} add {name} boolean"
    " generated always as ({column} is null) stored",
    "check": "alter table {table} add constraint {name} check ({column} is null or true)",
    "index": "create index {name} on {table} ({column})",
    "unique index": "create unique index {name} on {table} ({column}, id)",
    "statistics": "create statistics {name} on {column}, {other} from {table}",
    "foreign key": "create unique index {name}_u on {table} ({column});"
    " create table {name} (x {type} references {table} ({column}))",
    "function with a body": "create function {name}() returns bigint language sql"
    " begin atomic select count({column}) from {table}; end",
    "publication": "create publication {name} for table only {table} where ({column} is null)",
    "child": "create table {name} () inherits ({table})",
    "view on a child": "create table {name}_c () inherits ({table});"
    " create view {name} as select {column} from {name}_c",
    "rows in a column": "create table {name} (x {table})",
    "rows in an array": "create table {name} (x {table}[])",
}
NEWER = {"function with a body": 140000, "publication": 150000}


def schema_of(version: str) -> Schema:
    catalog = load.read()
    wanted = parse(version)
    return verify.expected(catalog.enabled(wanted, {}))


def ending() -> set[tuple[str, str]]:
    """Return the columns that some migration drops or retypes."""
    catalog = load.read()
    found = set()
    for migration in catalog.present(catalog.newest):
        for effect in of(migration.statements):
            match effect:
                case Drop():
                    found |= {(n.table, n.name) for n in effect.names if n.space is Space.COLUMN}
                case Retype():
                    found.add((effect.column.table, effect.column.name))
                case _:
                    pass
    return found


@st.composite
def built(draw: st.DrawFn) -> tuple[str, list[tuple[str, str]]]:
    """Draw a version, and kinds of things with the statements that build them on it."""
    version = draw(st.sampled_from(VERSIONS))
    tables = schema_of(version).tables
    every = [(table.name, name) for table in tables.values() for name in table.columns]
    ends = sorted(set(every) & ending())
    places = (
        st.one_of(st.sampled_from(every), st.sampled_from(ends)) if ends else st.sampled_from(every)
    )
    found = []
    for number in range(draw(st.integers(1, 4))):
        table, column = draw(places)
        kind = draw(st.sampled_from(sorted(KINDS)))
        columns = tables[table].columns
        quoted = {
            "table": f'"{table}"', "column": f'"{column}"', "name": f"own_{number}",
            "other": next((f'"{name}"' for name in columns if name != column), f'"{column}"'),
            "type": f'"{columns[column].type}"' if "enum" in columns[column].type else columns[column].type,
        }  # fmt: skip
        found.append((kind, KINDS[kind].format(**quoted)))
    return version, found


def findings(url: str) -> list[dict[str, Any]]:
    done = servers.medusa_db("plan", "--to", "1.20.11", "--output", "json", url=url)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout)["findings"])


@FEW
@given(drawn=built())
def test_what_is_built_on_a_shop_never_fails_an_upgrade_halfway(
    shop_at: Callable[..., str], drawn: tuple[str, list[tuple[str, str]]]
) -> None:
    version, things = drawn
    url = shop_at(version)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(
            "create function nothing() returns trigger language plpgsql as 'begin return new; end'"
        )
        for kind, statements in things:
            if conn.info.server_version < NEWER.get(kind, 0):
                continue
            try:
                with conn.transaction():
                    conn.execute(sql.SQL(statements))  # type: ignore[arg-type]
            except (psycopg.ProgrammingError, psycopg.NotSupportedError):
                continue  # that cannot be built there: json has no equality, a name is taken
            note(statements)
    before = snapshot(url)

    found = findings(url)
    grave = [one for one in found if one["fatal"]]
    done = servers.medusa_db("migrate", "--to", "1.20.11", url=url)

    assert done.returncode == (9 if grave else 0), done.stderr
    if grave:
        assert snapshot(url) == before
        with psycopg.connect(url, autocommit=True) as conn:
            for one in found:
                if "before" in one:
                    conn.execute(sql.SQL(one["before"]))
        again = servers.medusa_db("migrate", "--to", "1.20.11", url=url)
        assert again.returncode == 0, again.stderr
    with psycopg.connect(url, autocommit=True) as conn:
        for (name,) in servers.rows(
            conn, "select viewname from pg_views where schemaname = 'public'"
        ):
            conn.execute(sql.SQL("select * from {}").format(sql.Identifier(name)))
