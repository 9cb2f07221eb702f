"""Pure: where a statement failed, and what stays of a run, in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

_FUNCTION = r"(?:PL/\w+|SQL)[ -]\w+ ((?:\"[^\"]+\"|[\w$.])+(?:\([^()]*\))?)"
_LINES, _WIDTH = 8, 160


def functions(exc: psycopg.Error) -> tuple[str, ...]:
    """Return the functions that *exc* was raised in, the innermost first, as PostgreSQL names them."""
    found = (re.match(_FUNCTION, line.strip()) for line in (exc.diag.context or "").splitlines())
    names = dict.fromkeys(match[1].strip('"') for match in found if match)
    return tuple(name for name in names if name != "inline_code_block")  # a `do` has no name


def where(exc: psycopg.Error, triggers: Sequence[str] = ()) -> str:
    """Say in which functions, and by which of *triggers*, *exc* was raised; empty for a plain statement."""
    names = functions(exc)
    if not names:
        return ""
    called = f", called by {' and '.join(triggers[:3])}" if triggers else ""
    return f", in the function {', in '.join(names[:3])}{called}"


def context(exc: psycopg.Error) -> str:
    """Return PostgreSQL's CONTEXT, shortened: it may quote statements with their rows."""
    lines = (exc.diag.context or "").splitlines()
    shown = [line if len(line) <= _WIDTH else f"{line[:_WIDTH]}..." for line in lines[:_LINES]]
    return "\n".join(["CONTEXT: " + shown[0], *shown[1:]]) if shown else ""


def stays(committed: int, place: str, *, unknown: bool) -> str:
    """Say what stays of a run that failed: so many items, by which the database is at *place* now.

    *unknown*: the connection was lost while a commit's answer was awaited.
    """
    if unknown:
        return (
            "Whether its last transaction was committed is not known, for the answer was lost: `medusa-db "
            "status` tells where the database is"
        )
    items = (
        "1 migration or data step" if committed == 1 else f"{committed} migrations and data steps"
    )
    return (
        f"What came before it in this run stays: {items} committed, and the database is at {place} now. "
        "An older server may not work with it; the same command goes on from here"
    )


def caret(text: str, position: str | None) -> str:
    """Return the line of *text* that PostgreSQL points at, with a caret, as psql shows it."""
    if not position:
        return ""
    at = int(position) - 1
    if at >= len(text):  # the ledger row behind the text
        return ""
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    number = text.count("\n", 0, at) + 1
    prefix = f"LINE {number}: "
    line = text[start : end if end >= 0 else len(text)]
    return f"{prefix}{line}\n{' ' * (len(prefix) + at - start)}^"
