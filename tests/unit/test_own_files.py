"""A folder of the shop's own migrations: what runs of it, and what is refused by name and line."""

from __future__ import annotations

import os

import pytest

from medusa_db.arguments import groups
from medusa_migrations.contract.errors import UsageError
from medusa_migrations.plan.shop import folder
from medusa_migrations.plan.shop.formats import Format
from medusa_migrations.schema import statements

FILE = "1800000000000_loyalty.sql"
UP = "alter table loyalty add tier text;\n"
DOWN = "drop table loyalty;\n"


def put(folder, **files):
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def read(tmp_path, content, format_="sql", name=FILE):
    [found] = folder.read(put(tmp_path, **{name: content}), Format(format_))
    return found.statements


def refused(tmp_path, content, format_="sql", name=FILE):
    with pytest.raises(UsageError) as caught:
        folder.read(put(tmp_path, **{name: content}), Format(format_))
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / name}: "), said
    return said.removeprefix(f"{tmp_path / name}: ")


def test_the_command_line_knows_the_formats():
    assert list(groups.FORMATS) == list(Format)


TWO_HALVES = {
    "node-pg-migrate": f"-- Up Migration\n\n{UP}\n-- Down Migration\n\n{DOWN}",
    "node-pg-migrate-lower": f"--up migration\n{UP}\n\n--- down migration ---\n{DOWN}",
    "node-pg-migrate-down-only": f"{UP}\n\n\n-- Down Migration\n{DOWN}",
    "dbmate": f"-- migrate:up\n{UP}\n\n-- migrate:down\n{DOWN}",
    "dbmate-tight": f"--migrate:up\n{UP}\n\n--migrate:down\n{DOWN}",
    "goose": f"-- +goose Up\n{UP}\n\n-- +goose Down\n{DOWN}",
    "goose-blocks": f"-- +goose Up\n{UP}\n\n-- +goose Down\n-- +goose StatementBegin\n{DOWN}-- +goose StatementEnd\n",
    "sql-migrate": f"-- +migrate Up\n{UP}\n\n-- +migrate Down\n{DOWN}",
    "tern": f"{UP}\n\n\n---- create above / drop below ----\n{DOWN}",
    "micrate": f"-- +micrate Up\n{UP}\n\n-- +micrate Down\n{DOWN}",
    "rambler": f"-- rambler up\n{UP}\n\n-- rambler down\n{DOWN}",
    "play": f"-- !Ups\n{UP}\n\n-- !Downs\n{DOWN}",
    "mybatis": f"-- // loyalty\n{UP}\n\n-- //@UNDO\n{DOWN}",
    "shmig": f"-- ==== UP ====\n{UP}\n\n-- ==== DOWN ====\n{DOWN}",
    "by-hand": f"-- up\n{UP}\n\n-- down\n{DOWN}",
    "by-hand-rollback": f"{UP}\n\n\n-- rollback\n{DOWN}",
    "by-hand-roll-back": f"{UP}\n\n\n-- Roll back:\n{DOWN}",
    "by-hand-undo": f"{UP}\n\n\n--- UNDO SECTION ---\n{DOWN}",
    "by-hand-block": f"/* up */\n{UP}\n\n/* Down */\n{DOWN}",
    "by-hand-banner": f"{UP}\n\n\n/*****\n * DOWN\n *****/\n{DOWN}",
    "by-hand-camel": f"{UP}\n\n\n-- DownMigration\n{DOWN}",
    "by-hand-hyphen": f"{UP}\n\n\n-- Roll-back\n{DOWN}",
    "by-hand-reverse": f"{UP}\n\n\n-- Reverse migration\n{DOWN}",
    "by-hand-name": f"-- name: up\n{UP}\n\n-- name: down\n{DOWN}",
    "windows": f"-- Up Migration\r\n{UP}\r\n\r\n-- Down Migration\r\n{DOWN}",
    "dbmate-with-option": f"-- migrate:up\n{UP}\n\n-- migrate:down transaction:false\n{DOWN}",
    "node-pg-migrate-with-words": f"-- Up Migration\n{UP}\n\n-- Down Migration (takes the tier away)\n{DOWN}",
    "indented": f"  -- migrate:up\n{UP}\n\n  -- migrate:down\n{DOWN}",
}


