"""Rows on which a migration would fail are found before anything is written, and can be fixed.

Every check of the catalog has its rows here: CASES is keyed by what the check says.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors as pg
from psycopg import sql

import medusa_rows
from faults import snapshot
from medusa_migrations.catalog import load
from medusa_migrations.catalog.model import DataStep
from medusa_migrations.contract.errors import RefusedError
from medusa_migrations.plan import observe, proof
from medusa_migrations.plan.findings import Finding
from medusa_migrations.plan.plan import Request
from medusa_migrations.plan.plan import plan as planned
from medusa_migrations.postgres import introspect
from medusa_migrations.preflight import row_checks
from medusa_migrations.records import ledger
from servers import medusa_db

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from psycopg import Connection

    from medusa_migrations.catalog.model import Catalog, Check
    from medusa_migrations.plan.plan import Item
    from servers import TestServer

    Rows = Mapping[str, Sequence[dict[str, Any]]]

pytestmark = pytest.mark.each_server

LONG = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=2693))
"""One byte more than fits into an index; nothing repeats in it, so compression does not help."""


@dataclass(frozen=True)
class Case:
    """Rows that violate one check."""

    version: str
    """Where the shop is."""
    rows: Rows
    """By table; columns that must have a value and are not named get any."""
    keys: tuple[str, ...]
    """Of the rows in the way."""
    error: type[psycopg.Error]
    """What the migration fails with."""
    fixed: str
    """What the advice says, done."""
    beside: str = ""
    """What else has to be there for them to be in the way."""


def duplicates(table: str, column: str, new: str) -> Case:
    """Return the case of two live rows that share a value, and of some that are in nobody's way."""
    return Case(
        "1.1.40",
        {
            table: [
                {"id": f"{column} one", column: "same"},
                {"id": f"{column} two", column: "same"},
                {"id": f"{column} deleted", column: "same", "deleted_at": "2021-07-01"},
                {"id": f"{column} other", column: "other"},
            ]
        },
        (f"same ({column} one)", f"same ({column} two)"),
        pg.UniqueViolation,
        f'update "{table}" set "{column}" = {new} where "id" = \'{column} two\'',
    )


def oversized(table: str, *columns: str) -> Case:
    """Return the case of a text that is too long in each of *columns*, and of some that are not."""
    fine = columns[0]
    return Case(
        "1.1.40",
        {
            table: [
                *({"id": f"long {column}", column: LONG} for column in columns),
                {"id": "fits", fine: LONG[1:]},
                {"id": "fits compressed", fine: "a" * 9000},
            ]
        },
        tuple(sorted(f"long {column}" for column in columns)),
        pg.ProgramLimitExceeded,
        "; ".join(
            f'update "{table}" set "{column}" = \'short\' where "id" = \'long {column}\''
            for column in columns
        ),
    )


