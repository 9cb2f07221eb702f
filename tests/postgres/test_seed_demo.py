"""The demo shop is for a shop that nobody uses yet."""

from __future__ import annotations

import json
import re

import psycopg
import pytest

import faults
from broken_streams import KINDS, ended
from medusa_seed.planning import passwords
from seed_rows import contents
from servers import medusa_db, rows

ADMIN = "admin@pineandpaper.example"
USED = {
    "users": "insert into \"user\" (id, email) values ('usr_1', 'owner@shop.example')",
    "orders": "insert into customer (id, email) values ('cus_1', 'a@b.example');"
    "insert into region (id, name, currency_code, tax_rate) values ('reg_1', 'EU', 'eur', 0);"
    'insert into "order" (id, customer_id, email, region_id, currency_code)'
    " values ('order_1', 'cus_1', 'a@b.example', 'reg_1', 'eur')",
    "products": "insert into product (id, title, handle) values ('prod_1', 'Tea', 'tea')",
}


def hash_of(url):
    with psycopg.connect(url) as conn:
        return rows(conn, f"select password_hash from \"user\" where email = '{ADMIN}'")[0][0]


def password_in(text):
    (found,) = re.findall(
        rf"^medusa-db: {ADMIN} may log in with (\S+) once the seed", text, re.MULTILINE
    )
    return found


@pytest.mark.parametrize("used", USED)
def test_a_shop_in_use_is_not_filled_with_the_demo(shop_at, used):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute(USED[used])
    before = faults.snapshot(url)

    refused = medusa_db("seed", "--demo", url=url)
    after = faults.snapshot(url)
    agreed = medusa_db("seed", "--demo", "--yes", url=url)

    assert (refused.returncode, after) == (9, before)
    assert refused.stderr.startswith(f"medusa-db: the shop has {used}: the demo would add products")
    assert agreed.returncode == 0, agreed.stderr


def test_the_administrator_of_the_demo_has_a_password_of_his_own(shop_at, tmp_path):
    first, second = shop_at("1.20.11"), shop_at("1.20.11")
    report = tmp_path / "report.json"

    done = medusa_db("seed", "--demo", "--report-file", str(report), "--output", "json", url=first)
    other = medusa_db("seed", "--demo", url=second)

    password = password_in(done.stderr)
    assert passwords.matches(password, hash_of(first))
    assert password not in done.stdout + report.read_text()
    assert password_in(other.stderr) != password


@pytest.mark.parametrize("kind", [*KINDS, "discarded"])
def test_a_password_that_stderr_does_not_take_is_not_seeded(shop_at, kind, tmp_path):
    url, report = shop_at("1.20.11"), tmp_path / "report.json"
    before = contents(url)

    done = ended("seed", "--demo", "--report-file", str(report), url=url, stderr=kind)

    assert (done.returncode, contents(url)) == (9, before)
    found = json.loads(report.read_text())
    assert (found["state"], found["reason"]) == ("failed", "PasswordNotShown")
    assert found["message"].startswith(
        f"the password made for {ADMIN} would be lost, as stderr is closed"
    )


def test_a_demo_without_a_new_user_needs_no_stderr(shop_at):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute(f"insert into \"user\" (id, email) values ('usr_1', '{ADMIN}')")

    done = ended("seed", "--demo", "--yes", url=url, stderr="closed")

    assert done.returncode == 0


def test_a_dry_run_of_the_demo_makes_no_password(shop_at):
    done = medusa_db("seed", "--demo", "--dry-run", url=shop_at("1.20.11"))

    assert (done.returncode, "may log in" in done.stderr) == (0, False)


def test_a_password_whose_seed_is_not_committed_is_shown_as_one_that_may_not_be(shop_at):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute(
            """
            create function refuse() returns trigger language plpgsql as $$ begin raise 'not today'; end $$;
            create constraint trigger late after insert on "user" initially deferred
              for each row execute function refuse();
            """
        )

    done = medusa_db("seed", "--demo", url=url)

    assert done.returncode == 7
    assert password_in(done.stderr)
    assert done.stderr.index("once the seed is committed") < done.stderr.index("not today")


def test_the_demo_seeded_again_changes_nothing(shop_at):
    url = shop_at("1.20.11")
    medusa_db("seed", "--demo", url=url)
    before = hash_of(url)

    again = medusa_db("seed", "--demo", "--output", "json", url=url)

    assert json.loads(again.stdout)["state"] == "nothing"
    assert (hash_of(url), "may log in" in again.stderr) == (before, False)


def test_a_default_currency_in_use_is_the_merchants(shop_at):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute(
            "insert into store (id, name, default_currency_code) values ('store_1', 'Mine', 'usd');"
            "insert into store_currencies values ('store_1', 'usd');"
            "insert into region (id, name, currency_code, tax_rate) values ('reg_1', 'US', 'usd', 0)"
        )

    done = medusa_db("seed", "--demo", url=url)

    assert done.returncode == 0, done.stderr
    assert "the default currency stays usd, in which the shop has prices" in done.stdout
    with psycopg.connect(url) as conn:
        assert rows(conn, "select default_currency_code from store") == [("usd",)]


def test_a_seed_does_not_cross_a_breaking_version_unasked(shop_at):
    url = shop_at("1.12.3")

    done = medusa_db("seed", "--demo", "--to", "1.15.2", url=url, MEDUSA_DB_APPROVAL="on-breaking")

    assert done.returncode == 9
    assert "the way crosses breaking versions (1.13.0, 1.15.2)" in done.stderr
