"""Pure: says in a sentence, and with what to do, why PostgreSQL refused a statement."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import FailedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

_FUNCTION = re.compile(r"(?:PL/\w+|SQL)[ -]\w+ ((?:\"[^\"]+\"|[\w$.])+(?:\([^()]*\))?)")
_TAKEN = "Something of that name is there already: give what the file makes another name, or write `if not exists`"
_THERE = (
    "What this migration of Medusa's makes is there already: its row is missing in the ledger, or somebody "
    "made it by hand. Drop nothing, it may hold rows: `medusa-db repair` shows which rows of the ledger the "
    "schema proves, and `medusa-db repair --apply` writes them"
)
_UNCHANGED = " Nothing of this step remains; the database is as it was before, and the old server keeps working."
_LINES, _WIDTH = 8, 160
_REASONS = {"53100": "DiskFull", "57014": "StatementTimeout"}


def explain(
    exc: psycopg.Error,
    what: str,
    text: str,
    *,
    own: bool,
    committed: bool,
    triggers: Sequence[str] = (),
) -> FailedError:
    """Return the failure of the item *what*, whose SQL is *text*, for what PostgreSQL said.

    *own* tells that the item is the shop's own, *committed* that something of this run stays.
    """
    said = exc.diag.message_primary or str(exc)
    lines = (
        caret(text, exc.diag.statement_position),
        exc.diag.message_detail,
        exc.diag.message_hint,
        context(exc),
    )
    inside = where(exc, triggers)
    rest = "" if committed else _UNCHANGED
    return FailedError(
        f"{what}: {said} (SQLSTATE {exc.sqlstate}){inside}; rolled back.{rest} "
        f"{advice(exc.sqlstate, own=own)}".rstrip(),
        reason=_REASONS.get(exc.sqlstate or "", "MigrationFailed"),
        detail="\n".join(filter(None, lines)),
    )


def functions(exc: psycopg.Error) -> tuple[str, ...]:
    """Return the functions that *exc* was raised in, the innermost first, as PostgreSQL names them."""
    found = (_FUNCTION.match(line.strip()) for line in (exc.diag.context or "").splitlines())
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

    *unknown* tells that the connection was lost while a commit's answer was awaited.
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


def advice(sqlstate: str | None, *, own: bool) -> str:
    """Return what to do about an error, where its SQLSTATE tells."""
    match sqlstate:
        case "53100":
            return "The server's disk is full: make room there, then run the same command again"
        case "57014":
            return (
                "The statement was cancelled, by --statement-timeout or by hand; allow it more time"
            )
        case "42P07" | "42710" | "42701":
            return _TAKEN if own else _THERE
        case _:
            return ""


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
