"""The version, or versions, that a ledger proves."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledgers import CATALOG, names, v
from medusa_migrations.plan.proof import newer, prove


def test_an_empty_ledger_proves_nothing():
    proof = prove(CATALOG, [])

    assert proof.empty
    assert not proof.partial
    assert proof.versions == ()


@pytest.mark.parametrize("version", CATALOG.versions, ids=str)
def test_every_version_is_among_those_its_own_ledger_proves(version):
    proof = prove(CATALOG, names(str(version)))

    assert version in proof.versions
    assert all(proof.flags[f] == CATALOG.flags[f].default(version) for f in proof.flags)


@given(
    version=st.sampled_from(CATALOG.versions),
    flags=st.dictionaries(st.sampled_from(sorted(CATALOG.flags)), st.booleans()),
)
@settings(max_examples=60, deadline=None)
def test_flags_set_by_hand_are_read_from_the_ledger(version, flags):
    proof = prove(CATALOG, names(str(version), **flags))

    assert proof.versions, "some version has this set"
    assert {m.name for m in CATALOG.enabled(proof.versions[-1], proof.flags)} <= set(proof.applied)


@pytest.mark.parametrize(
    ("ledger", "spelled"),
    [
        pytest.param(
            names("1.3.2"), "1.1.65, 1.3.0 to 1.3.3", id="same-set-in-a-withdrawn-version"
        ),
        pytest.param(names("1.12.3"), "1.12.0 to 1.12.3", id="a-range"),
        pytest.param(names("1.7.3"), "1.7.3", id="exactly-one"),
        pytest.param(names("1.9.0", analytics=False), "1.9.0 to 1.11.0", id="flag-off-by-hand"),
        pytest.param(
            [*names("1.1.63"), *names("1.1.64")], "1.1.63", id="doubled-rows-are-tolerated"
        ),
    ],
)
def test_a_ledger_proves_a_range(ledger, spelled):
    assert CATALOG.spell(prove(CATALOG, ledger).versions) == spelled


def test_a_default_that_explains_the_ledger_wins_over_a_flag_set_by_hand():
    proof = prove(CATALOG, names("1.6.0"))

    assert CATALOG.spell(proof.versions) == "1.3.8 to 1.6.0"
    assert proof.flags["analytics"] is False


def test_the_fewest_flags_set_by_hand_explain_a_ledger_best():
    proof = prove(CATALOG, names("1.5.0", order_editing=True))

    assert CATALOG.spell(proof.versions) == "1.4.2 to 1.6.0"
    assert proof.flags["order_editing"] is True


def test_foreign_names_are_left_alone():
    proof = prove(CATALOG, ["AddWishlist1650000000000", *names("1.8.0")])

    assert proof.foreign == ("AddWishlist1650000000000",)
    assert v("1.8.0") in proof.versions


def test_names_that_no_version_has_together_are_partial():
    applied = [*names("1.1.0"), "AlterCustomerUniqueConstraint1709888477798"]

    proof = prove(CATALOG, applied)

    assert proof.partial
    assert not proof.empty


def test_a_withdrawn_migration_in_the_ledger_does_not_disturb():
    cart = "CartSalesChannelsLink1698160215000"
    proof = prove(CATALOG, [*names("1.20.11", medusa_v2=True), cart])

    assert v("1.20.11") in proof.versions
    assert proof.flags["medusa_v2"] is True


def test_names_from_after_the_target_are_newer():
    assert newer(CATALOG, names("1.8.0"), v("1.7.5")) == (
        "productCategoryProduct1674455083104",
        "multiLocationSoftDelete1675689306130",
        "productCategoryRank1677234878504",
        "ensureRequiredQuantity1678093365811",
        "lineItemAdjustmentsAmount1678093365812",
        "categoryRemoveSoftDelete1679950221063",
        "categoryCreateIndexes1679950645253",
    )
