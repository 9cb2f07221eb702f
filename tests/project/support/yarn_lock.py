"""The yarn.lock that makes Yarn 4 install what a package-lock.json names."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_ASKED = ("dependencies", "optionalDependencies", "devDependencies")
_ENTRY = '"{asked}":\n  version: {version}\n  resolution: "{name}@npm:{version}"\n  languageName: node\n  linkType: hard\n'
_FETCHED = re.compile(r'  resolution: "(.+)"\n(?:  .+\n)*?  checksum: (\S+)\n(  conditions:)?')


def of(package_lock: str) -> str:
    """Return the lock without what Yarn fills in by itself: what each package asks for, and checksums."""
    entries: dict[str, Any] = json.loads(package_lock)["packages"]
    found: dict[tuple[str, str], set[str]] = {}
    for path, entry in entries.items():
        for name, wanted in (pair for kind in _ASKED for pair in entry.get(kind, {}).items()):
            place = next((one for one in _places(path, name) if one in entries), None)
            if place is not None:  # npm leaves out what is optional and for no machine
                one = entries[place]
                asked = f"{name}@{wanted}" if ":" in wanted else f"{name}@npm:{wanted}"
                found.setdefault((one.get("name", name), one["version"]), set()).add(asked)
    parts = (
        _ENTRY.format(asked=", ".join(sorted(asked)), name=name, version=version)
        for (name, version), asked in sorted(found.items())
    )
    return "\n".join(("__metadata:\n  version: 8\n", *parts))


def digest(lock: str) -> str:
    """Return a digest of all packages that a filled *lock* names, by their checksums.

    Those that are for one kind of machine are left out: Yarn fetches, and so adds up, those of this machine alone.
    """
    lines = sorted(f"{name} {found}" for name, found, only in _FETCHED.findall(lock) if not only)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _places(path: str, name: str) -> Iterator[str]:
    """Yield where the package at *path* of node_modules finds *name*, nearest first."""
    while path:
        yield f"{path}/node_modules/{name}"
        path = path.rpartition("/node_modules/")[0]
    yield f"node_modules/{name}"
