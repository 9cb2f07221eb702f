"""A fresh database of ours is Medusa's, version by version."""

from __future__ import annotations

import os

import pytest

from ledgers import CATALOG
from medusa_equality import differences, migrate
from medusa_migrations.catalog import version as versions
from medusa_replay import replay
from medusa_testbed.medusa import packages


def sample() -> list[str]:
    """Return the versions whose migrations are not those of the version before, and the newest; or all."""
    published = packages.published_versions()
    if os.environ.get("MEDUSA_TEST_ALL"):
        return published
    present = [CATALOG.present(versions.parse(version)) for version in published]
    return [
        version
        for version, one, before in zip(published, present, [None, *present[:-1]], strict=True)
        if one != before or version == published[-1]
    ]


@pytest.mark.parametrize("version", sample())
def test_every_published_version_is_equal(version: str, theirs: str, ours: str) -> None:
    replayed = replay(version, theirs)

    report = migrate(version, ours)

    assert not differences(theirs, ours)
    assert replayed.ran == replayed.enabled
    assert report["state"] == "done"


def test_eighty_versions_are_published() -> None:
    versions = packages.published_versions()

    assert len(versions) == 80
    assert (versions[0], versions[-1]) == ("1.1.0", "1.20.11")
