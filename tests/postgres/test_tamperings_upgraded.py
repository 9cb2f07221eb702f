"""What hands have done to a schema, as an upgrade meets it: refused beforehand, fixed, or named and left as it is."""

from __future__ import annotations

import json
import os
import zlib
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from faults import snapshot
from servers import medusa_db
from tamperings import FIXED, NEW, QUIET, REFUSED, REPORTED, TAMPERINGS, Tampering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servers import TestServer

ROLES = ("mine_owner", "mine_server")


def is_sampled(one: Tampering) -> bool:
    share = 12 if one.upgrade in (QUIET, REPORTED) else 2
    return bool(os.environ.get("MEDUSA_TEST_ALL")) or zlib.crc32(one.sql.encode()) % share == 0


CASES = [one for one in dict.fromkeys(TAMPERINGS) if one.upgrade != NEW]


@pytest.fixture(scope="module")
def roles(server: TestServer) -> Iterator[None]:
    for role in ROLES:
        server.execute("create role {}", role)
    yield
    for role in ROLES:
        server.execute("drop role {}", role)


def tampered(url: str, one: Tampering) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        if conn.info.server_version < one.since * 10_000:
            pytest.skip(f"PostgreSQL {one.since} made it possible")
        conn.execute(sql.SQL(one.sql))


def asked(url: str, *words: str) -> tuple[int, dict[str, Any]]:
    done = medusa_db(*words, "--output", "json", url=url)
    return done.returncode, json.loads(done.stdout) if done.stdout else {"error": done.stderr}


@pytest.mark.usefixtures("roles")
@pytest.mark.parametrize(
    "one",
    [one for one in CASES if is_sampled(one)],
    ids=lambda one: f"{one.upgrade}-{one.sql[:80]}",
)
def test_an_upgrade_meets_a_tampering_as_the_table_says(
    shop_at: Callable[..., str], one: Tampering
) -> None:
    url = shop_at("1.12.3")
    tampered(url, one)
    before = snapshot(url)

    code, report = asked(url, "migrate", "--to", "1.20.11")

    if one.upgrade == REFUSED:
        assert (code, report["reason"]) == (9, "SchemaDiffers"), report
        assert one.refusal in report["message"]
        assert snapshot(url) == before
        return
    verified, verdict = asked(url, "verify")
    assert code == 0, report
    named = [line for line in report.get("earlier", ()) if one.says in line]
    warned = [line for line in report.get("warnings", ()) if one.says in line]
    drift = [line for line in verdict["drift"] if one.says in line]
    if one.upgrade == REPORTED:
        assert (bool(named), bool(drift), verified) == (True, True, 8), (report, verdict)
        assert "verified" not in report
        return
    assert (report["verified"], verified, named, drift) == (True, 0, [], [])
    assert bool(warned) is (one.upgrade == FIXED), report


def test_all_of_a_ledger_that_takes_no_row_is_refused_at_once(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        conn.execute(
            "create rule mine as on insert to migrations do instead nothing;"
            " alter table migrations add x text not null default ''; alter table migrations alter x drop default;"
            " select setval('migrations_id_seq', 2147483647)"
        )

    code, plan = asked(url, "plan", "--to", "1.20.11")
    refused, report = asked(url, "migrate", "--to", "1.20.11")

    grave = [found["problem"] for found in plan["findings"] if found["fatal"]]
    assert (code, refused, len(grave)) == (0, 9, 3), grave
    for part in (
        "rule mine on migrations",
        "column migrations.x",
        "migrations_id_seq is at its end",
    ):
        assert any(part in problem for problem in grave)
        assert part in report["message"]
    with psycopg.connect(url, autocommit=True) as conn:
        for found in plan["findings"]:
            if found["fatal"]:
                conn.execute(sql.SQL(found["fix"]))
    assert asked(url, "migrate", "--to", "1.20.11")[0] == 0


def test_plan_names_all_that_keeps_rows_out_of_the_ledger_and_leaves_nothing_of_its_trial(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        conn.execute(
            """
            create table seen (name text);
            create function frozen() returns trigger language plpgsql as $$
              begin
                insert into seen values (new.name);
                if new.name like 'AddMetadata%' then raise exception 'frozen by the shop'; end if;
                return null;
              end $$;
            create constraint trigger frozen after insert on migrations
              deferrable initially deferred for each row execute function frozen();
            create unique index only_one on migrations ((true)) where timestamp > 1692953518123;
            alter table migrations add constraint no_drop check (name not like 'drop%') not valid;
            """
        )
    before = snapshot(url)

    code, plan = asked(url, "plan", "--to", "1.20.11")
    refused, report = asked(url, "migrate", "--to", "1.20.11")

    grave = [found for found in plan["findings"] if found["fatal"]]
    assert (code, refused, report["reason"]) == (0, 9, "SchemaDiffers")
    assert snapshot(url) == before
    assert {found["fix"] for found in grave} == {
        'alter table "public"."migrations" disable trigger "frozen"',
        'alter table "public"."migrations" drop constraint "no_drop"',
        'drop index "public"."only_one"',
    }
    with psycopg.connect(url, autocommit=True) as conn:
        assert conn.execute("select count(*) from seen").fetchone() == (0,)
        for found in grave:
            assert found["problem"] in report["message"]
            conn.execute(sql.SQL(found["fix"]))
    assert asked(url, "migrate", "--to", "1.20.11")[0] == 0