CASES = {
    (
        "product_category",
        "deleted softly, whose links to products a publication does not let go",
    ): Case(
        "1.7.15",
        {
            "product": [{"id": "tea"}],
            "product_category": [
                {"id": "gone", "handle": "gone", "mpath": "gone.", "deleted_at": "2023-03-01"},
                {"id": "empty", "handle": "empty", "mpath": "empty.", "deleted_at": "2023-03-01"},
                {"id": "here", "handle": "here", "mpath": "here."},
            ],
            "product_category_product": [
                {"product_category_id": "gone", "product_id": "tea"},
                {"product_category_id": "here", "product_id": "tea"},
            ],
        },
        ("empty", "gone"),
        pg.ObjectNotInPrerequisiteState,
        'alter table "product_category_product" replica identity full',
        beside="create publication replica for table product_category_product",
    ),
    ("money_amount", "with a variant that does not exist"): Case(
        "1.1.40",
        {
            "product_variant": [{"id": "here"}],
            "money_amount": [
                {"id": "orphan", "variant_id": "gone"},
                {"id": "fine", "variant_id": "here"},
            ],
        },
        ("orphan",),
        pg.ForeignKeyViolation,
        'delete from "money_amount" as "price" where "variant_id" is not null and not exists'
        ' (select from "product_variant" where "id" = "price"."variant_id")',
    ),
    ("product_option_value", "with a variant that does not exist"): Case(
        "1.1.40",
        {
            "product_variant": [{"id": "here"}],
            "product_option_value": [
                {"id": "orphan", "variant_id": "gone"},
                {"id": "fine", "variant_id": "here"},
            ],
        },
        ("orphan",),
        pg.ForeignKeyViolation,
        'delete from "product_option_value" as "value" where not exists'
        ' (select from "product_variant" where "id" = "value"."variant_id")',
    ),
    ("product_collection", "with the handle of another collection"): duplicates(
        "product_collection", "handle", "'summer-2'"
    ),
    ("product", "with the handle of another product"): duplicates(
        "product", "handle", "'green-tea-2'"
    ),
    ("discount", "with the code of another discount"): duplicates(
        "discount", "code", "'SUMMER-OLD'"
    ),
    ("product_variant", "with the SKU of another variant"): duplicates(
        "product_variant", "sku", "null"
    ),
    ("product_variant", "with the barcode of another variant"): duplicates(
        "product_variant", "barcode", "null"
    ),
    ("product_variant", "with the EAN of another variant"): duplicates(
        "product_variant", "ean", "null"
    ),
    ("product_variant", "with the UPC of another variant"): duplicates(
        "product_variant", "upc", "null"
    ),
    ("product_collection", "with a handle too long for an index"): oversized(
        "product_collection", "handle"
    ),
    ("product", "with a handle too long for an index"): oversized("product", "handle"),
    ("discount", "with a code too long for an index"): oversized("discount", "code"),
    ("product_variant", "with an SKU, barcode, EAN or UPC too long for an index"): oversized(
        "product_variant", "sku", "barcode", "ean", "upc"
    ),
    ("region", "with a tax rate out of the range of the type real"): Case(
        "1.1.40",
        {
            "region": [
                {"id": "huge", "tax_rate": "340282356779733661637539395458142568448"},
                {"id": "largest", "tax_rate": "340282356779733661637539395458142568447"},
                {"id": "none", "tax_rate": "0"},
                {"id": "nonsense", "tax_rate": "NaN"},
                {"id": "tiny", "tax_rate": "-7.006492321624085e-46"},
                {"id": "smallest", "tax_rate": "-7.006492321624086e-46"},
            ]
        },
        ("huge", "tiny"),
        pg.NumericValueOutOfRange,
        'update "region" set "tax_rate" = 19 where "id" in (\'huge\', \'tiny\')',
    ),
    ("line_item_tax_line", "with the item and code of another tax line"): Case(
        "1.2.1",
        {
            "line_item": [{"id": "item"}],
            "line_item_tax_line": [
                {"id": "one", "item_id": "item", "code": "vat"},
                {"id": "two", "item_id": "item", "code": "vat"},
                {"id": "no code", "item_id": "item"},
                {"id": "no code either", "item_id": "item"},
            ],
        },
        ("item, vat (one)", "item, vat (two)"),
        pg.UniqueViolation,
        'delete from "line_item_tax_line" where "id" = \'two\'',
    ),
    ("shipping_method_tax_line", "with the shipping method and code of another tax line"): Case(
        "1.2.1",
        {
            "shipping_method": [{"id": "post", "cart_id": "cart"}],
            "shipping_method_tax_line": [
                {"id": "one", "shipping_method_id": "post", "code": "vat"},
                {"id": "two", "shipping_method_id": "post", "code": "vat"},
                {"id": "no code", "shipping_method_id": "post"},
                {"id": "no code either", "shipping_method_id": "post"},
            ],
        },
        ("post, vat (one)", "post, vat (two)"),
        pg.UniqueViolation,
        'delete from "shipping_method_tax_line" where "id" = \'two\'',
    ),
    ("payment_session", "with the cart and provider of another payment session"): Case(
        "1.3.5",
        {
            "payment_session": [
                {"id": "one", "cart_id": "cart", "provider_id": "manual", "is_selected": True},
                {"id": "two", "cart_id": "cart", "provider_id": "manual"},
                {"id": "other", "cart_id": "cart", "provider_id": "other"},
            ]
        },
        ("cart, manual (one)", "cart, manual (two)"),
        pg.UniqueViolation,
        'delete from "payment_session" where "id" = \'two\'',
    ),
    ("discount_rule_products", "with a product that does not exist"): Case(
        "1.2.1",
        {
            "discount_rule": [
                {"id": "live", "type": "percentage", "value": 10},
                {"id": "over", "type": "percentage", "value": 10, "deleted_at": "2022-01-01"},
            ],
            "product": [{"id": "here"}],
            "discount_rule_products": [
                {"discount_rule_id": "live", "product_id": "gone"},
                {"discount_rule_id": "live", "product_id": "here"},
                {"discount_rule_id": "over", "product_id": "gone"},
            ],
        },
        ("live names gone",),
        pg.ForeignKeyViolation,
        'delete from "discount_rule_products" as "named" where not exists'
        ' (select from "product" where "id" = "named"."product_id")',
    ),
    ("line_item", "with a discount beyond 2,147,483,647"): Case(
        "1.2.1",
        {
            "order": [{"id": "huge"}],
            "discount_rule": [{"id": "half", "type": "percentage", "value": 50}],
            "discount": [{"id": "spring", "rule_id": "half"}],
            "order_discounts": [{"order_id": "huge", "discount_id": "spring"}],
            "line_item": [
                {"id": "mistyped", "order_id": "huge", "quantity": 3, "unit_price": 2000000000},
                {"id": "fits", "order_id": "huge", "quantity": 2, "unit_price": 2147483647},
            ],
        },
        ("mistyped (spring)",),
        pg.NumericValueOutOfRange,
        'update "line_item" set "unit_price" = 20 where "id" = \'mistyped\'',
    ),
    ("line_item_tax_line", "with a line item that does not exist"): Case(
        "1.12.3",
        {
            "line_item": [{"id": "here"}],
            "line_item_tax_line": [
                {"id": "orphan", "item_id": "gone"},
                {"id": "fine", "item_id": "here"},
            ],
        },
        ("orphan",),
        pg.ForeignKeyViolation,
        'delete from "line_item_tax_line" as "line" where not exists'
        ' (select from "line_item" where "id" = "line"."item_id")',
    ),
    ("line_item_adjustment", "with a line item that does not exist"): Case(
        "1.12.3",
        {
            "line_item": [{"id": "adjusted"}],
            "line_item_adjustment": [
                {"id": "orphan", "item_id": "gone"},
                {"id": "fine", "item_id": "adjusted"},
            ],
        },
        ("orphan",),
        pg.ForeignKeyViolation,
        'delete from "line_item_adjustment" as "line" where not exists'
        ' (select from "line_item" where "id" = "line"."item_id")',
    ),
    ("money_amount", "without a variant"): Case(
        "1.12.3",
        {
            "money_amount": [
                {"id": "loose"},
                {"id": "loose and deleted", "deleted_at": "2023-01-01"},
                {"id": "fine", "variant_id": "outside"},
            ]
        },
        ("loose", "loose and deleted"),
        pg.NotNullViolation,
        'delete from "money_amount" where "variant_id" is null',
    ),
}

