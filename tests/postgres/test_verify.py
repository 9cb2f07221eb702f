"""Drift of every kind is named; what is foreign or a known variant is not drift."""

from __future__ import annotations

import json

import psycopg
import pytest
from psycopg import errors as pg

import postgres_versions
from medusa_migrations.contract.report import LIMIT
from medusa_migrations.postgres import connection
from servers import medusa_db

pytestmark = pytest.mark.each_server

DRIFT = [
    ("drop table note cascade", "table note is missing"),
    ("alter table store drop column swap_link_template", "column store.swap_link_template is missing"),
    (
        "alter table money_amount alter column amount type text using amount::text",
        "column money_amount.amount is text instead of integer",
    ),
    (
        "alter table store alter column swap_link_template set not null",
        "column store.swap_link_template does not take null",
    ),
    (
        "alter table store alter column default_currency_code drop not null",
        "column store.default_currency_code takes null",
    ),
    (
        "alter table store alter column name set default 'x'",
        "column store.name has the default 'x' instead of 'Medusa Store'",
    ),
    (
        'alter table store drop constraint "FK_55beebaa09e947cccca554af222"',
        "table store: constraint FK_55beebaa09e947cccca554af222 is missing",
    ),
    (
        "drop index idx_product_variant_money_amount_variant_id",
        "index idx_product_variant_money_amount_variant_id is missing",
    ),
    (
        "alter type order_status_enum rename value 'archived' to 'kept'",
        ("type order_status_enum has the values pending, completed, kept, canceled,"
        " requires_action instead of pending, completed, archived, canceled, requires_action"),
    ),
    ("drop extension pg_trgm cascade", "extension pg_trgm is missing"),
    (
        "alter sequence order_display_id_seq rename to gone",
        "sequence order_display_id_seq is missing",
    ),
    (
        "alter table product add column profile_id varchar not null",
        "column product.profile_id is left over from another version",
    ),
]  # fmt: skip


def _verify(url, *options):
    done = medusa_db("verify", "--output", "json", *options, url=url)
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(("change", "sentence"), DRIFT, ids=[change for change, _ in DRIFT])
def test_each_kind_of_drift_is_named(shop_at, change, sentence):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute(change)

    code, found = _verify(url)

    assert code == 8
    assert sentence in found["drift"]


@pytest.mark.parametrize(
    ("settings", "fix"),
    [
        (["database {d}"], "alter database {d} reset default_transaction_read_only"),
        (
            ["role postgres in database {d}"],
            "alter role postgres in database {d} reset default_transaction_read_only",
        ),
        (["database {d}", "role postgres in database {d} off"], ""),
    ],
)
def test_a_shop_whose_server_may_only_read_is_not_as_it_should_be(shop_at, settings, fix):
    url = shop_at("1.20.11")
    database = url.rpartition("/")[2]
    with psycopg.connect(url, autocommit=True) as conn:
        for one in settings:
            of, off, _ = one.format(d=database).partition(" off")
            conn.execute(f"alter {of} set default_transaction_read_only to {off or 'yes'}")

    code, verdict = _verify(url)

    said = "sessions of the role postgres are read-only: default_transaction_read_only is on"
    fix = fix.format(d=database)
    assert [(one["difference"], one["fix"]) for one in verdict["differences"]] == (
        [(said, fix)] if fix else []
    )
    assert code == (8 if fix else 0)
    if fix:
        with psycopg.connect(url) as conn:
            conn.execute("set transaction read write; " + fix)
        assert _verify(url)[0] == 0


def test_columns_in_another_order_are_a_harmless_difference(shop_at):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute("alter table image drop column metadata, drop column url")
        conn.execute("alter table image add column metadata jsonb, add column url varchar not null")

    code, found = _verify(url)

    strict, _ = _verify(url, "--strict")

    assert (code, strict) == (0, 8)
    assert found["drift"] == []
    assert [(one["difference"], one["severity"]) for one in found["differences"]] == [
        ("table image has its columns in another order from url on", "harmless")
    ]


def test_foreign_objects_are_counted_and_allowed(shop_at):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute("create table loyalty (id serial primary key, note text)")
        conn.execute("create index on product (title)")
        conn.execute("alter table product add column shelf text")
        conn.execute("create type mood as enum ('good')")

    code, found = _verify(url)

    assert code == 0
    assert found["drift"] == []
    assert found["foreign"] == [
        "column product.shelf",
        "index product_title_idx on product",
        "table loyalty",
        "type mood",
    ]


