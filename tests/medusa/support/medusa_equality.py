"""Whether two databases are the same in everything that Medusa makes: one by it, one by us."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg

import medusa_snapshot as snapshots
import servers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

NAMES = ("Medusa's", "ours")


def migrate(version: str, url: str, flags: Mapping[str, bool] | None = None) -> dict[str, Any]:
    """Bring the database at *url* to *version* with our own command; return its report.

    Data steps are left out: the upgrade guides ask for them, Medusa's migrations do not.
    """
    options = [f"--flag={name}={str(on).lower()}" for name, on in (flags or {}).items()]

    done = servers.medusa_db(
        "migrate", "--to", version, "--no-data-steps", "--output", "json", *options, url=url
    )

    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr}{done.stdout}"
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def clock(url: str) -> datetime:
    """Return the server's time; what a run writes with now() is not before it."""
    with psycopg.connect(url) as conn:
        row = conn.execute("select clock_timestamp()").fetchone()
        assert row is not None
        time: datetime = row[0]
        return time


def differences(theirs: str, ours: str, *, since: datetime | None = None) -> str:
    """Compare ledger, schema and every row; an empty string when all are equal."""
    with psycopg.connect(theirs) as left, psycopg.connect(ours) as right:
        parts = [
            _ledger_difference(snapshots.ledger(left), snapshots.ledger(right)),
            snapshots.difference(snapshots.snapshot(left), snapshots.snapshot(right), names=NAMES),
            snapshots.row_difference(
                snapshots.rows(left, since=since), snapshots.rows(right, since=since), names=NAMES
            ),
        ]
    return "\n".join(part for part in parts if part)


def _ledger_difference(left: list[tuple[int, str]], right: list[tuple[int, str]]) -> str:
    """Order counts: Medusa reverts the row with the highest id."""
    if left == right:
        return ""
    place = next(
        (n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b),
        min(len(left), len(right)),
    )
    rest = f"{NAMES[0]} goes on with {left[place:][:3]}, {NAMES[1]} with {right[place:][:3]}"
    return f"the ledgers agree in {place} rows of {len(left)} and {len(right)}; {rest}"
