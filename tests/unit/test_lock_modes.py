from itertools import product

import pytest

from medusa_migrations.catalog.model import Lock, Migration
from medusa_migrations.schema.lock_modes import SOURCE, conflicts, joined, needs, strength

MODES = (
    "access share",
    "row share",
    "row exclusive",
    "share update exclusive",
    "share",
    "share row exclusive",
    "exclusive",
    "access exclusive",
)


def own(statements, **changes):
    return Migration("own1", 1, None, "", statements, "own.sql", **changes)


def test_modes_conflict_both_ways():
    assert {(a, b) for a in MODES for b in conflicts(a)} == {
        (b, a) for a in MODES for b in conflicts(a)
    }


@pytest.mark.parametrize(("one", "other"), list(product(MODES, MODES)))
def test_a_joined_mode_keeps_away_whom_both_keep_away(one, other):
    both = joined(one, other)

    assert conflicts(both) >= conflicts(one) | conflicts(other)
    assert strength(both) >= max(strength(one), strength(other))
    assert joined(one, one) == one


@pytest.mark.parametrize(
    ("statements", "modes"),
    [
        ("create index i on a (b)", {"a": "share"}),
        ("create index i on a (b); insert into a select * from c", {"a": SOURCE, "c": SOURCE}),
        ("alter table a add column b int", {"a": "access exclusive"}),
        (
            "alter table a add constraint k foreign key (b) references c (d)",
            {"a": SOURCE, "c": SOURCE},
        ),
        (
            "alter table a add foreign key (b) references c, add column e int",
            {"a": "access exclusive", "c": SOURCE},
        ),
        (
            "alter table a drop constraint k, add constraint k foreign key (b) references c on delete set null",
            {"a": "access exclusive", "c": SOURCE},
        ),
        ("create trigger t before insert on a execute function f()", {"a": SOURCE}),
        ("truncate a, b", {"a": "access exclusive", "b": "access exclusive"}),
        ("update a set x = 1", {"a": SOURCE}),
    ],
)
def test_what_a_shops_own_migration_locks_is_told_by_its_words(statements, modes):
    assert needs([own(statements)]).modes == modes | {"migrations": SOURCE}


def test_of_several_items_the_strongest_mode_counts():
    items = [
        own("", locks=(Lock("a", "share"), Lock("b", "row exclusive"))),
        own("", locks=(Lock("a", "row exclusive"), Lock("b", "access exclusive"))),
    ]

    found = needs(items).modes

    assert found == {"a": SOURCE, "b": "access exclusive", "migrations": SOURCE}


def test_what_the_catalog_copies_is_locked_before_it_is_read(catalog):
    texts = [text for found in catalog.texts.values() for text in found]

    found = {name: needs([item]) for item in (*texts, *catalog.data_steps) for name in [item.name]}

    for name, need in found.items():
        for table in need.sources:
            assert strength(need.modes[table]) >= strength(SOURCE), (name, table)
    assert (
        found["addTableProductShippingProfile1680857773273"].modes["product"] == "access exclusive"
    )
    assert "discount_rule_products" in found["1.3.0/discount_rules"].sources
