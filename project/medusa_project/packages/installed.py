"""Which Medusa server does the project around us use? Read from its installed package, else from its lock file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medusa_migrations.catalog import version as versions
from medusa_migrations.contract.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from medusa_migrations.catalog.version import Version

PACKAGE = "@medusajs/medusa"

_YARN = re.compile(
    r'^"?@medusajs/medusa@[^\n]*:\n(?:[ \t]+[^\n]*\n)*?[ \t]+version:? "?([^"\n]+?)"?$',
    re.MULTILINE,
)
"""An entry of yarn.lock: `"@medusajs/medusa@^1.20.0":`, then `version "1.20.3"` (or `version: 1.20.3`)."""
_PNPM = re.compile(r"^ *['\"]?/?@medusajs/medusa[@/](\d[^:('\"_]*)", re.MULTILINE)
"""A package of pnpm-lock.yaml: `'@medusajs/medusa@1.20.3(..)':`, older ones `/@medusajs/medusa/1.20.3:`."""
_BUN = re.compile(r'^\s*"@medusajs/medusa": \["@medusajs/medusa@(\d[^"]*)"', re.MULTILINE)
"""A package of bun.lock: `"@medusajs/medusa": ["@medusajs/medusa@1.20.3", ..`."""


@dataclass(frozen=True, slots=True)
class Installed:
    """The server's version, and the file that names it."""

    version: Version
    file: Path


def find(folder: Path) -> Installed | None:
    """Return the version that the project in *folder*, or in one of its parents, has installed.

    The nearest folder that knows counts: what is installed before what is locked. None where no
    project is around us, or none that uses Medusa. Raises UsageError where a file names a version
    that cannot be read, or lock files name several.
    """
    for place in (folder, *folder.parents):
        package = place / "node_modules" / PACKAGE / "package.json"
        found = _read(package, _of_package)
        if found:
            return _one(package, found)
        for name, read in _LOCKS.items():
            found = _read(place / name, read)
            if found:
                return _one(place / name, found)
    return None


def _one(file: Path, found: set[str]) -> Installed:
    if len(found) > 1:
        raise UsageError(
            f"{file} locks several versions of {PACKAGE}: {', '.join(sorted(found))}. Name the one of "
            "your server with --to"
        )
    (text,) = found
    version = versions.parse(text)
    if version is None:
        raise UsageError(
            f"{file}: {PACKAGE} is at {text!r}, which is no released version; name one with --to"
        )
    return Installed(version, file)


def _read(file: Path, read: Callable[[str], Iterator[str]]) -> set[str]:
    try:
        return set(read(file.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return set()
    except (OSError, ValueError, RecursionError) as exc:
        raise UsageError(
            f"{file} cannot be read: {exc}; name the version of your server with --to"
        ) from exc


def _of_package(text: str) -> Iterator[str]:
    yield str(_mapping(json.loads(text)).get("version", ""))


def _of_npm(text: str) -> Iterator[str]:
    """Yield what package-lock.json names: `packages` since npm 7, `dependencies` before it."""
    lock = _mapping(json.loads(text))
    for part, name in (("packages", f"node_modules/{PACKAGE}"), ("dependencies", PACKAGE)):
        entry = _mapping(_mapping(lock.get(part)).get(name))
        if "version" in entry:
            yield str(entry["version"])
            return


def _of_yarn(text: str) -> Iterator[str]:
    yield from _YARN.findall(text)


def _of_pnpm(text: str) -> Iterator[str]:
    yield from _PNPM.findall(text)


def _of_bun(text: str) -> Iterator[str]:
    yield from _BUN.findall(text)


def _mapping(found: object) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


_LOCKS: dict[str, Callable[[str], Iterator[str]]] = {
    "package-lock.json": _of_npm,
    "npm-shrinkwrap.json": _of_npm,
    "yarn.lock": _of_yarn,
    "pnpm-lock.yaml": _of_pnpm,
    "bun.lock": _of_bun,
}