SHIPPED = load.read()
CHECKS = [
    pytest.param(
        item.name, check, id=f"{check.table} {check.says}".replace(" ", "-").replace(",", "")
    )
    for item in (*itertools.chain(*SHIPPED.texts.values()), *SHIPPED.data_steps)
    for check in (item.checks if isinstance(item, DataStep) else item.written_checks)
]
VERSIONS = list(dict.fromkeys(case.version for case in CASES.values()))


@pytest.fixture
def template(server: TestServer) -> Iterator[Callable[[str], Connection[Any]]]:
    """Call it with a version for a connection to a database at it; what is done there is undone."""
    with ExitStack() as stack:

        def connect(version: str) -> Connection[Any]:
            conn = stack.enter_context(psycopg.connect(server.url(server.at(version))))
            stack.enter_context(conn.transaction(force_rollback=True))
            return conn

        yield connect


def put(conn: Connection[Any], rows: Rows) -> None:
    """Insert *rows* as a restored backup would: without a look at foreign keys."""
    conn.execute("set session_replication_role to replica")
    for table, wanted in rows.items():
        for row in wanted:
            full = _required(conn, table) | row
            conn.execute(
                sql.SQL("insert into {} ({}) values ({}) on conflict do nothing").format(
                    sql.Identifier(table),
                    sql.SQL(", ").join(map(sql.Identifier, full)),
                    sql.SQL(", ").join([sql.Placeholder()] * len(full)),
                ),
                list(full.values()),
            )
    conn.execute("reset session_replication_role")


def _required(conn: Connection[Any], table: str) -> dict[str, Any]:
    """Return some value for each column of *table* that needs one."""
    columns = conn.execute(
        """
        select attname, format_type(atttypid, null),
               (select enumlabel from pg_enum where enumtypid = atttypid limit 1)
          from pg_attribute
         where attrelid = %s::regclass and attnum > 0 and attnotnull and not atthasdef
        """,
        [f'"{table}"'],
    )
    usual = {"integer": 1, "numeric": 1, "real": 1, "boolean": False, "jsonb": "{}"}
    return {name: label or usual.get(kind, "any") for name, kind, label in columns}


