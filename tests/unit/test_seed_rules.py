"""Small pure rules of the seeder: handles, passwords, ids, and who may write over what."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa_seed.document import handles
from medusa_seed.planning import passwords
from medusa_seed.planning.ids import Ids
from medusa_seed.planning.merge import IfExists, Merged, Policy, checksum, merge, remember


@pytest.mark.parametrize(
    ("title", "handle"),
    [
        ("Medusa T-Shirt", "medusa-t-shirt"),
        ("My Great Shirt 2000 Ünïcode", "my-great-shirt-2000-unicode"),
        ("  --Weird__Title: 50% off (v2)!  ", "weird-title-50-off-v-2"),
        ("camelCaseTitle XMLHttp", "camel-case-title-xml-http"),
        ("Clothes & More", "clothes-more"),
        ("L'été d\u2019Ægir", "lete-d-aegir"),
        ("1st and 22nd", "1st-and-22nd"),
        ("日本語 Tシャツ", "日本語-tシャツ"),
        ("300ml", "300-ml"),
        ("!?", ""),
    ],
)
def test_a_handle_is_made_as_lodash_makes_it(title, handle):
    assert handles.from_title(title) == handle


def test_a_password_is_known_again_by_its_hash():
    hashed = passwords.hashed("pässwörd")

    assert passwords.matches("pässwörd", hashed)
    assert not passwords.matches("passwörd", hashed)


def test_a_hash_is_the_container_that_medusa_keeps():
    hashed = passwords.hashed("supersecret", salt=bytes(range(32)))

    raw = base64.b64decode(hashed)
    assert (len(raw), raw[:16]) == (96, b"scrypt\0\x01\0\0\0\x01\0\0\0\x01")
    assert hashed == (
        "c2NyeXB0AAEAAAABAAAAAQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fRmO4DFmBBq0SdOiguek89xizriuxN4r7"
        "9PIRUytkQ2MpV6lrSv9Ikn47WEx8S+Vv"
    )


@given(st.text() | st.none())
def test_what_is_no_hash_matches_nothing(stored):
    assert not passwords.matches("supersecret", stored)


def test_ids_are_ulids_that_sort_as_they_were_made():
    ids = Ids()

    found = [ids("prod") for _ in range(2000)]

    assert found == sorted(set(found))
    assert all(re.fullmatch("prod_[0-7][0-9A-HJKMNP-TV-Z]{25}", one) for one in found)


OURS = remember({"title": "Mug"})


@pytest.mark.parametrize(
    ("given", "existing", "memory", "policy", "merged"),
    [
        pytest.param(
            {"title": "Mug"}, {"title": "Mug"}, OURS, Policy(), Merged({}, (), OURS), id="the-same"
        ),
        pytest.param(
            {"title": "Cup"}, {"title": "Mug"}, OURS, Policy(),
            Merged({"title": "Cup"}, (), remember({"title": "Cup"})), id="the-document-changed",
        ),
        pytest.param(
            {"title": "Mug"}, {"title": "Pot"}, OURS, Policy(), Merged({}, ("title",), OURS),
            id="the-merchant-changed",
        ),
        pytest.param(
            {"title": "Cup"}, {"title": "Pot"}, OURS, Policy(), Merged({}, ("title",), OURS),
            id="both-changed",
        ),
        pytest.param(
            {"title": "Cup"}, {"title": "Pot"}, OURS, Policy(overwrite=True),
            Merged({"title": "Cup"}, (), remember({"title": "Cup"})), id="overwrite",
        ),
        pytest.param(
            {"title": "Cup"}, {"title": "Mug"}, OURS, Policy(IfExists.SKIP),
            Merged({}, ("title",), OURS), id="skip",
        ),
        pytest.param(
            {"title": "Cup"}, {"title": "Mug"}, None, Policy(), Merged({}, ("title",), None),
            id="not-ours",
        ),
        pytest.param(
            {"title": "Mug"}, {"title": "Mug"}, None, Policy(), Merged({}, (), OURS), id="adopted"
        ),
        pytest.param(
            {"title": "Mug", "weight": 3}, {"title": "Mug", "weight": None}, OURS, Policy(),
            Merged({"weight": 3}, (), remember({"title": "Mug", "weight": 3})), id="a-new-key",
        ),
        pytest.param(
            {"title": "Mug", "weight": 3}, {"title": "Mug", "weight": 4}, OURS, Policy(),
            Merged({}, ("weight",), OURS), id="a-new-key-that-a-merchant-has-filled",
        ),
        pytest.param(
            {"title": "Mug", "discountable": False}, {"title": "Mug", "discountable": True}, OURS, Policy(),
            Merged({"discountable": False}, (), remember({"title": "Mug", "discountable": False})),
            id="a-new-key-at-its-default",
        ),
    ],
)  # fmt: skip
def test_only_what_nobody_changed_since_is_written_over(given, existing, memory, policy, merged):
    assert merge(given, existing, memory, {"discountable": True}, policy) == merged


def test_a_sale_does_not_stand_in_the_way_of_another_change():
    memory = remember({"title": "Mug", "inventory_quantity": 10})
    existing = {"title": "Mug", "inventory_quantity": 7}

    merged = merge({"title": "Cup", "inventory_quantity": 10}, existing, memory, {}, Policy())

    assert (merged.write, merged.kept) == ({"title": "Cup"}, ("inventory_quantity",))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [(20, 20.0, True), ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True), ("1", 1, False), (None, "", False),
     (True, 1, False), (["a"], "a", False)],
)  # fmt: skip
def test_values_have_the_same_checksum_when_the_shop_cannot_tell_them_apart(one, other, same):
    assert (checksum(one) == checksum(other)) is same
