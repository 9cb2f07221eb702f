from __future__ import annotations

import dataclasses
import os
import random
from typing import TYPE_CHECKING

import pytest

from ledgers import CATALOG, names, v
from medusa_migrations.plan import evidence
from medusa_migrations.schema import verify
from medusa_migrations.schema.model import ConstraintKind, Schema, Table

if TYPE_CHECKING:
    from medusa_migrations.plan.evidence import Evidence


def schema(version: str) -> Schema:
    return verify.expected(CATALOG.enabled(v(version), {})).copy()


def weighed(version: str, ledger: list[tuple[int, str]]) -> Evidence:
    return evidence.weigh(CATALOG, tuple(ledger), schema(version))


def rows(version: str) -> list[tuple[int, str]]:
    return list(enumerate(names(version), 1))


def added(found: Evidence) -> list[str]:
    return [one.migration.name for one in found.missing]


MANY = 400 if os.environ.get("MEDUSA_TEST_ALL") else 12

ROWS_ONLY = "countriesCurrencies1611063174563"
UNTOLD = {ROWS_ONLY, "extendedBatchJob1657267320181", "dropVariantIdFkMoneyAmount1680857773273"}
"""Migrations that change rows only, or whose work is dropped later and may be done again."""


@pytest.mark.parametrize("version", ["1.1.0", "1.3.0", "1.12.3", "1.20.11"])
def test_a_ledger_that_is_right_is_left_alone(version: str) -> None:
    assert weighed(version, rows(version)).nothing


@pytest.mark.parametrize("name", [*names("1.20.11")[::4], "productCategory1672906846559"])
def test_one_row_that_is_missing_is_found_with_its_place(name: str) -> None:
    whole = rows("1.20.11")

    found = weighed("1.20.11", [row for row in whole if row[1] != name])

    assert added(found) == ([] if name in UNTOLD else [name])
    assert found.groundless == ()
    last = whole[-1][1]
    assert [one.id for one in found.missing if name != last] == [
        id_ for id_, other in whole if other == name and name not in {*UNTOLD, last}
    ]


@pytest.mark.parametrize("name", names("1.20.11")[1::3])
def test_a_row_whose_place_is_taken_is_found_and_added_at_the_end(name: str) -> None:
    others = [other for other in names("1.20.11") if other != name]

    found = weighed("1.20.11", list(enumerate(others, 1)))

    assert added(found) == ([] if name in UNTOLD else [name])
    assert {one.id for one in found.missing} <= {None}
    assert found.groundless == ()
    then = [*others, *added(found)]
    assert verify.verify(CATALOG, v("1.20.11"), then, schema("1.20.11")).ok


def test_the_only_row_of_a_ledger_may_be_groundless() -> None:
    first = names("1.1.0")[0]

    found = evidence.weigh(CATALOG, ((1, first),), Schema(tables={"loyalty": Table("loyalty")}))

    assert [one.name for one in found.groundless] == [first]
    assert found.missing == ()


@pytest.mark.parametrize("count", [1, 10, 35, 70])
def test_a_ledger_of_an_older_dump_gets_the_rows_that_the_schema_proves(count: int) -> None:
    whole = rows("1.20.11")

    found = weighed("1.20.11", whole[:-count])

    missing = [name for _, name in whole[-count:]]
    untold = UNTOLD
    assert added(found) == [name for name in missing if name not in untold]
    assert found.unproven == tuple(name for name in missing if name in untold)


@pytest.mark.parametrize(("version", "next_one"), [("1.3.0", 0), ("1.12.3", 0), ("1.12.3", 3)])
def test_a_row_whose_migration_left_nothing_is_found(version: str, next_one: int) -> None:
    pending = [name for name in names("1.20.11") if name not in names(version)]
    groundless = pending[next_one]

    found = weighed(version, [*rows(version), (999, groundless)])

    assert [one.name for one in found.groundless] == [groundless]
    assert found.missing == ()


def test_what_is_there_in_part_proves_nothing() -> None:
    live = schema("1.12.3")
    pending = [name for name in names("1.20.11") if name not in names("1.12.3")]
    early = verify.expected(CATALOG.enabled(v("1.20.11"), {}))
    live.tables["product_shipping_profile"] = early.tables["product_shipping_profile"]

    found = evidence.weigh(CATALOG, tuple(rows("1.12.3")), live)

    assert "addTableProductShippingProfile1680857773273" in pending
    assert found.nothing


