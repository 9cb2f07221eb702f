"""Which Medusa a project has installed: read from its node_modules, never from what somebody typed."""

from __future__ import annotations

import json
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import UsageError
from medusa_project.packages import layout, lookup

if TYPE_CHECKING:
    from pathlib import Path

_VERSION = re.compile(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})(?:[-+].*)?")


@dataclass(frozen=True, slots=True)
class Project:
    """A Medusa project with its packages installed."""

    folder: Path
    """Where its commands run."""
    file: Path
    """The package.json of its Medusa."""
    version: str
    """As that file has it, `2.21.2`."""

    @property
    def number(self) -> tuple[int, int, int]:
        """The version as numbers."""
        return numbers(self.version)

    @property
    def major(self) -> int:
        """The major version: Medusa v1 and v2 have nothing in common but the name."""
        return self.number[0]

    @property
    def release(self) -> str:
        """The version without what marks a prerelease."""
        return ".".join(map(str, self.number))

    @property
    def spelled(self) -> str:
        """How messages name it."""
        return f"Medusa {self.version} of {self.folder}"


def find(folder: Path) -> Project | None:
    """Return the project that *folder* is; None where it is none.

    Raises UsageError where it is one whose Medusa cannot be found or its version be read, and where it is within a
    project or has some below it, whose packages are around it: then nobody knows which one is meant.
    """
    found = _medusa(folder)
    if found is None and not layout.names_medusa(folder):
        return None
    if found is not None and not layout.is_shop(folder) and not layout.elsewhere(folder):
        return None  # packages of something else, above it
    return _required(folder, found, f"{folder}")


def require(folder: Path) -> Project:
    """Return the project in *folder*; raise UsageError where there is none, or its Medusa cannot be found."""
    why = ""
    try:
        if not stat.S_ISDIR(folder.stat().st_mode):
            why = "that is no folder"
    except PermissionError:
        why = "a folder above it may not be entered"
    except OSError:
        why = "there is no such folder"
    if why:
        raise UsageError(f"--project {folder}: {why}", reason="NoProject")
    return _required(folder, _medusa(folder), f"--project {folder}")


def require_declared(project: Project) -> None:
    """Raise UsageError where Medusa's command line would not run: it reads the package.json of its folder."""
    if not layout.names_medusa(project.folder):
        raise UsageError(
            f"{project.folder / 'package.json'} does not name {layout.MEDUSA} in its dependencies, or is not there, and "
            "Medusa's command line runs only where it does; copy the project's package.json beside its medusa-config",
            reason="NoProject",
        )


def _required(folder: Path, found: Path | None, spelled: str) -> Project:
    if found is None:
        raise UsageError(f"{spelled}: {layout.why_nothing(folder)}", reason="NoProject")
    if not layout.is_shop(folder):
        why = layout.elsewhere(folder) or "it has no medusa-config; name the folder of a shop"
        raise UsageError(f"{spelled}: {why}", reason="NoProject")
    return Project(folder, found, _version(found))


def _medusa(folder: Path) -> Path | None:
    """Return the package.json of the Medusa that counts in *folder*: what its own command line would load."""
    return lookup.nearest(f"{layout.MEDUSA}/package.json", folder)


def _version(file: Path) -> str:
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(f"{file} cannot be read: {exc}", reason="NoProject") from exc
    except (ValueError, RecursionError) as exc:
        raise UsageError(f"{file} is not JSON: {exc}", reason="NoProject") from exc
    version = str(body.get("version", "")) if isinstance(body, dict) else ""
    if numbers(version)[0] == 0:
        raise UsageError(
            f"{file} has the version {version!r}, which does not tell Medusa v1 from v2; install a "
            "released version",
            reason="NoProject",
        )
    return version


def numbers(version: str) -> tuple[int, int, int]:
    """Return the three numbers of *version*; zeros where it has none."""
    found = _VERSION.fullmatch(version)
    if found is None:
        return 0, 0, 0
    return int(found[1]), int(found[2]), int(found[3])
