"""Pure: how grave it is that an object differs, and what comes of it."""

from __future__ import annotations

import re
from enum import StrEnum


class DriftSeverity(StrEnum):
    """What a difference means for the shop."""

    HARMFUL = "harmful"
    """The server misbehaves, integrity is lost, or rows can be lost."""
    BLOCKS = "blocks"
    """An upgrade fails or is refused because of it."""
    HARMLESS = "harmless"
    """The server does not notice it."""


Judged = tuple[DriftSeverity, str]
"""The severity, and in words what comes of it."""

_UNBOUNDED = frozenset({"text", "character varying"})
_WIDER = {("smallint", "integer"), ("real", "double precision")}
_WHOLE = frozenset({"smallint", "integer"})
_ROUNDED = re.compile(r"\((\d)\)")
_READ = 3
"""Decimals of a second that JavaScript knows."""
_BOUNDED = re.compile(r"character varying\((\d+)\)")
LONG = 255
"""Characters that a text of Medusa's may be bounded to without anybody noticing."""
_TIMES = frozenset({"now ( )", "current_timestamp", "transaction_timestamp ( )", "localtimestamp"})


def retyped(wanted: str, live: str) -> Judged:
    """Return what it means that a column is of the type *live* instead of *wanted*."""
    if {wanted, live} <= _UNBOUNDED or (wanted, live) in _WIDER:
        return DriftSeverity.HARMLESS, "it holds every value that the server writes"
    bounded = _BOUNDED.fullmatch(live)
    if bounded and wanted in _UNBOUNDED:
        most = int(bounded[1])
        effect = f"a text of more than {most} characters is refused"
        return (DriftSeverity.HARMLESS if most >= LONG else DriftSeverity.HARMFUL), effect
    if wanted in _WHOLE and live == "bigint":
        return (
            DriftSeverity.HARMFUL,
            "Node reads it as a text: the server joins such numbers where it means to add them",
        )
    rounded = _ROUNDED.search(live)
    if rounded and _ROUNDED.sub("", live) == wanted and wanted.startswith("timestamp"):
        if int(rounded[1]) >= _READ:
            return DriftSeverity.HARMLESS, "the server reads no more of a second than it keeps"
        return DriftSeverity.HARMFUL, "times are rounded, some of them into the future"
    if wanted.startswith("timestamp") and live.startswith("timestamp"):
        return (
            DriftSeverity.HARMFUL,
            "times are read in another time zone than they were written in",
        )
    return (
        DriftSeverity.HARMFUL,
        "values that the server writes may be refused, changed or come back in another form",
    )


def defaulted(wanted: str | None, live: str | None, *, not_null: bool) -> Judged:
    """Return what it means that a column has the default *live* instead of *wanted*."""
    if wanted in _TIMES and live in _TIMES:
        return DriftSeverity.HARMLESS, "both are the time at which the transaction begins"
    if live is not None:
        return (
            DriftSeverity.HARMFUL,
            "rows that the server adds get another value than it takes for granted",
        )
    if not_null:
        return DriftSeverity.HARMFUL, "rows that the server adds without a value for it are refused"
    return DriftSeverity.HARMFUL, "rows that the server adds stay without a value for it"


def labelled(wanted: tuple[str, ...], live: tuple[str, ...]) -> Judged:
    """Return what it means that an enum has the values *live* instead of *wanted*."""
    lacking = [label for label in wanted if label not in live]
    if lacking:
        return DriftSeverity.HARMFUL, f"the server cannot write {', '.join(lacking)}"
    if [label for label in live if label in wanted] == list(wanted):
        return DriftSeverity.HARMLESS, "the server does not write the values that are not its own"
    return DriftSeverity.HARMLESS, "only the order of sorted rows is another one"