def test_names_of_others_and_doubled_rows_are_left_alone() -> None:
    ledger = [*rows("1.12.3"), (500, names("1.12.3")[3]), (501, "loyalty1690000000000")]

    assert weighed("1.12.3", ledger).nothing


def test_an_empty_ledger_proves_nothing() -> None:
    assert weighed("1.12.3", []).nothing


def test_where_all_foreign_keys_are_lost_no_migration_that_drops_some_has_run() -> None:
    live = schema("1.12.3")
    for table in live.tables.values():
        table.constraints = {
            name: one
            for name, one in table.constraints.items()
            if one.kind is not ConstraintKind.FOREIGN
        }

    assert evidence.weigh(CATALOG, tuple(rows("1.12.3")), live).nothing


def test_what_a_migration_of_a_flag_that_is_off_drops_does_not_switch_the_flag_on() -> None:
    live, later = schema("1.12.3"), v("1.20.11")
    with_flag = verify.expected(CATALOG.enabled(later, {"medusa_v2": True}))
    for name, table in live.tables.items():
        for key in table.constraints.keys() - with_flag.tables[name].constraints.keys():
            if table.constraints[key].kind is ConstraintKind.FOREIGN:
                del table.constraints[key]

    found = evidence.weigh(CATALOG, tuple(rows("1.12.3")), live)

    assert not [one for one in found.missing if one.migration.flags]


def test_what_a_migration_drops_is_proven_where_the_ledger_has_others_of_its_flag() -> None:
    flagged = CATALOG.enabled(v("1.20.11"), {"medusa_v2": True})
    name = "dropFksIsolatedProducts1694602553610"
    ledger = [row for row in enumerate((m.name for m in flagged), 1) if row[1] != name]

    found = evidence.weigh(CATALOG, tuple(ledger), verify.expected(flagged).copy())

    assert added(found) == [name]


def test_indexes_that_are_called_otherwise_were_made_all_the_same() -> None:
    live = schema("1.12.3")
    live.indexes = {
        f"mine_{number}": dataclasses.replace(index, name=f"mine_{number}")
        for number, index in enumerate(live.indexes.values())
    }

    assert evidence.weigh(CATALOG, tuple(rows("1.12.3")), live).nothing


def test_a_table_behind_a_view_of_its_name_was_made_all_the_same() -> None:
    live = schema("1.12.3")
    table = live.tables.pop("analytics_config")
    table.name = "analytics_base"
    live.tables["analytics_base"] = table
    live.indexes = {
        name: dataclasses.replace(index, table="analytics_base")
        if index.table == "analytics_config"
        else index
        for name, index in live.indexes.items()
    }
    live.views["analytics_config"] = "view"

    assert evidence.weigh(CATALOG, tuple(rows("1.12.3")), live).nothing


@pytest.mark.parametrize("keep", [slice(None, None, 2), slice(1, None, 2), slice(59, None)])
def test_a_ledger_of_which_half_is_gone_gets_what_the_schema_proves(keep: slice) -> None:
    whole = rows("1.12.3")
    kept = whole[keep]

    found = weighed("1.12.3", kept)

    assert added(found) == [row[1] for row in whole if row not in kept]
    assert found.groundless == ()


@pytest.mark.parametrize("seed", range(MANY))
def test_whatever_is_left_of_a_ledger_and_its_schema_is_weighed(seed: int) -> None:
    chance = random.Random(seed)
    version, other = (str(chance.choice(CATALOG.versions)) for _ in range(2))
    ledger = names(chance.choice([version, other]))
    ledger = chance.sample(ledger, chance.choice([1, 2, len(ledger) // 2, len(ledger)]))
    live = schema(version)
    for table in chance.sample(list(live.tables), chance.randrange(len(live.tables) + 1)):
        if chance.random() < 0.5:
            del live.tables[table]
        else:
            live.tables[table].columns.popitem()

    found = evidence.weigh(CATALOG, tuple(enumerate(ledger, 1)), live)

    assert {one.migration.name for one in found.missing} & set(ledger) == set()
    assert {one.name for one in found.groundless} <= set(ledger)
