"""Nothing is upgraded unasked, and a breaking version is crossed at a person's word only."""

from __future__ import annotations

import json
import os
import pty
import subprocess

import psycopg
import pytest

from servers import command, environ, medusa_db, rows

HISTORY = "select from_version, to_version from medusa_db.history order by id"
ASKING = {"MEDUSA_DB_APPROVAL": "on-breaking"}


def place(url):
    return json.loads(medusa_db("status", "--output", "json", url=url).stdout)["place"]


def in_project(tmp_path, version, *arguments, url):
    package = tmp_path / "node_modules" / "@medusajs" / "medusa" / "package.json"
    package.parent.mkdir(parents=True)
    package.write_text(json.dumps({"version": version}))
    return subprocess.run(
        command(*arguments), env=environ(url), capture_output=True, text=True, timeout=120,
        check=False, stdin=subprocess.DEVNULL, cwd=tmp_path,
    )  # fmt: skip


@pytest.mark.parametrize("words", [("migrate",), ("migrations", "run"), ("plan",)])
def test_a_shop_is_not_upgraded_where_nobody_named_a_version(shop_at, words):
    url = shop_at("1.12.3")

    done = medusa_db(*words, url=url)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "medusa-db: no version is named, and the database is at 1.12.3: it is not upgraded unasked. "
        "Name the version of your server: --to 1.12.3 leaves it there, --to 1.20.11 is the newest. "
        "Without --to the version counts that the project in the current folder, or in one above it, "
        "has installed\n"
    )
    assert place(url) == "1.12.3"


def test_a_shop_at_the_newest_version_has_nothing_to_do(shop_at):
    done = medusa_db("migrate", url=shop_at("1.20.11"))

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Nothing to do: the database is at 1.20.11")


def test_the_version_that_the_project_has_installed_counts(shop_at, tmp_path):
    url = shop_at("1.12.0")

    done = in_project(tmp_path, "1.12.3", "migrations", "run", url=url)

    assert done.returncode == 0, done.stderr
    file = tmp_path / "node_modules" / "@medusajs" / "medusa" / "package.json"
    assert f"medusa-db: wanted is 1.12.3, from {file}; --to names another\n" in done.stderr
    assert place(url) == "1.12.3"


def test_a_project_of_medusa_v2_is_refused(shop_at, tmp_path):
    done = in_project(tmp_path, "2.8.8", "migrate", url=shop_at("1.12.3"))

    assert done.returncode == 9
    assert "has @medusajs/medusa 2.8.8: Medusa v2 has another schema" in done.stderr


def test_a_baseline_alone_upgrades_nothing(shop_at):
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        conn.execute("drop table migrations; drop schema medusa_db cascade")

    done = medusa_db("migrate", "--baseline", "1.12.3", url=url)

    assert done.returncode == 0, done.stderr
    assert place(url) == "1.12.3"


def test_without_a_terminal_a_breaking_version_is_refused_and_its_note_told(shop_at):
    url = shop_at("1.12.3")

    done = medusa_db("migrate", "--to", "1.15.2", url=url, **ASKING)

    assert done.returncode == 9
    assert "the way crosses breaking versions (1.13.0, 1.15.2)." in done.stderr
    assert "- 1.13.0 asks beforehand: Plan a short downtime" in done.stderr
    assert place(url) == "1.12.3"


@pytest.mark.parametrize(
    ("answer", "status", "after"),
    [("y\n", 0, "1.15.2"), ("n\n", 9, "1.12.3"), ("\n", 9, "1.12.3"), ("\x04", 9, "1.12.3")],
)
def test_a_terminal_is_asked(shop_at, answer, status, after):
    url = shop_at("1.12.3")
    here, there = pty.openpty()
    with subprocess.Popen(
        command("migrate", "--to", "1.15.2"), env=environ(url, {"TERM": "xterm", **ASKING}),
        stdin=there, stdout=subprocess.PIPE, stderr=there,
    ) as run:  # fmt: skip
        os.close(there)
        shown = b""
        while b"Go on? [y/N]" not in shown:
            shown += os.read(here, 65536)
        os.write(here, answer.encode())
        try:
            while os.read(here, 65536):
                pass
        except OSError:  # the other end is closed
            pass
        printed = run.stdout.read().decode()
        assert run.wait(60) == status
    os.close(here)

    assert b"Plan a short downtime" in shown
    assert b"The way crosses breaking versions: 1.13.0, 1.15.2." in shown
    assert ("2 of them BREAKING: 1.13.0, 1.15.2" in printed) == (status == 0)
    assert place(url) == after


def test_yes_answers_the_question(shop_at):
    done = medusa_db("migrate", "--to", "1.15.2", "--yes", url=shop_at("1.12.3"), **ASKING)

    assert done.returncode == 0, done.stderr


