from __future__ import annotations

import pytest

from medusa_migrations.postgres.search_path import entries
from medusa_migrations.schema.row_names import named


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param('update "product" set z = 1 where y', {"product"}, id="update"),
        pytest.param('insert into a select x from "B"', {"a", "B"}, id="insert"),
        pytest.param("with c as (select 1) delete from d using e", {"d", "e"}, id="with"),
        pytest.param("create table n as select * from o", {"n", "o"}, id="create-as"),
        pytest.param("copy p (q) from stdin", {"p"}, id="copy"),
        pytest.param("alter table product add column x text", set(), id="alter"),
        pytest.param(
            'alter table "a" add x text, add constraint k foreign key (x) references "public"."B" (id)',
            {"a", "B"},
            id="foreign-key",
        ),
        pytest.param(
            "alter table if exists only n validate constraint k", {"n"}, id="validate-constraint"
        ),
        pytest.param(
            "alter table n add foreign key (o) references p not valid", set(), id="key-not-valid"
        ),
        pytest.param("create index i on product (id)", set(), id="index"),
        pytest.param("create table f (id text references product)", set(), id="create"),
        pytest.param("comment on table product is 'update product'", set(), id="comment"),
        pytest.param(
            "do $$ begin alter table a add b int; exception when others then null; end $$",
            set(),
            id="do-that-alters",
        ),
        pytest.param(
            "do $$ begin\n  ALTER TABLE a ADD b int REFERENCES e; end $$", {"a", "e"}, id="do-key"
        ),
        pytest.param(
            "do $$ begin if true then update a set b = 1; end if; -- c\n end $$", {"a"}, id="do"
        ),
    ],
)
def test_names_of_statements_that_see_rows_are_found(text: str, names: set[str]) -> None:
    known = {"product", "a", "B", "d", "e", "n", "o", "p", "c"} - (
        {"c"} if "with c" in text else set()
    )

    assert named([text]) & known == names


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ('"$user", public', ["shop", "public"]),
        ("", []),
        ('"My ""own"" Shop",b', ['My "own" Shop', "b"]),
        ("Shop , extensions", ["shop", "extensions"]),
        ('""', []),
    ],
)
def test_a_search_path_is_taken_apart(setting: str, names: list[str]) -> None:
    assert entries(setting, "shop") == names
