"""Pure: what commands have done, and what their project still wants, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa_project.fence.command import EndCause
from medusa_project.run import pending

if TYPE_CHECKING:
    from medusa_migrations.catalog.model import Note
    from medusa_migrations.contract.errors import RunnerError
    from medusa_migrations.contract.project_report import SeedDone
    from medusa_project.fence.command import Ended, Fenced
    from medusa_project.run.destructive import Loss
    from medusa_project.run.ledgers import Ledgers
    from medusa_project.run.pending import Listing, Unapplied


@dataclass(frozen=True, slots=True)
class CommandRun:
    """A command, and how it ended."""

    fenced: Fenced
    ended: Ended


@dataclass(frozen=True, slots=True)
class Execution:
    """What the commands of one run have done."""

    runs: tuple[CommandRun, ...]
    """In their order; the last one is the one that decides."""
    before: Ledgers
    after: Ledgers | None
    """None: the ledgers could not be read when it was over."""
    listed: Listing | None = None
    """What the project wants at the end; None where there is no project, or a command did not end by itself."""
    predicted: Unapplied | None = None
    """What was pending before anything ran; None where nobody looked."""
    losses: tuple[Loss, ...] = ()
    """What of that would drop what has rows."""
    refusal: RunnerError | None = None
    """Why nothing was run."""
    would: tuple[tuple[str, ...], ...] = ()
    """The commands that would run, where nobody has asked for more than a look."""
    scripts_wanted: bool = False
    """Whether migration scripts were to run."""
    all_links: bool = False
    """Whether tables of links were to be changed even where that may lose rows."""
    notes: tuple[str, ...] = ()
    """What a person should know of the run itself."""
    crossed: tuple[Note, ...] = ()
    """What the releases on the way ask."""
    seed: SeedDone | None = None
    """What became of the seed that the command is; None where it is none."""

    @property
    def pending(self) -> Unapplied | None:
        """What the project wants and the ledgers do not have; None where that is not known."""
        if self.listed is None or self.listed.wanted is None or self.after is None:
            return None
        return pending.pending(self.listed.wanted, self.after)

    @property
    def ended(self) -> Ended | None:
        """How the run ended: its last command, or asking the project where that was broken off."""
        if self.runs:
            return self.runs[-1].ended
        asking = self.listed.ended if self.listed else None
        if asking is not None and asking.cause in (EndCause.INTERRUPTED, EndCause.LOCK_LOST):
            return asking
        return None

    @property
    def has_lost_lock(self) -> bool:
        """Whether it was ended because our lock, and the connection that had it, were gone."""
        return self.ended is not None and self.ended.cause is EndCause.LOCK_LOST
