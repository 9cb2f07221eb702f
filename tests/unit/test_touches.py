import pytest

from medusa_migrations.schema.affected import Affected, affected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('alter table "cart" add column x int', Affected(altered={"cart"})),
        ('alter table if exists only public."Cart" drop x',
         Affected(altered={"Cart"}, drops={"Cart": {"x"}})),
        ("alter table a drop constraint if exists \"FK_a\", alter b drop not null, drop column c",
         Affected(altered={"a"}, drops={"a": {"FK_a", "c"}})),
        ("drop table if exists a, shop.b cascade",
         Affected(altered={"a", "b"}, drops={"a": set(), "b": set()},
                 unseen=["drop table .. cascade"])),
        ('create unique index "IDX_a" on "order" ("id")', Affected(altered={"order"})),
        ('drop index if exists public."IDX_a"', Affected(indexes={"IDX_a"})),
        ("insert into Region select 1", Affected(written={"region"}, inserted={"region"})),
        (
            'insert into a select x from b, shop."C" as c join d using (x), f(now()) where e in (select y from g)',
            Affected(written={"a"}, inserted={"a"}, read={"b", "C", "d", "g"}),
        ),
        (
            "with gone as (delete from a using b returning *) insert into c select * from (select * from gone) as g",
            Affected(written={"a", "c"}, inserted={"c"}, deleted={"a"}, read={"a", "b", "gone"}),
        ),
        (
            "insert into a (x) values (1) on conflict (x) do update set x = excluded.x",
            Affected(written={"a"}, inserted={"a"}),
        ),
        ("update a set x = b.x from only b", Affected(written={"a"}, updated={"a"}, read={"b"})),
        (
            "merge into a using b on true when matched then delete",
            Affected(written={"a"}, inserted={"a"}, deleted={"a"}, read={"b"}),
        ),
        (
            "merge into a using b on true when matched then update set x = 1",
            Affected(written={"a"}, inserted={"a"}, updated={"a"}, read={"b"}),
        ),
        ("create table a as select * from b left join c on true", Affected(read={"b", "c"})),
        ("create materialized view a as select 1 from b", Affected(read={"b"})),
        ("create or replace view a as select 1 from b", Affected(modes={"b": ["access share"]})),
        ("lock table a, only b in share mode nowait; lock c",
         Affected(modes={"a": ["share"], "b": ["share"], "c": ["access exclusive"]})),
        ("analyze a, b (c)", Affected(unseen=["analyze"])),
        ("analyze a, b", Affected(modes={"a": ["share update exclusive"], "b": ["share update exclusive"]})),
        ("comment on column public.a.b is 'x'; comment on constraint c on d is null",
         Affected(modes={"a": ["share update exclusive"], "d": ["share update exclusive"]})),
        ("create table a (like b, c int) inherits (d, e)",
         Affected(modes={"b": ["access share"], "d": ["share update exclusive"], "e": ["share update exclusive"]})),
        ("create table a partition of b for values in (1); alter table c attach partition d default",
         Affected(altered={"b", "c", "d"})),
        ("alter domain d drop not null", Affected(unseen=["alter domain"])),
        ("copy a (x) from stdin", Affected(written={"a"}, inserted={"a"})),
        (
            "create constraint trigger t after insert on a execute function f()",
            Affected(triggered={"a"}),
        ),
        ("create policy p on a using (true); drop trigger t on b", Affected(altered={"a", "b"})),
        ("create rule r as on insert to a do nothing", Affected(altered={"a"})),
        ("update only cart set x = 1", Affected(written={"cart"}, updated={"cart"})),
        ("delete from cart; truncate table swap", Affected(written={"cart", "swap"}, deleted={"cart"}, read={"cart"})),
        (
            'create table a (b text references "c" (d)); alter table e add foreign key (f) references g',
            Affected(altered={"e"}, referenced={"c", "g"}),
        ),
        (
            "select 'alter table x'; do $$ alter table y $$ -- alter table z",
            Affected(unseen=["select", "do"]),
        ),
        (
            "drop view a; call b(); refresh materialized view c",
            Affected(unseen=["drop view", "call", "refresh materialized"]),
        ),
        (
            "set x to y; create function f() returns int as 'x'; comment on table a is 'x'",
            Affected(modes={"a": ["share update exclusive"]}),
        ),
    ],
)  # fmt: skip
def test_the_tables_that_statements_change_are_found(text: str, expected: Affected) -> None:
    assert affected([text]) == expected
