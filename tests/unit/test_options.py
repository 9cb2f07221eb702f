"""Options are declared once: fields, types, `--help`, environment and docs agree, and nothing is forgotten."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import re
import types
import typing
from pathlib import Path

import pytest

from medusa_db import commands
from medusa_db import parser as cli
from medusa_db.arguments import option, readers
from medusa_db.arguments.option import Takes
from medusa_migrations.catalog.version import Version
from printed_commands import require_runnable
from servers import environ, medusa_db

ROOT = Path(__file__).parents[2]
TABLE = [
    (words, row)
    for words, entry in commands.COMMANDS.items()
    if not words.startswith("migrations ")  # whose options are those of `migrate` and `status`
    for row in option.rows(entry.command().arguments)
]
SAMPLES = {
    readers.version: ("1.20.11", "1.20.10"),
    readers.duration: ("7s", "8s"),
    readers.report_limit: ("2048", "2049"),
    readers.refusal: ("Downgrade", "LedgerExists"),
    readers.acknowledged: ("1.20.11", "links"),
}


SECRET = "postgres://medusa:not-to-be-seen@db.example/shop?password=not-to-be-seen"
NOWHERE = "postgres://127.0.0.1:1/shop"


def named(words_and_row):
    words, row = words_and_row
    return f"{words} {row.name}"


def every(*takes):
    """Run a test for each option that takes its words in one of these ways, if any are named."""
    chosen = [entry for entry in TABLE if not takes or entry[1].option.takes in takes]
    return pytest.mark.parametrize("entry", chosen, ids=map(named, chosen))


def samples(row):
    """Return two different words for an option that takes one."""
    return row.option.choices[:2] or SAMPLES.get(row.option.read, ("one", "other"))


def spelled(row, word):
    match row.option.takes:
        case Takes.SWITCH:
            return [row.name]
        case Takes.ON_OFF:
            return [f"--no-{row.name.removeprefix('--')}"]
        case Takes.PLACE:
            return [word]
        case Takes.REST:
            return ["--", word]
        case _:
            return [f"{row.name}={word}"]


def needed(words, row):
    """Return what has to stand beside an option, and what its command always wants."""
    known = {one.field: one for name, one in TABLE if name == words}
    beside = [one for one in known.values() if one.option.required and one.field != row.field]
    if row.option.needs and row.option.needs != "migrate":
        beside.append(known[row.option.needs])
    return [word for one in beside for word in spelled(one, samples(one)[0])]


def read(words, *arguments):
    kind = commands.COMMANDS[words].command().arguments
    with contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            args = cli.read(words, kind, arguments)
        except cli._RefusedError:
            return said.getvalue()
    return dict(values(args))


def values(args):
    for field in dataclasses.fields(args):
        value = getattr(args, field.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, Version):
            yield from values(value)
        else:
            yield field.name, value


def hints(kind):
    """Return the types of the fields of *kind*, those of its groups included."""
    names = {"Version": Version}
    for name, hint in typing.get_type_hints(kind, None, names).items():
        if isinstance(hint, type) and dataclasses.is_dataclass(hint) and hint is not Version:
            yield from hints(hint)
        elif typing.get_origin(hint) is not typing.ClassVar:
            yield name, hint


def is_a(value, hint):
    if isinstance(hint, types.UnionType):
        return any(is_a(value, one) for one in typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[0]
        return isinstance(value, tuple) and all(is_a(one, inner) for one in value)
    return type(value) is hint


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for _, row in TABLE:
        monkeypatch.delenv(row.variable, raising=False)


@every(Takes.LIST)
def test_what_may_be_repeated_takes_a_list_with_commas_as_well(entry):
    words, row = entry
    one, other = samples(row)

    repeated = read(words, *needed(words, row), row.name, one, row.name, other)
    listed = read(words, *needed(words, row), row.name, f"{one},{other}")

    assert listed == repeated
    assert len(listed[row.field]) == 2


@every()
def test_an_option_sets_its_field_to_a_value_of_its_type(entry):
    words, row = entry
    hint = dict(hints(commands.COMMANDS[words].command().arguments))[row.field]

    found = read(words, *needed(words, row), *spelled(row, samples(row)[0]))
    usual = (
        read(words, *needed(words, row)) if not row.option.required else {row.field: row.default}
    )

    assert isinstance(found, dict), found
    assert is_a(found[row.field], hint), (found[row.field], hint)
    assert row.option.required or is_a(row.default, hint)
    assert usual[row.field] == row.default
    changed = {name for name in found if found[name] != usual.get(name, found[name])}
    assert changed == {row.field} or found[row.field] == row.default


@every(*(set(Takes) - {Takes.PLACE, Takes.REST}))
def test_the_environment_sets_the_same_field(entry, monkeypatch):
    words, row = entry
    given = {Takes.SWITCH: "true", Takes.ON_OFF: "false"}.get(row.option.takes, samples(row)[0])
    by_option = read(words, *needed(words, row), *spelled(row, samples(row)[0]))

    monkeypatch.setenv(row.variable, given)

    assert read(words, *needed(words, row)) == by_option


@every(Takes.PLACE, Takes.REST)
def test_a_word_of_the_command_itself_is_in_no_environment(entry, monkeypatch):
    words, row = entry
    given = spelled(row, "one")
    before = read(words, *needed(words, row), *given)

    monkeypatch.setenv(row.variable, "two")

    assert read(words, *needed(words, row), *given) == before
    assert not isinstance(without := read(words), dict) or without[row.field] == row.default


@every(Takes.ONE, Takes.MAYBE)
def test_the_command_line_wins_over_the_environment(entry, monkeypatch):
    words, row = entry
    first, second = samples(row)
    monkeypatch.setenv(row.variable, second)

    assert read(words, *needed(words, row), *spelled(row, first))[row.field] == (
        row.option.read(first)
    )


@every(Takes.ONE, Takes.MAYBE)
def test_an_option_is_not_forgotten_because_it_is_given_again(entry):
    words, row = entry
    first, second = (spelled(row, word) for word in samples(row))
    beside = needed(words, row)

    said = read(words, *beside, *first, *second)

    assert f"{row.name}: it is given more than once, with different values, and takes one" in said
    assert isinstance(read(words, *beside, *first, *first), dict)


@every(Takes.ONE)
def test_an_empty_value_is_no_value(entry):
    words, row = entry

    found = read(words, *needed(words, row), f"{row.name}=")

    if row.option.read is readers.run_id:
        assert found["run_id"] == ""
    else:
        assert f"{row.name}: " in found


@every()
def test_help_and_the_page_of_commands_have_every_option(entry):
    words, row = entry
    pages = (ROOT / "docs" / "commands.md").read_text()
    command = commands.COMMANDS[words].command().arguments
    with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.suppress(SystemExit):
        cli.read(words, command, ["--help"])
    text = " ".join(shown.getvalue().split())

    assert " ".join(row.option.help.split())[:40] in text
    if row.option.takes in (Takes.PLACE, Takes.REST):
        return
    assert row.name in text
    assert row.option.metavar in text
    assert f"`{row.name}" in pages or f"[{row.name}" in pages or f"{row.name} " in pages
    assert all(f"`{one}`" in pages or one in pages for one in row.option.choices)


@every()
def test_a_default_is_the_one_that_help_names(entry):
    _, row = entry
    _, found, rest = row.option.help.partition("(default ")
    if not found or row.default is None or rest.startswith("$"):
        return
    first = re.split("[,;:) ]", rest)[0]

    assert row.option.read(first) == row.default


def test_the_names_of_a_command_are_one_each():
    for words in commands.COMMANDS:
        names = [row.field for name, row in TABLE if name == words]

        assert len(set(names)) == len(names)


def test_an_option_means_the_same_wherever_it_is():
    found = {}
    for words, row in TABLE:
        found.setdefault(row.field, {}).setdefault(row.option.read, words)

    assert {field: kinds for field, kinds in found.items() if len(kinds) > 1} == {
        "check": {str: "plan", readers.version: "status"}
    }


def test_what_a_report_is_called_and_who_takes_its_options_agree():
    for words, entry in commands.COMMANDS.items():
        fields = {row.field for row in option.rows(entry.command().arguments)}

        assert bool(entry.report) == ("report_file" in fields), words


@pytest.mark.parametrize(
    ("words", "arguments", "said"),
    [
        ("migrate", ["--database-url=x", "--database-url-file=y"], "argument --database-url: not together with --database-url-file; leave one out"),
        ("status", ["--embedded", "--database-url=x"], "argument --database-url: not together with --embedded; leave one out"),
        ("plan", ["--migrations-format=goose"], "argument --migrations-format: it has no effect without --migrations-dir"),
        ("verify", ["--report-limit=2048"], "argument --report-limit: it has no effect without --report-file"),
        ("migrate", ["--links=all"], "argument --links: it has no effect without --project"),
        ("repair", ["--lock-wait=1s"], "argument --lock-wait: it has no effect without --apply"),
        ("seed", ["--demo", "-f", "x"], "argument --seed-file: not together with --demo; leave one out"),
        ("seed", ["--once", "--on-change"], "argument --once: not together with --on-change; leave one out"),
        ("seed", ["--no-migrate", "--acknowledge=1.13.0"], "argument --acknowledge: it has no effect without --migrate"),
        ("seed", ["--no-migrate", "--approval=automatic"], "argument --approval: it has no effect without --migrate"),
        ("seed", ["--migrations-format=goose"], "argument --migrations-format: it has no effect without --migrations-dir"),
        ("seed", ["--no-migrate", "--to=1.20.11"], "argument --to: it has no effect without --migrate"),
        ("seed", ["--no-migrate", "--stop=1.20.11"], "argument --stop: it has no effect without --migrate"),
    ],
)  # fmt: skip
def test_what_would_have_no_effect_is_refused(words, arguments, said):
    assert read(words, *arguments).endswith(f"error: {said}\n")


def test_of_two_names_for_the_database_the_command_line_wins(monkeypatch):
    monkeypatch.setenv("MEDUSA_DB_DATABASE_URL", "postgres://a/b")

    assert read("status", "--database-url-file=f")["database_url"] is None
    assert read("status")["database_url"] == "postgres://a/b"


def test_two_names_for_the_database_in_the_environment_are_refused(monkeypatch):
    monkeypatch.setenv("MEDUSA_DB_DATABASE_URL", "postgres://a/b")
    monkeypatch.setenv("MEDUSA_DB_DATABASE_URL_FILE", "f")

    assert read("status") == (
        "medusa-db: error: the environment variable MEDUSA_DB_DATABASE_URL: MEDUSA_DB_DATABASE_URL_FILE is "
        "set as well, and only one of them may be\n"
    )


def test_a_switch_that_the_environment_leaves_off_contradicts_none(monkeypatch):
    monkeypatch.setenv("MEDUSA_DB_ONCE", "false")
    monkeypatch.setenv("MEDUSA_DB_ON_CHANGE", "true")

    found = read("seed")

    assert (found["once"], found["on_change"]) == (False, True)


def test_an_empty_text_in_the_environment_sets_nothing(monkeypatch):
    monkeypatch.setenv("MEDUSA_DB_SEED_FILE", "")
    monkeypatch.setenv("MEDUSA_DB_EMBEDDED", "")

    found = read("seed")

    assert (found["seed_file"], found["embedded"]) == (None, None)


def test_no_command_gets_the_words_themselves():
    for file in (ROOT / "cli" / "medusa_db" / "commands").glob("*.py"):
        assert "Namespace" not in file.read_text()
        assert "setattr(" not in file.read_text()


ONCE = list({row.field: (words, row) for words, row in TABLE if words != "demo"}.values())


def starts_programs(words, row):
    """Return whether a command with this option starts others, which asks for a process of its own."""
    return words == "exec" or "project" in (row.field, row.option.needs)


@pytest.mark.parametrize("entry", ONCE, ids=map(named, ONCE))
@pytest.mark.parametrize("where", ["option", "environment"])
def test_a_url_in_a_wrong_place_is_masked(entry, where, tmp_path, monkeypatch, capfd):
    words, row = entry
    monkeypatch.chdir(tmp_path)
    known = {one.field for name, one in TABLE if name == words}
    given = list(needed(words, row))
    if "report_file" in known and row.field != "report_file":
        given.append("--report-file=report.json")
    environment = {"MEDUSA_DB_CONNECT_WAIT": "0s", "MEDUSA_DB_TIMEOUT": "0s"}
    if where == "environment":
        environment[row.variable] = SECRET
    else:
        given += spelled(row, SECRET)
    url = None if row.field in ("database_url", "database_url_file", "embedded") else NOWHERE

    if starts_programs(words, row):
        done = medusa_db(*words.split(), *given, url=url, **environment)
        printed = done.stdout + done.stderr
    else:
        monkeypatch.setattr(os, "environ", environ(url, environment))
        with contextlib.suppress(SystemExit):
            cli.main([*words.split(), *given])
        printed = "".join(capfd.readouterr())
        require_runnable(printed)

    left = [str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*")]
    report = tmp_path / "report.json"
    text = printed + (report.read_text() if report.exists() else "")
    assert "not-to-be-seen" not in text
    assert "Traceback" not in text
    assert left in ([], ["report.json"])
