"""Shops whose schema differs before a run: told beforehand, and judged the same every time."""

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

pytestmark = pytest.mark.each_server

WIDER = "column money_amount.amount is numeric instead of integer"
KEY = "FK_926ca9f29014af8091722dede08"
CASCADES = (
    f"table shipping_method_tax_line: constraint {KEY} is foreign key (shipping_method_id) references "
    "shipping_method (id) on delete cascade instead of foreign key (shipping_method_id) references "
    "shipping_method (id)"
)
CHANGED = (
    "alter table money_amount alter column amount type numeric;"
    f'alter table shipping_method_tax_line drop constraint "{KEY}", add constraint "{KEY}"'
    " foreign key (shipping_method_id) references shipping_method (id) on delete cascade"
)
BEHIND = (
    "sequence order_display_id_seq is behind order.display_id: it would give values that are there"
)


def run(url: str, statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(sql.SQL(statements))


def asked(url: str, command: str, *options: str) -> tuple[int, dict[str, Any]]:
    done = medusa_db(command, *options, "--output", "json", url=url)
    return done.returncode, json.loads(done.stdout) if done.stdout else {"error": done.stderr}


def migrated(url: str, *options: str) -> tuple[int, dict[str, Any]]:
    return asked(url, "migrate", "--to", "1.20.11", *options)


def fixed(url: str) -> None:
    """Run every fix that `verify` gives, those again that needed another one first."""
    left = [one["fix"] for one in asked(url, "verify")[1]["differences"]]
    with psycopg.connect(url, autocommit=True) as conn:
        while left:
            failed = []
            for fix in left:
                try:
                    conn.execute(sql.SQL(fix))
                except psycopg.errors.ProgrammingError:
                    failed.append(fix)
            assert len(failed) < len(left), failed
            left = failed


def test_what_differed_before_is_told_beforehand_and_fails_no_run(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.13.0")
    run(url, CHANGED)

    _, plan = asked(url, "plan", "--to", "1.20.11")
    code, first = migrated(url)
    again, second = migrated(url)
    _, rest = asked(url, "plan", "--to", "1.20.11")
    verified, verdict = asked(url, "verify")
    _, status = asked(url, "status")

    found = [(f["problem"], f["fatal"]) for f in plan["findings"]]
    assert found == [
        (f"{WIDER}, before this run already", False),
        (f"{CASCADES}, before this run already", False),
    ]
    assert (code, again, verified) == (0, 0, 8)
    assert (first["state"], second["state"]) == ("done", "nothing")
    assert first["earlier"] == second["earlier"] == verdict["drift"] == [WIDER, CASCADES]
    assert status["drift"] == [WIDER, CASCADES]
    assert status["differences"] == verdict["differences"]
    assert first["warnings"] == second["warnings"]
    assert [f["problem"] for f in rest["findings"]] == [text for text, _ in found]
    assert "verified" not in first
    assert "driftCount" not in first


def test_the_end_of_a_run_says_honestly_what_was_verified(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.13.0")
    run(url, CHANGED)

    done = medusa_db("migrate", "--to", "1.20.11", url=url)

    assert done.returncode == 0, done.stderr
    assert "verified, but for 2 differences that were there before" in done.stdout


def test_the_fix_that_is_shown_makes_it_right(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.13.0")
    run(url, CHANGED)
    _, plan = asked(url, "plan", "--to", "1.20.11")

    for finding in plan["findings"]:
        run(url, finding["fix"])
    code, report = migrated(url)

    assert (code, report["verified"]) == (0, True)
    assert "earlier" not in report
    assert "warnings" not in report


def test_everything_that_is_in_the_way_is_refused_at_once_before_anything_is_written(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")
    run(url, "alter table product drop column profile_id; alter table money_amount drop variant_id")
    before = snapshot(url)

    _, plan = asked(url, "plan", "--to", "1.20.11")
    done = medusa_db("migrate", "--to", "1.20.11", url=url)

    assert done.returncode == 9
    assert snapshot(url) == before
    grave = [f["problem"] for f in plan["findings"] if f["fatal"]]
    assert grave == [
        f"column {column} is missing, and {migration} would fail on it"
        for column, migration in (
            ("product.profile_id", "addTableProductShippingProfile1680857773273"),
            ("money_amount.variant_id", "dropMoneyAmountConstraintsForPricingModule1692953518123"),
        )
    ]
    for problem in grave:
        assert problem in done.stderr
    assert 'alter table "money_amount" add column "variant_id" character varying' in done.stderr
    for finding in plan["findings"]:
        if finding["fatal"]:
            run(url, finding["fix"])
    assert migrated(url)[0] == 0


def test_what_the_run_itself_has_spoilt_fails_it_every_time_until_it_is_right(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.13.0")
    run(url, CHANGED)
    (tmp_path / "1700000000000_spoil.sql").write_text(
        "alter table store drop column swap_link_template;"
    )
    own = ("--migrations-dir", str(tmp_path))
    lost = "column store.swap_link_template is missing"

    first = migrated(url, *own)
    second = migrated(url, *own)
    _, plan = asked(url, "plan", "--to", "1.20.11", *own)
    fix = next(f["fix"] for f in plan["findings"] if f["fatal"])
    run(url, fix)
    third = migrated(url, *own)

    assert [code for code, _ in (first, second, third)] == [8, 8, 0]
    assert first[1]["drift"] == second[1]["drift"] == [lost]
    assert first[1]["earlier"] == second[1]["earlier"] == [WIDER, CASCADES]
    assert third[1]["earlier"] == [WIDER, CASCADES]
    assert (first[1]["verified"], second[1]["verified"]) == (False, False)
    assert f"{lost}, since the last run" in [f["problem"] for f in plan["findings"]]


def test_a_verification_that_never_came_to_its_end_is_made_up_for(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.13.0")
    migrated(url)
    run(url, "delete from medusa_db.verification where after is not null")
    run(url, "alter table store drop column swap_link_template")

    code, report = migrated(url)

    assert (code, report["drift"]) == (8, ["column store.swap_link_template is missing"])


def test_what_is_changed_by_hand_after_a_run_is_a_warning_each_time(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.20.11")
    clean = migrated(url)
    run(url, "alter table money_amount alter column amount type numeric")

    found = [migrated(url) for _ in range(2)]

    assert "earlier" not in clean[1]
    assert [(code, report["earlier"]) for code, report in found] == [(0, [WIDER])] * 2


def test_a_run_without_a_history_says_the_same_twice(
    server: Any, shop_at: Callable[..., str]
) -> None:
    url = shop_at("1.13.0")
    run(url, f"{CHANGED}; drop schema medusa_db cascade")
    name = url.rpartition("/")[2]
    server.execute("revoke create on database {} from public", name)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("drop role if exists plain_shop")
        conn.execute("create role plain_shop login")
        conn.execute("alter schema public owner to plain_shop")
        tables = conn.execute(
            "select format('alter %s public.%I owner to plain_shop', case relkind when 'S' then 'sequence'"
            " else 'table' end, relname) from pg_class where relnamespace = 'public'::regnamespace"
            " and relkind = 'r'"
        ).fetchall()
        types = conn.execute(
            "select format('alter type public.%I owner to plain_shop', typname) from pg_type"
            " where typnamespace = 'public'::regnamespace and typtype = 'e'"
        ).fetchall()
        for (statement,) in (*tables, *types):
            conn.execute(statement)
    mine = server.url(name, "plain_shop")

    found = [migrated(mine) for _ in range(2)]

    assert [(code, report["earlier"]) for code, report in found] == [(0, [WIDER, CASCADES])] * 2
    assert found[0][1]["history"].startswith("off")
    run(url, "reassign owned by plain_shop to current_user; drop owned by plain_shop")
    run(url, "drop role plain_shop")


@pytest.mark.parametrize("command", ["plan", "status", "migrate"])
def test_a_ledger_without_its_tables_is_refused(shop_at: Callable[..., str], command: str) -> None:
    url = shop_at("1.20.11")
    run(
        url,
        "create schema kept; alter table migrations set schema kept; drop schema public cascade;"
        " create schema public; alter table kept.migrations set schema public",
    )
    options = () if command == "status" else ("--to", "1.20.11")

    done = medusa_db(command, *options, url=url)

    assert done.returncode == 9
    assert "none of Medusa's tables is there: only the table migrations came along" in done.stderr


SPOILT = [
    pytest.param(
        "insert into region (id, name, currency_code, tax_rate) values ('r', 'EU', 'eur', 0);"
        "insert into customer (id, email) values ('c', 'a@b.c');"
        'insert into "order" (id, customer_id, email, region_id, currency_code, display_id)'
        " values ('o', 'c', 'a@b.c', 'r', 'eur', 7)",
        BEHIND,
        id="behind",
    ),
    pytest.param(
        "alter sequence order_display_id_seq increment by -1 minvalue -5",
        "sequence order_display_id_seq counts by -1 instead of 1",
        id="counts-down",
    ),
    pytest.param(
        "alter sequence order_display_id_seq maxvalue 100",
        "sequence order_display_id_seq ends at 100 instead of 2147483647",
        id="ends-early",
    ),
    pytest.param(
        "alter sequence order_display_id_seq cycle",
        "sequence order_display_id_seq begins again at its end",
        id="cycles",
    ),
    pytest.param(
        "alter sequence draft_order_display_id_seq owned by none",
        "sequence draft_order_display_id_seq is not owned by draft_order.display_id, which it numbers",
        id="not-owned",
    ),
    pytest.param(
        "select setval('migrations_id_seq', 1)",
        "sequence migrations_id_seq is behind migrations.id: it would give values that are there",
        id="of-the-ledger",
    ),
    pytest.param(
        "alter table product disable trigger all",
        "table product: triggers of its foreign keys are disabled, so nothing enforces them",
        id="disabled-triggers",
    ),
    pytest.param(
        'alter table product drop constraint "FK_49d419fc77d3aed46c835c558ac";'
        'alter table product add constraint "FK_49d419fc77d3aed46c835c558ac" foreign key (collection_id)'
        " references product_collection (id) not valid",
        "table product: constraint FK_49d419fc77d3aed46c835c558ac is foreign key (collection_id) "
        "references product_collection (id) not valid instead of foreign key (collection_id) "
        "references product_collection (id)",
        id="not-valid",
    ),
    pytest.param(
        "update pg_index set indisvalid = false where indexrelid ="
        " 'idx_product_variant_money_amount_variant_id'::regclass",
        "index idx_product_variant_money_amount_variant_id is btree (variant_id), invalid "
        "instead of btree (variant_id)",
        id="an-invalid-index",
    ),
]


@pytest.mark.parametrize(("change", "sentence"), SPOILT)
def test_what_a_restore_leaves_is_verified_and_the_fix_makes_it_right(
    shop_at: Callable[..., str], change: str, sentence: str
) -> None:
    url = shop_at("1.20.11")
    run(url, change)

    code, found = asked(url, "verify")
    fixed(url)
    after = asked(url, "verify")

    assert (code, found["drift"]) == (8, [sentence])
    assert (after[0], after[1]["drift"]) == (0, [])


def test_order_numbers_that_would_come_twice_are_told_before_a_run_and_after_it(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")
    run(url, SPOILT[0].values[0])  # type: ignore[arg-type]

    _, plan = asked(url, "plan", "--to", "1.20.11")
    first, second = migrated(url), migrated(url)

    said = [f for f in plan["findings"] if f["problem"].startswith(BEHIND)]
    assert [f["fatal"] for f in said] == [False]
    assert said[0]["fix"] == (
        """select setval('"order_display_id_seq"', (select max("display_id") from "order"))"""
    )
    assert [(code, report["earlier"]) for code, report in (first, second)] == [(0, [BEHIND])] * 2


def test_what_the_run_itself_has_brought_is_not_said_to_be_from_before(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")
    run(
        url,
        "alter table product alter title drop not null;"
        "create function secure() returns event_trigger language plpgsql as $$ declare r record; begin"
        " for r in select * from pg_event_trigger_ddl_commands() where command_tag = 'CREATE TABLE' loop"
        " execute format('alter table %s enable row level security', r.object_identity);"
        " end loop; end $$;"
        "create event trigger secure on ddl_command_end execute function secure()",
    )

    done = medusa_db("migrate", "--to", "1.20.11", url=url)

    assert done.returncode == 0, done.stderr
    assert (
        "verified, but for 1 difference that was there before and 2 differences around its tables, below."
        in done.stdout
    )


def test_rights_that_new_tables_lack_are_named_and_fail_no_run(
    server: Any, shop_at: Callable[..., str]
) -> None:
    url = shop_at("1.12.3")
    server.execute("create role {}", "mine_front")
    try:
        run(
            url, "grant select, insert, update, delete on all tables in schema public to mine_front"
        )

        code, report = migrated(url)
        again, _ = migrated(url)
        verified, verdict = asked(url, "verify")

        lacking = "table product_shipping_profile: the role mine_front may not delete, insert, select, update"
        assert (code, again, verified) == (0, 0, 8), report
        assert "verified" not in report
        assert lacking in verdict["drift"]
        assert lacking in [one["difference"] for one in report["differences"]]
        fixed(url)
        assert asked(url, "verify")[0] == 0
    finally:
        run(url, "drop owned by mine_front")
        server.execute("drop role {}", "mine_front")
