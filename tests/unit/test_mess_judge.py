"""What the fuzz of messy shops takes for wrong."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from mess_judge import Run, Seen, complaints

DONE = Run(0, {"state": "done", "verified": True})
NOTHING = Run(0, {"state": "nothing"})
WOULD = Run(10, {})
REFUSED = Run(9, {"state": "failed", "reason": "RowsInTheWay"})
FORESEEN = Run(9, {"findings": [{"reason": "RowsInTheWay", "fatal": True}]})
FAILED = Run(7, {"state": "failed", "reason": "MigrationFailed"})
TAKEN = Run(9, {"state": "failed", "reason": "NameTaken"})


def taken(what: str) -> dict[str, Run | str]:
    problem = f"the {what} mine is there already, and a1 makes it"
    plan = Run(9, {"findings": [{"reason": "NameTaken", "fatal": True, "problem": problem}]})
    return {"first": TAKEN, "second": TAKEN, "theirs": "", "plan": plan}


RETYPED = (
    "only Medusa's: public: column cart 08 type: cart_type_enum not null default 'default'\n"
    "only ours: public: column cart 08 type: text not null"
)
SAID = Run(0, {"state": "done", "differences": [{"object": "column cart.type"}]})
HIDDEN = Run(5, {"state": "failed", "reason": "RowSecurity"})

UPGRADED = Seen("", WOULD, DONE, NOTHING, Run(0, {}), "", "", unforeseeable=False)
STOPPED = dataclasses.replace(
    UPGRADED, theirs="it fails", plan=FORESEEN, first=REFUSED, second=REFUSED, verify=Run(10, {})
)
SURPRISED = dataclasses.replace(
    STOPPED, plan=WOULD, first=FAILED, second=FAILED, unforeseeable=True
)


@pytest.mark.parametrize(
    ("seen", "changed", "wrong"),
    [
        pytest.param(UPGRADED, {}, [], id="upgraded-as-medusa-does"),
        pytest.param(UPGRADED, {"theirs": "it fails"}, [], id="upgraded-where-medusa-cannot"),
        pytest.param(UPGRADED, {"difference": "a row"}, ["silently"], id="another-row"),
        pytest.param(UPGRADED, {"difference": RETYPED}, ["silently"], id="a-column-left-unsaid"),
        pytest.param(
            UPGRADED,
            {"difference": RETYPED, "first": SAID, "verify": Run(8, {})},
            [],
            id="a-column-that-was-reported",
        ),
        pytest.param(UPGRADED, {"second": DONE}, ["a second run is not nothing"], id="twice"),
        pytest.param(UPGRADED, {"verify": Run(8, {})}, ["verified is True"], id="verify-differs"),
        pytest.param(UPGRADED, {"plan": FORESEEN}, ["plan refuses"], id="plan-refuses"),
        pytest.param(STOPPED, {}, [], id="refused-as-medusa-fails"),
        pytest.param(STOPPED, {"theirs": ""}, ["Medusa's own"], id="refused-where-medusa-can"),
        pytest.param(STOPPED, {"changed": "a row"}, ["something was written"], id="a-half"),
        pytest.param(STOPPED, {"second": DONE}, ["a second run ends otherwise"], id="two-answers"),
        pytest.param(STOPPED, {"plan": WOULD}, ["plan foresees nothing"], id="plan-was-blind"),
        pytest.param(
            STOPPED, {"first": HIDDEN, "second": HIDDEN}, ["plan foresees ["], id="plan-errs"
        ),
        pytest.param(
            STOPPED,
            {"first": HIDDEN, "second": HIDDEN, "theirs": "", "plan": Run(5, {})},
            [],
            id="refused-for-a-reason-that-medusa-does-not-see",
        ),
        pytest.param(STOPPED, taken("sequence"), [], id="a-sequence-of-a-serial-column"),
        pytest.param(STOPPED, taken("table"), ["Medusa's own"], id="another-name-that-is-taken"),
        pytest.param(SURPRISED, {}, [], id="what-nobody-can-know"),
        pytest.param(SURPRISED, {"changed": "a row"}, ["something was"], id="a-half-of-it"),
        pytest.param(
            SURPRISED, {"changed": "a row", "each": True}, [], id="what-was-committed-before-it"
        ),
        pytest.param(
            SURPRISED,
            {"unforeseeable": False},
            ["ended without a reason", "plan foresees nothing"],
            id="a-failure-that-could-be-known",
        ),
    ],
)
def test_what_is_wrong(seen: Seen, changed: dict[str, Any], wrong: list[str]) -> None:
    found = complaints(dataclasses.replace(seen, **changed))

    assert [one.startswith(start) for one, start in zip(found, wrong, strict=True)] == [True] * len(
        wrong
    )
