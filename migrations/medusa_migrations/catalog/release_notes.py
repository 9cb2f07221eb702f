"""Pure: what the releases of Medusa v2 ask of a database and of whoever migrates it, and which Node and PostgreSQL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa_migrations.catalog.model import Note, Severity
from medusa_migrations.catalog.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGE = "https://github.com/medusajs/medusa/releases/tag/v"


@dataclass(frozen=True, slots=True)
class Minimum:
    """The oldest Node and PostgreSQL for the versions from one on."""

    since: Version
    node: tuple[tuple[int, int], ...]
    """By major version, ascending: the oldest minor version of it; a major between two of them is not supported."""
    postgresql: int
    """0: no migration of these versions is known to need more than another one."""


MINIMUMS = (
    Minimum(Version(2, 0, 0), ((20, 0),), 0),
    Minimum(Version(2, 17, 0), ((20, 0),), 13),  # gen_random_uuid(), an extension's before
    Minimum(Version(2, 19, 0), ((20, 19), (22, 12)), 13),
)
"""Oldest first; of Node what the packages' `engines` name."""


def _note(
    version: str,
    summary: str,
    *,
    before: tuple[str, ...] = (),
    after: tuple[str, ...] = (),
    severity: Severity = Severity.ACTION,
) -> Note:
    number = Version(*map(int, version.split(".")))
    return Note(number, severity, summary, before=before, after=after, url=f"{_PAGE}{version}")


NOTES = (
    _note(
        "2.3.0",
        "Migration scripts begin: files in src/migration-scripts run once each, behind the migrations.",
        after=("A script that was killed does not run again by itself before 2.21.0.",),
        severity=Severity.INFO,
    ),
    _note(
        "2.5.0",
        "A script links every product to the default shipping profile, which it makes where there is none.",
        after=(
            "Check that products have their profile: the script ends well even where it has failed.",
        ),
    ),
    _note(
        "2.8.0",
        "A script gives tax regions of whole countries that have no provider the system's one, tp_system.",
        before=("Set the provider of regions whose taxes another one calculates.",),
    ),
    _note(
        "2.11.1",
        "Credit lines of orders get a column version, which servers from this version on read.",
        before=("Migrate before the new servers start.",),
    ),
    _note(
        "2.14.0",
        "A script rewrites currency codes to lower case, in every table that has them.",
        before=(
            "Look for code, reports and integrations that compare currency codes in upper case.",
        ),
    ),
    _note(
        "2.15.3",
        "A script calculates the reserved quantity of every inventory level anew.",
        before=("Note the quantities that were corrected by hand: they are overwritten.",),
    ),
    _note(
        "2.16.0",
        "The server no longer starts without secrets of its own: the defaults of jwtSecret and cookieSecret are gone.",
        before=("Set both in medusa-config, or JWT_SECRET and COOKIE_SECRET.",),
        severity=Severity.BREAKING,
    ),
    _note(
        "2.17.0",
        "Options of products become global; a script rewrites the ids of the tables between options and products, a "
        "thousand rows at a time.",
        before=(
            "Make a backup, and allow a large shop time: --run-timeout.",
            "PostgreSQL 13 or later.",
        ),
        severity=Severity.BREAKING,
    ),
    _note(
        "2.19.0",
        "Node 20.19 or 22.12 is the oldest one; indexes of search are made behind the links.",
        before=("Build the image on a Node that is new enough.",),
        severity=Severity.BREAKING,
    ),
    _note(
        "2.21.0",
        "A migration script counts as done only when it has come to its end: one that was begun and not finished runs again.",
        before=("Set finished_at in script_migrations of those that must not run again.",),
    ),
)
"""Ascending."""


def between(after: Version | None, to: Version) -> tuple[Note, ...]:
    """Return the notes of the versions above *after* up to *to*, ascending."""
    return tuple(
        one for one in NOTES if (after is None or one.version > after) and one.version <= to
    )


def too_old(installed: Version, node: str, postgresql: int) -> Iterator[str]:
    """Yield what is older than the *installed* Medusa supports: the version *node*, and PostgreSQL's, as servers number it.

    v1 names nothing.
    """
    found = [one for one in MINIMUMS if one.since <= installed]
    if not found:
        return
    needed = found[-1]
    number = re.match(r"v?(\d+)\.(\d+)", node)
    if number and not _supports(needed, (int(number[1]), int(number[2]))):
        wanted = " or ".join(f"{major}.{minor}" for major, minor in needed.node)
        yield f"Medusa {installed} wants Node {wanted} or later, and {node} is used; it may fail"
    if postgresql // 10000 < needed.postgresql:
        yield (
            f"Medusa {installed} wants PostgreSQL {needed.postgresql} or later, and the server is "
            f"{postgresql // 10000}: migrations may fail"
        )


def _supports(needed: Minimum, node: tuple[int, int]) -> bool:
    if node > needed.node[-1]:
        return True
    return any(node[0] == major and node[1] >= minor for major, minor in needed.node)
