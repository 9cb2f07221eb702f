"""What a run would fail on in the middle is refused beforehand, or passed over as Medusa's own tool does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from faults import snapshot
from servers import medusa_db

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers import TestServer

pytestmark = pytest.mark.each_server


def run(url: str, statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(sql.SQL(statements))


def migrated(url: str, to: str, *options: str) -> tuple[int, dict[str, Any]]:
    done = medusa_db("migrate", "--to", to, *options, "--output", "json", url=url)
    return done.returncode, json.loads(done.stdout)


def refused(url: str, to: str, *options: str) -> tuple[str, str]:
    """Return reason and message of a run that has to be refused with nothing written."""
    before = snapshot(url)
    code, report = migrated(url, to, *options)
    assert (code, snapshot(url)) == (9, before), report
    plan = medusa_db("plan", "--to", to, *options, "--check", url=url)
    assert plan.returncode == 9, plan.stdout
    return report["reason"], report["message"]


def needs(url: str, version: int) -> None:
    with psycopg.connect(url) as conn:
        if conn.info.server_version < version * 10_000:
            pytest.skip(f"PostgreSQL {version} made it possible")


def test_an_enums_value_that_was_added_by_hand_is_passed_over(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.3.7")
    run(url, "alter type swap_fulfillment_status_enum add value 'partially_shipped'")

    code, report = migrated(url, "1.3.8")

    assert (code, report["verified"]) == (0, True)
    assert [(one["object"], one["severity"]) for one in report["differences"]] == [
        ("type swap_fulfillment_status_enum", "harmless")
    ]


@pytest.mark.parametrize(
    ("start", "change", "column"),
    [
        ("1.12.3", "alter table migrations add x text not null default ''; alter table migrations alter x drop default", "migrations.x"),
        ("1.3.5", "alter table product_sales_channel add x text not null", "product_sales_channel.x"),
    ],
)  # fmt: skip
def test_a_column_of_ones_own_that_refuses_a_pending_row_is_refused(
    shop_at: Callable[..., str], start: str, change: str, column: str
) -> None:
    flags = ("--flag", "sales_channels=true") if start == "1.3.5" else ()
    url = shop_at(start, *flags)
    run(url, change)

    reason, message = refused(url, "1.20.11", *flags)

    assert reason == "SchemaDiffers"
    assert f"column {column} is not Medusa's, and is not null without a default" in message


def test_a_table_that_went_and_that_a_key_of_the_same_name_points_to_again_is_refused(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")
    run(url, "alter table line_item rename to mine")

    reason, message = refused(url, "1.13.0")

    assert reason == "SchemaDiffers"
    assert "line_item" in message


OWN = [
    pytest.param(
        "create table goose_db_version (id serial, version_id bigint, is_applied bool, tstamp timestamp);"
        "insert into goose_db_version (version_id, is_applied) values (0, true), (20230101120000, true)",
        "20230101120000_points.sql",
        "-- +goose Up\ncreate table points (id text);\n-- +goose Down\ndrop table points;\n",
        ("--migrations-format", "goose"),
        "AppliedByOtherTool",
        "goose has applied 20230101120000_points.sql to this database already",
        id="goose",
    ),
    pytest.param(
        "create table schema_migrations (version varchar primary key); insert into schema_migrations values ('20230101120000')",
        "20230101120000_points.sql",
        "-- migrate:up\ncreate table points (id text);\n-- migrate:down\ndrop table points;\n",
        ("--migrations-format", "dbmate"),
        "AppliedByOtherTool",
        "dbmate has applied 20230101120000_points.sql",
        id="dbmate",
    ),
    pytest.param(
        "create schema supabase_migrations; create table supabase_migrations.schema_migrations"
        " (version text primary key, statements text[], name text);"
        "insert into supabase_migrations.schema_migrations values ('20230101120000', null, 'points')",
        "1672574400000_points.sql",
        "create table points (id text);",
        (),
        "AppliedByOtherTool",
        "Supabase has applied 1672574400000_points.sql",
        id="supabase-under-our-name",
    ),
    pytest.param(
        "create table _prisma_migrations (migration_name text, finished_at timestamptz, rolled_back_at timestamptz);"
        "insert into _prisma_migrations values ('20230101120000_points', now(), null)",
        "1672574400000_points.sql",
        "create table points (id text);",
        (),
        "AppliedByOtherTool",
        "Prisma has applied 1672574400000_points.sql",
        id="prisma-under-our-name",
    ),
    pytest.param(
        "create schema drizzle; create table drizzle.__drizzle_migrations (id serial, hash text, created_at bigint);"
        "insert into drizzle.__drizzle_migrations (hash, created_at) values ('x', 1672574400123)",
        "1672574400123_points.sql",
        "create table points (id text);",
        (),
        "AppliedByOtherTool",
        "Drizzle has applied 1672574400123_points.sql",
        id="drizzle",
    ),
    pytest.param(
        "create schema atlas_schema_revisions;"
        "create table atlas_schema_revisions.atlas_schema_revisions (version text, error text);"
        "insert into atlas_schema_revisions.atlas_schema_revisions values ('20230101120000', null)",
        "1672574400000_points.sql",
        "create table points (id text);",
        (),
        "AppliedByOtherTool",
        "Atlas has applied 1672574400000_points.sql",
        id="atlas-under-our-name",
    ),
    pytest.param(
        "select 1",
        "1790000000000_points.sql",
        "create view points as select profile_id from product;",
        (),
        "NameGone",
        "points1790000000000 names the column product.profile_id, which addTableProductShippingProfile1680857773273",
        id="a-column-that-goes-before",
    ),
    pytest.param(
        "create function points(a int, b text) returns int language sql as 'select 1'",
        "1790000000000_points.sql",
        "create function points(x integer, text default 'y') returns int language sql as 'select 2';",
        (),
        "NameTaken",
        "the function points(integer,text) is there already",
        id="a-function-with-the-same-arguments",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "file", "text", "options", "reason", "says"), OWN)
def test_a_file_of_the_shops_own_that_would_fail_is_refused(
    shop_at: Callable[..., str],
    tmp_path: Path,
    change: str,
    file: str,
    text: str,
    options: tuple[str, ...],
    reason: str,
    says: str,
) -> None:
    url = shop_at("1.12.3")
    run(url, change)
    (tmp_path / file).write_text(text)

    found = refused(url, "1.20.11", "--migrations-dir", str(tmp_path), *options)

    assert found[0] == reason
    assert says in found[1]


@pytest.mark.parametrize(
    ("text", "reason", "says"),
    [
        ("alter table product drop column profile_id;", "NameGone",
         "addTableProductShippingProfile1680857773273 needs the column product.profile_id, which points1650000000000 drops or renames before it"),
        ("alter table line_item rename to item;", "NameGone",
         "lineItemTaxAdjustmentOnCascadeDelete1680857773272 needs the table or index line_item"),
        ("alter table product_category add column metadata text;", "NameTaken",
         "AddMetadataToProductCategory1699564794649 makes the column product_category.metadata, which points1650000000000 makes before it"),
        ("create table product_shipping_profile (id text);", "NameTaken",
         "makes the table or index product_shipping_profile, which points1650000000000 makes before it"),
    ],
)  # fmt: skip
def test_a_file_of_the_shops_own_that_a_later_migration_would_fail_on_is_refused(
    shop_at: Callable[..., str], tmp_path: Path, text: str, reason: str, says: str
) -> None:
    url = shop_at("1.12.3")
    (tmp_path / "1650000000000_points.sql").write_text(text)

    found = refused(url, "1.20.11", "--migrations-dir", str(tmp_path))

    assert (found[0], says in found[1]) == (reason, True), found


def test_a_value_of_an_enum_that_is_used_before_it_is_committed_is_refused(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.20.11")
    run(url, "create type mood as enum ('sad'); create table seen (mood mood)")
    adds = tmp_path / "1790000000000_adds.sql"
    adds.write_text("alter type mood add value 'glad';")
    (tmp_path / "1790000000001_uses.sql").write_text("update seen set mood = 'glad';")
    options = ("--migrations-dir", str(tmp_path))

    reason, message = refused(url, "1.20.11", *options)

    assert reason == "ValueNotCommitted"
    assert message.startswith(
        "uses1790000000001 names the value glad of mood, which adds1790000000000 adds in the same transaction"
    )
    adds.write_text("-- medusa-db: no-transaction\n" + adds.read_text())
    assert migrated(url, "1.20.11", *options)[0] == 0


@pytest.mark.parametrize(
    "text",
    [
        "alter table product rename profile_id to mine; alter table product rename mine to profile_id;",
        "create schema old; create table old.line_item as select * from line_item; drop table old.line_item;",
        "alter table product_category add column mine text; drop index if exists nothing;",
    ],
)
def test_a_file_that_takes_from_no_later_migration_runs_before_it(
    shop_at: Callable[..., str], tmp_path: Path, text: str
) -> None:
    url = shop_at("1.12.3")
    (tmp_path / "1650000000000_points.sql").write_text(text)

    code, report = migrated(url, "1.20.11", "--migrations-dir", str(tmp_path))

    assert (code, report["verified"]) == (0, True), report


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("create function points(a int) returns int language sql as 'select 1'",
         "create function points(a text) returns int language sql as 'select 2';"),
        ("create table schema_migrations (version varchar primary key); insert into schema_migrations values ('20220101120000')",
         "create table points (id text);"),
        ("create table _prisma_migrations (migration_name text, finished_at timestamptz, rolled_back_at timestamptz); insert into _prisma_migrations values ('20260921141320_points', null, null), ('0_init', now(), null)",
         "create table points (id text);"),
        ("select 1", "create view points as select title from product;"),
    ],
)  # fmt: skip
def test_what_only_looks_like_it_runs(
    shop_at: Callable[..., str], tmp_path: Path, change: str, text: str
) -> None:
    url = shop_at("1.12.3")
    run(url, change)
    (tmp_path / "1790000000000_points.sql").write_text(text)

    code, report = migrated(url, "1.20.11", "--migrations-dir", str(tmp_path))

    assert (code, report["verified"]) == (0, True), report


def test_a_foreign_key_to_a_column_of_a_domain_is_made_where_what_it_is_over_fits(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.1.0")
    run(
        url,
        "create domain short as text; create domain shorter as short; "
        "alter table address alter id type shorter",
    )

    code, report = migrated(url, "1.20.11")

    assert (code, report["version"]) == (0, "1.20.11")
    assert [one["object"] for one in report["differences"]] == ["column address.id"]


@pytest.mark.parametrize(("column", "is_read"), [("description", False), ("type", True)])
def test_a_column_of_another_table_by_the_same_name_is_not_in_the_way(
    shop_at: Callable[..., str], column: str, *, is_read: bool
) -> None:
    url = shop_at("1.2.1")
    run(url, f"alter table discount_rule drop {column}")

    code, report = migrated(url, "1.20.11")

    says = report.get("message", "")
    assert code == (9 if is_read else 0), says
    assert (f"column discount_rule.{column} is missing" in says) is is_read


def test_a_foreign_key_to_a_column_of_a_domain_over_numbers_is_refused(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.1.0")
    run(
        url,
        'create domain whole as int; alter table address drop constraint "PK_d92de1f82754668b5f5f5dd4fd5" cascade; '
        "alter table address alter id type whole using 1, add primary key (id)",
    )

    reason, message = refused(url, "1.20.11")

    assert reason == "SchemaDiffers"
    assert "column address.id is whole instead of character varying" in message
    assert "would fail on it" in message


@pytest.mark.parametrize("start", ["", "1.18.0"])
def test_flags_that_medusas_own_migrations_do_not_go_through_with_are_refused(
    shop_at: Callable[..., str], url: str, start: str
) -> None:
    flags = ("--flag", "medusa_v2=true", "--flag", "sales_channels=false")
    shop = shop_at(start, *flags) if start else url

    reason, message = refused(shop, "1.20.11", *flags)

    assert reason == "FlagsExclude"
    assert message.startswith(
        "ProductSalesChannelsLink1698056997411, of the flag medusa_v2, cannot run"
    )
    assert message.endswith("Add --flag sales_channels=true")
    other = ("--flag", "medusa_v2=true", "--flag", "sales_channels=true")
    assert migrated(shop, "1.20.11", *other)[0] == 0


def test_a_flag_whose_migrations_the_shop_has_is_not_switched_off(
    shop_at: Callable[..., str],
) -> None:
    shop = shop_at("1.3.9", "--flag", "sales_channels=true")

    reason, message = refused(shop, "1.20.11", "--flag", "sales_channels=false")

    assert reason == "FlagSwitchedOff"
    assert message.startswith("the flag sales_channels is on in this database")
    assert migrated(shop, "1.20.11")[0] == 0
    assert medusa_db("verify", "--to", "1.20.11", url=shop).returncode == 0
    assert migrated(shop, "1.20.11", "--flag", "sales_channels=false")[0] == 0


@pytest.mark.parametrize("options", [(), ("--transaction", "each")], ids=["together", "each"])
def test_a_flag_that_was_off_at_the_version_that_turns_it_on_stays_off(
    shop_at: Callable[..., str], options: tuple[str, ...]
) -> None:
    shop = shop_at("1.5.0")  # the ledger of 1.6.1 without analytics is that of 1.6.0
    assert migrated(shop, "1.6.1", *options, "--flag", "analytics=false")[0] == 0

    assert medusa_db("verify", "--to", "1.6.1", url=shop).returncode == 0
    assert medusa_db("wait", "--for", "1.6.1", "--timeout", "1s", url=shop).returncode == 0
    assert migrated(shop, "1.6.1")[1]["state"] == "nothing"
    assert migrated(shop, "1.7.7")[0] == 0
    with psycopg.connect(shop) as conn:
        assert conn.execute("select to_regclass('analytics_config')").fetchone() == (None,)


def test_a_flag_stays_on_for_a_run_that_has_not_come_to_the_version_that_turns_it_on(
    shop_at: Callable[..., str],
) -> None:
    shop = shop_at("1.5.0")
    run(shop, "create table analytics_config (mine int)")  # in the way of the last migration
    code, _ = migrated(shop, "1.6.1", "--transaction", "each")
    assert code == 9
    run(shop, "drop table analytics_config")

    assert migrated(shop, "1.6.1")[0] == 0

    with psycopg.connect(shop) as conn:
        assert conn.execute("select to_regclass('analytics_config')::text").fetchone() == (
            "analytics_config",
        )


def test_an_unlogged_table_that_a_new_foreign_key_refers_to_is_refused(
    shop_at: Callable[..., str],
) -> None:
    shop = shop_at("1.2.1")
    run(shop, 'alter table "user" set unlogged')

    reason, message = refused(shop, "1.20.11")

    assert reason == "SchemaDiffers"
    assert message == (
        "table user is unlogged, and addBatchJobModel1649775522087 would fail on it. "
        'Make it right first: alter table "user" set logged'
    )
    run(shop, 'alter table "user" set logged')
    assert migrated(shop, "1.20.11")[0] == 0


def test_an_unlogged_table_that_nothing_new_refers_to_is_upgraded(
    shop_at: Callable[..., str],
) -> None:
    shop = shop_at("1.18.0")
    run(shop, 'alter table "staged_job" set unlogged')

    assert migrated(shop, "1.20.11")[0] == 0


CATEGORY = "table product_category: the publication mine publishes its columns name, without id of its replica identity"


@pytest.mark.parametrize(
    ("publication", "says", "fix"),
    [
        (
            "create publication mine for table product_category (name)",
            CATEGORY,
            "alter publication mine drop table product_category; alter publication mine add table product_category (name, id)",
        ),
        (
            "create publication mine for table product_category where (is_active)",
            "table product_category: the condition of the publication mine names is_active, which its replica identity has not",
            "alter table product_category replica identity full",
        ),
    ],
    ids=["columns", "a condition"],
)
def test_a_publication_that_refuses_the_update_of_a_migration_is_refused(
    shop_at: Callable[..., str], publication: str, says: str, fix: str
) -> None:
    shop = shop_at("1.7.7")
    needs(shop, 15)
    run(shop, publication)

    reason, message = refused(shop, "1.12.1")

    item = "productCategoryRank1677234878504"
    assert reason == "SchemaDiffers"
    assert message == f"{says}, and {item} would fail on it. Make it right first: {fix}"
    run(shop, fix)
    assert migrated(shop, "1.12.1")[0] == 0


def test_a_table_without_a_replica_identity_is_refused_where_a_data_step_updates_it(
    shop_at: Callable[..., str],
) -> None:
    shop = shop_at("1.7.0")
    run(
        shop,
        "alter table gift_card replica identity nothing; create publication mine for table gift_card",
    )

    _, message = refused(shop, "1.7.1")

    assert message.startswith(
        "table gift_card is in the publication mine and has no replica identity, and 1.7.1/gift_card_tax_rate would fail on it"
    )


@pytest.mark.parametrize(
    "publication",
    [
        "create publication mine for table product_category (name) with (publish = 'insert, delete')",
        "create publication mine for table product_collection (title)",
    ],
    ids=["of no updates", "of a table that nothing updates"],
)
def test_a_publication_that_refuses_nothing_of_the_run_stays(
    shop_at: Callable[..., str], publication: str
) -> None:
    shop = shop_at("1.7.7")
    needs(shop, 15)
    run(shop, publication)

    code, report = migrated(shop, "1.7.15")

    assert code == 0, report
    assert sum("publication mine" in line for line in report["earlier"]) == 1, report


@pytest.mark.parametrize(
    ("before", "code"), [("", 9), ("alter publication mine set table product_collection;", 0)]
)
def test_an_own_file_that_updates_such_a_table_is_refused_unless_it_may_have_changed_that(
    shop_at: Callable[..., str], tmp_path: Path, before: str, code: int
) -> None:
    shop = shop_at("1.20.10")
    needs(shop, 15)
    run(shop, "create publication mine for table product_collection (title)")
    (tmp_path / "1790000000000_titles.sql").write_text(
        f"{before} update product_collection set title = upper(title);\n"
    )

    done, report = migrated(shop, "1.20.11", "--migrations-dir", str(tmp_path))

    assert done == code, report["message"]
    assert code == 0 or "and titles1790000000000 would fail on it" in report["message"]


def test_a_collation_of_another_version_than_the_database_was_made_with_is_told(
    server: TestServer,
) -> None:
    needs(server.admin_url, 15)
    name = "sorted otherwise"
    try:
        server.execute(
            "create database {} template template0 locale_provider icu icu_locale 'en'", name
        )
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("this server is built without ICU")
    url = server.url(name.replace(" ", "%20"))
    try:
        assert migrated(url, "1.12.3")[0] == 0
        assert "collation" not in medusa_db("plan", "--to", "1.20.11", url=url).stdout
        run(url, "update pg_database set datcollversion = '1.1' where datname = current_database()")

        plan = medusa_db("plan", "--to", "1.20.11", "--output", "json", url=url)
        code, report = migrated(url, "1.20.11")

        found = [
            one for one in json.loads(plan.stdout)["findings"] if "collation" in one["problem"]
        ]
        assert [(one["problem"].partition(" and the")[0], one["fatal"]) for one in found] == [
            ("the indexes of this database were made with version 1.1 of its collation,", False)
        ]
        assert code == 0
        assert any("version 1.1 of its collation" in line for line in report["warnings"])
        for statement in found[0]["fix"].split("; "):
            run(url, statement)
        assert "collation" not in medusa_db("plan", "--to", "1.20.11", url=url).stdout
    finally:
        server.drop(name)
