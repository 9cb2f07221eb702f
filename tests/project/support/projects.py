"""Folders of Medusa projects: what is in tests/project/shops, with the packages that its lock names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import servers
from medusa_testbed.medusa import packages

if TYPE_CHECKING:
    import subprocess

SHOPS = Path(__file__).parents[1] / "shops"
NEWEST = "2.21.2"
"""The shop whose own code those of every other v2 have: a module, a link, a script."""
OLD_MIKRO_ORM = ("2.0.7", "2.4.0", "2.8.8")
"""Versions whose migrations name MikroORM itself, and not Medusa's framework."""
ISOLATED = "isolated"
"""The configuration of v1 in which two modules have connections of their own."""
CLI = {1: "node_modules/@medusajs/medusa-cli/cli.js", 2: "node_modules/@medusajs/cli/cli.js"}
MIGRATE = {
    1: ("migrations", "run"),
    2: ("db:migrate", "--skip-scripts", "--execute-safe-links", "--execute-safe-search"),
}


def make(folder: Path, version: str, configuration: str = "") -> Path:
    """Make the project of Medusa *version* in *folder*, as its build leaves it."""
    shop = SHOPS / version
    own = shop if version.startswith("1.") else SHOPS / NEWEST
    installed = packages.installed(shop)
    folder.mkdir()
    (folder / "node_modules").symlink_to(installed / "node_modules")
    shutil.copy(shop / "package.json", folder)
    configured = next(one for one in (shop, own) if (one / "medusa-config.js").exists())
    shutil.copy(configured / "medusa-config.js", folder)
    if configuration:
        (folder / "medusa-config.js").rename(folder / "medusa-config.shared.js")
        shutil.copy(shop / f"medusa-config.{configuration}.js", folder / "medusa-config.js")
    for name, place in (("src", "src"), ("migrations", "dist/migrations"), ("plugins", "plugins")):
        if (own / name).is_dir():
            shutil.copytree(own / name, folder / place)
    if version in OLD_MIKRO_ORM:
        for file in folder.glob("src/modules/*/migrations/*.js"):
            text = file.read_text()
            file.write_text(text.replace("@medusajs/framework/mikro-orm/", "@mikro-orm/"))
    return folder


def migrate(version: str) -> list[str]:
    """Return the command line by which Medusa *version* itself brings a database up to date."""
    major = int(version.partition(".")[0])
    return ["node", CLI[major], *MIGRATE[major]]


def run(
    command: str, folder: Path, url: str, *options: str, **environment: str
) -> tuple[Any, subprocess.CompletedProcess[str]]:
    """Run a command of `medusa-db` on the project in *folder*; return its report, and how it ended."""
    done = servers.medusa_db(
        command, "--project", str(folder), "--output", "json", *options, url=url, timeout=280,
        **environment,
    )  # fmt: skip
    return json.loads(done.stdout), done
