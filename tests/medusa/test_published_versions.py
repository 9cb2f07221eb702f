"""A fresh database of ours is Medusa's, version by version."""

from __future__ import annotations

import pytest

from medusa_equality import differences, migrate
from medusa_replay import replay
from medusa_testbed.medusa import packages


@pytest.mark.parametrize("version", packages.published_versions())
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
