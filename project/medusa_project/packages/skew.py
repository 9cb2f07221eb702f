"""Do the packages of Medusa that are loaded together belong together? Their versions, as installed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medusa_migrations.contract.values import some
from medusa_project.packages import lookup
from medusa_project.packages.layout import MEDUSA

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from medusa_project.packages.installation import Project

_EXACT = re.compile(r"\d+\.\d+\.\d+\S*")


def warnings(project: Project, cli: Path) -> Iterator[str]:
    """Yield which versions run where several are installed; *cli* is the program of Medusa's command line."""
    yield from _another_medusa(project)
    tool = lookup.package_json(cli.resolve().parent / "package.json")
    version = str(tool.get("version", ""))
    if project.major > 1 and version != project.version:
        yield (
            f"the command line is that of {tool.get('name', cli)} {version} ({cli}), and runs Medusa {project.version} of "
            f"{project.file.parent}; install both at one version"
        )
    wrong = sorted(_not_as_asked(project))
    if wrong:
        yield (
            f"Medusa {project.version} of {project.file.parent} loads packages of other versions than it asks for: "
            f"{some(wrong)}; install all packages of Medusa at one version"
        )


def _another_medusa(project: Project) -> Iterator[str]:
    """Yield which other Medusa is installed above the one that counts: the nearest does."""
    for place in lookup.places(project.folder):
        file = place / MEDUSA / "package.json"
        other = lookup.package_json(file).get("version", project.version)
        if other != project.version:
            yield (
                f"Medusa is installed twice: {project.version} in {project.file.parent}, which runs, and {other} in "
                f"{file.parent}, which does not"
            )


def _not_as_asked(project: Project) -> Iterator[str]:
    real = project.file.resolve()
    body = lookup.package_json(real)
    for name, wanted in lookup.dependencies(body, "dependencies", "peerDependencies").items():
        if not name.startswith("@medusajs/") or not _EXACT.fullmatch(wanted):
            continue
        file = lookup.nearest(f"{name}/package.json", real.parent)
        version = lookup.package_json(file).get("version", wanted) if file else wanted
        if version != wanted:
            yield f"{name} {version} instead of {wanted}"
