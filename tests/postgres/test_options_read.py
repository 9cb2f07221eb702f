"""Each option of each command is read by what the command does: none is parsed and ignored."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest

import fenced
import recorded_options
from medusa_db import commands
from medusa_db.arguments import option
from seed_documents import product, written
from servers import environ, medusa_db

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BEFORE, AFTER = "1.12.3", "1.13.1"
V2 = "2.21.2"


def asked(words: str, folder: Path) -> list[tuple[str, ...]]:
    """Return how the command is called here: usually once, and in the other ways there are."""
    report = ("--report-file", str(folder / "report.json"))
    own = ("--migrations-dir", str(folder))
    run = ("--to", AFTER, *own, "--approval", "on-breaking", *report)
    project = ("--project", str(folder / "shop"))
    document = ("-f", str(folder / "seed.json"))
    ways = {
        "plan": [(*run, "--check"), (*run, "--output", "json"), project],
        "migrate": [("--plan", str(folder / "plan.json")), run, project],
        "status": [own, project],
        "verify": [report, own, project],
        "repair": [("--apply", *report)],
        "wait": [("--for", AFTER, "--timeout", "0s"), ("--for", BEFORE)],
        "seed": [
            (*document, *own, "--approval", "on-breaking", *report),
            (*project, "--script", "seed.js", *report),
            (*project, "--npm-script", "seed", *report),
        ],
        "demo": [("--from", BEFORE, "--to", AFTER)],
        "exec": [("--", "true"), (*project, *report, "--", "true")],
        "create-migration": [("x", "--migrations-dir", str(folder))],
        "install": [(str(folder / "tree"),)],
    }
    same = {"migrations run": "migrate", "migrations show": "status"}
    return ways.get(same.get(words, words), [()])


def project(folder: Path) -> None:
    """Make a project of v2, which no database of v1 lets run."""
    fenced.project(folder, V2)
    cli = folder / "node_modules" / "@medusajs" / "cli" / "cli.js"
    cli.parent.mkdir()
    cli.touch()
    (folder / "seed.js").touch()
    package = folder / "package.json"
    package.write_text(json.dumps(json.loads(package.read_text()) | {"scripts": {"seed": "true"}}))


@pytest.mark.parametrize("words", commands.COMMANDS)
def test_every_option_of_a_command_is_read(
    shop_at: Callable[..., str], tmp_path: Path, words: str
) -> None:
    url, file = shop_at(BEFORE), tmp_path / "read.json"
    (tmp_path / "1690000000000_mine.sql").write_text("create table mine ()")
    written({"store": {"currencies": ["usd", "eur"]}, "products": [product("mug")]}, tmp_path)
    project(tmp_path / "shop")
    if words.startswith("migrat"):
        plan = medusa_db("plan", "--to", AFTER, "--output", "json", url=url)
        (tmp_path / "plan.json").write_text(plan.stdout)
    if words == "verify":  # something that only --strict counts
        with psycopg.connect(url) as conn:
            conn.execute("alter table product alter column subtitle type varchar(255)")
    if words == "seed export":
        medusa_db("seed", "-f", str(tmp_path / "seed.json"), url=url)
    seen: set[str] = set()
    for arguments in asked(words, tmp_path):
        line = [sys.executable, recorded_options.__file__, str(file), *words.split(), *arguments]
        done = subprocess.run(
            line, env=environ(url), capture_output=True, text=True, timeout=120, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        elsewhere = words == "install"  # which works in the image alone, and says so with 2
        assert done.returncode in ((2,) if elsewhere else (0, 9, 10)), done.stderr
        seen |= set(json.loads(file.read_text()))

    rows = option.rows(commands.COMMANDS[words].command().arguments)
    assert {row.field for row in rows} - seen == set()
