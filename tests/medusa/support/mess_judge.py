"""Pure: may a run end so on a database that real life has changed? what was seen -> what is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMELESS = frozenset(
    {"", "Unexpected", "Refused", "Denied", "Unsupported", "Unreachable", "MigrationFailed"}
)
"""Reasons that only say that something went wrong."""

WOULD_RUN = (0, 10)
"""How `plan --check` ends where `migrate` would go through."""

JUSTIFIED = {
    "RowSecurity": "Medusa's own migrations go through and lose what the policies hide",
    "OtherDefinition": "Medusa's own migrations take an object of that name for theirs, whatever it is",
}
"""Why we refuse what Medusa's own migrations do."""


_COLUMN = re.compile(
    r"only (?:Medusa's: \S+: column (\S+) \d+ (\S+): \w+_enum .*|ours: \S+: column (\S+) \d+ (\S+): text .*)"
)
"""A column that Medusa gives an enum, and that is a text with us."""


@dataclass(frozen=True, slots=True)
class Run:
    """How one command ended."""

    code: int
    report: dict[str, Any]
    log: str = ""
    """What it wrote to stderr."""

    @property
    def reason(self) -> str:
        return str(self.report.get("reason", ""))

    @property
    def fatal(self) -> list[str]:
        """Reasons of what a plan found that forbids the run."""
        return [one["reason"] for one in self.report.get("findings", ()) if one["fatal"]]

    def __str__(self) -> str:
        lines = [line for line in self.log.splitlines() if not line.startswith("{")]
        return " ".join([str(self.code), self.reason, *lines])[:1500]


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that was seen of one shop."""

    theirs: str
    """Why Medusa's own migrations failed; empty: they went through."""
    plan: Run
    first: Run
    second: Run
    verify: Run
    changed: str
    """What the first run changed; empty: nothing."""
    difference: str
    """How the shop differs from the one that Medusa has upgraded, where both went through."""
    unforeseeable: bool
    """Whether something was done that nobody can know beforehand."""
    each: bool = False
    """Whether every migration was a transaction of its own."""


def complaints(seen: Seen) -> list[str]:
    """Return everything that must not be."""
    if seen.first.code == 0:
        return [*_went_through(seen), *_plan_agrees(seen)]
    return [*_refused(seen), *_plan_agrees(seen)]


def _went_through(seen: Seen) -> Iterator[str]:
    if not seen.theirs and seen.difference and not _are_named_enums(seen):
        yield f"silently different from Medusa's:\n{seen.difference[:3000]}"
    again = (seen.second.code, seen.second.report.get("state"))
    if again != (0, "nothing"):
        yield f"a second run is not nothing: {seen.second}"
    verified = seen.first.report.get("verified")
    if (seen.verify.code == 0) is not bool(verified) and seen.first.report.get(
        "state"
    ) != "nothing":
        yield f"verified is {verified}, and then verify ends with {seen.verify}"


def _are_named_enums(seen: Seen) -> bool:
    """Return whether nothing but values of enums, and columns of them, differs, and all of it was reported.

    A value that the shop has added stays with us; Medusa makes some enums anew, drops it, and gives the column
    that type, whatever the shop has made of it. A value that Medusa would add may stand in another place.
    """
    theirs: dict[str, list[str]] = {}
    ours: dict[str, list[str]] = {}
    named = {one["object"] for one in seen.first.report.get("differences", ())}
    for line in seen.difference.splitlines():
        column = _COLUMN.fullmatch(line)
        if column and f"column {column[1] or column[3]}.{column[2] or column[4]}" in named:
            continue
        side, found, fact = line.partition(": enum ")
        if not found or not side.startswith("only "):
            return False
        name, _, values = fact.partition(": ")
        (theirs if side.startswith("only Medusa's") else ours)[name] = values.split(", ")
    return theirs.keys() == ours.keys() and all(
        f"type {name}" in named and set(values) <= set(ours[name])
        for name, values in theirs.items()
    )


def _refused(seen: Seen) -> Iterator[str]:
    first = seen.first
    excused = seen.unforeseeable and first.reason == "MigrationFailed"
    if first.reason in NAMELESS and not excused:
        yield f"ended without a reason that was known beforehand: {first}"
    if seen.changed and not (excused and seen.each):
        yield f"something was written by a run that ended with {first}:\n{seen.changed[:2000]}"
    justified = first.reason in JUSTIFIED or _is_of_a_serial_column(seen)
    if not seen.theirs and not justified and not excused:
        yield f"Medusa's own migrations go through, and we refuse: {first}"
    if (seen.second.code, seen.second.reason) != (first.code, first.reason):
        yield f"a second run ends otherwise: {first}, then {seen.second}"


def _is_of_a_serial_column(seen: Seen) -> bool:
    """Return whether nothing but the names of sequences is in the way.

    Medusa's own gets a sequence of another name then, and numbers that no version has; ours asks to rename the shop's.
    """
    findings = [one for one in seen.plan.report.get("findings", ()) if one["fatal"]]
    return bool(findings) and all(
        one["reason"] == "NameTaken" and one["problem"].startswith("the sequence ")
        for one in findings
    )


def _plan_agrees(seen: Seen) -> Iterator[str]:
    plan, first = seen.plan, seen.first
    refuses = plan.code not in WOULD_RUN
    if refuses and first.code == 0:
        yield f"plan refuses ({plan} {plan.fatal}), and migrate goes through"
    if not refuses and first.code != 0 and not seen.unforeseeable:
        yield f"plan foresees nothing, and migrate ends with {first}"
    if plan.fatal and first.code != 0 and first.reason not in plan.fatal:
        yield f"plan foresees {plan.fatal}, and migrate ends with {first}"
