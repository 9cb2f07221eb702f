"""Pure: where a database is, as a value; spelt for a sentence, and for the argument of a command."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medusa_migrations.catalog import version as versions
from medusa_migrations.contract.report import Proven, ProvenState

if TYPE_CHECKING:
    from medusa_migrations.catalog.model import Catalog
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.proof import Proof


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database is: what its ledger proves, and which version of that our history names."""

    state: ProvenState = ProvenState.UNKNOWN
    versions: tuple[Version, ...] = ()
    """Every version that the ledger proves, ascending."""
    at: Version | None = None
    """The one possible version that our history names."""
    reached: Version | None = None
    """The lowest version that came with, or after, everything that is applied."""
    known: tuple[Version, ...] = field(default=(), repr=False, compare=False)
    """Every version there is, to spell ranges."""

    def __str__(self) -> str:
        """Spell it for a sentence: `1.3.2`, `1.3.0 to 1.3.3`, `empty`, `partial`, `unknown`."""
        if self.at is not None:
            return str(self.at)
        return versions.ranges(self.versions, self.known) or str(self.state)

    @property
    def version(self) -> Version | None:
        """The one version that counts as the database's; None where none is proven."""
        return self.at or (self.versions[-1] if self.versions else None)

    def argument(self, option: str) -> str:
        """Spell it for a command line, behind a blank: ` --from 1.3.3`; empty where no version is proven."""
        return f" {option} {self.version}" if self.version else ""

    def ahead_of(self, wanted: Version) -> bool:
        """Return whether something is applied that came only after *wanted*."""
        return self.reached is not None and self.reached > wanted


def locate(catalog: Catalog, proof: Proof, named: Version | None) -> Place:
    """Return where a database is whose ledger has that *proof*, and whose history names that version."""
    state = (
        ProvenState.EMPTY
        if proof.empty
        else ProvenState.PARTIAL
        if proof.partial
        else ProvenState.VERSION
    )
    return Place(
        state=state,
        versions=proof.versions,
        at=named if named in proof.possible else None,
        reached=max(map(catalog.first_version, proof.applied), default=None),
        known=catalog.versions,
    )


def proven(place: Place) -> Proven:
    """Return what a report has of *place*."""
    if place.state is not ProvenState.VERSION:
        return Proven(place.state)
    return Proven(place.state, tuple(map(str, place.versions)), str(place.at or ""))