@pytest.mark.parametrize("content", TWO_HALVES.values(), ids=TWO_HALVES)
def test_a_half_that_takes_back_does_not_run_behind_the_other(tmp_path, content):
    said = refused(tmp_path, content)

    assert said.startswith(("line 5: `--", "line 5: `/*"))
    assert "begins what takes the migration back, and here all of a file runs" in said


@pytest.mark.parametrize("format_", ["dbmate", "goose", "sql-migrate", "node-pg-migrate"])
def test_a_refusal_names_the_format_that_reads_the_file(tmp_path, format_):
    said = refused(tmp_path, TWO_HALVES[format_])

    assert said.endswith(f"--migrations-format {format_}")


def test_what_takes_back_and_comes_first_is_refused_too(tmp_path):
    said = refused(tmp_path, f"-- Down Migration\n{DOWN}-- Up Migration\n{UP}")

    assert said.startswith("line 1: `-- Down Migration` begins what takes")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f"-- rollback is not possible: restore a backup\n{UP}", id="prose"),
        pytest.param(f"{UP}/* Down:\n{DOWN}*/\n{UP}", id="taken-out"),
        pytest.param(f"{UP}select 1 /* down */ ;\n{UP}", id="within-a-line"),
        pytest.param(f"{UP}-- scale down the batch\n{UP}", id="prose-down"),
        pytest.param(f"{UP}-- on rollback nothing is left\n{UP}", id="prose-behind"),
        pytest.param(f"{UP}-- rollback drop table loyalty;\n{UP}", id="sql-in-a-comment"),
        pytest.param(f"{UP}-- Step 2: revert\n{UP}-- in reverse\n{UP}", id="prose-steps"),
        pytest.param(f"{UP}-- Undo: see the wiki\n{UP}", id="prose-undo"),
        pytest.param(f"{UP}-- Down Migration\n-- drop table loyalty;\n", id="commented-half"),
        pytest.param(f"{UP}-- Down Migration\n\n-- nothing to do\n", id="empty-half"),
        pytest.param(f"-- migrate:up\n{UP}-- migrate:down\n", id="empty-half-of-dbmate"),
        pytest.param(f"-- Rollback\n{UP}", id="title"),
        pytest.param(f"{UP}select '\n-- migrate:down\n';\n", id="string"),
        pytest.param(f"do $$ begin\n-- Down Migration\nnull; end $$;\n{UP}", id="body"),
        pytest.param(f"{UP}/*\n-- migrate:down\n{DOWN}*/\n", id="block-comment"),
        pytest.param(f"{UP}update loyalty set tier = 'x'; -- rollback\n{UP}", id="behind-a-statement"),
        pytest.param("insert into t values ('-- +goose Down');", id="one-line-string"),
        pytest.param("comment on table t is $x$rollback; commit; :name$x$;", id="dollar"),
        pytest.param("savepoint a; rollback to a; release a;", id="savepoint"),
        pytest.param("select a[1:n], a[:n], b::text, f(x := 1) from t;", id="colons"),
        pytest.param("select json_object('a':b) from t;", id="json"),
        pytest.param("refresh materialized view concurrently v;", id="refresh"),
        pytest.param("alter subscription s set publication p with (refresh = false);", id="no-refresh"),
        pytest.param("create index vacuum_i on t (a); reindex table t; cluster t;", id="in-transaction"),
        pytest.param("copy t from '/srv/t.csv';", id="copy-of-the-server"),
        pytest.param("create table stdin (a int); select 'copy t from stdin';", id="stdin"),
        pytest.param(
            "create function f() returns int language sql begin atomic select case when true then 1 "
            "end; end;\nselect f();", id="begin-atomic",
        ),
        pytest.param("create rule r as on insert to t do also (select 1; select 2);", id="rule"),
    ],
)  # fmt: skip
def test_what_only_looks_like_it_runs_as_it_is(tmp_path, content):
    assert read(tmp_path, content) == content


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("format_", ["dbmate", "goose", "sql-migrate", "node-pg-migrate"])
def test_the_half_that_goes_forward_keeps_its_lines(tmp_path, format_, ending):
    content = TWO_HALVES[format_].replace("\n", ending)

    found = read(tmp_path, content, format_)

    lines, before = found.split("\n"), content.split("\n")
    assert len(lines) == len(before)
    place = before.index(UP.replace("\n", ending).removesuffix("\n"))
    assert lines[place] == before[place]
    assert "".join(lines).strip() == UP.strip()


