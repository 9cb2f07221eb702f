"""Which Medusa a project has installed: read from its node_modules, never from what somebody typed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_PACKAGE = "node_modules/@medusajs/medusa/package.json"
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
    """Return the project in *folder*, whose packages may be in one of its parents; None for none.

    Raises UsageError where it is one, and its version cannot be read.
    """
    for place in (folder, *folder.parents):
        file = place / _PACKAGE
        try:
            text = file.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError) as exc:
            raise UsageError(f"{file} cannot be read: {exc}", reason="NoProject") from exc
        return Project(folder, file, _version(file, text))
    return None


def require(folder: Path) -> Project:
    """Return the project in *folder*; raise UsageError where there is none."""
    if not folder.is_dir():
        raise UsageError(f"--project {folder}: there is no such folder", reason="NoProject")
    found = find(folder)
    if found is None:
        raise UsageError(
            f"--project {folder}: neither it nor a folder above it has {_PACKAGE}; install the "
            "project's packages (npm ci), or name another folder",
            reason="NoProject",
        )
    return found


def _version(file: Path, text: str) -> str:
    try:
        body = json.loads(text)
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
