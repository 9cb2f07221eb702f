"""Where does Node find a package? In node_modules of a folder, and of those above it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def places(start: Path) -> Iterator[Path]:
    """Yield the folders that Node looks into for what a file in *start* requires, nearest first.

    Node goes by real paths, and so a *start* that is a symbolic link is followed.
    """
    real = start.resolve()
    for folder in (real, *real.parents):
        if folder.name != "node_modules":
            yield folder / "node_modules"


def nearest(name: str, start: Path) -> Path | None:
    """Return the file *name* of a package, `@medusajs/cli/cli.js`, that counts for a file in *start*; None for none."""
    found = (place / name for place in places(start))
    return next((file for file in found if is_file(file)), None)


def is_file(path: Path) -> bool:
    """Return whether a file is at *path*, as far as we may look."""
    return os.path.isfile(path)  # noqa: PTH113  Path.is_file raises where a folder may not be entered


def package_json(file: Path) -> dict[str, Any]:
    """Return what a package.json says; nothing where there is none, or it cannot be read."""
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def dependencies(body: dict[str, Any], *kinds: str) -> dict[str, str]:
    """Return the ranges that a package.json asks for, by package."""
    tables = [body.get(kind) for kind in kinds]
    return {
        name: wanted
        for table in tables
        if isinstance(table, dict)
        for name, wanted in table.items()
        if isinstance(wanted, str)
    }
