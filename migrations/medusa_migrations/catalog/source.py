"""Where the catalog's files come from: the folder they are written in, or all of them compiled.

Parsing YAML takes longer than all the rest of a command that finds nothing to do, so building a wheel
and `make setup` put what the files hold into one file of JSON.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HERE = Path(__file__).parents[1]
COMPILED = _HERE / "catalog.json"
_INSIDE = _HERE / "versions"


def folder() -> Path:
    """Return the folder of the catalog: inside the installed package, or beside it in a checkout."""
    return _INSIDE if _INSIDE.is_dir() else _HERE.parent / "versions"


def read() -> Mapping[str, Any]:
    """Return what every file holds by its path below the folder: YAML as values, SQL as text.

    A portable tree has no files but what is compiled. In a checkout that counts only as long as no file has changed since.
    """
    if COMPILED.exists():
        body = json.loads(COMPILED.read_bytes())
        if _INSIDE.is_dir() or not folder().is_dir() or body["sources"] == _sources():
            files: dict[str, Any] = body["files"]
            return files
    return parse()


def parse() -> Mapping[str, Any]:
    """Return the same from the files as they are written."""
    import yaml  # noqa: PLC0415  what is compiled does without

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return {
        path: yaml.load(text, loader) or {} if path.endswith(".yaml") else text  # noqa: S506  a safe one
        for path, text in ((path, (folder() / path).read_text("utf-8")) for path, *_ in _sources())
    }


def compile_() -> Path:
    """Write COMPILED, at once or not at all, and return it."""
    part = COMPILED.with_suffix(f".{os.getpid()}")
    body = {"sources": _sources(), "files": parse()}
    part.write_text(json.dumps(body, ensure_ascii=False, default=str), encoding="utf-8")
    return part.replace(COMPILED)


def _sources() -> list[list[Any]]:
    """Return path, time of change and size of every file."""
    root = str(folder())
    entries = sorted((entry.path[len(root) + 1 :], entry.stat()) for entry in _entries(root))
    return [[path, stat.st_mtime_ns, stat.st_size] for path, stat in entries]


def _entries(place: str) -> Iterator[os.DirEntry[str]]:
    for entry in os.scandir(place):
        if entry.is_dir():
            yield from _entries(entry.path)
        else:
            yield entry
