"""Files of the shop's own that name what Medusa's migrations drop before they run."""

from __future__ import annotations

import pytest

from medusa_migrations.catalog import version as versions
from medusa_migrations.catalog.model import Migration
from medusa_migrations.plan import gone

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
