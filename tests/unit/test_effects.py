"""What the statements of a migration make, drop, rename and change."""

from __future__ import annotations

import pytest

from medusa_migrations.schema import effects
from medusa_migrations.schema.effects import Change, Drop, Make, Name, Rename, Retype, Space, Unseen

T = Name(Space.RELATION, "t")


def column(name: str, schema: str = "") -> Name:
    return Name(Space.COLUMN, name, schema, "t")


def index(name: str) -> Make:
    return Make(Name(Space.RELATION, name), "index")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('drop table if exists "T", s.u cascade', [
            Drop((Name(Space.RELATION, "T"), Name(Space.RELATION, "u", "s")), cascade=True)]),
        ("drop materialized view m", [Drop((Name(Space.RELATION, "m"),))]),
        ("drop index concurrently if exists i", [Drop((Name(Space.RELATION, "i"),))]),
        ("drop function f(int, numeric(3, 2)), g", [
            Drop((Name(Space.ROUTINE, "f"), Name(Space.ROUTINE, "g")))]),
        ("drop policy if exists p on s.t", [Drop((Name(Space.POLICY, "p", "s", "t"),))]),
        ("drop owned by shop", [Unseen("drop owned by")]),
        ("alter table if exists only s.t drop column if exists a, drop b cascade", [
            Drop((column("a", "s"),)), Drop((column("b", "s"),), cascade=True)]),
        ("alter table t drop constraint k", [Drop((Name(Space.CONSTRAINT, "k", table="t"),))]),
        ("alter table t alter a type numeric(3, 2) using (a::numeric), alter column b set data type int", [
            Retype(column("a")), Retype(column("b"))]),
        ("alter table t rename a to b", [Rename(column("a"), column("b"))]),
        ("alter table t rename constraint a to b", [
            Rename(Name(Space.CONSTRAINT, "a", table="t"), Name(Space.CONSTRAINT, "b", table="t"))]),
        ("alter view s.v rename to w", [
            Rename(Name(Space.RELATION, "v", "s"), Name(Space.RELATION, "w", "s"))]),
        ("alter table t set schema s", [Rename(T, Name(Space.RELATION, "t", "s"))]),
        ("alter table t alter a drop default, alter b drop not null", [
            Change(column("a"), unties=True), Change(column("b"))]),
        ("alter table t enable row level security", [Change(T)]),
        ("alter policy p on t using (true)", [Change(Name(Space.POLICY, "p", table="t"), unties=True)]),
        ("alter type e add value 'x'", [Change(Name(Space.TYPE, "e"))]),
        ("create index i on s.t (a)", [
            Change(Name(Space.RELATION, "t", "s")), Make(Name(Space.RELATION, "i", "s"), "index")]),
        ("create index on t (a)", [Change(T)]),
        ("create or replace view v as select 1", [
            Make(Name(Space.RELATION, "v"), "view", replaces=True)]),
        ("create or replace function f() returns int language sql as 'select 1'", [
            Change(Name(Space.ROUTINE, "f"), unties=True)]),
        ("create temp table t (id int)", []),
        ("create type c as (a int)", [
            Make(Name(Space.TYPE, "c"), "type", parts=(Make(Name(Space.RELATION, "c"), "composite type"),))]),
        ("create constraint trigger g after insert on t for each row execute function f()", [
            Make(Name(Space.TRIGGER, "g", table="t"), "trigger")]),
        ("create rule r as on insert to t do also nothing", [Make(Name(Space.RULE, "r", table="t"), "rule")]),
        ("create extension if not exists \"uuid-ossp\"", [
            Make(Name(Space.EXTENSION, "uuid-ossp"), "extension", lenient=True)]),
        ("do $$ begin drop view v; end $$", [Unseen("do")]),
        ("select f()", [Unseen("select")]),
        ("insert into t select * from u; comment on table t is 'drop table t'", []),
    ],
)  # fmt: skip
def test_statements_are_read_by_their_tokens(text: str, found: list[effects.Effect]) -> None:
    assert list(effects.of(text)) == found


def test_a_table_brings_its_columns_sequences_and_named_constraints() -> None:
    (made,) = effects.of(
        'create table if not exists "t" ("id" serial not null, "a" text default \'x\' constraint ck'
        ' check (a > \'\'), b int, constraint "PK" primary key ("id"), constraint "FK" foreign key ("a")'
        ' references "u" ("id"), unique (b))'
    )

    assert made == Make(
        T, "table", lenient=True, parts=(
            Make(column("id"), "column", fills=True, parts=(
                Make(Name(Space.RELATION, "t_id_seq"), "sequence"),)),
            Make(column("a"), "column", fills=True, parts=(
                Make(Name(Space.CONSTRAINT, "ck", table="t"), "constraint"),)),
            Make(column("b"), "column"),
            Make(Name(Space.CONSTRAINT, "PK", table="t"), "constraint", parts=(index("PK"),)),
            Make(Name(Space.CONSTRAINT, "FK", table="t"), "constraint"),
        ),
    )  # fmt: skip


def test_what_one_statement_does_comes_in_the_order_in_which_postgresql_does_it() -> None:
    found = effects.of("alter table t add column a int, alter b type int, drop column a")

    assert [type(one) for one in found] == [Drop, Retype, Change, Make]


def test_an_index_that_is_there_becomes_a_constraint_and_no_other_one_is_made() -> None:
    _, made = effects.of("alter table t add constraint k unique using index i")

    assert made == Make(Name(Space.CONSTRAINT, "k", table="t"), "constraint")