def test_a_version_that_needs_no_migration_is_asked_for_noted_and_remembered(shop_at):
    url = shop_at("1.15.2")

    refused = medusa_db("migrate", "--to", "1.17.0", url=url, **ASKING)
    done = medusa_db("migrate", "--to", "1.17.0", "--acknowledge", "1.17.0", url=url, **ASKING)
    again = medusa_db("migrate", "--to", "1.17.0", url=url, **ASKING)

    assert (refused.returncode, "(1.17.0)" in refused.stderr) == (9, True)
    assert done.returncode == 0, done.stderr
    assert "Crossed 2 notes of the upgrade guides" in done.stdout
    assert "From 1.15.2 to 1.17.0: no migration in " in done.stdout
    assert again.stdout.startswith("Nothing to do: the database is at 1.17.0")
    with psycopg.connect(url) as conn:
        assert rows(conn, HISTORY)[-1] == ("1.15.2", "1.17.0")


def test_every_command_names_the_same_version(shop_at):
    url = shop_at("1.15.2")
    medusa_db("migrate", "--to", "1.17.0", url=url)

    assert place(url) == "1.17.0"
    assert medusa_db("verify", url=url).stdout.startswith("The schema is that of 1.17.0.")
    assert medusa_db("wait", "--for", "1.17.0", url=url).stdout == (
        "The database is at 1.17.0 (by its ledger).\n"
    )
    assert medusa_db("wait", "--for", "1.16.0", url=url).stdout == (
        "The database is at 1.17.0; a server of 1.16.0 works with it.\n"
    )


def test_a_patch_release_goes_back_and_forth(shop_at):
    url = shop_at("1.20.11")

    back = medusa_db("migrate", "--to", "1.20.3", url=url)

    assert back.returncode == 0, back.stderr
    assert place(url) == "1.20.3"


def test_without_a_history_a_version_without_migrations_is_nothing_to_do(shop_at):
    url = shop_at("1.15.2")
    with psycopg.connect(url) as conn:
        conn.execute("drop schema medusa_db cascade; drop role if exists no_schemas")
        conn.execute(
            "create role no_schemas login; grant all on all tables in schema public to no_schemas"
        )

    done = medusa_db("migrate", "--to", "1.17.0", url=url.replace("postgres@", "no_schemas@"))

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Nothing to do: the database is at ")


def test_a_server_that_cannot_work_with_a_newer_database_does_not_start(shop_at):
    url = shop_at("1.20.11")

    done = medusa_db("wait", "--for", "1.12.3", "--allow-newer", "--timeout", "2s", url=url)

    assert (done.returncode, done.stdout) == (9, "")
    assert done.stderr == (
        "medusa-db: the database is at 1.20.11, and servers older than 1.15.2 do not work with it: "
        "1.12.3 cannot start. Start a server of 1.15.2 or later\n"
    )


def test_a_server_that_works_with_a_newer_database_may_start(shop_at):
    url = shop_at("1.20.11")

    asked = medusa_db("wait", "--for", "1.19.0", "--timeout", "2s", url=url)
    allowed = medusa_db("wait", "--for", "1.19.0", "--allow-newer", "--output", "json", url=url)

    assert asked.returncode == 9
    assert json.loads(allowed.stdout) == {"version": "1.20.11", "for": "1.19.0", "ok": True}


def looked(url, tmp_path, *arguments, reasons):
    """Run `migrate`, whose refusals for these *reasons* are results; return its exit code and report."""
    file = tmp_path / "report.json"
    done = medusa_db(
        "migrate", *arguments, "--report-file", str(file), url=url,
        MEDUSA_DB_EXIT_ZERO_FOR=reasons, **ASKING,
    )  # fmt: skip
    report = json.loads(file.read_text())
    assert report["message"] in done.stderr
    return done.returncode, report["exitCode"], report["state"], report["reason"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--to", "1.20.11"), "NotAcknowledged"),
        (("--to", "1.8.0"), "Downgrade"),
        (("--to", "1.12.3", "--baseline", "1.12.3"), "LedgerExists"),
    ],
)
def test_a_refusal_is_a_result_where_that_is_asked_and_else_fails(
    shop_at, tmp_path, arguments, reason
):
    url = shop_at("1.12.3")

    asked = looked(url, tmp_path, *arguments, reasons=reason)
    others = ",".join({"NotAcknowledged", "Downgrade", "LedgerExists"} - {reason})

    assert asked == (0, 0, "refused", reason)
    assert looked(url, tmp_path, *arguments, reasons=others) == (9, 9, "failed", reason)


def test_only_what_another_path_answers_can_be_a_result(url):
    done = medusa_db("migrate", "--exit-zero-for", "RowsInTheWay", url=url)

    assert done.returncode == 2
    assert "'RowsInTheWay' is none of Downgrade, LedgerExists, NotAcknowledged" in done.stderr