def pending(conn: Connection[Any], catalog: Catalog) -> Sequence[Item]:
    """Return what a run to the newest version would do on *conn*."""
    proven = proof.prove(catalog, ledger.read(conn, "public").names)
    return planned(catalog, proven, Request(catalog.newest, {})).items


def found(conn: Connection[Any], catalog: Catalog) -> list[Finding]:
    """Return what the checks of what is pending find."""
    checks = [check for item in pending(conn, catalog) for check in item.checks]
    return list(row_checks.look(conn, "public", checks))


def failure(conn: Connection[Any], catalog: Catalog) -> tuple[str, type[psycopg.Error]] | None:
    """Run what is pending without a check; return where it fails and with what, all undone."""
    with conn.transaction(force_rollback=True):
        for item in pending(conn, catalog):
            if isinstance(item, DataStep):
                if not observe.is_ready(conn, "public", item):
                    continue
            elif item.when and not introspect.has(conn, "public", *item.when):
                continue
            elif item.extension:
                conn.execute(sql.SQL("create extension {}").format(sql.Identifier(item.extension)))
            try:
                with conn.transaction():
                    conn.execute(item.text.encode())
            except psycopg.Error as exc:
                return item.name, type(exc)
    return None


def problem(check: Check, count: int) -> str:
    return f"{check.table}: {count} {'row' if count == 1 else 'rows'} {check.says}"


@pytest.mark.parametrize(("name", "check"), CHECKS)
def test_a_check_finds_exactly_the_rows_on_which_its_item_fails(
    template: Callable[[str], Connection[Any]], catalog: Catalog, name: str, check: Check
) -> None:
    case = CASES[check.table, check.says]
    conn = template(case.version)

    put(conn, case.rows)
    conn.execute(case.beside.encode())

    assert found(conn, catalog) == [
        Finding(problem(check, len(case.keys)), check.fix, RefusedError, "RowsInTheWay", case.keys)
    ]
    assert failure(conn, catalog) == (name, case.error)


@pytest.mark.parametrize("version", VERSIONS)
def test_rows_in_the_way_are_named_and_nothing_is_written_until_they_are_fixed(
    shop_at: Callable[..., str], catalog: Catalog, version: str
) -> None:
    cases = {key: case for key, case in CASES.items() if case.version == version}
    url = shop_at(version)
    with psycopg.connect(url, autocommit=True) as conn:
        for case in cases.values():
            put(conn, case.rows)
            conn.execute(case.beside.encode())
        checks = [check for m in pending(conn, catalog) for check in m.checks]
    before = snapshot(url)

    plan = medusa_db("plan", "--to", "1.20.11", "--output", "json", url=url)
    refused = medusa_db("migrate", "--to", "1.20.11", url=url)

    violated = [check for check in checks if (check.table, check.says) in cases]
    wanted: list[dict[str, Any]] = [
        {
            "problem": problem(check, len(cases[check.table, check.says].keys)),
            "advice": check.fix,
            "reason": "RowsInTheWay",
            "fatal": True,
            "keys": list(cases[check.table, check.says].keys),
        }
        for check in violated
    ]
    assert len(wanted) == len(cases)
    findings = json.loads(plan.stdout)["findings"]
    assert [found for found in findings if found["fatal"]] == wanted
    assert refused.returncode == 9
    for finding in wanted:
        assert refused.stderr.count(finding["problem"]) == 1
        assert f"For example: {', '.join(finding['keys'])}" in refused.stderr
    assert snapshot(url) == before

    with psycopg.connect(url, autocommit=True) as conn:
        for case in cases.values():
            conn.execute(case.fixed.encode())
    done = medusa_db("migrate", "--to", "1.20.11", url=url)

    assert done.returncode == 0, done.stderr