def test_the_ledger_counts_as_well(shop_at):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute("delete from migrations where name like 'AlterCustomer%'")

    code, found = _verify(url, "--to", "1.20.11")

    assert code == 10
    assert found["pending"] == ["AlterCustomerUniqueConstraint1709888477798"]


@pytest.mark.parametrize(
    ("start", "variant"),
    [
        ("1.1.63", ["newTaxSystem1641636508055 as of 1.1.63"]),
        ("1.1.65", ["addBatchJobModel1649775522087 as of 1.1.65"]),
        ("1.3.2", ["addBatchJobModel1649775522087 as of 1.1.65"]),
        ("1.7.15", []),
        ("1.7.11", ["multiLocation1671711415179 as of 1.7.3"]),
    ],
)
def test_an_upgrade_from_an_older_text_is_a_known_variant(shop_at, start, variant):
    url = shop_at(start)
    if start == "1.7.15":
        with psycopg.connect(url) as conn:
            conn.execute("create table typeorm_metadata (type varchar not null)")

    done = medusa_db("migrate", "--to", "1.20.11", url=url)
    code, found = _verify(url)

    assert done.returncode == 0, done.stderr
    assert code == 0
    assert found["drift"] == []
    assert found["foreign"] == []
    assert set(found["variant"]) <= set(variant)


@pytest.mark.parametrize(
    "order",
    [
        "update migrations set id = -id",
        (
            "update migrations m set id = -n from"
            " (select id, row_number() over (order by name desc) as n from migrations) o where o.id = m.id"
        ),
    ],
    ids=["backwards", "by-name"],
)
@pytest.mark.parametrize("start", ["1.13.0", "1.19.0"])
def test_where_the_ledger_has_lost_its_order_what_any_order_makes_is_no_drift(
    shop_at, start, order
):
    off = "sales_channels=false"
    url = shop_at(start, "--flag", off)
    with psycopg.connect(url) as conn:
        conn.execute(order)

    done = medusa_db("migrate", "--to", "1.20.11", "--flag", "sales_channels=true", url=url)
    again = medusa_db("migrate", "--to", "1.20.11", url=url)
    code, found = _verify(url)

    assert done.returncode == 0, done.stderr
    assert again.returncode == 0, again.stderr
    assert (code, found["drift"]) == (0, [])
    with psycopg.connect(url) as conn:
        conn.execute("alter table product drop column subtitle")
    assert _verify(url)[1]["drift"] == ["column product.subtitle is missing"]


def test_a_database_without_a_proven_version_wants_one_named(url):
    done = medusa_db("verify", url=url)

    assert done.returncode == 9
    assert "its ledger proves no version to verify" in done.stderr


def _reported(file, *options, url):
    done = medusa_db("verify", "--report-file", str(file), "--run-id", "look-1", *options, url=url)
    report = json.loads(file.read_text())
    assert report["exitCode"] == done.returncode
    return {key: value for key, value in report.items() if key not in ("runner", "seconds")}


def test_a_look_that_finds_no_drift_is_reported(shop_at, tmp_path):
    url = shop_at("1.20.11")

    report = _reported(tmp_path / "report", "--to", "1.20.11", url=url)

    assert report == {
        "report": "medusadb.dev/v1",
        "runId": "look-1",
        "command": "verify",
        "state": "done",
        "exitCode": 0,
        "schema": "public",
        "from": "1.20.11",
        "version": "1.20.11",
        "proven": {
            "state": "version", "from": "1.20.3", "to": "1.20.11", "at": "1.20.11",
            "versions": report["proven"]["versions"],
        },
        "provenBefore": {"state": "version", "from": "1.20.3", "to": "1.20.11", "at": "1.20.11"},
        "target": "1.20.11",
        "verified": True,
        "history": "on",
        "migrationCount": 0,
    }  # fmt: skip


def test_drift_is_reported_with_its_first_differences_and_their_count(shop_at, tmp_path):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute("drop table note cascade; drop table invite cascade; drop table staged_job")
        conn.execute("alter table store drop column swap_link_template")

    report = _reported(tmp_path / "report", "--to", "1.20.11", url=url)

    assert report["exitCode"] == 8
    assert (report["state"], report["verified"]) == ("done", False)
    assert report["message"].startswith(
        "the database is not what 1.20.11 should be: table invite is missing; table note is missing; "
    )
    assert report["message"].endswith(f"; and {report['driftCount'] - 3} more")
    assert "column store.swap_link_template is missing" in report["drift"]