def test_a_half_that_goes_forward_may_be_the_second(tmp_path):
    found = read(tmp_path, f"-- Down Migration\n{DOWN}-- Up Migration\n{UP}", "node-pg-migrate")

    assert found == f"\n\n\n{UP}"


def test_blocks_of_goose_are_read_whole(tmp_path):
    body = "create function f() returns int language plpgsql as $$\nbegin return 1; end $$;\n"
    content = f"-- +goose Up\n-- +goose StatementBegin\n{body}-- +goose StatementEnd\n-- +goose Down\ndrop function f;\n"

    found = read(tmp_path, content, "goose")

    assert body in found
    assert "drop function" not in found


@pytest.mark.parametrize(
    ("format_", "content", "says"),
    [
        pytest.param("dbmate", UP, "holds no mark where its up half begins", id="no-mark"),
        pytest.param("dbmate", f"-- migrate:down\n{DOWN}", "holds no mark where its up", id="no-up"),
        pytest.param(
            "node-pg-migrate", f"{UP}-- Down Migration\n{DOWN}", "holds no mark where its up half",
            id="node-no-up",
        ),
        pytest.param(
            "dbmate", f"{UP}-- migrate:up\n{UP}", "line 1: this stands before the first mark of dbmate",
            id="before",
        ),
        pytest.param("sql", f"{UP}-- no-transaction\n{UP}", "line 2: `-- no-transaction` asks for no transaction, and "
                     "statements stand before it", id="alone-too-late"),
        pytest.param("sql", f"-- no-transaction\n{UP}commit;", "line 3: `commit` controls the transaction", id="alone-commit"),
        pytest.param("sql", "-- no-transaction\nvacuum;\ncopy t from stdin;", "line 3: `copy` from or to", id="alone-copy"),
        pytest.param("goose", "-- +goose Up\n-- +goose ENVSUB ON\nselect '${A}';",
                     "line 2: `-- +goose ENVSUB ON`: variables are not put in here", id="envsub"),
        pytest.param("goose", f"-- +goose Up\n{UP}select '\n-- +goose Down\n';\n",
                     "line 4: `-- +goose Down` stands in a string", id="hidden"),
        pytest.param("dbmate", f"-- migrate:up\n{UP}/*\n-- migrate:down\n*/\n{DOWN}",
                     "line 4: `-- migrate:down` stands in a string, a comment", id="hidden-comment"),
        pytest.param("goose", TWO_HALVES["dbmate"], "holds no mark where its up", id="another-tool"),
        pytest.param("node-pg-migrate", TWO_HALVES["dbmate"], "line 5: `-- migrate:down` begins",
                     id="another-tool-behind"),
        pytest.param("dbmate", "-- migrate:up\ncreate index concurrently i on t (a);",
                     "line 2: `create index concurrently` cannot", id="statement"),
        pytest.param("sql", f"--liquibase formatted sql\n--changeset a:1\n{UP}--rollback {DOWN}",
                     "line 1: `--liquibase formatted sql` is Liquibase's", id="liquibase"),
        pytest.param("sql", f"-- Revert shop:tier from pg\n{DOWN}", "script of Sqitch", id="sqitch"),
        pytest.param("sql", f"--changeset nvoxland:1 dbms:oracle\n{UP}", "is Liquibase's", id="changeset"),
    ],
)  # fmt: skip
def test_a_file_that_asks_for_something_else_is_refused(tmp_path, format_, content, says):
    assert says in refused(tmp_path, content, format_)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param("\\restrict aB'c\nselect 1;", "line 1: `\\restrict` is written by pg_dump", id="restrict"),
        pytest.param("select 1;\n\\i it's.sql\n", "line 2: `\\i` is a command of psql", id="include"),
        pytest.param("select 1 \\gexec\n", "line 1: `\\gexec` is a command", id="gexec"),
        pytest.param("\\connect shop\n", "line 1: `\\connect` is a", id="connect"),
        pytest.param("\n\\copy t from 'x'\n", "line 2: `\\copy` is a", id="backslash-copy"),
        pytest.param("copy t (a) from stdin;\nit's\n\\.\n", "line 1: `copy` from or to the client", id="copy"),
        pytest.param("COPY public.t (a)\nFROM STDIN WITH (format csv);\n1\n\\.", "`copy` from", id="copy-csv"),
        pytest.param("copy (select 1) to stdout;", "`copy` from or to the client", id="copy-out"),
        pytest.param("select :name;", "line 1: `:name` is a variable of psql", id="variable"),
        pytest.param("set search_path to :'place';", "`:'place'` is a variable", id="quoted-variable"),
        pytest.param('drop table :"place";', '`:"place"` is a variable', id="named-variable"),
        pytest.param("select 1;\nBEGIN;", "line 2: `BEGIN` controls the transaction", id="begin"),
        pytest.param("-- so\rcommit;\n", "`commit` controls the transaction", id="old-mac-lines"),
        pytest.param("select 1;\rcommit", "`commit` controls the", id="commit"),
        pytest.param("start transaction read only;", "`start transaction read` controls", id="start"),
        pytest.param("rollback prepared 'x';", "controls the transaction", id="prepared"),
        pytest.param("create unique index concurrently i on t (a);", "`create index concurrently` cannot run in a transaction", id="index"),
        pytest.param("drop index concurrently i;", "write a plain `drop index`", id="drop-index"),
        pytest.param("reindex index concurrently i;", "`reindex concurrently` cannot", id="reindex"),
        pytest.param("reindex (verbose) database shop;", "`reindex` cannot", id="reindex-database"),
        pytest.param("alter subscription s refresh publication;", "`alter subscription .. refresh` cannot run", id="subscription"),
        pytest.param("alter subscription s add publication p;", "say `with (refresh = false)`", id="add-publication"),
        pytest.param("vacuum analyze t;", "`vacuum` cannot run", id="vacuum"),
        pytest.param("create database x;", "`create database` cannot", id="database"),
        pytest.param("alter system set work_mem = 1;", "`alter system` cannot", id="system"),
        pytest.param("cluster;", "`cluster` cannot run in a transaction, and a migration is one; name the", id="cluster"),
        pytest.param("alter table p detach partition c concurrently;", "`detach partition concurrently`", id="detach"),
        pytest.param("discard all;", "`discard all` cannot", id="discard"),
        pytest.param("# --- !Ups\ncreate table a (id int);", "line 1: `# --- !Ups` begins no statement of PostgreSQL; a comment begins with --", id="play"),
        pytest.param("select 1;\n<<<<<<< HEAD\nselect 2;\n", "line 2: `<<<<<<< HEAD` begins no statement", id="conflict"),
        pytest.param("delimiter //\nselect 1//", "line 1: `delimiter //` begins no statement", id="mysql"),
        pytest.param("use shop;", "`use shop` begins no statement of PostgreSQL", id="use"),
        pytest.param("create table ${flyway:defaultSchema}.a (id int);", "line 1: `{` is no part of SQL; write the value", id="flyway-placeholder"),
        pytest.param("insert into a values ({{ id }});", "`{` is no part of SQL", id="template"),
        pytest.param(b"\xff\xfes\x00", "it is UTF-16; save it as UTF-8", id="utf-16"),
    ],
)  # fmt: skip
def test_what_cannot_run_here_is_refused_with_its_line(tmp_path, content, says):
    with pytest.raises(UsageError) as caught:
        folder.read(put(tmp_path, **{FILE: content}))

    assert str(caught.value).startswith(str(tmp_path / FILE))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        pytest.param("1800000000000_a.SQL", "does not end in .sql in lower case", id="upper-case"),
        pytest.param("1800000000000-add-custom.js", "JavaScript does not run here: Medusa's own", id="js"),
        pytest.param("1800000000000-add-custom.ts", "TypeScript does not run here", id="ts"),
        pytest.param("20240101_init.py", "Python does not run here", id="python"),
        pytest.param("V1__init.sql", "one of Flyway's", id="flyway"),
        pytest.param("U1.1__init.sql", "one of Flyway's", id="flyway-undo"),
        pytest.param("R__views.sql", "one of Flyway's", id="flyway-repeated"),
        pytest.param("V1800000000000__init.sql", "one of Flyway's", id="flyway-timestamp"),
        pytest.param("1800000000000_a.up.sql", "it is one of a pair", id="up"),
        pytest.param("1800000000000_a.down.sql", "`.down.sql` takes a migration back", id="down"),
        pytest.param("001.do.sql", "it is one of a pair", id="do"),
        pytest.param("001.undo.sql", "`.undo.sql` takes a migration back", id="undo"),
        pytest.param("20230101120000_a.sql", "is 1672574400000", id="date"),
        pytest.param("001_a.sql", "a number does not say where it belongs", id="number"),
        pytest.param("structure.sql", "the name is not TIMESTAMP_name.sql", id="rails"),
        pytest.param("1800000000000-a.sql", "the name is not TIMESTAMP_name.sql", id="dash"),
        pytest.param(".1800000000000_a.sql", "a copy, an editor's file or a hidden one", id="hidden"),
        pytest.param("._1800000000000_a.sql", "a copy, an editor's file or a hidden", id="macos"),
        pytest.param("1800000000000_a.sql~", "a copy, an editor's file or a hidden", id="backup"),
        pytest.param("1800000000000_a.sql.bak", "a copy, an editor's file or a hidden", id="bak"),
        pytest.param(".1800000000000_a.sql.swp", "a copy, an editor's file", id="vim"),
        pytest.param("#1800000000000_a.sql#", "a copy, an editor's file", id="emacs"),
        pytest.param("1800000000000_a.sql.gz", "a copy, an editor's file", id="packed"),
        pytest.param("db.changelog-master.yaml", "only SQL files run here", id="liquibase"),
        pytest.param("sqitch.plan", "Sqitch's plan is not read", id="sqitch"),
        pytest.param("20230101_init/migration.sql", "folders in the folder of --migrations-dir are not read", id="prisma"),
        pytest.param("deploy/appschema.sql", "folders in the folder of --migrations-dir", id="sqitch-folder"),
        pytest.param("more/1800000000000-a.js", "folders in the folder of", id="programs-folder"),
        pytest.param("V1__init.rs", "Rust does not run here", id="rust"),
        pytest.param("old/1800000000000_a.SQL", "folders in the folder of", id="folder"),
    ],
)  # fmt: skip
def test_what_would_be_passed_over_is_refused_by_name(tmp_path, name, says):
    with pytest.raises(UsageError) as caught:
        folder.read(put(tmp_path, **{FILE: UP, name: UP}))

    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert says in str(caught.value)


