"""What has to happen between a ledger and a version."""

from __future__ import annotations

import os

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ledgers import CATALOG, names, v
from medusa_migrations.catalog.model import Migration
from medusa_migrations.contract.errors import RefusedError, UsageError
from medusa_migrations.plan.plan import Request, kept_flags, plan
from medusa_migrations.plan.proof import prove

MANY = 3000 if os.environ.get("MEDUSA_TEST_ALL") else 60
LASTING = [version for version in CATALOG.versions if version >= v("1.2.0")]
"""Versions whose migrations the later ones have too: a part of an earlier set is that of a later version."""


def planned(ledger, target, at=None, **request):
    wanted = Request(target=v(target), flags=request.pop("flags", {}), **request)
    return plan(CATALOG, prove(CATALOG, ledger), wanted, at=at and v(at))


def items(path):
    return [item.name for item in path.items]


def test_an_empty_database_gets_every_migration_and_no_data_step():
    path = planned([], "1.20.11")

    assert items(path) == names("1.20.11")
    assert path.notes == ()


@given(
    first=st.sampled_from(CATALOG.versions),
    second=st.sampled_from(CATALOG.versions),
    flags=st.dictionaries(st.sampled_from(sorted(CATALOG.flags)), st.booleans()),
)
@settings(max_examples=60, deadline=None)
def test_after_a_plan_there_is_nothing_left_to_do(first, second, flags):
    start, target = sorted((first, second))
    ledger = names(str(start), **flags)

    path = planned(ledger, str(target))
    done = [*ledger, *(item.name for item in path.items if isinstance(item, Migration))]
    again = planned(done, str(target), at=str(target))

    assert again.nothing
    assert target in prove(CATALOG, done).possible


@given(
    first=st.sampled_from(CATALOG.versions),
    second=st.sampled_from(CATALOG.versions),
    stops=st.lists(st.sampled_from(CATALOG.versions), max_size=3),
)
@settings(max_examples=40, deadline=None)
def test_stops_on_the_way_change_nothing_about_where_it_ends(first, second, stops):
    start, target = sorted((first, second))
    ledger = names(str(start))

    direct = {item.name for item in planned(ledger, str(target)).items}
    stopped = {item.name for item in planned(ledger, str(target), stops=tuple(stops)).items}

    ever = {n for s in stops if start < s < target for n in names(str(s))}
    ever |= {name for step in CATALOG.data_steps for name in step.repeats}
    assert direct <= stopped <= direct | ever


def test_the_flags_are_those_of_the_version_at_which_a_run_ended():
    ledger = names("1.6.1", analytics=False)

    alone, ended = prove(CATALOG, ledger), prove(CATALOG, ledger, at=v("1.6.1"))

    assert alone.versions == ended.versions == prove(CATALOG, names("1.6.0")).versions
    assert kept_flags(CATALOG, alone, v("1.7.7"))["analytics"] is True
    assert kept_flags(CATALOG, ended, v("1.7.7"))["analytics"] is False


@given(
    versions=st.lists(st.sampled_from(LASTING), min_size=2, max_size=2).map(sorted),
    had=st.dictionaries(st.sampled_from(sorted(CATALOG.flags)), st.booleans()),
    asked=st.dictionaries(st.sampled_from(sorted(CATALOG.flags)), st.booleans()),
    drawn=st.data(),
)
@settings(max_examples=MANY, deadline=None)
def test_a_run_that_ended_early_is_finished_by_the_same_command(versions, had, asked, drawn):
    ledger, target = names(str(versions[0]), **had), str(versions[1])
    try:
        path = planned(ledger, target, flags=asked)
    except RefusedError:
        assume(False)
    run = [item for item in path.items if isinstance(item, Migration)]
    assume(run)
    done = drawn.draw(st.integers(1, len(run)))

    left = planned([*ledger, *(m.name for m in run[:done])], target, flags=asked)

    rest = [item.name for item in left.items if isinstance(item, Migration)]
    assert sorted(rest) == sorted(one.name for one in run[done:])


