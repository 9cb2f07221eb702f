"""Data steps on real servers, held against a model of their effect that is not written in SQL."""

from __future__ import annotations

import contextlib
import json
import re
import time

import psycopg
import pytest

import data_step_model as model
import data_step_rows as shop_rows
import data_step_shop as shops
from medusa_migrations.catalog import version as versions
from servers import medusa_db, rows

pytestmark = pytest.mark.each_server

GIFT_CARDS = "1.7.1/gift_card_tax_rate"
RULES = "1.3.0/discount_rules"
ADJUSTMENTS = "1.3.0/line_item_adjustments"
CHANNELS = "1.7.3/sales_channels"
CHANNELS_EARLY = "1.3.6/sales_channels"

HISTORY = "select to_version, data_steps, deferred from medusa_db.history order by id"
WAITS = (
    "The store has no default sales channel yet. Start the server once, it creates one, "
    "then run this step again."
)


@pytest.fixture(scope="module")
def filled(server):
    """Call it with a size, a version and options for the name of a template: a shop with rows."""
    made = {}

    def make(size, version, *options):
        key = (size, version, options)
        if key not in made:
            name = f"{server.at(version, *options)}_with_{size.orders}"
            server.execute("create database {} template {}", name, server.at(version, *options))
            shops.fill(server.url(name), size, seed=1, hollow=True)
            made[key] = name
        return made[key]

    yield make

    for name in made.values():
        server.drop(name)


@pytest.fixture
def shop(server, filled):
    """Call it with a size, a version and options for the URL of a shop with rows of its own."""
    with contextlib.ExitStack() as stack:
        yield lambda *what: server.url(stack.enter_context(server.database(filled(*what))))


def migrate(url, version, *steps, options=()):
    asked = [f"--data-step={step}" for step in steps]
    done = medusa_db("migrate", "--to", version, *asked, *options, "--output", "json", url=url)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def written(report):
    return {done["name"]: done["rows"] for done in report["dataSteps"]}


def status(url):
    return json.loads(medusa_db("status", "--output", "json", url=url).stdout)


def execute(url, *statements):
    with psycopg.connect(url) as conn:
        for statement in statements:
            conn.execute(statement)


def one(url, query):
    with psycopg.connect(url) as conn:
        return rows(conn, query)[0][0]


def open_a_channel(url):
    """Do what a server does at its first start."""
    execute(
        url,
        "insert into sales_channel (id, name) values ('sc_default', 'Default')",
        "update store set default_sales_channel_id = 'sc_default'",
    )


def said(text):
    return " ".join(text.split())


def assert_right(before, after, *steps):
    for step in steps:
        must, held = model.must(step, before), model.held(step, after)
        assert (step, must - held, held - must) == (step, set(), set())


def test_the_model_knows_every_step(catalog):
    assert tuple(sorted(step.name for step in catalog.data_steps)) == model.STEPS


def test_they_are_right_in_a_shop_of_thousands_where_medusas_scripts_lose_rows(shop):
    url = shop(shops.LARGE, "1.7.15")
    steps = (RULES, ADJUSTMENTS, CHANNELS_EARLY, GIFT_CARDS)
    before, started = shop_rows.take(url), time.time()

    report = migrate(url, "1.7.15", *steps)

    after = shop_rows.take(url)
    assert_right(before, after, *steps)
    assert min(written(report).values()) > 2_000
    assert {
        name: shop_rows.take(url)[name] for name in ("order", "line_item", "discount_rule")
    } == {name: before[name] for name in ("order", "line_item", "discount_rule")}
    new = shop_rows.new_ids(after)
    assert len({name[-16:] for name in new}) == len(new) > 5_000, "80 random bits each"
    moments = {shop_rows.moment_of(name) for name in new}
    assert started - 1 < min(moments) <= max(moments) < time.time() + 1

    again = migrate(url, "1.7.15", *model.STEPS)

    assert written(again) == dict.fromkeys(
        (step for step in model.STEPS if step != CHANNELS_EARLY), 0
    )
    assert shop_rows.take(url) == after


@pytest.mark.parametrize(
    ("medusa_v2", "channels"), [(False, CHANNELS), (True, CHANNELS), (True, CHANNELS_EARLY)]
)
def test_they_work_on_the_latest_form_of_the_tables(shop, medusa_v2, channels):
    url = shop(shops.SMALL, "1.20.11", *(["--flag=medusa_v2=true"] if medusa_v2 else []))
    steps = (RULES, ADJUSTMENTS, GIFT_CARDS, channels)
    before = shop_rows.take(url)

    report = migrate(url, "1.20.11", *steps)

    after = shop_rows.take(url)
    assert_right(before, after, *steps)
    assert min(written(report).values()) > 50
    links = [
        row for row in after["product_sales_channel"] if row not in before["product_sales_channel"]
    ]
    assert len(links) == written(report)[channels]
    assert ("id" in links[0]) is medusa_v2
    if medusa_v2:
        assert all(re.fullmatch("prodsc_[0-9a-f]{26}", row["id"]) for row in links)
        assert all(row["created_at"] and row["updated_at"] for row in links)
        assert not any(row["deleted_at"] for row in links)


