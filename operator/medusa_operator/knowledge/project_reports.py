"""Pure: what a report of the shop's own Medusa proves, and what of it is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import AfterValidator, Field

from medusa_migrations.catalog import version as versions
from medusa_operator.knowledge.facts import ProjectFacts
from medusa_operator.resource import plain
from medusa_operator.resource.parse import InvalidError
from medusa_operator.resource.reasons import Reason
from medusa_operator.resource.serial import CAMEL, StrictInt
from medusa_operator.resource.status import LinkTables, ProvenPlace, ScriptRuns, SkippedLink

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

KEPT = 10
"""Names of a kind that a status has."""
NAME = 128
"""Characters of the longest of them."""
LEDGERS = ("migrations", "mikro_orm_migrations")
"""The ledgers of migrations; those of links and scripts are reported by themselves."""
LINKS, SCRIPTS = "link_module_migrations", "script_migrations"
REASONS: Mapping[str, tuple[Reason, bool]] = {
    "MedusaV1Database": (Reason.MEDUSA_V1_DATABASE, False),
    "MedusaV2Database": (Reason.MEDUSA_V2_DATABASE, False),
    "OtherVersion": (Reason.OTHER_VERSION, False),
    "Pending": (Reason.PENDING, False),
    "Unfinished": (Reason.UNFINISHED, False),
    "NotVerified": (Reason.NOT_VERIFIED, False),
    "CommandFailed": (Reason.COMMAND_FAILED, False),
    "Stalled": (Reason.COMMAND_STALLED, False),
    "TimedOut": (Reason.TIMED_OUT, False),
    "LockLost": (Reason.LOCK_LOST, True),
    "NoProject": (Reason.NO_PROJECT, False),
    "NoCommand": (Reason.NO_PROJECT, False),
    "NoNode": (Reason.NO_NODE, False),
    "NoScript": (Reason.NO_SCRIPT, False),
    "MigrationsPending": (Reason.PENDING, False),
    "UnknownMedusa": (Reason.UNKNOWN_MEDUSA, False),
}
"""What a reason of the runner means, and whether another attempt can help by itself."""
SEED_FAILURES = ("CommandFailed", "NotRecorded")
"""Reasons of the runner that mean, of a seed, that it has failed."""
DIFFERENCES = ("Pending", "Unfinished", "VerificationFailed")
"""Reasons of the runner that tell how the database differs from what the project wants."""
LINKS_DIFFER = "VerificationFailed"
"""The one of them where only tables of links do, which stay so without asking."""
MOST_AGREEMENTS = 4
_AGREEMENT = re.compile(r"links|[12](\.(0|[1-9][0-9]{0,3})){2}")
_MOST = 2**31 - 1
_MEDUSA = 64
"""Characters of the longest version, which may be a preview."""


def _count(number: int) -> int:
    return min(max(0, number), _MOST)


def _first(found: Sequence[T]) -> tuple[T, ...]:
    return tuple(found[:KEPT])


def _agreements(found: Sequence[str]) -> tuple[str, ...]:
    return tuple(text for text in found if _AGREEMENT.fullmatch(text))[:MOST_AGREEMENTS]


def _known(counts: Mapping[str, int]) -> dict[str, int]:
    return {ledger: counts[ledger] for ledger in (*LEDGERS, LINKS, SCRIPTS) if ledger in counts}


_Count = Annotated[StrictInt, AfterValidator(_count)]
_Agreements = Annotated[tuple[str, ...], AfterValidator(_agreements)]
_Ledgers = Annotated[Mapping[str, _Count], AfterValidator(_known)]
_Name = Annotated[str, AfterValidator(lambda text: plain.text(text, NAME))]
_Names = Annotated[tuple[_Name, ...], AfterValidator(_first)]


@dataclass(frozen=True, slots=True)
class LinkDone:
    """A change of a table of links."""

    action: Annotated[str, AfterValidator(lambda text: plain.text(text, 32))] = ""
    table: _Name = ""


_Links = Annotated[tuple[LinkDone, ...], AfterValidator(_first)]


@dataclass(frozen=True, slots=True)
class PendingNames:
    """What the project wants and the ledgers do not have."""

    migrations: _Names = ()
    links: _Links = ()
    scripts: _Names = ()


@dataclass(frozen=True, slots=True)
class LinksLeft:
    """Changes of tables of links that are not done without asking."""

    skipped: _Links = ()


@dataclass(frozen=True, slots=True)
class ProjectPart:
    """What a report of a project's own Medusa has beside that of the operator's own migrations."""

    __pydantic_config__ = CAMEL

    medusa: Annotated[str, AfterValidator(lambda text: plain.text(text, _MEDUSA))] = ""
    """The version that is installed."""
    ledgers: _Ledgers = field(default_factory=dict)
    """How many names each ledger has."""
    pending: PendingNames | None = None
    """None where that is not known."""
    links: LinksLeft = field(default_factory=LinksLeft)
    unfinished: _Names = ()
    acknowledge: _Agreements = ()
    applied_migrations: Annotated[_Count, Field(alias="migrationCount")] = 0
    applied_links: Annotated[_Count, Field(alias="linkCount")] = 0
    applied_scripts: Annotated[_Count, Field(alias="scriptCount")] = 0

    @property
    def release(self) -> str:
        """The version without what marks a prerelease."""
        found = versions.parse(self.medusa.partition("-")[0].partition("+")[0])
        return str(found or "")

    @property
    def found_empty(self) -> bool:
        """Whether all that the ledgers have is of this very run."""
        new = self.applied_migrations + self.applied_links + self.applied_scripts
        return 0 < sum(self.ledgers.values()) == new


def require_proof(part: ProjectPart, wanted: str) -> None:
    """Raise InvalidError where the report does not prove that nothing is pending that *wanted* asks for."""
    require_release(part, wanted)
    if part.pending is None:
        raise InvalidError("its report does not say what is pending")
    if left := (*part.pending.migrations, *(link.table for link in part.pending.links)):
        raise InvalidError(f"its report says that {left[0]} is pending")


def require_release(part: ProjectPart, wanted: str) -> None:
    """Raise InvalidError where the report is of another version than *wanted*."""
    if part.release != wanted:
        raise InvalidError(
            f"its report is of Medusa {part.medusa or 'of no version'}, and not of {wanted}"
        )


def place(part: ProjectPart) -> ProvenPlace:
    """Return where a database is that has all of this Medusa: at its version, and at no other."""
    return ProvenPlace("version", part.release, part.release, part.release)


def place_before(part: ProjectPart) -> ProvenPlace | None:
    """Return where it was before the run, as far as that is known."""
    return ProvenPlace("empty") if part.found_empty else None


def kept(part: ProjectPart, last: ProjectFacts | None) -> ProjectFacts:
    """Return what is known after a report, given what was known *last*."""
    before = last or ProjectFacts()
    facts = replace(before, medusa=part.medusa or before.medusa, acknowledge=part.acknowledge)
    if not part.ledgers and part.pending is None:
        return facts  # it was refused before it had looked
    names = {ledger: part.ledgers[ledger] for ledger in LEDGERS if ledger in part.ledgers}
    skipped = tuple(SkippedLink(link.action, link.table) for link in part.links.skipped)
    pending = part.pending.scripts if part.pending is not None else ()
    links = LinkTables(part.ledgers.get(LINKS, 0), skipped)
    scripts = ScriptRuns(part.ledgers.get(SCRIPTS, 0), pending)
    return replace(
        facts,
        migrations=names,
        links=links if LINKS in part.ledgers or skipped else None,
        scripts=scripts if SCRIPTS in part.ledgers or pending else None,
        unfinished=part.unfinished,
    )