def test_what_is_no_migration_is_left_alone(tmp_path):
    put(tmp_path, **{
        FILE: UP, "README.md": "", ".gitkeep": "", "package.json": "{}", ".git/x.sql": "",
        "notes/readme.txt": "", "..2026_01_01/1800000000001_x.sql": UP, "atlas.sum": "",
    })  # fmt: skip

    assert [found.name for found in folder.read(tmp_path)] == ["loyalty1800000000000"]


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / FILE)

    with pytest.raises(UsageError, match="it is a pipe, socket or device, not a file"):
        folder.read(tmp_path)


def test_a_mounted_config_map_is_read_through_its_links(tmp_path):
    put(tmp_path, **{f"..2026_01_01/{FILE}": UP})
    (tmp_path / "..data").symlink_to("..2026_01_01")
    (tmp_path / FILE).symlink_to(f"..data/{FILE}")

    assert [found.name for found in folder.read(tmp_path)] == ["loyalty1800000000000"]


@pytest.mark.parametrize("other", ["1800000000000_Loyalty.sql", "1800000000000_points.sql"])
def test_two_files_of_one_timestamp_are_refused(tmp_path, other):
    put(tmp_path, **{FILE: UP, other: UP})

    with pytest.raises(UsageError, match="has the same timestamp, so nothing says which"):
        folder.read(tmp_path)


