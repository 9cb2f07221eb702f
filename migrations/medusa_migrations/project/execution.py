"""Pure: what a command has done, and what its project still wants, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa_migrations.project import pending

if TYPE_CHECKING:
    from medusa_migrations.fence.command import Ended, Fenced
    from medusa_migrations.project.ledgers import Ledgers
    from medusa_migrations.project.pending import Listing, Unapplied


@dataclass(frozen=True, slots=True)
class Execution:
    """What a command has done."""

    fenced: Fenced
    ended: Ended
    before: Ledgers
    after: Ledgers | None
    """None: the ledgers could not be read when it had ended."""
    listed: Listing | None = None
    """What the project wants; None where there is no project, or the command did not end by itself."""

    @property
    def pending(self) -> Unapplied | None:
        """What the project wants and the ledgers do not have; None where that is not known."""
        if self.listed is None or self.listed.wanted is None or self.after is None:
            return None
        return pending.pending(self.listed.wanted, self.after)
