import pytest

from medusa_migrations.catalog.model import Lock, Migration
from medusa_migrations.schema.durations import work

SIZES = {"a": (1_000_000, 1), "b": (500_000, 1)}


def own(statements, **changes):
    return Migration("own1", 1, None, "", statements, "own.sql", **changes)


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        ("insert into c select * from a", [("copies", "a", 1)]),
        ("create table c as select * from b", [("copies", "b", 1)]),
        ("update a set x = 1; create index i on b (c)", [("updates", "a", 1), ("indexes", "b", 1)]),
        (
            "alter table a add foreign key (x) references b, alter column y set not null",
            [("checks", "a", 2)],
        ),
        (
            "alter table a add constraint k unique (x), add column z int not null default 1",
            [("indexes", "a", 1)],
        ),
        ("alter table a drop column x; drop index i", []),
        ("create index i on new (x); insert into a values (1)", []),
    ],
)
def test_what_goes_through_the_rows_of_a_table_is_told_by_the_statements(statements, found):
    assert [(one.kind, one.table, one.times) for one in work([own(statements)], SIZES)] == found


def test_what_is_measured_to_be_rewritten_counts():
    (one,) = work([own("", locks=(Lock("a", "access exclusive", rewrite=True),))], SIZES)

    assert (one.kind, one.rows, one.seconds) == ("rewrites", 1_000_000, 10.0)


def test_the_copies_of_prices_and_products_are_what_lasts(catalog):
    sizes = {"money_amount": (1_000_000, 1), "product": (50_000, 1), "line_item": (600_000, 1)}
    names = (
        "lineItemTaxAdjustmentOnCascadeDelete1680857773272",
        "addTableProductShippingProfile1680857773273",
        "dropMoneyAmountConstraintsForPricingModule1692953518123",
    )

    found = work([catalog.text(name, catalog.newest) for name in names], sizes)

    assert [(one.kind, one.table) for one in found] == [
        ("copies", "money_amount"),
        ("copies", "product"),
    ]
