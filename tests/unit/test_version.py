"""Versions: syntax, order, neighbours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa_migrations.catalog import version as versions
from medusa_migrations.catalog.version import Version, nearest, parse, ranges

some_versions = st.builds(Version, st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))


@given(some_versions)
def test_what_is_spelled_is_parsed_again(version):
    assert parse(str(version)) == version
    assert parse(f"v{version}") == version


@pytest.mark.parametrize("text", ["", "1", "1.2", "1.2.x", "latest", "1.2.3-rc.1", "1.2.3.4"])
def test_what_is_no_version_is_none(text):
    assert parse(text) is None


def test_order_is_by_number_and_not_by_letter():
    assert versions.parse("1.9.0") < versions.parse("1.10.0")


@given(st.lists(some_versions, min_size=5, unique=True).map(sorted), some_versions)
def test_the_nearest_are_neighbours(known, wanted):
    found = nearest(wanted, known)

    others = [version for version in known if version != wanted]
    assert len(found) == 3
    at = others.index(found[0])
    assert others[at : at + 3] == found


def test_neighbours_are_spelled_as_a_range():
    known = [Version(1, 0, n) for n in range(6)]

    assert ranges([known[0], *known[2:5]], known) == "1.0.0, 1.0.2 to 1.0.4"
    assert ranges([], known) == ""