@pytest.mark.parametrize(
    ("format_", "files", "names"),
    [
        pytest.param(
            "golang-migrate",
            {"1672574400_add-tier.up.sql": UP, "1672574400_add-tier.down.sql": DOWN},
            ["add_tier1672574400000"], id="golang-migrate",
        ),
        pytest.param(
            "sqlx",
            {"20230101120000_a.up.sql": UP, "20230101120000_a.down.sql": DOWN, "20230101120001_b.sql": UP},
            ["a1672574400000", "b1672574401000"], id="sqlx",
        ),
        pytest.param(
            "node-pg-migrate", {"1672574400000_add-tier.sql": UP, "20230101120000123_b.sql": UP},
            ["add_tier1672574400000", "b1672574400123"], id="node-pg-migrate",
        ),
        pytest.param("dbmate", {"20230101120000_a.sql": f"-- migrate:up\n{UP}"}, ["a1672574400000"], id="dbmate"),
    ],
)  # fmt: skip
def test_names_of_other_tools_are_read_with_their_format(tmp_path, format_, files, names):
    found = folder.read(put(tmp_path, **files), Format(format_))

    assert [each.name for each in found] == names
    assert {each.statements.strip() for each in found} == {UP.strip()}


@pytest.mark.parametrize("name", ["00001_a.sql", "20231301120000_a.sql"])
def test_a_name_without_a_time_is_refused_in_every_format(tmp_path, name):
    with pytest.raises(UsageError):
        folder.read(put(tmp_path, **{name: f"-- +goose Up\n{UP}"}), Format.GOOSE)


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbfselect 1;", b"select 1;\r\n", b"\xef\xbb\xbf-- Up\r\n\r\nselect 1;\r\n"],
)
def test_marks_and_line_ends_of_windows_are_no_trouble(tmp_path, content):
    assert "select 1;" in read(tmp_path, content)


