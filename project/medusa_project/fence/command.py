"""Pure: a command that is fenced, how it ended, and what it did, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class EndCause(StrEnum):
    """Why a command is over."""

    BY_ITSELF = "ended"
    STALLED = "stalled"
    TIMED_OUT = "timed out"
    LOCK_LOST = "lock lost"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Fenced:
    """A command, and the limits within which it runs; seconds, 0 for none."""

    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    token: str
    """Marks its processes."""
    session_name: str
    """The application_name of its sessions."""
    stall: float
    run_timeout: float
    limit: float = 0.0
    """What all commands of its run may take together; 0: it is the only one."""
    shown: tuple[str, ...] = ()
    """How messages and reports spell it, where that is not what is started."""
    polls: str = ""
    """How a statement begins that it repeats also where it does nothing; empty: there is none."""

    @property
    def words(self) -> tuple[str, ...]:
        """How a report spells it."""
        return self.shown or self.argv

    @property
    def name(self) -> str:
        """How messages name it: its program, or that and its first word."""
        return " ".join(self.shown[:2]) or self.argv[0]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command came to its end."""

    cause: EndCause
    exit_code: int
    """Of the command itself; -N where signal N has ended it."""
    seconds: float
    last: tuple[str, ...] = ()
    """The last lines of its output, masked."""
    left: int = 0
    """How many processes it had left running, which were ended."""
    unkillable: int = 0
    """How many of them did not go even so."""
    sessions: int = 0
    """How many sessions it had left in the server, which were ended."""
    signal: int = 0
    """The signal that has interrupted us."""
    why: str = ""
    """What the server said when the lock was lost."""
