"""Ledgers as Medusa leaves them, by version and flags."""

from __future__ import annotations

from medusa_migrations.catalog import load
from medusa_migrations.catalog.version import Version, parse

CATALOG = load.read()


def v(text: str) -> Version:
    """Return the version that *text* spells."""
    version = parse(text)
    assert version is not None
    return version


def names(version: str, **flags: bool) -> list[str]:
    """Return the ledger of a fresh database at *version*."""
    return [migration.name for migration in CATALOG.enabled(v(version), flags)]
