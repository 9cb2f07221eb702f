"""Files of the shop's own that name what Medusa's migrations drop before they run, and the reverse."""

from __future__ import annotations

import pytest

from medusa_migrations.catalog import version as versions
from medusa_migrations.catalog.model import Migration
from medusa_migrations.plan.shop import enum_values, gone

DROPS = 'alter table "product" drop column "profile_id"; drop table "old"; alter table "cart" rename column "a" to "b"'


def found(own: str, medusas: str = DROPS) -> list[tuple[str, bool]]:
    items = [
        Migration("drops1", 1, versions.parse("1.13.0"), "", medusas, "drops.sql"),
        Migration("mine2", 2, None, "", own, "mine.sql"),
    ]
    return [(one.what, one.certain) for one in gone.look(items)]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("create view v as select profile_id from product", [("the column product.profile_id", True)]),
        ("create index i on product (profile_id)", [("the column product.profile_id", True)]),
        ("update product set profile_id = 'x'", [("the column product.profile_id", True)]),
        ("select 1 from product p, other o where o.profile_id = p.id", [("the column product.profile_id", False)]),
        ("select product.profile_id from product, other", [("the column product.profile_id", True)]),
        ("do $$begin update product set profile_id = null; end$$", [("the column product.profile_id", False)]),
        ("create view v as select * from old", [("the table old", True)]),
        ("update cart set a = 1", [("the column cart.a", True)]),
        ("update cart set b = 1", []),
        ("alter table product add column profile_id text; update product set profile_id = 'x'", []),
        ("alter table product drop column if exists profile_id", []),
        ("create table old (id text); insert into old values ('x')", []),
        ("select 'profile_id' from product", []),
        ("create view v as select title from product", []),
    ],
)  # fmt: skip
def test_what_is_named_and_gone_is_found(own: str, expected: list[tuple[str, bool]]) -> None:
    assert found(own) == expected


def test_a_file_before_the_migration_names_what_is_still_there() -> None:
    items = [
        Migration("mine1", 1, None, "", "update product set profile_id = 'x'", "mine.sql"),
        Migration("drops2", 2, versions.parse("1.13.0"), "", DROPS, "drops.sql"),
    ]

    assert list(gone.look(items)) == []


NEEDS = """
    update "product" set "profile_id" = null; alter table "cart" drop constraint "FK_a";
    alter type "mood" add value if not exists 'glad'; create index "IDX_b" on "cart" ("b");
    alter table "product" add column if not exists "weight" int; alter table "cart" add column "rank" int;
    create table "link" ("id" serial not null, constraint "PK_c" primary key ("id")); drop index if exists "IDX_d";
    insert into "link" ("id") select "id" from "tag";
"""


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("alter table product drop column profile_id", [("the column product.profile_id", False, True)]),
        ("alter table public.product rename profile_id to mine", [("the column product.profile_id", False, True)]),
        ("alter table other.product drop column profile_id", []),
        ("alter table product drop column profile_id; alter table product add profile_id text", []),
        ("alter table product drop column profile_id; do $$ begin end $$", [("the column product.profile_id", False, False)]),
        ('alter table cart drop constraint "FK_a"', [("the constraint FK_a on cart", False, True)]),
        ("drop type mood", [("the type mood", False, True)]),
        ("alter type mood rename to mood_old; create type mood as enum ('sad')", []),
        ("alter table cart rename to basket", [("the table or index cart", False, True)]),
        ("drop table tag", [("the table or index tag", False, True)]),
        ("alter table cart drop column b", [("the column cart.b", False, True)]),
        ('drop index "IDX_d"', []),
        ("alter table product drop column title", []),
        ("alter table product add weight text", [("the column product.weight", True, False)]),
        ("alter table cart add column rank int", [("the column cart.rank", True, True)]),
        ("alter table cart add column rank int; alter table cart drop column rank", []),
        ("create table if not exists link (id int)", [("the table or index link", True, True)]),
        ("create table mine (id int)", []),
        ('create index "IDX_b" on cart (c)', [("the table or index IDX_b", True, True)]),
        ('alter table mine add constraint "PK_c" primary key (id)', [("the table or index PK_c", True, True)]),
    ],
)  # fmt: skip
def test_what_medusas_items_need_or_make_and_a_file_has_dropped_or_made_is_found(
    own: str, expected: list[tuple[str, bool, bool]]
) -> None:
    items = [
        Migration("mine1", 1, None, "", own, "mine.sql"),
        Migration("needs2", 2, versions.parse("1.13.0"), "", NEEDS, "needs.sql"),
        Migration("needs3", 3, versions.parse("1.13.0"), "", "select 1", "needs.sql"),
    ]

    found = [(one.what, one.made, one.certain) for one in gone.clashes(items, "public")]

    assert found == expected
    assert list(gone.clashes(items[1:], "public")) == []
    assert list(gone.clashes([*items[1:], items[0]], "public")) == []


ADDS = "alter type mood add value if not exists 'glad' after 'sad'"


@pytest.mark.parametrize(
    ("adds", "uses", "expected"),
    [
        (ADDS, "update mine set mood = 'glad'", [True]),
        (ADDS, "alter table mine alter mood set default 'glad'", [True]),
        (ADDS, "delete from mine where mood <> 'glad'", [True]),
        (ADDS, "select 'glad'::public.mood", [True]),
        (ADDS, "insert into mine (mood) values ('glad')", [False]),
        (ADDS, "update mine set note = 'glad'", [False]),
        (ADDS, "update other set note = 'glad'", []),
        (ADDS, "update mine set mood = 'sad'", []),
        ("create type mood as enum ('sad'); " + ADDS, "update mine set mood = 'glad'", []),
        (ADDS + "; update mine set mood = 'glad'", "select 1", [True]),
    ],
)
def test_a_value_that_is_named_before_it_is_committed_is_found(
    adds: str, uses: str, expected: list[bool]
) -> None:
    first = Migration("adds1", 1, None, "", adds, "adds.sql")
    second = Migration("uses2", 2, None, "", uses, "uses.sql")
    columns = {"mood": {("mine", "mood")}}

    together = list(enum_values.uncommitted([[first, second]], columns))

    assert [one.certain for one in together] == expected
    assert {(one.value, one.type, one.by) for one in together} <= {("glad", "mood", "adds1")}
    if ";" not in adds:
        assert list(enum_values.uncommitted([[first], [second]], columns)) == []
        alone = Migration("adds1", 1, None, "", adds, "adds.sql", alone=True)
        assert list(enum_values.uncommitted([[alone], [second]], columns)) == []