def large(tmp_path, *statements):
    """Return a migration whose file is too large to be held, and begins with *statements*."""
    rest = "insert into points (id, note)\n  values (1, 'it''s; so'),\n (-2.5e3, null);\n" * 10_000
    put(tmp_path, **{FILE: "\n".join(statements) + "\n" + rest + "drop table gone;\n"})
    [found] = folder.read(tmp_path)
    return found


def test_of_a_large_file_what_matters_to_the_schema_is_held_on_its_lines(tmp_path):
    found = large(tmp_path, "-- about it", "create table points (id int);")

    assert found.about == "about it"
    assert len(found.statements) < 100_000
    assert [(one.line, one.words) for one in statements.split(found.statements)] == [
        (2, ("create", "table", "points")),
        (3, ("insert", "into", "points")),
        (30_003, ("drop", "table", "gone")),
    ]


def test_a_large_file_is_read_again_from_the_file(tmp_path):
    found = large(tmp_path, "create table points (id int);")

    assert "".join(found.pieces()) == (tmp_path / FILE).read_text()


def test_a_large_file_that_was_changed_since_it_was_looked_at_is_refused(tmp_path):
    found = large(tmp_path, "create table points (id int);")
    with (tmp_path / FILE).open("a") as file:
        file.write("drop table product;\n")

    with pytest.raises(UsageError, match="was changed while the run went on"):
        list(found.pieces())


def test_a_mark_far_down_in_a_large_file_is_seen(tmp_path):
    with pytest.raises(UsageError, match="line 70004: `-- migrate:down` begins what takes"):
        folder.read(
            put(
                tmp_path,
                **{FILE: f"-- up\n{UP}{UP}" + "select 1;\n" * 70_000 + f"-- migrate:down\n{DOWN}"},
            )
        )


def test_the_half_of_a_large_file_that_takes_back_does_not_run(tmp_path):
    up = "insert into points values (1);\r\n" * 20_000
    content = f"-- migrate:up\r\n{up}-- migrate:down\r\n{DOWN}-- migrate:up\r\n{UP}"
    with (tmp_path / "20230101120000_a.sql").open("w", newline="") as file:
        file.write(content)

    [found] = folder.read(tmp_path, Format.DBMATE)

    assert "".join(found.pieces()) == f"\r\n{up}\n\n\r\n{UP}"
    assert "drop table" not in found.statements


@pytest.mark.parametrize(
    ("format_", "content"),
    [
        ("sql", f"-- medusa-db: no-transaction\n{UP}"),
        ("sql", f"-- about it\n-- medusa-db: no-transaction\n\nvacuum;\n{UP}"),
        ("sql", f"-- no-transaction\n{UP}"),
        ("sql", f"---- tern: disable-tx ----\n{UP}"),
        ("sql", f"-- transactional: false\n{UP}"),
        ("sql", f"-- atlas:txmode none\n{UP}"),
        ("dbmate", f"-- migrate:up transaction:false\n{UP}-- migrate:down\n{DOWN}"),
        ("goose", f"-- +goose NO TRANSACTION\n-- +goose Up\n{UP}-- +goose Down\n{DOWN}"),
        (
            "goose",
            "-- +goose NO TRANSACTION\n-- +goose Up\ncreate index concurrently i on t (a);\n",
        ),
        ("sql-migrate", f"-- +migrate Up notransaction\n{UP}"),
    ],
)
def test_a_file_asks_for_no_transaction_as_tools_spell_it(tmp_path, format_, content):
    [found] = folder.read(put(tmp_path, **{FILE: content}), Format(format_))

    assert found.alone


def test_a_file_that_does_not_ask_is_a_transaction(tmp_path):
    [found] = folder.read(put(tmp_path, **{FILE: f"-- a transaction\n{UP}"}))

    assert not found.alone
