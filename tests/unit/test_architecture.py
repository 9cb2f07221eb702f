"""The rooms are those of docs/architecture.md, and what is new in one of them is held by its contracts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "medusa_db": "cli",
    "medusa_seed": "seed",
    "medusa_project": "project",
    "medusa_migrations": "migrations",
    "medusa_operator": "operator",
    "medusa_testbed": "testbed",
}
PROBES = {
    "medusa_migrations/run/probe.py": "",
    "medusa_migrations/schema/probe.py": "import psycopg\n",
    "medusa_migrations/catalog/probe.py": "from medusa_migrations.plan import proof\n",
    "medusa_db/show/probe.py": "from medusa_db import parser\n",
    "medusa_db/commands/probe.py": "from medusa_testbed import api\n",
    "medusa_project/fence/probe.py": "from medusa_project.run import guard\n",
    "medusa_seed/planning/probe.py": "from medusa_operator.resource import plain\n",
    "medusa_operator/process/probe.py": "from medusa_migrations.run import probe\n",
    "medusa_operator/judgement/probe.py": "import aiohttp\n",
    "medusa_operator/jobs/probe.py": "from medusa_operator.api import cluster\n",
    "medusa_operator/resource/probe.py": "from medusa_operator.loop import cache\n",
    "medusa_operator/api/probe.py": "import psycopg\n",
}


def tables(package):
    """Return the modules that the page names for each room of *package*."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    table = page.partition(f"| `{package}` | ")[2].partition("\n\n")[0]
    rooms, room = {}, ""
    for line in table.splitlines()[2:]:
        first, about = line.strip("| ").split(" | ", 1)
        if heading := re.fullmatch(r"\*\*`(\w+)/`\*\*", first):
            room = heading[1]
            rooms[room] = []
        else:
            named = re.findall(r"`(\w+)`", first) + re.findall(r"`(\w+)`(?:, pure)?:", about)
            also = re.findall(r"`(\w+)`, (?=`\w+`(?:, pure)?:)", about)
            rooms.setdefault(room, []).extend(named + also)
    return rooms


def tree(package):
    """Return the modules that each room of *package* has."""
    rooms = {}
    for file in (ROOT / PACKAGES[package] / package).rglob("*.py"):
        if file.stem != "__init__":
            room = "" if file.parent.name == package else file.parent.name
            rooms.setdefault(room, []).append(file.stem)
    return rooms


def in_order(rooms):
    return {room: sorted(modules) for room, modules in sorted(rooms.items()) if modules}


@pytest.mark.parametrize("package", PACKAGES)
def test_the_page_names_every_module_in_its_room_and_no_other(package):
    assert in_order(tables(package)) == in_order(tree(package))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_room_has_at_most_fifteen_modules_and_a_sentence(package):
    for room, modules in tree(package).items():
        whole = ROOT / PACKAGES[package] / package  # a room may be within another one
        (first,) = [
            file
            for file in whole.rglob("__init__.py")
            if file.parent == whole / room or file.parent.name == room
        ]
        text = first.read_text()
        assert len(modules) <= 15, room
        assert re.match(r'"""[A-Z].+\."""\n', text), room


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_has_at_most_eight_rooms(package):
    rooms = [one.parent for one in (ROOT / PACKAGES[package] / package).glob("*/__init__.py")]
    assert 1 <= len(rooms) <= 8, rooms


def test_what_is_new_in_a_room_is_held_without_being_named(tmp_path):
    for package, folder in PACKAGES.items():
        shutil.copytree(
            ROOT / folder / package, tmp_path / package,
            ignore=shutil.ignore_patterns("__pycache__", "*.json"),
        )  # fmt: skip
    for file, text in PROBES.items():
        (tmp_path / file).write_text(f'"""New here."""\n\n{text}')
    shutil.copy(ROOT / "pyproject.toml", tmp_path)

    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"], cwd=tmp_path, check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip

    broken = set(re.findall(r"^(.+?) BROKEN", done.stdout, re.MULTILINE))
    assert broken >= {
        "The command line's arrows point down",
        "The engine's arrows point down",
        "The operator knows the contract and the catalog, and nothing else of the engine",
        "The operator's arrows point down",
        "The operator's judgement imports nothing that acts",
        "The arrows of what runs the shop's own Medusa point down",
        "The packages' arrows point down",
        "What decides imports nothing that acts",
    }
    assert "medusa_db is not allowed to import medusa_testbed" in done.stdout


def test_the_wheel_holds_the_product_and_not_its_testbed(tmp_path):
    subprocess.run(
        [Path(sys.executable).parent / "hatchling", "build", "--target", "wheel", "--directory", tmp_path],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip

    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        top = {name.partition("/")[0] for name in archive.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {
        "medusa_db", "medusa_migrations", "medusa_operator", "medusa_project", "medusa_seed",
    }  # fmt: skip
