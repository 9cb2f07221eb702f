"""Differences from before a run: which ones are in its way, which stay, which go."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from medusa_migrations.catalog import version as versions
from medusa_migrations.catalog.model import Migration
from medusa_migrations.plan import earlier, proof
from medusa_migrations.plan.plan import Request, plan
from medusa_migrations.schema import ddl, fixes, verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medusa_migrations.catalog.model import Catalog, DataStep
    from medusa_migrations.plan.earlier import Earlier
    from medusa_migrations.schema.model import Schema

TARGET = versions.parse("1.20.11")
assert TARGET is not None
PROFILES = "addTableProductShippingProfile1680857773273"
PRICES = "dropMoneyAmountConstraintsForPricingModule1692953518123"


def at(catalog: Catalog, version: str) -> tuple[Schema, list[str]]:
    """Return the schema and the ledger of *version*."""
    parsed = versions.parse(version)
    assert parsed is not None
    migrations = catalog.enabled(parsed, {})
    return verify.expected(migrations).copy(), [migration.name for migration in migrations]


def foreseen(catalog: Catalog, start: str, change: str, own: str = "") -> Earlier:
    """Return what becomes of the *change* of a shop at *start*, with a migration of its *own*."""
    live, names = at(catalog, start)
    ddl.apply(live, change)
    proven = proof.prove(catalog, names)
    mine = Migration(1, 1, None, "", own, "own.sql") if own else None  # type: ignore[arg-type]
    request = Request(TARGET, {}, own=(mine,) if mine else ())
    path = plan(catalog, proven, request)
    return earlier.foresee(catalog, proven, versions.parse(start), TARGET, path.items, live)


def told(found: Earlier) -> tuple[list[str], list[str], list[str]]:
    """Return in words what is in the way, what stays and what goes."""
    blocked = [
        f"{one.item}: {'; '.join(map(str, one.because)) or one.message}" for one in found.blocked
    ]
    return blocked, [str(one) for one in found.stays], [str(one) for one in found.goes]


@pytest.mark.parametrize(
    ("start", "change", "blocked", "stays", "goes"),
    [
        pytest.param("1.12.3", "", [], [], [], id="nothing-differs"),
        pytest.param(
            "1.13.0",
            'alter table "money_amount" alter column "amount" type bigint',
            [],
            ["column money_amount.amount is bigint instead of integer"],
            [],
            id="a-widened-column-stays",
        ),
        pytest.param(
            "1.12.3",
            'alter table "customer" drop column "deleted_at"',
            ["AlterCustomerUniqueConstraint1709888477798: column customer.deleted_at is missing"],
            [],
            [],
            id="the-column-of-an-index's-condition",
        ),
        pytest.param(
            "1.1.0",
            'alter table "product_variant" drop column "deleted_at"',
            [
                "softDeletingUniqueConstraints1624610325746: column product_variant.deleted_at is missing"
            ],
            [],
            [],
            id="the-column-of-many-conditions",
        ),
        pytest.param(
            "1.1.55",
            'alter table "order" alter column "tax_rate" type numeric',
            [],
            [],
            ["column order.tax_rate is numeric instead of integer"],
            id="a-column-that-is-retyped-on-the-way-is-as-it-should-be-then",
        ),
        pytest.param(
            "1.12.3",
            'alter table "product" drop column "profile_id"',
            [
                f"{PROFILES}: column product.profile_id is missing",
            ],
            [],
            [
                "index IDX_80823b7ae866dc5acae2dac6d2 is missing",
                "table product: constraint FK_80823b7ae866dc5acae2dac6d2c is missing",
            ],
            id="a-missing-column-whose-rows-are-copied",
        ),
        pytest.param(
            "1.12.3",
            'alter table "product" drop column "profile_id";'
            'alter table "money_amount" drop column "variant_id"',
            [
                f"{PROFILES}: column product.profile_id is missing",
                f"{PRICES}: column money_amount.variant_id is missing",
            ],
            [],
            [
                "index IDX_80823b7ae866dc5acae2dac6d2 is missing",
                "index idx_money_amount_variant_id is missing",
                "table product: constraint FK_80823b7ae866dc5acae2dac6d2c is missing",
            ],
            id="everything-in-the-way-at-once",
        ),
        pytest.param(
            "1.12.3",
            'alter table "line_item_tax_line" drop constraint "FK_5077fa54b0d037e984385dfe8ad"',
            [],
            [],
            [],
            id="what-medusa-passes-over-is-found-as-that",
        ),
        pytest.param(
            "1.12.3",
            'alter table "product" alter column "profile_id" type integer',
            [
                f"{PROFILES}: column product.profile_id is integer instead of character varying",
            ],
            [],
            [],
            id="another-kind-of-type-where-rows-are-copied",
        ),
        pytest.param(
            "1.12.3",
            'alter table "product" alter column "profile_id" type text',
            [],
            [],
            ["column product.profile_id is text instead of character varying"],
            id="the-same-kind-of-type-where-rows-are-copied",
        ),
    ],
)
def test_what_becomes_of_a_difference(
    catalog: Catalog,
    start: str,
    change: str,
    blocked: list[str],
    stays: list[str],
    goes: list[str],
) -> None:
    assert told(foreseen(catalog, start, change)) == (blocked, stays, goes)


def test_a_foreign_key_needs_what_makes_its_target_unique(catalog: Catalog) -> None:
    live, names = at(catalog, "1.1.20")
    key = next(
        k.name for k in live.tables["product"].constraints.values() if k.kind == "primary key"
    )

    found = foreseen(catalog, "1.1.20", f'alter table "product" drop constraint "{key}"')

    assert names
    assert [str(one) for one in found.blocked[0].because] == [
        f"table product: constraint {key} is missing"
    ]
    assert fixes.fix(found.blocked[0].because[0]) == (
        f'alter table "product" add constraint "{key}" primary key ("id")'
    )


@pytest.mark.parametrize(
    "own",
    [
        'alter table "product" add column "profile_id" varchar',
        "do $$ begin perform mend(); end $$",
    ],
)
def test_what_the_shops_own_migration_may_make_right_first_is_not_in_the_way(
    catalog: Catalog, own: str
) -> None:
    found = foreseen(catalog, "1.12.3", 'alter table "product" drop column "profile_id"', own)

    assert found.blocked == ()


@pytest.mark.parametrize(
    ("column", "type_", "takes"),
    [
        ("timestamp", "bigint", True),
        ("timestamp", "numeric", True),
        ("timestamp", "text", True),
        ("timestamp", "character varying(13)", True),
        ("timestamp", "character varying(12)", False),
        ("timestamp", "integer", False),
        ("timestamp", "smallint", False),
        ("timestamp", "timestamp with time zone", False),
        ("timestamp", "boolean", False),
        ("timestamp", "mine", True),  # of a type that the shop has made, nothing is known
        ("name", "text", True),
        ("name", "character varying(100)", True),
        ("name", "character varying(19)", False),
        ("name", "integer", False),
        ("name", "jsonb", False),
        ("name", "mine", True),
    ],
)
@pytest.mark.parametrize("start", ["1.12.3", "1.20.11"], ids=["medusas", "own"])
def test_a_ledger_that_does_not_take_the_row_of_a_migration_is_in_the_way(
    catalog: Catalog, start: str, column: str, type_: str, *, takes: bool
) -> None:
    live, names = at(catalog, start)
    ledger = verify.LEDGER.copy()
    ledger.columns[column] = dataclasses.replace(ledger.columns[column], type=type_)
    live.tables["migrations"] = ledger
    proven = proof.prove(catalog, names)
    mine = Migration("loyalty1700000000000", 1_700_000_000_000, None, "", "select 1", "own.sql")
    path = plan(catalog, proven, Request(TARGET, {}, own=(mine,) if start == "1.20.11" else ()))

    found = earlier.foresee(catalog, proven, versions.parse(start), TARGET, path.items, live)

    assert path.items
    because = {one.object.name for blocked in found.blocked for one in blocked.because}
    assert because == (set() if takes else {column})


@pytest.mark.parametrize("start", ["1.1.0", "1.3.2", "1.7.3", "1.12.3", "1.17.0"])
def test_a_key_that_was_lost_is_in_the_way_or_stays_lost(catalog: Catalog, start: str) -> None:
    """Every constraint and index of a version, dropped by itself."""
    live, _ = at(catalog, start)
    drops = [
        *(
            f'alter table "{table.name}" drop constraint "{name}"'
            for table in live.tables.values()
            for name in table.constraints
        ),
        *(f'drop index "{name}"' for name in live.indexes),
    ]
    for change in drops[:: max(1, len(drops) // 8)]:
        found = foreseen(catalog, start, change)

        walked = [*(one for b in found.blocked for one in b.because), *found.stays, *found.goes]
        name = change.split('"')[-2]
        passed = not walked
        assert passed or any(name in str(one) for one in walked), change


@pytest.mark.parametrize(
    ("start", "change", "item"),
    [
        pytest.param(
            "1.12.3",
            'alter table "line_item_adjustment" rename column "item_id" to "mine"',
            "lineItemTaxAdjustmentOnCascadeDelete1680857773272",
            id="foreign-key",
        ),
        pytest.param(
            "1.12.3",
            'alter table "product_category" rename column "handle" to "mine"',
            "",
            id="index-of-before",
        ),
        pytest.param(
            "1.7.15",
            'alter table "product_category" rename column "handle" to "mine"',
            "categoryRemoveSoftDelete1679950221063",
            id="index",
        ),
    ],
)
def test_a_key_or_an_index_needs_its_columns(
    catalog: Catalog, start: str, change: str, item: str
) -> None:
    blocked = [one.item for one in foreseen(catalog, start, change).blocked]

    assert blocked == ([item] if item else [])


@pytest.mark.parametrize("start", ["1.2.1", "1.3.9", "1.12.3", "1.20.11"])
def test_a_migration_that_fails_because_the_ledger_lacks_its_row_is_foreseen(
    catalog: Catalog, start: str
) -> None:
    live, names = at(catalog, start)
    for gone in names:
        proven = proof.prove(catalog, [name for name in names if name != gone])
        items = plan(catalog, proven, Request(TARGET, {})).items

        found = earlier.foresee(catalog, proven, None, TARGET, items, live)

        fails = failing(live.copy(), items)
        taken = fails.endswith("is there already")  # which the look at names that are taken finds
        assert taken or bool(fails) == bool(found.blocked), (gone, fails, found.blocked)


def failing(live: Schema, items: Sequence[Migration | DataStep]) -> str:
    """Return why the first of *items* that cannot change *live* cannot, or nothing."""
    try:
        for item in items:
            if isinstance(item, Migration):
                verify.apply(live, item)
    except ddl.DialectError as exc:
        return str(exc)
    return ""


def test_what_no_order_of_the_ledger_explains_is_taken_along_as_it_is(catalog: Catalog) -> None:
    live, names = at(catalog, "1.12.3")
    names.remove("softDeletingUniqueConstraints1624610325746")
    proven = proof.prove(catalog, names)
    path = plan(catalog, proven, Request(TARGET, {}))

    found = earlier.foresee(catalog, proven, None, TARGET, path.items, live)

    assert told(found) == (
        ["softDeletingUniqueConstraints1624610325746: IDX_087926f6fec32903be3c8eedfa is not there"],
        [],
        [],
    )
