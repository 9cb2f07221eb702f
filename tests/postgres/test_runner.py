"""A run on a real server: what it leaves behind, and what it tells."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from medusa_migrations.records import history
from servers import medusa_db, rows

LEDGER = "select timestamp, name from migrations order by id"
HISTORY = (
    "select from_version, to_version, cardinality(migrations), data_steps, command"
    " from medusa_db.history order by id"
)


def test_an_empty_database_becomes_the_newest_version(url, catalog):
    done = medusa_db("migrate", url=url)

    assert done.returncode == 0, done.stderr
    with psycopg.connect(url) as conn:
        assert rows(conn, LEDGER) == [
            (migration.timestamp, migration.name)
            for migration in catalog.enabled(catalog.newest, {})
        ]
        assert rows(conn, HISTORY) == [("empty", "1.20.11", 75, [], "migrate")]


def test_the_ledger_is_made_as_typeorm_makes_it(url):
    medusa_db("migrate", "--to", "1.1.0", url=url)

    with psycopg.connect(url) as conn:
        assert rows(
            conn,
            "select column_name, data_type, is_nullable, column_default"
            " from information_schema.columns where table_name = 'migrations'"
            " order by ordinal_position",
        ) == [
            ("id", "integer", "NO", "nextval('migrations_id_seq'::regclass)"),
            ("timestamp", "bigint", "NO", None),
            ("name", "character varying", "NO", None),
        ]
        assert rows(
            conn,
            "select conname, pg_get_constraintdef(oid) from pg_constraint"
            " where conrelid = 'migrations'::regclass and contype <> 'n'",
        ) == [("PK_8c82d7f526340ab734260ea46be", "PRIMARY KEY (id)")]


def test_a_second_run_does_nothing_and_says_so(shop_at):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        before = rows(conn, "select xmin::text, * from migrations")

    done = medusa_db("migrate", "--to", "1.20.11", url=url)

    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "Nothing to do: the database is at 1.20.11; wanted is 1.20.11.\n",
        "",
    )
    with psycopg.connect(url) as conn:
        assert rows(conn, "select xmin::text, * from migrations") == before
        assert len(rows(conn, HISTORY)) == 1


def test_nothing_to_do_takes_no_lock(shop_at):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as other:
        other.execute("select pg_advisory_lock(%s, %s)", (0x6D65, 0x64757361))

        done = medusa_db("migrate", "--to", "1.20.11", "--lock-wait", "1s", url=url)

    assert done.returncode == 0


def test_an_old_database_is_brought_up_in_one_step(shop_at):
    url = shop_at("1.7.15")

    done = medusa_db("migrate", "--to", "1.20.11", "--output", "json", url=url)

    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert {key: report[key] for key in ("state", "from", "version", "target", "verified")} == {
        "state": "done",
        "from": "1.7.15",
        "version": "1.20.11",
        "target": "1.20.11",
        "verified": True,
    }
    assert report["migrationCount"] == 17
    assert next(n["version"] for n in report["notes"]) == "1.8.0"


def test_medusas_own_words_do_the_same(url):
    shown = medusa_db("migrations", "show", url=url)
    done = medusa_db("migrations", "run", "--to", "1.1.6", url=url)
    again = medusa_db("migrations", "show", url=url)

    assert shown.stdout.count("[ ] ") == 75
    assert done.returncode == 0
    assert again.stdout == (
        "[X] initialSchema1611063162649\n[X] countriesCurrencies1611063174563\n"
        "[X] claims1612284947120\n[X] indexes1612353094577\n"
    )


def test_stops_are_steps_of_their_own(url):
    done = medusa_db("migrate", "--to", "1.8.0", "--stop", "1.1.65", "--stop", "1.3.9", url=url)

    assert done.returncode == 0, done.stderr
    with psycopg.connect(url) as conn:
        assert [(row[0], row[1]) for row in rows(conn, HISTORY)] == [
            ("empty", "1.1.65"),
            ("1.1.65", "1.3.9"),
            ("1.3.9", "1.8.0"),
        ]


def test_each_migration_can_be_committed_by_itself(url, tmp_path):
    (tmp_path / "1700000000000_broken.sql").write_text("select 1/0;")

    done = medusa_db("migrate", "--transaction", "each", "--migrations-dir", str(tmp_path), url=url)

    assert done.returncode == 7
    with psycopg.connect(url) as conn:
        names = [name for _, name in rows(conn, LEDGER)]
    assert names[-1] == "AddMetadataToProductCategory1699564794649"
    assert "broken1700000000000" not in names


def test_a_failing_step_leaves_nothing(shop_at, tmp_path):
    url = shop_at("1.12.3")
    (tmp_path / "1800000000000_broken.sql").write_text("create table x ();\nselect 1/0;")
    with psycopg.connect(url) as conn:
        before = rows(conn, LEDGER)

    done = medusa_db("migrate", "--to", "1.20.11", "--migrations-dir", str(tmp_path), url=url)

    assert done.returncode == 7
    message, *_, statement = [line for line in done.stderr.splitlines() if line[0] != "{"]
    assert message.startswith(
        "medusa-db: broken1800000000000: division by zero (SQLSTATE 22012); rolled back."
    )
    assert statement == "STATEMENT: select 1/0"
    with psycopg.connect(url) as conn:
        assert rows(conn, LEDGER) == before
        assert rows(conn, "select to_regclass('x')") == [(None,)]


def test_a_syntax_error_is_shown_with_its_line_and_a_caret(url, tmp_path):
    (tmp_path / "1800000000000_typo.sql").write_text("select 1;\n\ncreate tabel x ();\n")

    done = medusa_db("migrate", "--to", "1.1.0", "--migrations-dir", str(tmp_path), url=url)

    assert done.returncode == 7
    assert "LINE 3: create tabel x ()\n               ^" in done.stderr


def test_migrations_of_the_shop_run_in_the_same_list(url, tmp_path):
    (tmp_path / "1612300000000_note.sql").write_text(
        "alter table store add column note text; set search_path to pg_catalog;"
    )

    done = medusa_db("migrate", "--to", "1.1.6", "--migrations-dir", str(tmp_path), url=url)

    assert done.returncode == 0, done.stderr
    with psycopg.connect(url) as conn:
        assert [name for _, name in rows(conn, LEDGER)] == [
            "initialSchema1611063162649",
            "countriesCurrencies1611063174563",
            "claims1612284947120",
            "note1612300000000",
            "indexes1612353094577",
        ]
        assert rows(conn, "select schema_name from medusa_db.history") == [("public",)]


@pytest.mark.parametrize("flag", ["sales_channels", "tax_inclusive_pricing", "medusa_v2"])
def test_a_flag_decides_what_runs(url, catalog, flag):
    on = not catalog.flags[flag].default(catalog.newest)

    done = medusa_db("migrate", "--flag", f"{flag}={str(on).lower()}", url=url)

    assert done.returncode == 0, done.stderr
    with psycopg.connect(url) as conn:
        wanted = [m.name for m in catalog.enabled(catalog.newest, {flag: on})]
        assert [name for _, name in rows(conn, LEDGER)] == wanted
    assert medusa_db("migrate", url=url).stdout.startswith("Nothing to do")


def test_medusas_flag_variables_are_heard(url):
    done = medusa_db("migrate", "--to", "1.9.0", url=url, MEDUSA_FF_SALES_CHANNELS="false")

    assert done.returncode == 0, done.stderr
    with psycopg.connect(url) as conn:
        assert rows(conn, "select to_regclass('sales_channel')") == [(None,)]


def test_without_the_right_to_make_a_schema_it_works_and_says_that_history_is_off(server, url):
    server.execute("create role keeper login")
    try:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("create extension pg_trgm")
            conn.execute("grant all on schema public to keeper")
        name = url.rpartition("/")[2]

        done = medusa_db("migrate", url=server.url(name, "keeper"))

        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith(
            "No history is kept: the role may not create a schema in this database.\n"
        )
        with psycopg.connect(url) as conn:
            assert rows(conn, "select to_regnamespace('medusa_db')") == [(None,)]
    finally:
        server.drop(url.rpartition("/")[2])
        server.execute("drop role keeper")


def test_the_report_file_is_bounded_and_complete(url, tmp_path):
    file = tmp_path / "report.json"

    medusa_db("migrate", "--report-file", str(file), url=url)

    text = file.read_bytes()
    report = json.loads(text)
    assert len(text) <= 4096
    assert (report["exitCode"], report["state"], report["migrationCount"]) == (0, "done", 75)


def test_a_failure_is_in_the_report_file_as_well(tmp_path):
    file = tmp_path / "report.json"

    done = medusa_db(
        "migrate", "--connect-wait", "0s", "--report-file", str(file),
        url="postgres://shop:s3cr3t@127.0.0.1:1/shop",
    )  # fmt: skip

    report = json.loads(file.read_text())
    assert (done.returncode, report["exitCode"], report["reason"]) == (4, 4, "Unreachable")
    assert "s3cr3t" not in file.read_text() + done.stdout + done.stderr


def test_a_breaking_version_wants_an_acknowledgement_where_asked(shop_at):
    url = shop_at("1.12.3")

    refused = medusa_db("migrate", "--to", "1.20.11", "--approval", "on-breaking", url=url)
    done = medusa_db(
        "migrate", "--to", "1.20.11", "--approval", "on-breaking", "--acknowledge", "1.13.0", "--acknowledge",
        "1.15.2", "--acknowledge", "1.17.0", url=url,
    )  # fmt: skip

    assert refused.returncode == 9
    assert "crosses breaking versions (1.13.0, 1.15.2, 1.17.0)" in refused.stderr
    assert done.returncode == 0, done.stderr


def test_an_empty_database_needs_no_acknowledgement(url):
    assert medusa_db("migrate", "--approval", "on-breaking", url=url).returncode == 0


def test_how_long_a_run_took_is_told_by_one_clock_whatever_that_of_the_server_says(url):
    started = datetime(2019, 7, 1, tzinfo=UTC)
    entry = history.HistoryEntry(
        "public", "migrate", started, started + timedelta(seconds=2), "1.1.0", "1.2.0", (), (), (), "0", "", ""
    )  # fmt: skip

    with psycopg.connect(url) as conn:
        history.prepare(conn)
        history.record(conn, entry)
        [found] = history.read(conn, "public")

    assert (found.started_at, found.finished_at) == (entry.started_at, entry.finished_at)
