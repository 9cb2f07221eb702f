"""Medusa's data scripts on the way of a messy shop: which, how they ended, and what must differ afterwards."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import medusa_scripts
from ledgers import v

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from mess_upgrades import Upgrade

SALES_CHANNELS = "sales-channels-migration"
ENDINGS = (
    "Database migration completed",
    "have been successfully migrated",
    "could not be migrated",
    "default sales channel does not exists yet",
)
"""Words with which a script ends that has done what it can: of the third all is committed, and the last is asked
to come again."""
WITHIN = 30.0
"""Seconds for a script; one goes on for ever where a row is not taken."""

_NEW_ID = re.compile(r"\b(?:lia|discon)_[0-7][0-9A-HJKMNP-TV-Z]{25}\b")
_CONDITIONS = """
    select id::text, discount_rule_id::text from discount_condition
"""


class ScriptError(Exception):
    """A script of Medusa's failed, or did not end."""


def data_scripts(upgrade: Upgrade) -> Iterator[tuple[str, list[str]]]:
    """Yield the versions on the way at which an upgrade guide asks for scripts, and those."""
    if not upgrade.data_steps:
        return
    if upgrade.crosses(v("1.3.9")):
        yield "1.3.9", ["line-item-adjustment-migration", "discount-rule-migration"]
    channels = upgrade.theirs.get("sales_channels", True)  # the default from 1.7.3 on
    yield "1.7.15", ["gift-card-tax-rate-migration", *([SALES_CHANNELS] if channels else [])]


def run_script(version: str, script: str, url: str) -> None:
    """Run a script of Medusa's; raise ScriptError where it has not done its work."""
    try:
        done = medusa_scripts.run(version, script, url, within=WITHIN)
    except subprocess.TimeoutExpired as exc:
        raise ScriptError(f"{script} of {version} does not end") from exc
    words = f"{done.stdout}\n{done.stderr}"
    if not any(ending in words for ending in ENDINGS):
        raise ScriptError(f"{script} of {version}: {words[-500:]}")


def without_new_ids(conn: psycopg.Connection[Any], facts: list[str]) -> list[str]:
    """Return *facts* with what a row is for in place of an id that was made for it."""
    row = conn.execute("select to_regclass('discount_condition')").fetchone()
    conditions = dict(conn.execute(_CONDITIONS).fetchall()) if row and row[0] else {}

    def name(found: re.Match[str]) -> str:
        rule = conditions.get(found[0])
        return "a new id" if rule is None else f"a new condition of {rule}"

    return [_NEW_ID.sub(name, fact) for fact in facts]