def test_a_column_of_the_shops_own_keeps_its_default(shop):
    url = shop(shops.SMALL, "1.7.15")
    execute(url, "alter table product_sales_channel add column place integer not null default 7")

    migrate(url, "1.7.15", CHANNELS)

    assert {row["place"] for row in shop_rows.take(url)["product_sales_channel"]} == {7}


def test_an_order_without_worth_gets_amounts_of_zero_and_a_warning(shop):
    url = shop(shops.SMALL, "1.7.15")
    before = shop_rows.take(url)
    hollow = model.hollow_orders(before)

    done = medusa_db("migrate", "--to", "1.7.15", "--data-step", ADJUSTMENTS, url=url)

    assert done.returncode == 0
    assert len(hollow) > 3
    sentence = (
        f"{ADJUSTMENTS}: {len(hollow)} orders have a fixed discount but nothing it could apply to; "
        "its adjustments there are 0."
    )
    assert f"Warnings: - {sentence}" in said(done.stdout)
    assert sentence in done.stderr
    after = shop_rows.take(url)
    items = {row["id"] for row in after["line_item"] if row["order_id"] in hollow}
    fixed = {
        row["id"]
        for row in after["discount"]
        if row["rule_id"] in {r["id"] for r in after["discount_rule"] if r["type"] == "fixed"}
    }
    amounts = [
        row["amount"]
        for row in after["line_item_adjustment"]
        if row["item_id"] in items and row["discount_id"] in fixed and row["id"].startswith("lia_0")
    ]
    assert amounts == [0] * len(amounts)
    assert len(amounts) > 3


@pytest.mark.parametrize(
    ("tables", "wrote"),
    [
        (
            ("discount", "product", "gift_card"),
            {ADJUSTMENTS: False, CHANNELS: False, GIFT_CARDS: True},
        ),
        (("discount_condition", "region"), {RULES: True, GIFT_CARDS: True}),
        (("discount_rule",), {ADJUSTMENTS: False, RULES: False}),
    ],
    ids=["discounts-products-gift-cards", "conditions-regions", "rules"],
)
def test_soft_deleted_rows_count_as_they_do_for_medusas_scripts(shop, tables, wrote):
    url = shop(shops.SMALL, "1.7.15")
    execute(url, *(f"update {table} set deleted_at = now()" for table in tables))
    before = shop_rows.take(url)

    report = migrate(url, "1.7.15", *wrote)

    assert_right(before, shop_rows.take(url), *wrote)
    assert {step: count > 0 for step, count in written(report).items()} == wrote


def test_deleted_rules_that_name_products_are_counted_in_a_warning(shop):
    url = shop(shops.SMALL, "1.7.15")
    named = one(url, "select count(distinct discount_rule_id) from discount_rule_products")
    execute(url, "update discount_rule set deleted_at = now()")

    report = migrate(url, "1.7.15", RULES)

    sentence = "deleted discount rules name products; they get no condition, and their rows stay as they are."
    assert report["warnings"] == [f"{RULES}: {named} {sentence}"]


