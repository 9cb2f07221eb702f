"""Every command that a message, a page, a chart or the definition names is one that the program takes."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path

import pytest

from medusa_db.show.text import notes_command
from medusa_migrations.catalog import load, version
from medusa_migrations.plan import proof
from medusa_migrations.plan.place import Place, locate
from printed_commands import commands, refusal

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in (
        *ROOT.glob("*.md"),
        *(ROOT / ".github").rglob("*.md"),
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "deploy").rglob("*.yaml"),
        *(ROOT / "deploy").rglob("*.md"),
        *(ROOT / "helm").rglob("*.md"),
        *(ROOT / "helm").rglob("*.txt"),
        *(ROOT / "helm").rglob("*.yaml"),
        *(ROOT / "seed").rglob("*.md"),
        *(ROOT / "migrations" / "versions").rglob("*.json"),
        *(ROOT / "migrations" / "versions").rglob("*.sql"),
    )
    if "medusa-db " in path.read_text() or "/medusa-db" in path.read_text()
)
SOURCES = sorted(
    path
    for package in ("cli", "migrations", "project", "seed", "operator")
    for path in (ROOT / package).rglob("*.py")
    if "medusa-db " in path.read_text()
)
CATALOG = load.read()
FILLED = {"{{ .Values.version }}": "1.20.11"}


def checked(text):
    for placeholder, value in FILLED.items():
        text = text.replace(placeholder, value)
    return {command: why for command in commands(text) if (why := refusal(command))}


def texts(tree):
    """The texts of a module, with `V` for each version that is filled in, and a word for others."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else filled(part.value)
                for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def filled(value):
    name = ast.unparse(value).rpartition(".")[2]
    if name == "join(words)":  # a whole command
        return "versions"
    return "1.20.11" if name in ("version", "target", "newest", "to", "wanted") else "x"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_commands_on_a_page_can_be_run(page):
    assert checked(page.read_text()) == {}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_commands_in_messages_can_be_run(source):
    tree = ast.parse(source.read_text())

    assert {key: why for text in texts(tree) for key, why in checked(text).items()} == {}


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([], id="empty"),
        pytest.param(["1.12.3"], id="several-versions"),
        pytest.param(["1.20.11"], id="one-version"),
        pytest.param(["1.12.3", "1.20.11"], id="partial"),
    ],
)
@pytest.mark.parametrize("named", [None, "1.12.0", "1.20.11"])
def test_the_command_that_shows_the_notes_names_a_version_wherever_a_database_is(names, named):
    sets = [[m.name for m in CATALOG.enabled(version.parse(one), {})] for one in names]
    ledger = sets[0] if len(sets) == 1 else [part for one in sets for part in one[-1:]]
    place = locate(CATALOG, proof.prove(CATALOG, ledger), named and version.parse(named))

    for here, to in itertools.product((place, Place(), None), (version.parse("1.20.11"), None)):
        command = notes_command(here, to)

        assert refusal(command) == "", command
        assert list(commands(f"  {command}")) == [command]


def test_what_cannot_be_run_is_found():
    text = "x\n  medusa-db notes --from 1.12.0 to 1.12.3 --to 1.20.11\n(medusa-db migrat) `medusa-db plan --sqll`"

    found = list(commands(text))

    assert found == [
        "medusa-db plan --sqll", "medusa-db migrat", "medusa-db notes --from 1.12.0 to 1.12.3 --to 1.20.11",
    ]  # fmt: skip
    assert all(map(refusal, found))


def test_what_a_container_runs_is_found():
    text = (
        "args: [migrate, --to=1.20.11]\ncommand: [sleep, 600]\ncommand: [plan, --sqll]\n"
        "    docker run --rm registry.example.com/medusa-database-operator:0.1.0 install /medusa-db\n"
        'run: >-\n  docker run --rm\n  --entrypoint /medusa-db/bin/medusa-db "$SHOP" wait --for 2.21.2\n'
    )

    assert list(commands(text)) == [
        "medusa-db migrate --to=1.20.11", "medusa-db plan --sqll", "medusa-db install /medusa-db",
        "medusa-db wait --for 2.21.2",
    ]  # fmt: skip


def test_enough_is_looked_at():
    found = [command for page in PAGES for command in commands(page.read_text())]

    assert len(found) > 40
    assert {word for one in found for word in re.findall(r"medusa-db ([a-z-]+)", one)} >= {
        "migrate", "plan", "status", "verify", "wait", "notes", "seed",
    }  # fmt: skip
