"""Which Medusa a project has, what a command may run on, and what becomes of how it ended."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa_migrations.catalog.version import Version
from medusa_migrations.contract.errors import NotYetError, RefusedError, UsageError
from medusa_migrations.contract.project_report import (
    CommandDone,
    ProjectReport,
    SeedDone,
    bounded,
)
from medusa_migrations.records.project_runs import ProjectRun
from medusa_project.fence.command import EndCause, Ended, Fenced
from medusa_project.packages import installation
from medusa_project.packages.installation import Project
from medusa_project.run import destructive, guard, pending, verdict
from medusa_project.run.destructive import Dropped, Loss
from medusa_project.run.execution import CommandRun, Execution
from medusa_project.run.ledgers import Ledgers
from medusa_project.run.pending import LinkChange, Listing, Wanted

FIRST = "initialSchema1611063162649"
EMPTY = Ledgers({})
V1 = Ledgers({"migrations": (FIRST, "next"), "mikro_orm_migrations": ("InitialSetup2023",)})
V2 = Ledgers({"mikro_orm_migrations": ("Migration2024",), "link_module_migrations": ()})
BOTH = Ledgers({"migrations": (FIRST,), "link_module_migrations": ("a_b",)})
OTHER = Ledgers({"migrations": ("0001_of_another_tool",), "script_migrations": ("x.js",)})
FENCED = Fenced(("npx", "medusa"), Path("/shop"), {}, "t", "medusa-db:t", 120, 3600)


def project(version):
    return Project(Path("/shop"), Path("/shop/package.json"), version)


@pytest.mark.parametrize(
    ("found", "version", "reason"),
    [
        pytest.param(V1, "2.21.2", "MedusaV1Database", id="v1-under-v2"),
        pytest.param(BOTH, "2.0.7", "MedusaV1Database", id="both-under-v2"),
        pytest.param(V2, "1.20.11", "MedusaV2Database", id="v2-under-v1"),
        pytest.param(BOTH, "1.20.11", "MedusaV2Database", id="both-under-v1"),
        pytest.param(V1, "1.20.11", None, id="v1-with-modules"),
        pytest.param(V2, "2.21.2", None, id="v2"),
        pytest.param(EMPTY, "1.20.11", None, id="empty-v1"),
        pytest.param(EMPTY, "2.21.2", None, id="empty-v2"),
        pytest.param(OTHER, "2.21.2", None, id="another-tool"),
    ],
)
def test_a_command_runs_on_a_database_of_its_own_major_version_only(found, version, reason):
    if reason is None:
        guard.require_same_major(found, project(version), "postgres://db/shop")
        return

    with pytest.raises(RefusedError) as raised:
        guard.require_same_major(found, project(version), "postgres://db/shop")

    assert raised.value.reason == reason
    assert raised.value.exit_code == 9
    assert ("ledgers of both" in str(raised.value)) is (found is BOTH)


def install(folder, version):
    file = folder / "node_modules/@medusajs/medusa/package.json"
    file.parent.mkdir(parents=True)
    file.write_text(version if version.startswith("[") else json.dumps({"version": version}))
    (folder / "medusa-config.js").touch()


def test_the_version_is_that_of_node_modules_in_the_folder_or_above_it(tmp_path):
    install(tmp_path, "2.21.2")
    inner = tmp_path / "apps" / "backend"
    inner.mkdir(parents=True)
    (inner / "medusa-config.ts").touch()

    found = installation.require(inner)

    assert (found.folder, found.version, found.major) == (inner, "2.21.2", 2)
    assert installation.require(tmp_path).number == (2, 21, 2)


def test_a_prerelease_counts_as_its_release(tmp_path):
    install(tmp_path, "2.9.0-preview-20250701")

    assert installation.require(tmp_path).number == (2, 9, 0)


@pytest.mark.parametrize("version", ["0.0.0-snapshot-1", "latest", "", "[]", "[nothing"])
def test_a_version_that_does_not_tell_v1_from_v2_is_refused(tmp_path, version):
    install(tmp_path, version)

    with pytest.raises(UsageError) as raised:
        installation.find(tmp_path)

    assert raised.value.reason == "NoProject"


def test_a_folder_without_medusa_is_no_project(tmp_path):
    assert installation.find(tmp_path) is None
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UsageError) as raised:
            installation.require(folder)
        assert raised.value.reason == "NoProject"


@pytest.mark.parametrize(
    ("ended", "code", "reason", "part"),
    [
        pytest.param(Ended(EndCause.BY_ITSELF, 0, 1), 0, "", "", id="done"),
        pytest.param(
            Ended(EndCause.BY_ITSELF, 1, 1, ("no", "boom")),
            7,
            "CommandFailed",
            "'boom'",
            id="failed",
        ),
        pytest.param(
            Ended(EndCause.BY_ITSELF, -9, 1), 7, "CommandFailed", "signal 9 (SIGKILL)", id="killed"
        ),
        pytest.param(
            Ended(EndCause.BY_ITSELF, -64, 1), 7, "CommandFailed", "signal 64", id="odd-signal"
        ),
        pytest.param(
            Ended(EndCause.STALLED, -15, 1, ("sure?",)), 7, "Stalled", "'sure?'", id="stalled"
        ),
        pytest.param(Ended(EndCause.TIMED_OUT, 0, 1), 7, "TimedOut", "3600 s", id="timed-out"),
        pytest.param(
            Ended(EndCause.LOCK_LOST, 0, 1, why="gone"), 4, "LockLost", "(gone)", id="lock-lost"
        ),
        pytest.param(Ended(EndCause.INTERRUPTED, -15, 1, signal=15), 0, "", "", id="interrupted"),
    ],
)
def test_what_becomes_of_a_run_depends_on_how_its_command_ended(ended, code, reason, part):
    error = verdict.error(Execution((CommandRun(FENCED, ended),), EMPTY, EMPTY))

    assert (error.exit_code if error else 0) == code
    assert (error.reason if error else "") == reason
    assert part in str(error or "")


def test_new_names_are_counted_also_where_a_ledger_has_one_twice():
    before = Ledgers({"mikro_orm_migrations": ("a", "b")})
    after = Ledgers(
        {"mikro_orm_migrations": ("a", "b", "c", "a"), "link_module_migrations": ("l",)}
    )

    assert after.since(before) == {
        "mikro_orm_migrations": ("c", "a"),
        "link_module_migrations": ("l",),
    }
    assert after.doubled == ("a",)


@given(
    st.integers(0, 400), st.integers(0, 15), st.integers(0, 40), st.integers(0, 3000),
    st.sampled_from([1024, 4096, 65536]),
)  # fmt: skip
def test_a_report_fits_and_its_counts_are_never_cut(names, lines, warnings, message, limit):
    report = ProjectReport(
        "exec",
        "run",
        "failed",
        7,
        "CommandFailed",
        "é" * message,
        commands=(CommandDone(("npx", *["arg" * 10] * 50), 1, 2.0),),
        applied={"mikro_orm_migrations": tuple(f"Migration{n:014}" for n in range(names))},
        output=("o" * 400,) * lines,
        warnings=("w" * 200,) * warnings,
        seed=SeedDone(
            "src/" * warnings * 20, f"sha256:{'0' * 64}", skipped="the shop has products"
        ),
    )

    text = bounded(report.to_dict(str), limit)

    assert len(text.encode()) <= limit
    body = json.loads(text)
    assert body["migrationCount"] == names
    assert body["exitCode"] == 7


WANTED = Wanted({"mikro_orm_migrations": ("a", "b", "b")}, ("x.js",))
DONE = Ledgers({"mikro_orm_migrations": ("b", "a"), "script_migrations": ("x.js",)})
NO_SCRIPT = Ledgers({"mikro_orm_migrations": ("b", "a")})


def execution(wanted, after, *argv, code=0):
    command = Fenced(argv or ("true",), Path("/shop"), {}, "t", "medusa-db:t", 120, 3600)
    ended = Ended(EndCause.BY_ITSELF, code, 1.0)
    return Execution(
        (CommandRun(command, ended),), EMPTY, after, Listing(wanted, "" if wanted else "no Node"),
        scripts_wanted=pending.runs_scripts(command.argv),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("done", "code", "reason", "part"),
    [
        pytest.param(execution(WANTED, DONE), 0, "", "", id="proven"),
        pytest.param(
            execution(WANTED, Ledgers({"mikro_orm_migrations": ("a",)})), 8, "Pending", "in all: b", id="lie"
        ),
        pytest.param(execution(None, DONE), 8, "NotVerified", "no Node", id="not-known"),
        pytest.param(
            execution(Wanted({}, links=(LinkChange("create", "a_b"),)), DONE), 8, "Pending", "link a_b", id="link"
        ),
        pytest.param(
            execution(Wanted({}, links=(LinkChange("delete", "a_b"),)), DONE), 0, "", "", id="link-skipped"
        ),
        pytest.param(execution(WANTED, NO_SCRIPT), 0, "", "", id="script-not-asked-for"),
        pytest.param(
            execution(WANTED, NO_SCRIPT, "medusa", "db:migrate", "--skip-scripts"), 0, "", "", id="script-left-out"
        ),
        pytest.param(
            execution(WANTED, NO_SCRIPT, "medusa", "db:migrate"), 8, "Pending", "in all: x.js", id="script"
        ),
        pytest.param(
            execution(WANTED, NO_SCRIPT, "medusa", "db:migrate:scripts"), 8, "Pending", "x.js", id="scripts"
        ),
        pytest.param(
            execution(WANTED, Ledgers(DONE.names, unfinished=("x.js",))), 8, "Unfinished", "x.js", id="unfinished"
        ),
        pytest.param(
            execution(WANTED, DONE, code=1), 7, "CommandFailed", "with nothing pending", id="failed-and-done"
        ),
        pytest.param(
            execution(WANTED, EMPTY, code=1), 7, "CommandFailed", "true ended with 1", id="failed"
        ),
    ],
)  # fmt: skip
def test_in_a_project_the_ledgers_decide(done, code, reason, part):
    error = verdict.error(done)

    assert (error.exit_code if error else 0) == code
    assert (error.reason if error else "") == reason
    assert part in str(error or "")


@pytest.mark.parametrize(
    ("seed", "code", "said"),
    [
        pytest.param(None, 1, False, id="no-seed"),
        pytest.param(SeedDone("seed.js", "sha256:0"), 1, True, id="failed"),
        pytest.param(SeedDone("seed.js", "sha256:0", loaded=True, recorded=True), 0, False, id="seeded"),
    ],
)  # fmt: skip
def test_a_seed_that_has_failed_says_what_may_be_left_of_it(seed, code, said):
    done = replace(execution(WANTED, DONE, "medusa", "exec", code=code), listed=None, seed=seed)

    assert verdict.half_seeded(done) == said
    assert (verdict.HALF_SEEDED in str(verdict.error(done))) == said


def test_what_is_not_done_without_asking_is_a_warning():
    links = (LinkChange("notify", "a_b", "alter table a_b"), LinkChange("delete", "c_d"))

    found = list(verdict.warnings(execution(Wanted({}, ("y.js",), links, ("careful",)), EMPTY)))

    assert found[0] == "careful"
    assert "a_b is not as the project has it (notify)" in found[1]
    assert "It takes: alter table a_b" in found[1]
    assert "c_d is not as the project has it (delete)" in found[2]
    assert "y.js" in found[3]


@pytest.mark.parametrize("body", [None, [], {}, {"migrations": 1}, {"migrations": {"m": [1]}}])
def test_an_answer_that_is_none_is_refused(body):
    with pytest.raises(ValueError, match="not what our program writes"):
        pending.parse(body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"""this.addSql("drop table if exists \"money_amount\" cascade;")""", [("", "money_amount", "")]),
        ('q("DROP TABLE a, shop.b CASCADE")', [("", "a", ""), ("shop", "b", "")]),
        ('`alter table if exists "p" drop column if exists "x", drop column y;`', [("", "p", "x"), ("", "p", "y")]),
        ('alter table "p" drop constraint if exists "c"; alter table q add column z int', []),
        ("alter table only p alter column c drop not null", []),
        ("drop index if exists i; drop type t", []),
        ("drop table a; drop table a", [("", "a", "")]),
        (r'alter table p add c int;\n drop table "Mixed"', [("", "Mixed", "")]),
    ],
)  # fmt: skip
def test_what_a_migration_drops_is_read_from_its_text(text, expected):
    found = destructive.dropped("M1", text)

    assert [(one.schema, one.table, one.column) for one in found] == expected


LOSS = Loss(Dropped("M1", "", "money_amount"), 5120)
SKIPPED = LinkChange("delete", "a_b")


@pytest.mark.parametrize(
    ("losses", "skipped", "agreed", "missing"),
    [
        ((LOSS,), (), (), ("2.21.2",)),
        ((LOSS,), (SKIPPED,), (), ("2.21.2", "links")),
        ((LOSS,), (SKIPPED,), ("2.21.2",), ("links",)),
        ((LOSS,), (SKIPPED,), ("2.21.1", "links"), ("2.21.2",)),
        ((LOSS,), (SKIPPED,), ("2.21.2", "links"), None),
        ((), (), (), None),
    ],
)
def test_what_loses_rows_has_to_be_agreed_to(losses, skipped, agreed, missing):
    refusal = guard.not_agreed(project("2.21.2"), losses, skipped, agreed)

    assert (refusal.versions if refusal else None) == missing
    assert refusal is None or ("5,120 rows" in str(refusal)) is ("2.21.2" in missing)


def a_run(medusa, ledgers=V2):
    return ProjectRun("public", "migrate", 1.0, medusa, ledgers.digest, (), (), (), (), "")


@pytest.mark.parametrize(
    ("version", "latest", "reason"),
    [
        ("2.20.0", "2.21.2", "Downgrade"),
        ("2.21.2", "2.21.2", None),
        ("2.22.0", "2.21.2", None),
        ("2.20.0", None, None),
    ],
)
def test_an_older_project_is_refused_where_a_newer_one_has_migrated(version, latest, reason):
    wanted = Wanted({"mikro_orm_migrations": ("Migration2023",)})
    run = a_run(latest) if latest else None

    found = guard.downgrade(project(version), wanted, V2, run)

    assert (found.reason if found else None) == reason
    assert found is None or "1 of its migrations: Migration2024" in str(found)
    same = Wanted({"mikro_orm_migrations": ("Migration2024",)})
    assert guard.downgrade(project(version), same, V2, run) is None


@pytest.mark.parametrize(
    ("found", "latest", "error"),
    [
        (V2, a_run("2.21.2"), None),
        (V2, None, NotYetError),
        (V2, a_run("2.20.0"), NotYetError),
        (V2, a_run("2.21.2", EMPTY), NotYetError),
        (V2, a_run("2.22.0"), RefusedError),
        (V1, None, RefusedError),
        (EMPTY, None, NotYetError),
    ],
)
def test_a_server_may_start_where_a_run_has_left_the_ledgers_so(found, latest, error):
    wanted = Version(2, 21, 2)
    if error is None:
        guard.require_at(wanted, found, latest)
        return

    with pytest.raises(error):
        guard.require_at(wanted, found, latest)


def test_scripts_do_not_change_what_a_server_needs():
    more = Ledgers({**V2.names, "script_migrations": ("x.js",)})

    assert more.digest == V2.digest
    assert Ledgers({**V2.names, "mikro_orm_migrations": ()}).digest != V2.digest


def test_another_version_than_the_installed_one_is_refused():
    with pytest.raises(RefusedError) as raised:
        guard.require_installed(project("2.21.2"), Version(2, 21, 1))

    assert (raised.value.exit_code, raised.value.reason) == (9, "OtherVersion")
    guard.require_installed(project("2.21.2"), Version(2, 21, 2))
    guard.require_installed(project("2.21.2"), None)