def test_a_step_that_must_wait_says_so_and_a_later_run_does_it(shop, tmp_path):
    url = shop(shops.SMALL, "1.6.5")
    report_file = tmp_path / "report.json"

    first = medusa_db("migrate", "--to", "1.20.11", "--report-file", str(report_file), url=url)

    assert first.returncode == 0, first.stderr
    assert f"Warnings: - {CHANNELS} waits: {WAITS}" in said(first.stdout)
    assert f"Waiting: - {CHANNELS}: run the same command again later" in said(first.stdout)
    report = json.loads(report_file.read_text())
    assert (report["state"], report["deferred"]) == ("done", [CHANNELS])
    assert [done["name"] for done in report["dataSteps"]] == [GIFT_CARDS]
    assert status(url)["dataStepsWaiting"] == [CHANNELS]
    shown = medusa_db("status", url=url).stdout
    assert re.search(f"^data steps waiting +{CHANNELS}$", shown, re.MULTILINE)
    with psycopg.connect(url) as conn:
        assert rows(conn, HISTORY)[1:] == [("1.20.11", [GIFT_CARDS], [CHANNELS])]

    too_early = migrate(url, "1.20.11")

    assert (too_early["state"], too_early["deferred"]) == ("nothing", [CHANNELS])

    open_a_channel(url)
    before = shop_rows.take(url)
    left_out = migrate(url, "1.20.11", options=["--no-data-steps"])
    still = status(url)["dataStepsWaiting"]
    planned = medusa_db("plan", "--to", "1.20.11", url=url)
    later = medusa_db("migrate", "--to", "1.20.11", url=url)

    assert (left_out["state"], still) == ("nothing", [CHANNELS])
    assert CHANNELS in planned.stdout
    assert later.returncode == 0, later.stderr
    live = sum(row["deleted_at"] is None for row in before["product"])
    assert re.search(f"^{CHANNELS} +{live} ", later.stdout, re.MULTILINE)
    assert "Waiting" not in later.stdout
    assert_right(before, shop_rows.take(url), CHANNELS)
    assert status(url)["dataStepsWaiting"] == []
    with psycopg.connect(url) as conn:
        assert rows(conn, HISTORY)[2:] == [("1.20.11", [CHANNELS, CHANNELS_EARLY], [])]

    last = migrate(url, "1.20.11")

    assert last["state"] == "nothing"
    assert not {"dataSteps", "deferred", "warnings"} & set(last)


def test_a_waiting_step_is_done_in_a_shop_that_went_on_to_medusa_v2(shop):
    url = shop(shops.SMALL, "1.6.5")
    first = migrate(url, "1.20.11", options=["--flag", "medusa_v2=true"])
    open_a_channel(url)
    before = shop_rows.take(url)

    later = migrate(url, "1.20.11")

    assert first["deferred"] == [CHANNELS]
    assert_right(before, shop_rows.take(url), CHANNELS)
    assert list(written(later)) == [CHANNELS]


def test_without_data_steps_no_row_is_touched_and_none_is_made_up_for(shop):
    url = shop(shops.SMALL, "1.2.1")

    report = migrate(url, "1.7.15", options=["--no-data-steps"])
    again = migrate(url, "1.7.15")

    assert not {"dataSteps", "deferred", "warnings"} & set(report)
    assert again["state"] == "nothing"
    after = shop_rows.take(url)
    assert (after["line_item_adjustment"], after["discount_condition"]) == ([], [])


def test_steps_inside_the_proven_range_count_as_done_unless_asked_for(shop):
    url = shop(shops.SMALL, "1.3.2")
    execute(url, "drop schema medusa_db cascade")
    before = shop_rows.take(url)

    planned = medusa_db("plan", "--to", "1.3.2", url=url)
    counted = migrate(url, "1.3.2")
    asked = migrate(url, "1.3.2", ADJUSTMENTS)

    assert (
        f"Counted as done before: {RULES}, {ADJUSTMENTS}. To run one all the same: --data-step NAME"
        in said(planned.stdout)
    )
    assert (counted["state"], counted["assumedDone"]) == ("done", [RULES, ADJUSTMENTS])
    assert list(written(asked)) == [ADJUSTMENTS]
    assert "assumedDone" not in asked  # the history names the version by now
    assert_right(before, shop_rows.take(url), ADJUSTMENTS)


def test_steps_before_a_ledger_with_a_gap_count_as_done(shop):
    url = shop(shops.SMALL, "1.3.9")
    execute(url, "drop schema medusa_db cascade")
    execute(url, "delete from migrations where name = 'nullablePassword1619108646647'")
    before = shop_rows.take(url)

    report = migrate(url, "1.7.15")

    assert report["assumedDone"] == [RULES, ADJUSTMENTS]
    assert written(report).keys() == {GIFT_CARDS}
    after = shop_rows.take(url)
    for table in ("line_item_adjustment", "discount_condition"):
        assert after[table] == before[table]


def test_a_fresh_database_runs_none(shop_at):
    with psycopg.connect(shop_at("1.20.11")) as conn:
        assert rows(conn, HISTORY) == [("1.20.11", [], [])]


def test_a_step_whose_flag_is_off_is_refused_by_name(shop_at):
    url = shop_at("1.7.15", "--flag", "sales_channels=false")

    done = medusa_db("migrate", "--to", "1.7.15", "--data-step", CHANNELS, url=url)

    assert done.returncode == 2
    assert done.stderr == (
        f"medusa-db: --data-step {CHANNELS} needs tables of the feature flag sales_channels, which "
        "is off here; turn it on with --flag sales_channels=true, or leave the step out\n"
    )


