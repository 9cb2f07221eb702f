"""With which programs is a project's Medusa started? Its own command line, and Node."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import UsageError
from medusa_project.packages import lookup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from medusa_project.packages.installation import Project
    from medusa_project.packages.recipes import Recipe

_USUAL_NODES = ("/nodejs/bin/node", "/usr/local/bin/node")
"""Where images without a PATH have Node."""
_STARTED = re.compile(r'"\$basedir/([^"]+/cli\.js)"')


def node(named: str | None, environment: Mapping[str, str]) -> str:
    """Return the Node that is *named*, else that of PATH, else that of a usual place.

    Raises UsageError where there is none.
    """
    if named is not None:
        found = shutil.which(named, path=environment.get("PATH", os.defpath))
        if found is None:
            raise UsageError(
                f"--node {named}: there is no such program; name the file of Node, such as /usr/bin/node",
                reason="NoNode",
            )
        return os.fspath(Path(found).absolute())
    found = shutil.which("node", path=environment.get("PATH", os.defpath))
    found = found or next((one for one in _USUAL_NODES if shutil.which(one)), None)
    if found is None:
        raise UsageError(
            f"there is no Node in PATH, {' or '.join(_USUAL_NODES)}; install it, or name it with --node",
            reason="NoNode",
        )
    return found


def cli(project: Project, recipe: Recipe) -> Path:
    """Return the program of Medusa's command line; raise UsageError where it is not installed.

    It is looked for where Node would: from the project's folder, then from Medusa itself and from its framework, which
    have it as a dependency of their own where a package manager keeps packages apart; last where the command `medusa`
    of the project leads.
    """
    framework = lookup.nearest("@medusajs/framework/package.json", project.folder)
    starts = [
        project.folder,
        *(file.resolve().parent for file in (project.file, framework) if file),
    ]
    found = (lookup.nearest(recipe.cli, start) for start in starts)
    file = next((one for one in found if one), None) or _behind_medusa(project.folder)
    if file is not None:
        return file
    package = recipe.cli.removesuffix("/cli.js")
    raise UsageError(
        f"{project.spelled}: node_modules/{recipe.cli} is not installed; add {package} to the project's "
        "dependencies, of the version that Medusa has",
        reason="NoProject",
    )


def _behind_medusa(folder: Path) -> Path | None:
    """Return what node_modules/.bin/medusa starts: it is a link to it, or a shell script of pnpm's that names it."""
    link = lookup.nearest(".bin/medusa", folder)
    if link is None:
        return None
    if link.resolve().name == "cli.js":
        return link.resolve()
    named = _STARTED.search(link.read_text(encoding="utf-8", errors="replace"))
    file = link.parent / named[1] if named else link
    return file if named and file.is_file() else None
