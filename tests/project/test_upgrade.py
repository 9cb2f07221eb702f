"""`migrate --project` and `plan --project`: the right commands run, and what they did is proven by the ledgers."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

import servers
from projects import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers import TestServer

V1, V2 = "1.20.11", "2.21.2"
LYING = "2.11.1"
"""The version of v2 that ends with 0 whatever fails, and runs a script that was killed never again."""
FIRST = ["medusa", "db:migrate", "--skip-scripts", "--execute-safe-links", "--execute-safe-search"]
SCRIPTS = ["medusa", "db:migrate:scripts"]
CAREFUL = ("--approval", "on-breaking")


def argv(found: Any) -> list[list[str]]:
    return [one["argv"] for one in found["commands"]]


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        for statement in statements:
            conn.execute(sql.SQL(statement))


@pytest.mark.parametrize(
    ("version", "commands", "counts"),
    [
        pytest.param(V1, [["medusa", "migrations", "run"]], (82, 0, 0), id="v1"),
        pytest.param(V2, [FIRST, SCRIPTS], (183, 21, 6), id="v2"),
    ],
)
def test_an_empty_database_is_planned_migrated_and_waited_for(
    server: TestServer,
    project: Callable[[str], Path],
    version: str,
    commands: list[list[str]],
    counts: tuple[int, int, int],
) -> None:
    folder = project(version)
    expected = dict(zip(("migrations", "links", "scripts"), counts, strict=True))
    with server.database() as name:
        url = server.url(name)

        planned, done = run("plan", folder, url, "--check", *CAREFUL)

        assert (done.returncode, planned["reason"]) == (10, "Pending"), done.stderr
        assert (planned["state"], argv(planned)) == ("planned", commands)
        assert planned["predicted"] == {kind: len(planned["pending"][kind]) for kind in expected}
        assert planned["predicted"] == expected
        with psycopg.connect(url) as conn:
            assert servers.rows(conn, "select count(*)::int from pg_class where relnamespace = 'public'::regnamespace") == [(0,)]  # fmt: skip

        found, done = run("migrate", folder, url, "--to", version, *CAREFUL)

        assert done.returncode == 0, done.stderr
        assert (found["state"], found["medusa"]) == ("done", version)
        assert argv(found) == commands
        assert found["predicted"] == expected
        made = tuple(found[key] for key in ("migrationCount", "linkCount", "scriptCount"))
        assert made == counts
        assert found["pending"] == {"migrations": [], "links": [], "scripts": []}
        assert "truncated" not in found

        again, done = run("plan", folder, url, "--check")

        assert (done.returncode, again["state"]) == (0, "nothing"), done.stderr
        if version == V2:
            waited = servers.medusa_db("wait", "--for", version, "--timeout", "0s", url=url)
            assert waited.returncode == 0, waited.stderr


def test_with_nothing_to_do_v1_is_asked_and_not_started(
    at: Callable[[str], tuple[Path, str]],
) -> None:
    folder, url = at(V1)

    found, done = run("migrate", folder, url)

    assert (done.returncode, found["state"]) == (0, "nothing"), done.stderr
    assert "commands" not in found


def test_a_failure_that_v1_ends_with_0_is_caught(
    server: TestServer, project: Callable[[str], Path]
) -> None:
    folder = project(V1)
    with server.database() as name:
        execute(
            server.url(name), "create table product_review (id int)"
        )  # its plugin's fails on it

        found, done = run("migrate", folder, server.url(name))

        assert found["commands"][0]["exitCode"] == 0
        assert (done.returncode, found["reason"]) == (8, "Pending")
        waited = servers.medusa_db("wait", "--for", V2, "--timeout", "0s", url=server.url(name))
        assert waited.returncode == 10


def test_a_failure_of_a_module_runs_no_script(
    server: TestServer, project: Callable[[str], Path]
) -> None:
    folder = project(V2)
    with server.database() as name:
        execute(server.url(name), "create table tax_rate (x int)")

        found, done = run("migrate", folder, server.url(name))

    assert (done.returncode, found["reason"]) == (7, "CommandFailed")
    assert argv(found) == [FIRST]
    assert found["pending"]["migrations"]


def test_a_script_that_throws_is_a_failure_and_runs_again(
    at: Callable[[str], tuple[Path, str]],
) -> None:
    folder, url = at(V2)
    script = folder / "src" / "migration-scripts" / "boom.js"
    script.write_text("module.exports = { default: async () => { throw new Error('no luck') } }")

    found, done = run("migrate", folder, url)

    assert (done.returncode, found["reason"]) == (7, "CommandFailed"), done.stderr
    assert argv(found)[-1] == SCRIPTS
    assert found["unfinished"] == ["boom.js"], "2.21 keeps its row"

    script.write_text("module.exports = { default: async () => {} }")
    found, done = run("migrate", folder, url)

    assert done.returncode == 0, done.stderr
    assert "unfinished" not in found


def test_scripts_are_left_where_nobody_wants_them(at: Callable[[str], tuple[Path, str]]) -> None:
    folder, url = at(V2)
    script = folder / "src" / "migration-scripts" / "later.js"
    script.write_text("module.exports = { default: async () => {} }")

    found, done = run("migrate", folder, url, "--no-scripts")

    assert done.returncode == 0, done.stderr
    assert argv(found) == [FIRST]
    assert found["pending"]["scripts"] == ["later.js"]
    assert any("later.js" in warning for warning in found["warnings"])


def test_a_link_that_is_gone_is_left_agreed_to_or_dropped(
    at: Callable[[str], tuple[Path, str]],
) -> None:
    folder, url = at(V2)
    shutil.rmtree(folder / "src" / "links")
    skipped = {"skipped": [{"action": "delete", "table": "product_product_club_club_tier"}]}

    found, done = run("migrate", folder, url, *CAREFUL)

    assert (done.returncode, found["reason"]) == (9, "NotAcknowledged")
    assert (found["acknowledge"], "commands" in found) == (["links"], False)
    assert found["links"] == skipped

    found, done = run("migrate", folder, url, *CAREFUL, "--acknowledge", "links")

    assert (done.returncode, found["links"]) == (0, skipped), done.stderr
    assert any(skipped["skipped"][0]["table"] in warning for warning in found["warnings"])

    found, done = run("migrate", folder, url, *CAREFUL, "--links", "all")

    assert (done.returncode, "links" in found) == (0, False), done.stderr
    assert "--execute-all-links" in argv(found)[0]


def test_a_pending_migration_that_drops_rows_is_shown_and_asked_for(
    at: Callable[[str], tuple[Path, str]],
) -> None:
    folder, url = at(V2)
    execute(url, "insert into club_tier (id, name) values ('a', 'gold'), ('b', 'silver')")
    migration = folder / "src/modules/club/migrations/Migration20260101000000.js"
    migration.write_text(
        """const { Migration } = require("@medusajs/framework/mikro-orm/migrations")
        class Migration20260101000000 extends Migration {
          async up() { this.addSql('alter table "club_tier" drop column "name"') }
          async down() { this.addSql('drop table "club_tier"') }
        }
        module.exports = { Migration20260101000000 }"""
    )
    lost = [
        {
            "migration": "Migration20260101000000",
            "says": "alter table club_tier drop column name",
            "rows": 2,
        }
    ]

    planned, done = run("plan", folder, url, "--check", *CAREFUL)
    assert (done.returncode, planned["reason"]) == (9, "NotAcknowledged")
    assert (planned["destructive"], planned["acknowledge"]) == (lost, [V2])

    found, done = run("migrate", folder, url, *CAREFUL, "--exit-zero-for", "NotAcknowledged")
    assert (done.returncode, found["state"], found["destructive"]) == (0, "refused", lost)

    found, done = run("migrate", folder, url, *CAREFUL, "--acknowledge", V2)
    assert (done.returncode, found["migrationCount"]) == (0, 1), done.stderr


def test_what_others_have_changed_since_is_waited_for(
    at: Callable[[str], tuple[Path, str]],
) -> None:
    _, url = at(V2)
    wait = ("wait", "--timeout", "0s", "--for")

    assert servers.medusa_db(*wait, V2, url=url).returncode == 0
    assert servers.medusa_db(*wait, "2.22.0", url=url).returncode == 10
    assert servers.medusa_db(*wait, "2.20.1", url=url).returncode == 9
    assert servers.medusa_db(*wait, V2, "--verify", url=url).returncode == 2
    execute(
        url,
        "delete from mikro_orm_migrations where id = (select max(id) from mikro_orm_migrations)",
    )
    assert servers.medusa_db(*wait, V2, url=url).returncode == 10


@pytest.mark.parametrize("command", ["migrate", "plan"])
@pytest.mark.parametrize(("mine", "theirs"), [(V1, V2), (V2, V1)])
def test_a_database_of_the_other_major_version_is_refused(
    at: Callable[[str], tuple[Path, str]],
    project: Callable[[str], Path],
    command: str,
    mine: str,
    theirs: str,
) -> None:
    _, url = at(theirs)

    found, done = run(command, project(mine), url)

    assert (done.returncode, found["exitCode"]) == (9, 9)
    assert found["reason"] == f"MedusaV{theirs[0]}Database"


def test_what_the_core_engine_takes_and_another_version_are_refused(
    project: Callable[[str], Path],
) -> None:
    folder = project(V2)

    for option, value in (("--stop", "1.2.3"), ("--migrations-dir", "."), ("--flag", "x=true")):
        done = servers.medusa_db(
            "migrate", "--project", str(folder), option, value, url="postgres://127.0.0.1:1/x"
        )
        assert done.returncode == 2
        assert f"{option} has no meaning with --project" in done.stderr
    found, done = run("migrate", folder, "postgres://127.0.0.1:1/x", "--to", "2.21.1")
    assert (done.returncode, found["reason"]) == (9, "OtherVersion")


def test_status_and_verify_ask_the_project(at: Callable[[str], tuple[Path, str]]) -> None:
    folder, url = at(V2)

    seen, done = run("status", folder, url, "--check", V2)
    assert done.returncode == 0, done.stderr
    assert (seen["medusa"], seen["major"], seen["schema"]) == (V2, 2, "public")
    assert seen["pending"] == {"migrations": [], "links": [], "scripts": []}
    assert [one["medusa"] for one in seen["history"]] == [V2]
    alone = servers.medusa_db("status", "--output", "json", url=url)
    assert json.loads(alone.stdout)["ledgers"] == seen["ledgers"]
    found, done = run("verify", folder, url, "--to", V2)
    assert (done.returncode, found["exitCode"]) == (0, 0), done.stderr

    (folder / "src/migration-scripts/new.js").write_text(
        "module.exports = { default: async () => {} }"
    )
    seen, done = run("status", folder, url, "--check", V2)
    assert (done.returncode, seen["pending"]["scripts"]) == (10, ["new.js"])
    found, done = run("verify", folder, url)
    assert (done.returncode, found["reason"]) == (8, "Pending")
    assert run("verify", folder, url, "--to", "2.21.1")[1].returncode == 9


def test_verify_names_a_link_that_is_not_as_the_project_has_it(
    at: Callable[[str], tuple[Path, str]],
) -> None:
    folder, url = at(V2)
    found, done = run("verify", folder, url, "--strict")
    assert done.returncode == 0, done.stderr
    with psycopg.connect(url) as conn:  # as 2.4.0 has made it
        ((made,),) = servers.rows(
            conn,
            "select indexdef from pg_indexes where tablename = 'product_product_club_club_tier' and "
            "indexdef like '%(product_id) WHERE%'",
        )
    name, older = made.split()[2], made.partition(" WHERE")[0]
    execute(url, f"drop index {name}", older)
    found, done = run("verify", folder, url)
    assert done.returncode == 0, done.stderr
    (warning,) = [one for one in found["warnings"] if name.strip('"') in one]
    assert run("verify", folder, url, "--strict")[1].returncode == 8
    execute(url, *warning.partition(": ")[2].split("; "))
    assert run("verify", folder, url, "--strict")[1].returncode == 0

    execute(
        url,
        "alter table product_variant_inventory_item alter column required_quantity type integer",
    )

    found, done = run("verify", folder, url)

    assert (done.returncode, found["reason"]) == (8, "VerificationFailed"), found
    assert found["links"] == {
        "skipped": [{"action": "notify", "table": "product_variant_inventory_item"}]
    }
    assert 'alter column "required_quantity"' in found["message"]


def test_a_failure_that_v2_ended_with_0_is_caught_and_runs_no_script(
    server: TestServer, project: Callable[[str], Path]
) -> None:
    folder = project(LYING)
    with server.database() as name:
        execute(server.url(name), "create table tax_rate (x int)")

        found, done = run("migrate", folder, server.url(name))

    assert [(one["argv"][1], one["exitCode"]) for one in found["commands"]] == [("db:migrate", 0)]
    assert (done.returncode, found["reason"]) == (8, "Pending"), done.stderr
    assert len(found["pending"]["migrations"]) == 4
    assert found["linkCount"] == 19, "Medusa went on"


def test_a_shop_goes_from_one_version_to_the_next_with_rows_in_it(
    server: TestServer, project: Callable[[str], Path]
) -> None:
    old, new = project(LYING), project(V2)
    with server.database() as name:
        url = server.url(name)
        found, done = run("migrate", old, url, "--to", LYING)
        assert done.returncode == 0, done.stderr
        execute(
            url,
            "insert into club_tier (id, name) values ('a', 'gold')",
            "insert into script_migrations (script_name) values ('killed.js')",
        )

        found, done = run("migrate", old, url)
        assert (done.returncode, found["reason"]) == (8, "Unfinished")
        assert found["unfinished"] == ["killed.js"]

        execute(url, "delete from script_migrations where script_name = 'killed.js'")
        found, done = run("migrate", new, url, "--approval", "automatic")
        assert done.returncode == 0, done.stderr
        crossed = ["2.14.0", "2.15.3", "2.16.0", "2.17.0", "2.19.0", "2.21.0"]
        assert [note["version"] for note in found["notes"]] == crossed
        assert found["predicted"]["migrations"] == found["migrationCount"]
        assert found["links"]["skipped"] == [
            {"action": "notify", "table": "product_variant_inventory_item"}
        ]
        assert servers.medusa_db("wait", "--for", V2, "--timeout", "0s", url=url).returncode == 0

        found, done = run("migrate", old, url)
        assert (done.returncode, found["reason"]) == (9, "Downgrade"), done.stderr
        with psycopg.connect(url) as conn:
            assert servers.rows(conn, "select name from club_tier") == [("gold",)]