def test_what_waits_is_known_after_any_number_of_runs(shop):
    url = shop(shops.SMALL, "1.6.5")
    migrate(url, "1.20.11")
    execute(
        url,
        "insert into medusa_db.history (schema_name, command, started_at, finished_at, from_version,"
        " to_version, migrations, data_steps, deferred, runner_version, checksum, by_whom)"
        " select schema_name, command, started_at, finished_at, from_version, to_version, '{}', '{}',"
        " '{}', runner_version, checksum, by_whom from medusa_db.history, generate_series(1, 60)",
    )

    waiting = status(url)["dataStepsWaiting"]

    assert waiting == [CHANNELS]


def test_a_step_that_a_later_one_repeats_waits_and_is_done_with_it(shop):
    url = shop(shops.SMALL, "1.3.5")

    first = migrate(url, "1.20.11", options=["--stop", "1.5.0", "--flag", "sales_channels=true"])
    open_a_channel(url)
    later = migrate(url, "1.20.11")

    assert (first["deferred"], set(written(later))) == ([CHANNELS], {CHANNELS})
    with psycopg.connect(url) as conn:
        assert rows(conn, HISTORY)[1:] == [
            ("1.5.0", [], [CHANNELS_EARLY]),
            ("1.20.11", [GIFT_CARDS], [CHANNELS]),
            ("1.20.11", [CHANNELS, CHANNELS_EARLY], []),
        ]
    assert status(url)["dataStepsWaiting"] == []


def test_they_run_behind_the_migrations_of_their_version_in_one_crossing(shop, catalog):
    url = shop(shops.SMALL, "1.2.1")
    before = shop_rows.take(url)

    done = medusa_db("migrate", "--to", "1.20.11", "--output", "json", url=url)

    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert report["verified"]
    assert report["deferred"] == [CHANNELS]
    assert set(written(report)) == {RULES, ADJUSTMENTS, GIFT_CARDS}
    assert_right(before, shop_rows.take(url), RULES, ADJUSTMENTS, GIFT_CARDS)
    order = applied_in_order(done.stderr)
    waits = [line["item"] for line in logged(done.stderr) if line["event"] == "Waiting"]
    assert waits == [CHANNELS]
    assert CHANNELS not in order
    behind = [name for name in order[: order.index(ADJUSTMENTS)] if name != RULES]
    of_1_3_0 = {migration.name for migration in catalog.present(versions.Version(1, 3, 0))}
    assert set(behind) < of_1_3_0
    assert not set(order[order.index(ADJUSTMENTS) :]) & of_1_3_0
    with psycopg.connect(url) as conn:
        assert rows(conn, HISTORY)[1:] == [
            ("1.20.11", [ADJUSTMENTS, RULES, GIFT_CARDS], [CHANNELS])
        ]


def applied_in_order(log):
    return [line["item"] for line in logged(log) if line["event"] == "Applied"]


def logged(log):
    """Return what was logged, without the sentence that a failed run ends with."""
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def test_a_later_migration_that_fails_takes_the_data_steps_back(shop, tmp_path):
    url = shop(shops.SMALL, "1.2.1")
    execute(url, "drop schema medusa_db cascade")
    (tmp_path / "1800000000000_broken.sql").write_text("select 1 / 0;")
    before = shop_rows.take(url)

    done = medusa_db("migrate", "--to", "1.20.11", "--migrations-dir", str(tmp_path), url=url)

    assert done.returncode == 7
    assert ADJUSTMENTS in applied_in_order(done.stderr)
    assert shop_rows.take(url) == before
    assert one(url, "select to_regclass('medusa_db.history')") is None


def test_a_step_that_failed_between_committed_migrations_is_not_taken_for_done(shop, tmp_path):
    url = shop(shops.SMALL, "1.2.1")
    (tmp_path / "1600000000000_dear.sql").write_text(
        "update line_item set unit_price = 2000000000;"
    )

    failed = medusa_db(
        "migrate", "--to", "1.20.11", "--transaction", "each", "--migrations-dir", str(tmp_path), url=url
    )  # fmt: skip

    assert failed.returncode == 7
    assert failed.stderr.splitlines()[-1].startswith(
        f"medusa-db: {ADJUSTMENTS}: integer out of range"
    )
    found = status(url)
    assert {"1.3.0", "1.3.3"} < set(found["versions"]), "the ledger alone would count it as done"
    assert found["dataStepsWaiting"] == [step for step in model.STEPS if step != CHANNELS_EARLY]

    execute(url, "update line_item set unit_price = 200")
    before = shop_rows.take(url)
    report = migrate(url, "1.3.3")

    assert set(written(report)) == {RULES, ADJUSTMENTS}
    assert_right(before, shop_rows.take(url), RULES, ADJUSTMENTS)
