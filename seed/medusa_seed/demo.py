"""The demo shop: a document of our own, in files that can be seeded apart."""

from __future__ import annotations

from pathlib import Path


def folder() -> Path:
    """Return the folder of its files: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).parent
    inside = here / "data"
    return inside if inside.is_dir() else here.parent / "data"
