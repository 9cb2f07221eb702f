"""With which programs is a project's Medusa started? Its own command line, and Node."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from medusa_migrations.packages.installation import Project
    from medusa_migrations.packages.recipes import Recipe

_USUAL_NODES = ("/nodejs/bin/node", "/usr/local/bin/node")
"""Where images without a PATH have Node."""


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

    It is looked for where Node would: in node_modules of the project's folder, of those above it, and
    then of those around Medusa itself, which has it as a dependency of its own.
    """
    around = [project.folder, *project.folder.parents, *project.file.resolve().parents]
    for place in around:
        file = place / "node_modules" / recipe.cli
        if file.is_file():
            return file
    package = recipe.cli.removesuffix("/cli.js")
    raise UsageError(
        f"{project.spelled}: node_modules/{recipe.cli} is not installed; add {package} to the project's "
        "dependencies, of the version that Medusa has",
        reason="NoProject",
    )