def test_categories_below_one_parent_are_ranked_by_age(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.7.11")
    siblings = [
        {"id": name, "handle": name, "parent_category_id": parent, "created_at": f"2023-01-{day:02}"}
        for name, parent, day in (
            ("coffee", None, 1), ("tea", None, 2), ("white", "tea", 3), ("black", "tea", 1),
            ("green", "tea", 3), ("sencha", "green", 9),
        )
    ]  # fmt: skip
    with psycopg.connect(url, autocommit=True) as conn:
        put(conn, {"product_category": siblings})
        conn.execute("update product_category set deleted_at = now() where id = 'black'")

    done = medusa_db("migrate", "--to", "1.7.14", url=url)

    assert done.returncode == 0, done.stderr
    with psycopg.connect(url) as conn:
        assert conn.execute(
            "select id, parent_category_id, rank from product_category order by id"
        ).fetchall() == [
            ("black", "tea", 0),
            ("coffee", None, 0),
            ("green", "tea", 1),
            ("sencha", "green", 0),
            ("tea", None, 0),
            ("white", "tea", 2),
        ]


@pytest.mark.parametrize("version", ["1.1.0", *VERSIONS])
def test_a_shop_without_such_rows_has_no_findings(
    shop_at: Callable[..., str], catalog: Catalog, version: str
) -> None:
    with psycopg.connect(shop_at(version)) as conn:
        medusa_rows.fill(conn, version)

        assert found(conn, catalog) == []


def test_tables_of_another_meaning_are_left_alone(
    template: Callable[[str], Connection[Any]], catalog: Catalog
) -> None:
    conn = template("1.2.1")
    conn.execute("alter table payment_session rename column provider_id to provider")

    assert found(conn, catalog) == []


def test_many_rows_in_the_way_are_counted_and_five_are_named(
    template: Callable[[str], Connection[Any]], catalog: Catalog
) -> None:
    conn = template("1.12.3")
    conn.execute(
        "insert into money_amount (id, currency_code, amount)"
        " select repeat('x', 200) || n, 'eur', 1 from generate_series(1, 10000) n"
    )

    (finding,) = found(conn, catalog)

    assert finding.problem == "money_amount: 10000 rows without a variant"
    assert finding.keys == ("x" * 100,) * 5


def test_a_migration_of_the_shop_may_mend_the_rows_on_the_way(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        put(conn, {"money_amount": [{"id": "loose"}]})
    late = tmp_path / "1692953518124_tidy.sql"
    late.write_text('delete from "money_amount" where "variant_id" is null;')

    refused = medusa_db("migrate", "--to", "1.20.11", "--migrations-dir", str(tmp_path), url=url)
    late.rename(tmp_path / "1692953518122_tidy.sql")
    done = medusa_db("migrate", "--to", "1.20.11", "--migrations-dir", str(tmp_path), url=url)

    assert refused.returncode == 9
    assert done.returncode == 0, done.stderr


COUNTRIES = "countriesCurrencies1611063174563"


@pytest.mark.parametrize("version", ["1.2.1", "1.12.3", "1.20.11"])
def test_countries_of_a_shop_whose_ledger_lacks_their_migration_are_found_beforehand(
    shop_at: Callable[..., str], version: str
) -> None:
    url = shop_at(version)
    with psycopg.connect(url, autocommit=True) as conn:
        gone = conn.execute("delete from migrations where name = %s returning id", [COUNTRIES])
        assert gone.fetchone() is not None
        there = [
            f"{table}: {conn.execute(f'select count(*) from {table}').fetchone()[0]} rows"
            for table in ("country", "currency")
        ]
    before = snapshot(url)

    plan = medusa_db("plan", "--to", "1.20.11", "--output", "json", url=url)
    refused = medusa_db("migrate", "--to", "1.20.11", url=url)

    assert refused.returncode == 9
    findings = [one for one in json.loads(plan.stdout)["findings"] if one["fatal"]]
    assert [one["problem"].partition(" that")[0] for one in findings] == there
    assert snapshot(url) == before
    (fix,) = {re.findall("`(insert .*?)`", one["advice"])[0] for one in findings}
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(fix.encode())
    assert medusa_db("migrate", "--to", "1.20.11", url=url).returncode == 0


@pytest.mark.parametrize(
    ("before", "country"),
    [
        ("", "'zz', 'zzz', 999, 'ATLANTIS', 'Atlantis'"),
        (
            'drop index "IDX_e78901b1131eaf8203d9b1cb5f" cascade',
            "'fr', 'fra', 250, 'FRANCE', 'France'",
        ),
    ],
    ids=["a country of the shop's own", "no index makes them unique"],
)
def test_countries_that_are_in_nobody_s_way_are_let_go(
    template: Callable[[str], Connection[Any]], catalog: Catalog, before: str, country: str
) -> None:
    conn = template("1.2.1")
    conn.execute("delete from country; delete from currency")
    conn.execute("delete from migrations where name = %s", [COUNTRIES])
    conn.execute(before.encode())

    conn.execute(
        f"insert into country (iso_2, iso_3, num_code, name, display_name) values ({country})".encode()
    )

    assert [one for one in found(conn, catalog) if one.problem.startswith("country")] == []
    failed = failure(conn, catalog)
    assert failed is None or failed[0] != COUNTRIES