@given(
    versions=st.lists(st.sampled_from(CATALOG.versions), min_size=2, max_size=2).map(sorted),
    had=st.dictionaries(st.sampled_from(sorted(CATALOG.flags)), st.booleans()),
    asked=st.dictionaries(st.sampled_from(sorted(CATALOG.flags)), st.booleans()),
)
@settings(max_examples=MANY, deadline=None)
def test_a_run_ends_at_its_version_or_is_refused_as_a_flag_cannot_be_switched_off(
    versions, had, asked
):
    before, target = versions
    ledger, refused = names(str(before), **had), None
    try:
        path = planned(ledger, str(target), flags=asked)
    except RefusedError as exc:
        refused = exc
        on = {flag: True for flag in asked if f"--flag {flag}=false" in str(exc)}
        path = planned(ledger, str(target), flags={**asked, **on})

    after = prove(CATALOG, [*ledger, *(m.name for m in path.items if isinstance(m, Migration))])

    assert target in after.possible
    assert refused is None or refused.reason == "FlagSwitchedOff"


def test_pending_is_a_difference_of_names_and_not_newer_than_the_last():
    path = planned(names("1.8.2"), "1.13.0")

    assert "productSearchGinIndexes1679950645254" in items(path)
    assert items(path)[0] == "productDomainImprovedIndexes1679950645254"


def test_data_steps_stand_behind_the_migrations_of_their_version():
    found = items(planned(names("1.2.1"), "1.20.11"))

    at = found.index("1.3.0/line_item_adjustments")
    assert found[at - 1] in ("addBatchJobModel1649775522087", "1.3.0/discount_rules")
    assert found[at + 1 :][0] in ("salesChannel1656949291839", "1.3.0/discount_rules")
    assert found.index("1.7.1/gift_card_tax_rate") > found.index(
        "addTaxRateToGiftCards1670855241304"
    )
    assert "1.7.3/sales_channels" in found, "the flag is on in the target"
    assert "1.3.6/sales_channels" not in found, "that of 1.7.3 repeats it"


def test_a_data_step_inside_the_proven_range_counts_as_done():
    path = planned(names("1.3.2"), "1.3.6")

    assert [step.name for step in path.assumed_done] == [
        "1.3.0/discount_rules",
        "1.3.0/line_item_adjustments",
    ]
    assert not any(name.startswith("1.3.0/") for name in items(path))


def test_a_data_step_can_be_asked_for():
    path = planned(names("1.3.2"), "1.3.2", asked=("1.3.0/discount_rules",))

    assert items(path) == ["1.3.0/discount_rules"]


def test_data_steps_can_be_left_out():
    path = planned(names("1.2.1"), "1.8.0", data_steps=False)

    assert not any("/" in name for name in items(path))


def test_a_data_step_of_a_flag_that_is_off_does_not_run():
    path = planned(names("1.3.4"), "1.3.6")

    assert items(path) == names("1.3.6")[-2:]


def test_what_the_history_names_decides_within_a_proven_range():
    path = planned(names("1.16.0"), "1.20.11", at="1.17.0")

    assert next(str(note.version) for note in path.notes) == "1.17.3"
    assert path.maybe_notes == ()


def test_a_range_without_history_names_the_notes_that_may_be_behind():
    path = planned(names("1.16.0"), "1.20.11")

    assert "1.17.0" in [str(note.version) for note in path.maybe_notes]
    assert [str(note.version) for note in path.breaking] == []


def test_a_flag_that_is_on_stays_on():
    path = planned(names("1.9.0", tax_inclusive_pricing=True), "1.20.11")

    assert path.flags["tax_inclusive_pricing"] is True


