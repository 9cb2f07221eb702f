"""The locks of a shop's own SQL are in the plan, or it says that they are not known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg
import pytest

from medusa_migrations.schema import lock_modes
from servers import medusa_db, rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.each_server

SURROUNDINGS = """
create schema audit;
create table audit.log (id text primary key, product_id text references public.product (id));
create table audit.trail (id text);
create table child (id text primary key, product_id text constraint child_product references product (id),
  region_id text constraint child_region references region (id));
create table parted (id text) partition by list (id);
create view cheap as select id from product;
create function touch() returns trigger language plpgsql as
  'begin update public.store set name = name; return new; end';
create trigger touching before update on customer for each row execute function touch();
create function count_all() returns bigint language sql as 'select count(*) from public.image';
do $$ begin execute format('alter database %I set search_path to public, audit', current_database()); end $$;
"""
STATEMENTS = {
    "add-column": 'ALTER TABLE ONLY public."product" ADD COLUMN loyalty integer',
    "rename": "alter table product rename column title to headline",
    "validate": "alter table if exists child add check (id <> '') not valid",
    "index": "create unique index if not exists mine on region using btree (name)",
    "drop-index": 'drop index if exists "IDX_cf9cc6c3f2e6414b992223fff1"',
    "foreign-key": "create table mine (id text, region_id text references region (id))",
    "update": "update product p set title = r.name from region r where r.id = p.id",
    "delete": "with gone as (delete from image returning id) select count(*) from gone",
    "insert": "insert into child (id, product_id) values ('c', null)",
    "merge": "merge into child c using region r on r.id = c.id when matched then delete",
    "truncate": "truncate only child, parted",
    "drop-table": "drop table child",
    "drop-constraint": "alter table child drop constraint child_region",
    "drop-column": "alter table child drop column product_id",
    "trigger": "create trigger mine after insert on image for each row execute function touch()",
    "drop-trigger": "drop trigger touching on customer",
    "policy": "create policy mine on image using (true)",
    "rule": "create rule mine as on insert to image do also nothing",
    "view": "create or replace view mine as select p.id from product p join image i on i.id = p.id",
    "materialized": "create materialized view mine as select id from image",
    "table-as": "create table mine as select id from image",
    "like": "create table mine (like region including all)",
    "partition": "create table mine partition of parted for values in ('a')",
    "attach": "create table mine (id text); alter table parted attach partition mine default",
    "inherits": "create table mine () inherits (region)",
    "lock": "lock table product, region in exclusive mode nowait",
    "comment": "comment on column public.product.title is 'x'; comment on table region is null",
    "analyze": "analyze region, product",
    "elsewhere": "alter table audit.log add column x int",
    "elsewhere-of-the-path": "update trail set id = id",
    "of-a-view": "update cheap set id = id",
    "by-a-trigger": "update customer set email = email",
    "by-a-function": "update region set name = count_all()::text",
    "select": "select count_all()",
    "do": "do $$ begin update public.image set url = url; end $$",
    "cascade": "drop table region cascade",
    "refresh": "create materialized view mine as select 1 as one; refresh materialized view mine",
}  # fmt: skip
UNKNOWN = {
    "elsewhere", "elsewhere-of-the-path", "of-a-view", "by-a-trigger", "by-a-function", "select", "do",
    "cascade", "refresh",
}  # fmt: skip
"""Those of which it cannot be said, by their words alone, what they lock."""


def test_every_lock_that_a_statement_takes_is_told_or_called_unknown(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        left_out = {"merge"} if conn.info.server_version < 150000 else set()
        conn.execute(SURROUNDINGS)  # type: ignore[call-overload]  # no input
    texts = {name: text for name, text in STATEMENTS.items() if name not in left_out}
    for number, (name, text) in enumerate(texts.items()):
        file = f"{1999000000000 + number}_{name.replace('-', '_')}.sql"
        (tmp_path / file).write_text(text)
    options = ("--to", "1.20.11", "--migrations-dir", str(tmp_path))

    told = medusa_db("plan", *options, "--output", "json", url=url)
    shown = medusa_db("plan", *options, url=url)

    assert told.returncode == 0, told.stderr
    items = json.loads(told.stdout)["steps"][0]["items"]
    assert len(items) == len(texts)
    for (name, text), item in zip(texts.items(), items, strict=True):
        known = {lock["table"]: lock["mode"] for lock in item["locks"]}
        missing = {
            table: mode
            for table, mode in taken(url, text).items()
            if lock_modes.joined(known.get(table, "access share"), mode) != known.get(table)
        }
        assert not missing or item["unknownLocks"], (name, missing, known)
        (line,) = [line for line in shown.stdout.splitlines() if f"  {item['name']} " in line]
        assert line.endswith("none") == (not known and not item["unknownLocks"])
        assert all(f"{table}: {mode} (" in line for table, mode in known.items())
        assert ("unknown: " in line) == bool(item["unknownLocks"])
        assert bool(item["unknownLocks"]) == (name in UNKNOWN), (name, item["unknownLocks"])


def taken(url: str, text: str) -> dict[str, str]:
    """Return which tables that were there before *text* locks, as PostgreSQL says, and how strongly."""
    with psycopg.connect(url) as conn:
        there = {oid for (oid,) in rows(conn, "select oid::bigint from pg_class")}
        conn.execute(text.encode())
        held = rows(
            conn,
            "select c.oid::bigint, c.relname::text, l.mode from pg_locks l join pg_class c on c.oid = l.relation"
            " join pg_namespace n on n.oid = c.relnamespace where l.pid = pg_backend_pid()"
            " and c.relkind in ('r', 'p', 'v') and n.nspname in ('public', 'audit')",
        )
        conn.rollback()
    found: dict[str, str] = {}
    for oid, table, mode in held:
        spelled = "".join(f" {c.lower()}" if c.isupper() else c for c in mode).strip()
        spelled = spelled.removesuffix(" lock")
        if oid in there and spelled != "access share":
            found[table] = lock_modes.joined(found.get(table, "access share"), spelled)
    return found


def test_own_sql_that_locks_nothing_that_is_there_says_so(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.20.11")
    (tmp_path / "1999000000000_mine.sql").write_text("create table mine (id text)")

    told = medusa_db("plan", "--to", "1.20.11", "--migrations-dir", str(tmp_path), url=url)

    (line,) = [line for line in told.stdout.splitlines() if "mine1999000000000" in line]
    assert line.endswith("  none")
