"""What it costs to look at a shop: our commands, and what one would do by hand."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from contestants import TARGET, Contestant, UnavailableError, environment, medusa_db
from measure import FailedRunError, Invocation
from medusa_db.demo import embedded

if TYPE_CHECKING:
    from pathlib import Path

VERIFY, STATUS, NOTHING = "`medusa-db verify`", "`medusa-db status`", "`medusa-db migrate`"
BY_HAND = "`pg_dump -s`, and `diff` with a fresh one"
FIRST, AGAIN = "first", "again"
FORGET = "drop table medusa_db.verification"
"""Makes a shop one whose catalogs nobody has noted, as where no run of ours has verified it."""

_COMMANDS = {
    VERIFY: (("verify",), f"The schema is that of {TARGET}"),
    STATUS: (("status",), TARGET),
    NOTHING: (("migrate", "--to", TARGET, "--yes"), "Nothing to do"),
}
_DUMP = ("--schema-only", "--no-owner", "--schema=public")
_DIFFER = r"""
pg_dump=$1 fresh=$2; shift 2
"$pg_dump" "$@" | diff -I '^\\\(un\)\{0,1\}restrict ' "$fresh" - && echo equal
"""
"""Newer releases of pg_dump write a key that is another one each time."""


def named(what: str, when: str) -> str:
    """Return the name of one of our commands, *first* or *again*."""
    return f"{what}, {when}"


def ours(folder: Path, what: str, when: str) -> Contestant:
    """Return one of our commands."""
    words, says = _COMMANDS[what]
    command = (medusa_db(), *words)
    return Contestant(
        named(what, when),
        lambda url: Invocation(command, environment(DATABASE_URL=url), folder),
        says,
    )


def by_hand(folder: Path, fresh: str) -> Contestant:
    """Return the comparison with a dump of the fresh database at the URL *fresh*, which is made once."""
    program = embedded.binaries() / "pg_dump"
    if not program.exists():
        raise UnavailableError("pg_dump is not installed")
    dumped = folder / "fresh.sql"
    done = subprocess.run(
        [program, *_DUMP, "--file", dumped, fresh],
        env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise FailedRunError(f"pg_dump ended with {done.returncode}: {done.stderr}")
    command = ("sh", "-c", _DIFFER, "sh", str(program), str(dumped), *_DUMP)
    return Contestant(
        BY_HAND, lambda url: Invocation((*command, url), environment(), folder), "equal"
    )
