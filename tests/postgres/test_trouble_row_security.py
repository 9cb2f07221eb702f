"""Policies that hide rows: what is not seen is not what is not there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg
import pytest

import servers
from faults import snapshot
from roles import Shop, owned_shop, role

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servers import TestServer

pytestmark = pytest.mark.each_server


@pytest.fixture
def shop(server: TestServer) -> Iterator[Shop]:
    with owned_shop(server, "1.12.3") as made:
        yield made


def force(*tables: str, policy: str = "to current_user using (true)") -> list[str]:
    """Return the statements that hide the rows of *tables* from their owner too."""
    return [
        text
        for table in tables
        for text in (
            f"alter table {table} enable row level security",
            f"alter table {table} force row level security",
            f"create policy app on {table} {policy}",
        )
    ]


PRICES = "select count(*) from money_amount where variant_id is not null"


def test_forced_row_security_stops_a_run_before_anything_is_written_and_names_every_table(
    shop: Shop,
) -> None:
    shop.run(*force("product", "money_amount"))
    before, prices = snapshot(shop.admin), shop.count(PRICES)

    done = servers.medusa_db("migrate", "--to", "1.20.11", "--output", "json", url=shop.url)
    planned = servers.medusa_db("plan", "--to", "1.20.11", "--output", "json", url=shop.url)

    body = json.loads(done.stdout)
    assert (done.returncode, body["reason"], body["state"]) == (5, "RowSecurity", "failed")
    assert body["message"] == (
        f"row-level security may hide rows of money_amount, product from the role {shop.owner}: they "
        "would count as not there, and be left out. Let the role see all of them, as a superuser: "
        f'alter role "{shop.owner}" bypassrls, or take the force away for the time of the run, as '
        'their owner: alter table "public"."money_amount" no force row level security; alter table '
        '"public"."product" no force row level security'
    )
    told = [finding["problem"] for finding in json.loads(planned.stdout)["findings"]]
    assert any(
        text.startswith("row-level security may hide rows of money_amount, product")
        for text in told
    )
    assert (snapshot(shop.admin), shop.count(PRICES)) == (before, prices)


def test_the_tables_of_a_new_foreign_key_are_among_them(server: TestServer) -> None:
    with owned_shop(server, "1.3.3") as shop:
        shop.run(*force("batch_job"))
        before = snapshot(shop.admin)

        done = servers.medusa_db("migrate", "--to", "1.3.4", "--output", "json", url=shop.url)

        body = json.loads(done.stdout)
        assert (done.returncode, body["reason"]) == (5, "RowSecurity")
        assert body["message"].startswith(
            "row-level security may hide rows of batch_job from the role"
        )
        assert snapshot(shop.admin) == before


@pytest.mark.parametrize(
    "way",
    [
        "alter role {} bypassrls",
        ";".join(
            f"alter table {name} no force row level security"
            for name in ("product", "money_amount")
        ),
    ],
    ids=["bypassrls", "no-force"],
)
def test_the_ways_out_that_are_named_lead_out(shop: Shop, way: str) -> None:
    shop.run(*force("product", "money_amount"))
    prices = shop.count(PRICES)
    shop.run(*way.split(";"))

    done = servers.medusa_db("migrate", "--to", "1.20.11", url=shop.url)

    assert done.returncode == 0, done.stderr
    assert prices > 0
    assert shop.count("select count(*) from product_variant_money_amount") == prices


def test_row_security_that_is_not_forced_is_no_matter_of_the_owner(shop: Shop) -> None:
    shop.run(
        "alter table product enable row level security",
        "alter table migrations enable row level security",
        "alter table medusa_db.history enable row level security",
    )

    done = servers.medusa_db("migrate", "--to", "1.20.11", url=shop.url)

    assert done.returncode == 0, done.stderr


def test_a_table_whose_schema_alone_changes_may_hide_its_rows(server: TestServer) -> None:
    with owned_shop(server, "1.19.0") as shop:  # 1.20.0 adds a column to product_category
        shop.run(*force("product_category", "customer"))

        done = servers.medusa_db("migrate", "--to", "1.20.11", url=shop.url)

        assert done.returncode == 0, done.stderr


READERS = (
    ("status",),
    ("plan", "--to", "1.20.11"),
    ("migrate", "--to", "1.20.11"),
    ("verify",),
    ("wait", "--for", "1.12.3", "--timeout", "1s"),
    ("seed", "--demo"),
    ("migrations", "show"),
)


@pytest.mark.parametrize("command", READERS, ids=lambda words: words[0])
@pytest.mark.parametrize("policy", ["using (true)", "to {} using (id > 20)"], ids=["all", "part"])
def test_a_ledger_that_hides_rows_is_denied_and_never_called_empty(
    migrated: Shop, command: tuple[str, ...], policy: str
) -> None:
    migrated.run(*force("migrations", policy=policy))

    done = servers.medusa_db(*command, url=migrated.url)

    migrated.run(
        "drop policy app on migrations", "alter table migrations no force row level security"
    )
    assert (done.returncode, done.stdout) == (5, "")
    assert "row-level security may hide rows of migrations" in done.stderr


@pytest.fixture(scope="module")
def migrated(server: TestServer) -> Iterator[Shop]:
    """A shop that the tests of this module leave as it was."""
    with owned_shop(server, "1.12.3") as made:
        yield made


def test_records_of_ours_that_hide_rows_are_denied(migrated: Shop) -> None:
    migrated.run(*force("medusa_db.history", policy="for insert with check (true)"))

    done = servers.medusa_db("status", url=migrated.url)

    migrated.run("alter table medusa_db.history no force row level security")
    assert (done.returncode, done.stdout) == (5, "")
    assert "medusa_db.history" in done.stderr or "of history" in done.stderr


@pytest.mark.parametrize("command", [("seed", "--demo"), ("seed", "export")], ids=" ".join)
def test_a_seed_and_an_export_are_refused_where_rows_are_hidden(
    migrated: Shop, command: tuple[str, ...]
) -> None:
    migrated.run(*force("product", "country", policy="to {} using (false)"))
    before = snapshot(migrated.admin)

    done = servers.medusa_db(*command, url=migrated.url)

    unchanged = snapshot(migrated.admin) == before
    for table in ("product", "country"):
        migrated.run(
            f"drop policy app on {table}", f"alter table {table} no force row level security"
        )
    assert (done.returncode, done.stdout, unchanged) == (5, "", True)
    assert "row-level security may hide rows of country, product from the role" in done.stderr


def test_an_own_migration_that_reads_through_a_function_is_refused_by_postgresql_itself(
    shop: Shop, tmp_path: Path
) -> None:
    shop.run(
        "create table tenant (id text primary key, plan text)",
        "alter table tenant owner to {}",
        "insert into tenant values ('a', 'old')",
        "create function raise_plans() returns void language sql as"
        " 'update tenant set plan = ''new'''",
        *force("tenant"),
    )
    (tmp_path / "1690000000000_plans.sql").write_text(
        "set row_security to on; select raise_plans();"
    )

    done = servers.medusa_db(
        "migrate", "--to", "1.12.3", "--migrations-dir", str(tmp_path), url=shop.url
    )
    (tmp_path / "1690000000000_plans.sql").write_text("select raise_plans();")
    again = servers.medusa_db(
        "migrate", "--to", "1.12.3", "--migrations-dir", str(tmp_path), url=shop.url
    )

    assert done.returncode == 0, done.stderr  # who asks for it, gets it
    assert again.returncode == 0
    shop.run("delete from migrations where name like 'plans%'")
    third = servers.medusa_db(
        "migrate", "--to", "1.12.3", "--migrations-dir", str(tmp_path), url=shop.url
    )
    assert third.returncode == 5, third.stderr
    assert f"may hide rows of tenant from the role {shop.owner}" in third.stderr
    assert "raise_plans" in third.stderr
    assert shop.count("select count(*) from tenant where plan = 'old'") == 1


def test_row_security_stays_off_behind_an_own_migration(shop: Shop, tmp_path: Path) -> None:
    shop.run(
        "create table tenant (id text primary key)",
        "alter table tenant owner to {}",
        *force("tenant"),
    )
    (tmp_path / "1690000000000_first.sql").write_text("set row_security to on;")
    (tmp_path / "1690000000001_second.sql").write_text(
        "create function tenants() returns bigint language plpgsql as"
        " 'begin return (select count(*) from tenant); end'; select tenants();"
    )

    done = servers.medusa_db(
        "migrate", "--to", "1.12.3", "--migrations-dir", str(tmp_path), url=shop.url
    )

    assert done.returncode == 5, done.stderr
    assert "rows of tenant" in done.stderr


def test_the_script_of_a_plan_sees_every_row_or_ends(shop: Shop) -> None:
    shop.run(*force("product", "money_amount"))

    script = servers.medusa_db("plan", "--to", "1.20.11", "--sql", url=shop.url).stdout

    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"),
        psycopg.connect(shop.url) as conn,
    ):
        conn.execute(script.encode())
    assert shop.count(PRICES) > 0


def test_a_reader_with_policies_of_its_own_is_denied(server: TestServer, migrated: Shop) -> None:
    with role(
        server,
        migrated.name,
        "grant usage on schema public to {}",
        "grant select on migrations to {}",
    ) as reader:
        migrated.run("alter table migrations enable row level security")

        done = servers.medusa_db("status", url=server.url(migrated.name, reader))

        migrated.run("alter table migrations disable row level security")
        assert done.returncode == 5
        assert f"or run as {migrated.owner}, where the owner sees every row" in done.stderr