def test_a_flag_switched_off_by_hand_stays_off():
    path = planned(names("1.9.0", analytics=False), "1.20.11")

    assert path.flags["analytics"] is False
    assert "addAnalyticsConfig1666173221888" not in items(path)


def test_a_flag_that_turns_on_by_default_turns_on():
    path = planned(names("1.6.0"), "1.6.1")

    assert items(path) == ["addAnalyticsConfig1666173221888"]


def test_a_downgrade_is_refused_by_name():
    with pytest.raises(RefusedError) as caught:
        planned(names("1.12.3"), "1.11.0")

    assert str(caught.value).startswith(
        "the ledger holds migrations from after 1.11.0: "
        "productDomainImprovedIndexes1679950645254, productSearchGinIndexes1679950645254."
    )
    assert "ask for 1.12.0 or later" in str(caught.value)


def test_a_version_with_the_same_set_is_no_downgrade():
    assert planned(names("1.20.11"), "1.20.4").items == ()


def test_a_flag_set_by_hand_that_looks_like_a_later_version_is_no_downgrade():
    ledger = names("1.6.0", analytics=True)

    assert planned(ledger, "1.6.0", at="1.6.0").nothing
    assert planned(ledger, "1.6.0").items == ()


def test_a_partial_ledger_is_completed():
    ledger = [*names("1.1.0"), "claims1612284947120", "customerGroups1644943746861"]

    path = planned(ledger, "1.8.0")

    missing = set(names("1.8.0")) - set(ledger)
    assert {n for n in items(path) if "/" not in n} == missing


@pytest.mark.parametrize("gone", ["initialSchema1611063162649", "nullablePassword1619108646647"])
def test_data_steps_before_a_ledger_with_a_gap_count_as_done(gone):
    path = planned([name for name in names("1.3.9") if name != gone], "1.7.1")

    assert items(path)[:1] == [gone]
    assert [name for name in items(path) if "/" in name] == ["1.7.1/gift_card_tax_rate"]
    assert [step.name for step in path.assumed_done] == [
        "1.3.0/discount_rules",
        "1.3.0/line_item_adjustments",
    ]
    assert {note.version for note in path.notes}.isdisjoint(
        CATALOG.versions[: CATALOG.versions.index(v("1.3.9"))]
    )


def test_versions_without_migrations_behind_a_ledger_with_a_gap_are_reached():
    ledger = [name for name in names("1.7.2") if name != "nullablePassword1619108646647"]

    assert not any(name.startswith("1.7.1/") for name in items(planned(ledger, "1.8.0")))


@pytest.mark.parametrize("whole", ["1.2.1", "1.3.9", "1.7.0"])
def test_a_run_that_ended_early_goes_on_with_its_data_steps(whole):
    path = items(planned(names(whole), "1.20.11"))
    for ran in range(1, len(path)):
        ledger = names(whole) + [name for name in path[:ran] if "/" not in name]
        done = frozenset(name for name in path[:ran] if "/" in name)
        if prove(CATALOG, ledger).partial:
            again = planned(ledger, "1.20.11", done=done)

            assert items(again) == path[ran:]
            assert again.assumed_done == ()


def test_migrations_of_the_shop_are_sorted_in_by_timestamp():
    own = Migration("loyalty1672906846559", 1672906846559, None, "", lambda: "select 1", "x.sql")

    found = items(planned([], "1.8.0", own=(own,)))

    at = found.index("loyalty1672906846559")
    assert found[at + 1] == "productCategory1672906846559"


def test_migrations_of_the_shop_run_before_the_stop_that_they_come_before():
    early, late = (
        Migration(f"own{at}", at, None, "", lambda: "select 1", "x.sql")
        for at in (1640000000000, 1900000000000)
    )

    first, last = planned(names("1.2.1"), "1.20.11", stops=(v("1.3.9"),), own=(early, late)).steps

    assert first.items[0] == early
    assert last.items[-1] == late
    assert early not in last.items


