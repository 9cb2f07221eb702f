"""Pure: whether a command still does anything, as its sessions and its output show it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Session:
    """A server session of the command, as `pg_stat_activity` shows it."""

    pid: int
    state: str
    wait_event_type: str
    query_start: str
    state_change: str

    @property
    def works(self) -> bool:
        """Whether the server is at it, and does not wait for the client; waiting for a lock is work."""
        return (
            self.state in ("active", "fastpath function call") and self.wait_event_type != "Client"
        )


@dataclass(frozen=True, slots=True)
class Activity:
    """When the command was last seen to do something; times as a monotonic clock gives them."""

    at: float
    sessions: tuple[Session, ...] = ()
    bytes: int = 0
    seen: bool = field(default=False)
    """Whether it had a session at all."""

    def observe(self, now: float, sessions: Sequence[Session] | None, output: int) -> Activity:
        """Return it after another look: its *sessions*, None for not known, and all bytes of *output*."""
        new = self if sessions is None else replace(self, sessions=tuple(sessions))
        moved = output != self.bytes or (
            sessions is not None
            and (new.sessions != self.sessions or any(one.works for one in new.sessions))
        )
        return replace(
            new,
            at=now if moved else self.at,
            bytes=output,
            seen=self.seen or bool(new.sessions),
        )

    def idle(self, now: float) -> float:
        """Return for how many seconds nothing has happened."""
        return now - self.at
