"""Which commands of Medusa's run, by its version, and with which programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from medusa_migrations.contract.errors import UnsupportedError, UsageError
from medusa_project.packages import programs, recipes
from medusa_project.packages.installation import Project

V1 = "migrations run"
OLD = "db:migrate --execute-safe-links"
SKIP = "db:migrate --skip-scripts --execute-safe-links"
SCRIPTS = "db:migrate:scripts"


def project(version, folder=Path("/shop")):
    return Project(folder, folder / "node_modules/@medusajs/medusa/package.json", version)


def spelled(*args, **options):
    return [" ".join(words) for words in recipes.commands(*args, **options)]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.7.15", [V1]),
        ("1.20.11", [V1]),
        ("2.0.0", [OLD]),
        ("2.2.0", [OLD]),
        ("2.3.1", [OLD]),
        ("2.4.0", [SKIP, SCRIPTS]),
        ("2.9.0-preview-20250701", [SKIP, SCRIPTS]),
        ("2.20.1", [SKIP, SCRIPTS]),
        ("2.21.0", [SKIP, SCRIPTS]),
        ("2.21.1", [SKIP + " --execute-safe-search", SCRIPTS]),
        ("2.21.2", [SKIP + " --execute-safe-search", SCRIPTS]),
        ("2.40.0", [SKIP + " --execute-safe-search", SCRIPTS]),
    ],
)
def test_each_version_gets_the_commands_and_options_that_it_knows(version, expected):
    assert spelled(project(version)) == expected


def test_links_that_lose_rows_and_scripts_are_chosen():
    assert spelled(project("2.11.1"), "all") == [
        "db:migrate --skip-scripts --execute-all-links", SCRIPTS,
    ]  # fmt: skip
    assert spelled(project("2.11.1"), scripts=False) == [SKIP]
    assert spelled(project("2.3.0"), scripts=False) == [SKIP]


@pytest.mark.parametrize(
    ("version", "options", "said"),
    [
        ("1.20.11", {"links": "all"}, "--links all: Medusa 1.20.11 of /shop has no command"),
        ("1.20.11", {"scripts": False}, "--no-scripts: Medusa 1.20.11 of /shop has no migration"),
        ("2.0.7", {"scripts": False}, "--no-scripts: Medusa 2.0.7 of /shop has no migration"),
    ],
)
def test_what_a_version_does_not_know_is_refused(version, options, said):
    with pytest.raises(UsageError, match=said):
        recipes.commands(project(version), **options)


@pytest.mark.parametrize(
    ("version", "args", "expected"),
    [
        ("2.21.2", (), "exec src/scripts/seed.js"),
        ("2.0.7", ("demo", "3"), "exec src/scripts/seed.js demo 3"),
        ("1.20.11", (), "seed -f src/scripts/seed.js --no-migrate"),
    ],
)
def test_a_shop_is_seeded_by_the_command_of_its_version(version, args, expected):
    assert " ".join(recipes.seeding(project(version), "src/scripts/seed.js", args)) == expected


def test_an_argument_that_medusa_exec_would_refuse_or_lose_is_refused_at_once():
    with pytest.raises(UsageError, match=r"^--force: `medusa exec` takes no argument that begins"):
        recipes.seeding(project("2.21.2"), "seed.js", ("a", "--force"))


def test_a_newer_v2_is_known_to_be_newer_and_a_v3_is_refused():
    assert "2.21.3 of /shop is newer than 2.21.2" in next(recipes.warnings(project("2.21.3")))
    assert list(recipes.warnings(project("2.21.2"))) == []
    with pytest.raises(UnsupportedError) as raised:
        recipes.of(project("3.0.0"))
    assert raised.value.exit_code == 3


def test_the_recipes_are_in_order_and_the_newest_known_version_has_one():
    since = [recipe.since for recipe in recipes.RECIPES]

    assert since == sorted(set(since))
    assert recipes.of(project("2.21.2")) == recipes.RECIPES[-1]


def program(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


def test_node_is_the_one_that_is_named_else_that_of_the_path(tmp_path, monkeypatch):
    named, found = program(tmp_path / "mine" / "node20"), program(tmp_path / "bin" / "node")
    monkeypatch.setattr(programs, "_USUAL_NODES", (str(tmp_path / "usual" / "node"),))
    path = {"PATH": str(found.parent)}

    assert programs.node(str(named), path) == str(named)
    assert programs.node(None, path) == str(found)
    for wanted in (None, str(tmp_path / "missing")):
        with pytest.raises(UsageError) as raised:
            programs.node(wanted, {"PATH": str(tmp_path)})
        assert raised.value.reason == "NoNode"
    usual = program(tmp_path / "usual" / "node")
    assert programs.node(None, {"PATH": str(tmp_path)}) == str(usual)


def test_the_command_line_is_found_beside_medusa_where_it_is_not_beside_the_project(tmp_path):
    inner = tmp_path / "apps" / "shop"
    store = tmp_path / "store" / "node_modules" / "@medusajs" / "medusa" / "package.json"
    store.parent.mkdir(parents=True)
    store.touch()
    (inner / "node_modules" / "@medusajs").mkdir(parents=True)
    (inner / "node_modules" / "@medusajs" / "medusa").symlink_to(store.parent)
    shop, recipe = project("2.21.2", inner), recipes.RECIPES[-1]

    with pytest.raises(UsageError, match="is not installed"):
        programs.cli(shop, recipe)
    beside = program(tmp_path / "store" / "node_modules" / recipe.cli)
    assert programs.cli(shop, recipe) == beside
    hoisted = program(tmp_path / "node_modules" / recipe.cli)
    assert programs.cli(shop, recipe) == hoisted
    own = program(inner / "node_modules" / recipe.cli)
    assert programs.cli(shop, recipe) == own


def test_a_folder_that_makes_all_modules_fail_is_named():
    dotted = Path("/shop/2.4.0")

    assert "has a dot" in next(recipes.warnings(project("2.4.0", dotted)))
    assert list(recipes.warnings(project("2.4.0"))) == []
    assert list(recipes.warnings(project("2.11.1", dotted))) == []
