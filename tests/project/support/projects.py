"""Folders of Medusa projects: what is in tests/project/shops, with the packages that its lock names."""

from __future__ import annotations

import shutil
from pathlib import Path

from medusa_testbed.medusa import packages

SHOPS = Path(__file__).parents[1] / "shops"
SAME_CODE = {"2.11.1": "2.21.2"}
"""Shops whose own code and configuration are those of another one."""
CLI = {1: "node_modules/@medusajs/medusa-cli/cli.js", 2: "node_modules/@medusajs/cli/cli.js"}
MIGRATE = {
    1: ("migrations", "run"),
    2: ("db:migrate", "--skip-scripts", "--execute-safe-links", "--execute-safe-search"),
}


def make(folder: Path, version: str) -> Path:
    """Make the project of Medusa *version* in *folder*, as its build leaves it."""
    installed = packages.installed(SHOPS / version)
    folder.mkdir()
    (folder / "node_modules").symlink_to(installed / "node_modules")
    shutil.copy(SHOPS / version / "package.json", folder)
    own = SHOPS / SAME_CODE.get(version, version)
    shutil.copy(own / "medusa-config.js", folder)
    for name, place in (("src", "src"), ("migrations", "dist/migrations")):
        if (own / name).is_dir():
            shutil.copytree(own / name, folder / place)
    return folder


def migrate(version: str) -> list[str]:
    """Return the command line by which Medusa *version* itself brings a database up to date."""
    major = int(version.partition(".")[0])
    return ["node", CLI[major], *MIGRATE[major]]
