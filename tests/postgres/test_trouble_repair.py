"""A ledger that does not say what the schema has, and the way out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg
import pytest

import ledgers
import servers
from faults import is_locked, running, snapshot
from held_commits import Moment, holding
from lost_answers import losing_commits
from medusa_testbed.waiting import eventually
from roles import role

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers import TestServer

METADATA = "AddMetadataToProductCategory1699564794649"


def ledger(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as conn:
        return servers.rows(conn, "select id, timestamp, name from migrations order by id")


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url) as conn:
        for one in statements:
            conn.execute(one.encode())


def test_a_row_that_is_missing_is_shown_written_and_recorded(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.20.11")
    whole = ledger(url)
    run(url, f"delete from migrations where name = '{METADATA}'")
    before = snapshot(url)

    shown = servers.medusa_db("repair", url=url)
    verified = servers.medusa_db("verify", url=url)
    planned = servers.medusa_db("plan", "--to", "1.20.11", url=url)

    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("Missing in the ledger, as the schema proves:\n  + " + METADATA)
    assert "column product_category.metadata is left over" in " ".join(shown.stdout.split())
    assert "Nothing was written; --apply writes it." in shown.stdout
    assert verified.returncode != 0
    assert "`medusa-db repair` shows why" in verified.stdout + verified.stderr
    assert planned.returncode == 0, planned.stderr
    assert "`medusa-db repair` shows why" in " ".join(planned.stdout.split())
    assert snapshot(url) == before

    applied = servers.medusa_db("repair", "--apply", "--output", "json", url=url)

    assert applied.returncode == 0, applied.stderr
    body = json.loads(applied.stdout)
    assert (body["state"], body["version"], body["command"]) == ("done", "1.20.11", "repair")
    assert [line.split(":")[0] for line in body["repair"]] == [f"+ {METADATA}"]
    assert ledger(url) == whole
    with psycopg.connect(url) as conn:
        kept = servers.rows(
            conn, "select command, migrations from medusa_db.history order by id desc limit 1"
        )
    assert kept == [("repair", [METADATA])]
    again = servers.medusa_db("repair", "--apply", url=url)
    assert again.stdout.startswith("Nothing to repair: the ledger says 1.20.11")
    migrated = servers.medusa_db("migrate", "--to", "1.20.11", url=url)
    assert migrated.stdout.startswith("Nothing to do")


def test_a_row_without_what_it_made_is_taken_away_and_the_migration_runs(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.20.11")
    run(url, "alter table product_category drop column metadata")

    shown = servers.medusa_db("repair", url=url)
    applied = servers.medusa_db("repair", "--apply", url=url)
    migrated = servers.medusa_db("migrate", "--to", "1.20.11", url=url)

    assert f"Groundless in the ledger, as the schema proves:\n  - {METADATA}" in shown.stdout
    assert applied.returncode == 0, applied.stderr
    assert migrated.returncode == 0, migrated.stderr
    assert servers.medusa_db("verify", url=url).returncode == 0


def test_the_ledger_of_an_older_dump_is_brought_to_the_schema(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.20.11")
    names = [name for _, _, name in ledger(url)]
    run(url, "delete from migrations where id > 50", "select setval('migrations_id_seq', 1)")

    applied = servers.medusa_db("repair", "--apply", url=url)
    migrated = servers.medusa_db("migrate", "--to", "1.20.11", url=url)

    assert applied.returncode == 0, applied.stderr
    assert migrated.returncode == 0, migrated.stderr  # it runs what leaves no trace once more
    assert {name for _, _, name in ledger(url)} == set(names)
    assert servers.medusa_db("verify", url=url).returncode == 0
    run(url, "insert into migrations (timestamp, name) values (1, 'own1')")  # as Medusa goes on


def test_what_medusa_itself_makes_is_never_to_be_dropped(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.12.3")
    run(url, "create table product_shipping_profile (note text)")
    before = snapshot(url)

    done = servers.medusa_db("migrate", "--to", "1.20.11", url=url)

    assert done.returncode != 0
    assert "is not Medusa's; rename or drop it" not in done.stderr
    assert snapshot(url) == before


LOOKED_UP = "the connection was lost as the repair was committed; a new one shows that it is"


def test_a_repair_whose_answer_is_lost_is_looked_up(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.20.11")
    whole = ledger(url)
    run(url, f"delete from migrations where name = '{METADATA}'")

    with losing_commits(url) as losing:
        done = servers.medusa_db("repair", "--apply", "--output", "json", url=losing)

    body = json.loads(done.stdout)
    assert (done.returncode, body["state"], body["version"]) == (0, "done", "1.20.11"), body
    assert body["warnings"] == [LOOKED_UP]
    assert ledger(url) == whole


def test_without_a_history_a_repair_whose_answer_is_lost_is_looked_up_in_the_ledger(
    server: TestServer, shop_at: Callable[..., str]
) -> None:
    url = shop_at("1.20.11")
    whole, name = ledger(url), url.rpartition("/")[2]
    run(url, f"delete from migrations where name = '{METADATA}'", "drop schema medusa_db cascade")
    with role(server, name) as plain:
        run(
            url,
            f"grant all on all tables in schema public to {plain}",
            f"grant all on all sequences in schema public to {plain}",
            f"revoke create on database {name} from public",
        )
        with losing_commits(server.url(name, plain), of='"public"."migrations"') as losing:
            done = servers.medusa_db("repair", "--apply", "--output", "json", url=losing)

    body = json.loads(done.stdout)
    assert (done.returncode, body["state"], body["warnings"]) == (0, "done", [LOOKED_UP]), body
    assert body["history"].startswith("off: ")
    assert ledger(url) == whole


def test_a_repair_whose_server_is_lost_is_called_unknown(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.20.11")
    run(url, f"delete from migrations where name = '{METADATA}'")

    with losing_commits(url, for_good=True) as losing:
        done = servers.medusa_db("repair", "--apply", "--output", "json", url=losing)

    body = json.loads(done.stdout)
    assert (done.returncode, body["reason"], body["proven"]["state"]) == (
        4, "ConnectionLost", "unknown",
    )  # fmt: skip
    assert "Whether the repair was committed is not known" in body["message"]


def test_a_repair_that_is_rolled_back_at_its_commit_says_so(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.20.11")
    run(url, f"delete from migrations where name = '{METADATA}'")
    before = ledger(url)

    with (
        holding(url, Moment.COMMITTING) as (held_url, held),
        running("repair", "--apply", url=held_url) as repair,
    ):
        eventually(held.reached)
        run(
            url,
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and application_name like 'medusa-db repair%'",
        )
        eventually(lambda: not is_locked(url))
        held.open()
        done = repair.finish()

    assert done.returncode == 4
    assert "A new connection shows that it was rolled back" in done.stderr
    assert "not known" not in done.stderr
    assert ledger(url) == before


@pytest.mark.parametrize("options", [(), ("--apply",)], ids=["show", "apply"])
def test_an_empty_database_and_tables_without_a_ledger_are_not_repaired(
    url: str, shop_at: Callable[..., str], options: tuple[str, ...]
) -> None:
    full = shop_at("1.12.3")
    run(full, "drop table migrations")

    assert servers.medusa_db("repair", *options, url=url).returncode == 9
    done = servers.medusa_db("repair", *options, url=full)

    assert (done.returncode, done.stdout) == (9, "")
    assert "--baseline" in done.stderr


def test_what_a_missing_row_explains_is_not_to_be_made_right_in_the_schema(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.20.11")
    run(url, "delete from migrations where name in ('paymentCollection1664880666982')")

    planned = servers.medusa_db("plan", "--to", "1.20.11", "--output", "json", url=url)
    findings = json.loads(planned.stdout)["findings"]

    nullable = next(one for one in findings if "refund.order_id takes null" in one["problem"])
    assert nullable["advice"].startswith("Look at `medusa-db repair` first; if the ledger is right")
    assert any("the ledger is wrong about paymentColl" in one["problem"] for one in findings)


def test_what_medusa_made_and_changed_later_is_not_to_be_renamed_where_its_row_is_missing(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.20.11")
    run(url, "delete from migrations where name = 'PublishableKeySalesChannelLink1701894188811'")

    planned = servers.medusa_db("plan", "--to", "1.20.11", "--output", "json", url=url)

    [other] = [
        one for one in json.loads(planned.stdout)["findings"] if one["reason"] == "OtherDefinition"
    ]
    assert other["advice"].startswith("Look at `medusa-db repair` first")


def test_a_row_that_is_missing_among_ids_without_a_gap_is_added_at_the_end(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.20.11")
    run(
        url,
        "delete from migrations where name = 'paymentCollection1664880666982'",
        "update migrations set id = -id where id > 46",
        "update migrations set id = -id - 1 where id < 0",
    )

    repaired = servers.medusa_db("repair", "--apply", url=url)

    assert repaired.returncode == 0, repaired.stderr
    with psycopg.connect(url) as conn:
        rows = servers.rows(conn, "select name from migrations order by id desc limit 1")
    assert rows == [("paymentCollection1664880666982",)]
    assert servers.medusa_db("verify", "--to", "1.20.11", url=url).returncode == 0
    assert servers.medusa_db("plan", "--to", "1.20.11", "--check", url=url).returncode == 0


def test_a_row_that_is_missing_and_cannot_be_proven_is_what_the_advice_is_about(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.20.11")
    run(
        url,
        "delete from migrations where name = 'paymentCollection1664880666982'",
        "alter table payment_collection drop column description",
    )

    planned = servers.medusa_db("plan", "--to", "1.20.11", "--output", "json", url=url)

    told = [
        one
        for one in json.loads(planned.stdout)["findings"]
        if one["reason"] == "SchemaDiffers" and "paymentCollection" in one["problem"]
    ]
    assert told
    for one in told:
        assert one["advice"].startswith(
            "Look at `medusa-db repair` first; where paymentCollection1664880666982 has run, the ledger lacks "
            "its row: `insert into migrations (timestamp, name) values (1664880666982, "
            "'paymentCollection1664880666982')`"
        )


def test_a_ledger_older_than_its_schema_is_repaired_before_the_schema_is_undone(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.20.11")
    kept = ", ".join(f"'{name}'" for name in ledgers.names("1.12.3"))
    run(url, f"delete from migrations where name not in ({kept})")

    planned = servers.medusa_db("plan", "--to", "1.12.3", "--output", "json", url=url)
    status = servers.medusa_db("status", url=url)
    verified = servers.medusa_db("verify", "--output", "json", url=url)

    hint, *others = json.loads(planned.stdout)["findings"]
    assert hint["problem"].startswith("The schema proves that the ledger is wrong about ")
    assert others
    assert [one for one in others if "Look at `medusa-db repair` first" not in one["advice"]] == []
    assert "repair       The schema proves that the ledger is wrong about" in status.stdout
    assert json.loads(verified.stdout)["repair"] == hint["problem"]