def test_an_applied_migration_of_the_shop_is_not_pending():
    own = Migration("loyalty1672906846559", 1672906846559, None, "", lambda: "select 1", "x.sql")

    assert planned([*names("1.8.0"), own.name], "1.8.0", own=(own,)).nothing


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"asked": ("1.3.0/nope",)}, "--data-step 1.3.0/nope: there are 1.3.0/discount_rules"),
        (
            {"stops": (v("1.8.7"),)},
            "--stop 1.8.7: no such version; near it are 1.8.2, 1.9.0, 1.10.0",
        ),
    ],
    ids=["data-step", "stop"],
)
def test_what_does_not_exist_is_named(request_, message):
    with pytest.raises(UsageError) as caught:
        planned([], "1.20.11", **request_)

    assert str(caught.value).startswith(message)


def test_what_nobody_asked_for_is_done_to_an_empty_database_only():
    assert items(planned([], "1.20.11", unasked=True)) == names("1.20.11")
    with pytest.raises(UsageError, match="it is not upgraded unasked"):
        planned(names("1.12.3"), "1.20.11", unasked=True)


def test_a_version_that_shares_its_migrations_is_a_step_of_its_own():
    path = planned(names("1.15.2"), "1.17.0", at="1.15.2")

    assert (path.items, path.nothing) == ((), False)
    assert [str(note.version) for note in path.breaking] == ["1.17.0"]


def test_going_back_is_refused_only_across_a_version_that_breaks_older_servers():
    assert planned(names("1.20.11"), "1.20.3", at="1.20.11").items == ()
    with pytest.raises(RefusedError, match=r"servers older than 1\.3\.0 do not work with it"):
        planned(names("1.3.0"), "1.1.65", at="1.3.0")


@pytest.mark.parametrize(
    ("at", "older"), [("1.20.11", "1.20.3"), ("1.17.4", "1.15.2"), ("1.19.0", "1.18.0")]
)
def test_versions_with_the_same_migrations_are_no_downgrade(at, older):
    path = planned(names(at), older, at=at)

    assert (items(path), path.moves, path.stays) == ([], True, False)


def test_the_same_migrations_are_a_downgrade_where_the_rows_are_not_those_of_the_older_server():
    with pytest.raises(RefusedError, match=r"servers older than 1\.3\.0 do not work with it"):
        planned(names("1.3.3"), "1.2.0", at="1.3.3")


@pytest.mark.parametrize(("at", "older"), [("1.20.11", "1.16.0"), ("1.12.3", "1.8.0")])
def test_a_newer_database_stays_where_it_is_where_that_is_allowed(at, older):
    path = planned(names(at), older, at=at, allow_newer=True)

    assert (items(path), path.nothing, path.stays) == ([], True, True)


@pytest.mark.parametrize(
    ("at", "older"), [("1.20.11", "1.12.3"), ("1.13.0", "1.12.3"), ("1.3.3", "1.2.0")]
)
def test_a_newer_database_with_which_the_older_server_breaks_is_refused_all_the_same(at, older):
    with pytest.raises(RefusedError) as refused:
        planned(names(at), older, at=at, allow_newer=True)

    assert refused.value.reason == "OlderServersBreak"


def test_a_database_that_is_older_is_migrated_whatever_is_allowed():
    path = planned(names("1.12.3"), "1.20.11", at="1.12.3", allow_newer=True)

    assert (path.stays, len(items(path)) > 0) == (False, True)


def data_steps(ledger):
    return [name for name in items(planned(ledger, "1.20.11")) if "/" in name]


@pytest.mark.parametrize("version", [str(each) for each in CATALOG.versions])
def test_the_same_data_steps_run_where_the_ledger_has_a_gap(version):
    whole = names(version)
    wanted = data_steps(whole)
    for gone in whole[:-1:5]:
        ledger = [name for name in whole if name != gone]
        if prove(CATALOG, ledger).partial:
            assert data_steps(ledger) == wanted, gone
