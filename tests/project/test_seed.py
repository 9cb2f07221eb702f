"""The shop's own Medusa seeds it: once, recorded, fenced, and nothing is claimed that is not known."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import fenced
import projects
import servers
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from servers import TestServer

    At = Callable[[str], tuple[Path, str]]

V1, V2 = "1.20.11", "2.21.2"
SHIRT = "await container.resolve('product').createProducts([{ title: 'Shirt ' + args.join(' ') }])"
WAITS = "await new Promise(() => setInterval(() => {}, 1000))"
DOCUMENT = {
    "store": {"currencies": ["eur", "usd"]},
    "users": [{"email": "admin@shop.test", "password": "secret"}],
    "regions": [],
    "shipping_options": [],
    "products": [
        {
            "title": "Shirt", "handle": "shirt", "categories": [], "images": [], "weight": 400,
            "is_giftcard": False, "options": [{"title": "Size", "values": ["S"]}],
            "variants": [{"title": "S", "options": [{"value": "S"}], "inventory_quantity": 1, "prices": []}],
        }
    ],
}  # fmt: skip


def script(folder: Path, body: str, name: str = "seed.js") -> str:
    """Write a script as a build leaves it; return how a user names it."""
    file = folder / "src/scripts" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(
        f"module.exports = {{ default: async ({{ container, args }}) => {{ {body} }} }}"
    )
    return f"src/scripts/{name}"


def seed(
    folder: Path, url: str, *options: str, **environment: str
) -> tuple[Any, subprocess.CompletedProcess[str]]:
    return projects.run("seed", folder, url, *options, **environment)


def products(url: str) -> list[str]:
    with psycopg.connect(url) as conn:
        return [title for (title,) in servers.rows(conn, "select title from product order by 1")]


def recorded(url: str) -> list[tuple[Any, ...]]:
    """Return what is recorded: seeds, and scripts that have not come to their end."""
    with psycopg.connect(url) as conn:
        if not servers.rows(
            conn, "select 1 where to_regclass('medusa_db.unfinished_seed') is not null"
        ):
            return []
        return servers.rows(
            conn,
            "select document, version from medusa_db.seed"
            " union all select script, 'unfinished' from medusa_db.unfinished_seed",
        )


def test_a_script_seeds_a_shop_once_and_again_only_where_it_is_asked_to_on_a_change(at: At) -> None:
    folder, url = at(V2)
    name = script(folder, SHIRT)
    named = (
        "--script",
        "src/scripts/seed.ts",
    )  # as package.json has it: the build has made a .js of it

    first, done = seed(folder, url, *named, "--", "red")
    second, again = seed(folder, url, *named, "--", "red")
    other, _ = seed(folder, url, *named, "--", "blue")

    assert (done.returncode, first["state"]) == (0, "done"), done.stderr
    assert first["commands"][0]["argv"] == ["medusa", "exec", name, "red"]
    assert first["seed"] == {
        "document": name, "checksum": first["seed"]["checksum"], "loaded": True, "recorded": True,
    }  # fmt: skip
    assert "pending" not in first
    assert "warnings" not in first
    assert (again.returncode, second["state"], second["seed"]["skipped"], second["seed"]["loaded"]) == (
        0, "nothing", "this very script was the last one seeded", True,
    )  # fmt: skip
    assert (other["state"], other["seed"]["skipped"], other["seed"]["loaded"]) == (
        "nothing", "the shop was seeded before", False,
    )  # fmt: skip
    assert products(url) == ["Shirt red"]
    changed, _ = seed(folder, url, *named, "--on-change", "--", "blue")
    assert changed["state"] == "done"
    assert products(url) == ["Shirt blue", "Shirt red"]
    assert recorded(url) == [(name, V2), (name, V2)]
    shown = servers.medusa_db("status", "--output", "json", url=url)
    assert json.loads(shown.stdout)["seed"]["checksum"] == changed["seed"]["checksum"]


def test_a_shop_that_has_products_is_left_alone_unless_asked(at: At) -> None:
    folder, url = at(V2)
    name = script(folder, SHIRT)
    with psycopg.connect(url) as conn:
        conn.execute("insert into product (id, title, handle) values ('prod_1', 'Mine', 'mine')")

    found, done = seed(folder, url, "--script", name)

    assert (done.returncode, found["seed"]["skipped"]) == (0, "the shop has products")
    assert products(url) == ["Mine"]
    text = servers.medusa_db("seed", "--project", str(folder), "--script", name, url=url)
    assert text.stdout == "Nothing to do: the shop has products.\n"


def test_a_script_that_fails_halfway_is_not_recorded_and_says_what_may_be_left(at: At) -> None:
    folder, url = at(V2)
    name = script(folder, f"{SHIRT}; throw new Error('no such region')")

    found, done = seed(folder, url, "--script", name)

    assert (done.returncode, found["state"], found["reason"]) == (7, "failed", "CommandFailed")
    assert found["message"].startswith(
        "medusa exec ended with 1: Error running script: no such region. What it "
    )
    assert "no such region" in found["message"]
    assert "What it had written by then may stay" in found["message"]
    assert (found["seed"]["loaded"], found["seed"]["recorded"]) == (False, False)
    assert recorded(url) == [(name, "unfinished")]
    status = servers.medusa_db("status", url=url)
    [line] = [line for line in status.stdout.splitlines() if line.startswith("seed unfinished ")]
    assert line.split()[2:4] == [f"{name},", "begun"]

    script(folder, "if (args.length) throw new Error('not this time')")  # passes over what is there
    after, _ = seed(folder, url, "--script", name)

    assert after["state"] == "done", after
    assert (
        "has not come to its end; what it had written then is still there" in after["warnings"][0]
    )
    assert recorded(url) == [(name, V2)]


def test_a_script_that_hangs_or_is_interrupted_is_ended_and_not_recorded(at: At) -> None:
    folder, url = at(V2)
    name = script(folder, WAITS)

    found, done = seed(folder, url, "--script", name, "--stall", "10s")

    assert (done.returncode, found["reason"]) == (7, "Stalled")
    assert "It is not recorded as a seed" in found["message"]
    words = ("--project", str(folder), "--script", name, "--output", "json")
    with (
        fenced.begun(url, "seed", *words) as process,
        psycopg.connect(url, autocommit=True) as conn,
    ):
        eventually(
            lambda: servers.rows(
                conn,
                "select 1 from medusa_db.unfinished_seed where started_at > now() - interval '5 s'",
            ),
            within=60,
        )
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert json.loads(out)["reason"] == "Interrupted"
    assert "interrupted; medusa exec and what it started were ended" in err
    assert "It is not recorded as a seed" in err
    assert recorded(url) == [(name, "unfinished")]


def test_what_leaves_by_itself_ends_with_0_and_that_is_said(at: At) -> None:
    folder, url = at(V2)
    name = script(folder, "process.exit(0)")

    found, done = seed(folder, url, "--script", name)

    assert done.returncode == 0, done.stderr
    assert "does not end with Medusa's own 'Finished executing script'" in found["warnings"][0]


def test_a_script_whose_end_cannot_be_recorded_is_no_seed(at: At) -> None:
    folder, url = at(V2)
    name = script(
        folder, "await container.resolve('__pg_connection__').raw('drop schema medusa_db cascade')"
    )

    found, done = seed(folder, url, "--script", name)

    assert (done.returncode, found["reason"]) == (8, "NotRecorded"), done.stderr
    assert found["message"].startswith("medusa exec ended with 0, and that cannot be recorded (")
    assert "may stay" not in found["message"]
    assert (found["seed"]["loaded"], found["seed"]["recorded"]) == (False, False)


def test_nothing_is_run_where_something_is_pending(server: TestServer, at: At) -> None:
    folder, url = at(V2)
    name = script(folder, SHIRT)
    another = folder / "src/migration-scripts/another.js"
    another.write_text("module.exports = { default: async () => {} }")

    found, done = seed(folder, url, "--script", name)
    without, _ = seed(folder, url, "--script", name, "--no-scripts")

    assert (done.returncode, found["reason"]) == (9, "MigrationsPending")
    assert found["message"] == (
        f"the database is not what Medusa {V2} of {folder} wants yet, 1 in all are pending: another.js. Run "
        "`medusa-db migrate --project DIR` first"
    )
    assert without["state"] == "done"
    with server.database() as empty:
        found, done = seed(folder, server.url(empty), "--script", name)
    assert (done.returncode, found["reason"]) == (9, "MigrationsPending")
    assert "Migration" in found["message"]


@pytest.mark.parametrize(
    ("options", "code", "reason", "part"),
    [
        pytest.param(("--script", "src/scripts/none.ts"), 2, "NoScript", "no none.js beside it", id="no-file"),
        pytest.param((), 2, "NoScript", "name the file with --script", id="nothing-named"),
        pytest.param(("--npm-script", "seed"), 2, "NoScript", "has no script seed; it has none", id="no-npm-script"),
        pytest.param(("-f", "data/seed.json"), 2, "Usage", "reads no seed document", id="a-document"),
        pytest.param(("--script", "package.json", "--", "--force"), 2, "Usage", "begins with a hyphen", id="hyphen"),
        pytest.param(("--script", "package.json", "--to", "2.20.0"), 9, "OtherVersion", "is installed", id="version"),
        pytest.param(("--script", "package.json", "--dry-run"), 2, "Usage", "no meaning with --project", id="dry-run"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused_before_a_database_is_opened(
    project: Callable[[str], Path], options: tuple[str, ...], code: int, reason: str, part: str
) -> None:
    found, done = seed(project(V2), "postgresql://nowhere.invalid/shop", *options)

    assert (done.returncode, found["reason"]) == (code, reason), done.stderr
    assert part in found["message"]


def test_a_script_of_package_json_is_run_by_npm(at: At) -> None:
    folder, url = at(V2)
    name = script(folder, SHIRT)
    package = folder / "package.json"
    body = json.loads(package.read_text()) | {"scripts": {"seed": f"medusa exec ./{name}"}}
    package.write_text(json.dumps(body))

    first, done = seed(folder, url, "--npm-script", "seed", "--", "red")
    second, _ = seed(folder, url, "--npm-script", "seed", "--", "red")

    assert done.returncode == 0, done.stderr
    assert first["commands"][0]["argv"] == ["npm", "run", "seed", "--", "red"]
    assert (first["state"], second["state"]) == ("done", "nothing")
    assert products(url) == ["Shirt red"]
    assert recorded(url) == [("npm run seed", V2)]


def test_a_role_that_cannot_record_it_seeds_nothing(server: TestServer, at: At) -> None:
    folder, url = at(V2)
    name = script(folder, SHIRT)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("drop schema medusa_db cascade")
        database = conn.info.dbname
    server.execute("create role seeder login")
    server.execute("revoke create on database {} from public", database)
    try:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(
                "grant select, insert, update, delete on all tables in schema public to seeder"
            )
        found, done = seed(folder, server.url(database, "seeder"), "--script", name)
        assert (done.returncode, found["reason"]) == (9, "NotRecordable"), done.stderr
        assert products(url) == []
    finally:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("drop owned by seeder")
        server.execute("drop role seeder")


def test_a_seed_document_of_v1_is_read_by_its_own_medusa(server: TestServer, at: At) -> None:
    folder, url = at(V1)
    file = folder / "data/seed.json"
    file.parent.mkdir()
    file.write_text(json.dumps(DOCUMENT))

    first, done = seed(folder, url)
    second, again = seed(folder, url)
    file.write_text("{")
    broken, _ = seed(folder, url, "--on-change")
    missing, _ = seed(folder, url, "-f", "data/none.json")
    exec_, _ = seed(folder, url, "--script", "src/scripts/seed.js")
    file.write_text(json.dumps(DOCUMENT))
    with server.database() as name:
        pending, _ = seed(folder, server.url(name))

    assert done.returncode == 0, done.stderr
    assert first["commands"][0]["argv"] == [
        "medusa",
        "seed",
        "-f",
        "data/seed.json",
        "--no-migrate",
    ]
    assert products(url) == ["Shirt"]
    assert (again.returncode, second["state"]) == (0, "nothing")
    assert recorded(url) == [("data/seed.json", V1)]
    assert (broken["exitCode"], broken["reason"]) == (2, "InvalidDocument")
    assert (missing["exitCode"], missing["reason"]) == (2, "NoScript")
    assert "has no `medusa exec`" in exec_["message"]
    assert (pending["exitCode"], pending["reason"]) == (9, "MigrationsPending")
    assert "initialSchema1611063162649" in pending["message"]


def test_a_seed_of_v1_that_fails_and_hangs_is_ended_and_nothing_of_it_stays(at: At) -> None:
    folder, url = at(V1)
    file = folder / "data/seed.json"
    file.parent.mkdir()
    region = {"id": "r", "name": "EU", "currency_code": "eur", "tax_rate": 0, "countries": ["fr"],
              "payment_providers": ["nobody"], "fulfillment_providers": ["nobody"]}  # fmt: skip
    file.write_text(json.dumps(DOCUMENT | {"regions": [region]}))

    found, done = seed(folder, url, "-f", "data/seed.json", "--stall", "15s")

    assert (done.returncode, found["reason"]) == (7, "Stalled")
    assert " and was ended: Error: " in found["message"], found["message"]
    assert products(url) == []
    assert recorded(url) == [("data/seed.json", "unfinished")]
