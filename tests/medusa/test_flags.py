"""Feature flags switch the same migrations on and off as in Medusa."""

from __future__ import annotations

import os

import pytest

from medusa_equality import differences, migrate
from medusa_flags import VERSIONS, known
from medusa_replay import replay

NO_MIGRATION = {"product_categories", "reservations", "workflows", "isolate_pricing_domain"}
"""Flags that gate no migration in any version."""

SAMPLE = [
    ("1.3.4", "every"),
    ("1.3.9", "every"),
    ("1.4.1", "every"),
    ("1.5.0", "every"),
    ("1.6.0", "every"),
    ("1.6.1", "analytics"),
    ("1.6.5", "every"),
    ("1.7.2", "order_editing"),
    ("1.7.5", "publishable_api_keys"),
    ("1.7.5", "sales_channels"),
    ("1.12.3", "tax_inclusive_pricing"),
    ("1.16.0", "isolate_product_domain"),
    ("1.17.4", "every"),
    ("1.18.1", "every"),
    ("1.20.2", "every"),
    ("1.20.11", "every"),
    ("1.20.11", "medusa_v2"),
    ("1.20.11", "sales_channels"),
    ("1.20.11", "analytics"),
]


def cases() -> list[tuple[str, str]]:
    if os.environ.get("MEDUSA_TEST_ALL") != "1":
        return SAMPLE
    return [(v, flag) for v in VERSIONS if known(v) for flag in ("every", *known(v))]


@pytest.mark.parametrize(("version", "switched"), cases())
def test_a_version_with_other_flags_is_equal(
    version: str, switched: str, theirs: str, ours: str
) -> None:
    defaults = replay(version, theirs, stop_after=0).flags
    if switched == "every":
        flags = dict.fromkeys(known(version), True)
    else:
        flags = {switched: not defaults[switched]}

    replay(version, theirs, flags)
    migrate(version, ours, flags)

    assert not differences(theirs, ours)
    assert set(defaults) - NO_MIGRATION == set(known(version))