def test_much_drift_still_fits_into_a_termination_message(shop_at, tmp_path):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute("drop schema public cascade; create schema public")
        conn.execute(
            'create table migrations (id serial primary key, "timestamp" bigint, name text)'
        )
        with psycopg.connect(shop_at("1.20.11")) as whole:
            ledger = whole.execute('select "timestamp", name from migrations order by id')
            for row in ledger.fetchall():
                conn.execute('insert into migrations ("timestamp", name) values (%s, %s)', row)

    report = _reported(tmp_path / "report", "--to", "1.20.11", url=url)

    assert report["exitCode"] == 8
    assert report["driftCount"] > 100
    assert report["truncated"] is True
    assert (tmp_path / "report").stat().st_size <= LIMIT


@pytest.mark.parametrize(
    ("start", "code", "reason", "words"),
    [
        pytest.param("1.12.3", 10, "NotYet", "migrations pending for 1.18.0", id="older"),
        pytest.param("1.20.11", 9, "Newer", "which is newer than 1.18.0", id="newer"),
        pytest.param("", 10, "NotYet", "the database is at empty", id="empty"),
    ],
)
def test_a_database_at_another_version_is_told_from_drift(
    shop_at, url, tmp_path, start, code, reason, words
):
    where = shop_at(start) if start else url

    report = _reported(tmp_path / "report", "--to", "1.18.0", url=where)

    assert (report["exitCode"], report["reason"]) == (code, reason)
    assert words in report["message"]
    assert report["state"] == "failed"
    assert report["proven"]["state"] == ("version" if start else "empty")


@pytest.mark.parametrize(
    ("start", "change", "says"),
    [
        ("1.12.3", "", "The schema is that of its ledger (1.12.3)."),
        ("1.20.11", "", "The schema is that of its ledger (1.20.11)."),
        ("1.12.3", "drop table note", "The schema differs from that of its ledger (1.12.3):"),
        ("1.18.0", "", "The schema is that of 1.18.0."),
    ],
)
def test_the_schema_of_another_version_is_not_said_to_be_that_of_the_one_asked_for(
    shop_at, start, change, says
):
    url = shop_at(start)
    if change:
        with psycopg.connect(url) as conn:
            conn.execute(change)

    done = medusa_db("verify", "--to", "1.18.0", url=url)

    assert done.stdout.splitlines()[0] == says


def test_a_look_needs_no_right_to_write_and_writes_nothing(shop_at):
    url = f"{shop_at('1.20.11')}?options=-c%20default_transaction_read_only%3Don"

    code, found = _verify(url, "--to", "1.20.11")

    assert (code, found["drift"]) == (0, [])


def test_a_look_reads_beside_whoever_writes(shop_at):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as shop:
        shop.execute('lock table "order", product, store, migrations in exclusive mode')

        code, _ = _verify(url, "--to", "1.20.11")

    assert code == 0


def test_a_snapshot_sees_one_moment_and_cannot_be_written_to(url, conn):
    conn.execute("create table t (id int)")
    with psycopg.connect(url, autocommit=True) as looking:
        with connection.snapshot(looking):
            before = looking.execute("select count(*) from t").fetchone()
            conn.execute("insert into t values (1)")
            after = looking.execute("select count(*) from t").fetchone()

        with pytest.raises(pg.ReadOnlySqlTransaction), connection.snapshot(looking):
            looking.execute("insert into t values (2)")

    assert before == after == (0,)


@pytest.mark.parametrize("server", [postgres_versions.MAJORS[0]], indirect=True)
def test_the_oldest_server_is_migrated_and_compared(url):
    """The others of these versions are for MEDUSA_TEST_ALL=1; what only later ones know fails here first."""
    migrated = medusa_db("migrate", url=url)
    verified = medusa_db("verify", url=url)
    with psycopg.connect(url) as conn:
        conn.execute('alter table product alter handle type text collate "C"')
        conn.execute('create index mine on product (title collate "C")')
    compared = medusa_db("verify", url=url)

    assert migrated.returncode == 0, migrated.stderr
    assert (verified.returncode, verified.stderr) == (0, "")
    assert compared.returncode == 8
    assert 'product.handle has the collation "C"' in compared.stderr
