"""Whether a seed is due: the same rule for seed documents, and for scripts of the shop's own."""

from __future__ import annotations

import pytest

from medusa_seed.run.once import Skip, When, skip

SAME = Skip("this very script was the last one seeded", loaded=True)
BEFORE = Skip("the shop was seeded before")
PRODUCTS = Skip("the shop has products")


@pytest.mark.parametrize(
    ("when", "latest", "products", "expected"),
    [
        (When.ALWAYS, "a", True, None),
        (When.ONCE, None, False, None),
        (When.ONCE, None, True, PRODUCTS),
        (When.ONCE, "a", True, SAME),
        (When.ONCE, "b", False, BEFORE),
        (When.ON_CHANGE, None, True, None),
        (When.ON_CHANGE, "a", True, SAME),
        (When.ON_CHANGE, "b", True, None),
    ],
)
def test_a_seed_is_due_by_what_was_seeded_last_and_by_what_the_shop_has(
    when, latest, products, expected
):
    assert skip(when, "script", "a", lambda: latest, lambda: products) == expected


def test_nothing_is_asked_that_does_not_matter():
    def unasked():
        raise AssertionError("asked")

    assert skip(When.ALWAYS, "document", "a", unasked, unasked) is None
    assert skip(When.ON_CHANGE, "document", "a", lambda: "b", unasked) is None
