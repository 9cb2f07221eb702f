"""Every reason has a definition, and the page of reasons is made of them."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from medusa_operator.resource.reasons import MEANINGS, Category, Reason

PAGE = Path(__file__).parents[2] / "docs" / "reasons.md"
TITLES = {
    Category.READY: "Done",
    Category.RUNNING: "Running",
    Category.WAITING: "Waiting: it goes on by itself",
    Category.GATE: "Waiting for a person to agree",
    Category.RETRIED: "Tried again with backoff",
    Category.STALLED: "Stalled: a person has to fix it",
    Category.ASIDE: "Beside",
}

GATE = """\
Nothing is wrong, so it is not `Stalled`: `Ready` is False, `Reconciling` True, the Event is Normal, and the Job that
found out where the database is has not failed. [What waits for it](operator.md#waiting-for-a-person) sees *in progress*.
"""


def tables():
    rows = sorted(MEANINGS.items(), key=lambda row: list(Category).index(row[1].category))
    for category, group in groupby(rows, key=lambda row: row[1].category):
        lines = [f"| `{reason}` | {found.says} | {found.todo} |" for reason, found in group]
        before = (GATE,) if category is Category.GATE else ()
        yield "\n".join(
            (
                f"## {TITLES[category]}\n",
                *before,
                "| reason | means | to do |",
                "|---|---|---|",
                *lines,
            )
        )


def test_every_reason_has_a_definition():
    assert set(MEANINGS) == set(Reason)


def test_the_page_has_every_definition():
    text = PAGE.read_text()

    assert text[text.index("## ") :] == "\n\n".join(tables()) + "\n"
