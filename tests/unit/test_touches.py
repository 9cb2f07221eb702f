import pytest

from medusa_migrations.touches import Touched, touched


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('alter table "cart" add column x int', Touched(altered={"cart"})),
        ('alter table if exists only public."Cart" drop x', Touched(altered={"Cart"})),
        ("drop table if exists a, shop.b cascade", Touched(altered={"a", "b"})),
        ('create unique index "IDX_a" on "order" ("id")', Touched(altered={"order"})),
        ('drop index if exists public."IDX_a"', Touched(indexes={"IDX_a"})),
        ("insert into Region select 1", Touched(written={"region"})),
        ("update only cart set x = 1", Touched(written={"cart"})),
        ("delete from cart; truncate table swap", Touched(written={"cart", "swap"})),
        (
            'create table a (b text references "c" (d)); alter table e add foreign key (f) references g',
            Touched(altered={"e"}, referenced={"c", "g"}),
        ),
        ("select 'alter table x'; do $$ alter table y $$ -- alter table z", Touched()),
    ],
)
def test_the_tables_that_statements_change_are_found(text: str, expected: Touched) -> None:
    assert touched([text]) == expected
