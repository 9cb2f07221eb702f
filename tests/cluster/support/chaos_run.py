"""A time of chaos: disturbances drawn from a seed, then quiet, and what was seen of all of it."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

import psycopg
import urllib3

import chaos_garbage
import chaos_hands
import chaos_owners
import chaos_processes
import chaos_surroundings
from chaos_disturbances import ALL, NotYetError
from chaos_history import Final, History
from medusa_testbed import objects
from medusa_testbed.api import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos_disturbances import Arena, Disturbance
    from chaos_shops import Tenant

PACE = 1.2
"""Seconds between two disturbances, in the mean."""
SETTLED = 180.0
"""Seconds within which everything is Ready once nothing is disturbed, beside what a retry waits for."""
_AGAIN = 1.0
"""Seconds after which a part that could not be put right is tried again."""
_MOST = 240.0
"""Seconds within which everything can be put right."""
_TROUBLE = (ApiError, urllib3.exceptions.HTTPError, OSError, LookupError, psycopg.Error)
"""What a disturbance meets whose object, or API server, is not there."""
_MODULES = (chaos_garbage, chaos_hands, chaos_owners, chaos_processes, chaos_surroundings)
"""Those that fill the list of disturbances."""


class HarnessError(Exception):
    """The test could not put its own world right."""


@dataclass(slots=True)
class _Undo:
    due: float
    about: str
    act: Callable[[], object]
    said: str = ""
    """Why it could not be put right, at the last try."""


@dataclass(slots=True)
class Chaos:
    """One time of chaos; the same seed draws the same disturbances of the same things."""

    arena: Arena
    seed: str
    journal: IO[str]
    done: Counter[str] = field(default_factory=Counter)
    """How often each disturbance was done; those that found nothing to disturb do not count."""
    _number: int = 0
    _undos: list[_Undo] = field(default_factory=list)
    _begun: float = field(default_factory=time.monotonic)

    def disturb(self, seconds: float) -> None:
        """Disturb for so long, and put right what was disturbed."""
        end = time.monotonic() + seconds
        due = time.monotonic()
        while (now := time.monotonic()) < end:
            self._attend()
            if now >= due:
                self._number += 1
                dice = random.Random(f"{self.seed}/{self._number}")
                due = now + dice.expovariate(1 / PACE)
                self._strike(self._drawn(dice), dice)
            time.sleep(0.05)
        self._put_right()

    def settle(self) -> None:
        """Wait until everything is Ready, or the time for that is over."""
        deadline = time.monotonic() + SETTLED + self._longest_wait()
        waits: list[Tenant] = []
        while time.monotonic() < deadline:
            self._attend()
            waits = [t for t in self.arena.fleet.tenants if not self._is_ready(t)]
            if not waits:
                break
            time.sleep(0.3)
        self.note(f"settled; not ready: {', '.join(t.name for t in waits) or 'none'}")

    def rest(self, seconds: float) -> None:
        """Let time pass in which nothing is disturbed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._attend()
            time.sleep(0.1)

    def history(self) -> History:
        """Return what was seen; the recorder is stopped for that."""
        arena, recorder = self.arena, self.arena.recorder
        finals = tuple(self._final(tenant) for tenant in arena.fleet.tenants)
        recorder.stop()
        for tenant in arena.fleet.tenants:
            if tenant.database:
                recorder.remember(tenant.database, tenant.began_at)
        return History(
            owners=dict(recorder.owners),
            jobs=tuple(
                replace(job, named=recorder.named.get(job.uid, 0)) for job in recorder.jobs.values()
            ),
            pods=tuple(recorder.pods.values()),
            verdicts=tuple(recorder.verdicts.values()),
            looks=tuple(recorder.looks),
            databases=tuple(recorder.databases),
            touches=tuple(recorder.touches),
            troubles=tuple(recorder.troubles),
            exits=tuple(arena.replicas.exits),
            kills=tuple(arena.replicas.kills),
            defects=tuple(arena.replicas.defects()),
            memory=tuple(arena.replicas.memory),
            finals=finals,
            stuck=tuple(recorder.stuck),
            tampered=frozenset(recorder.tampered),
        )

    def note(self, text: str) -> None:
        """Write a line into the journal."""
        clock = datetime.now(UTC).strftime("%H:%M:%S.%f")[:-3]
        self.journal.write(f"{clock} {time.monotonic() - self._begun:7.1f} {text}\n")
        self.journal.flush()

    # -- how it goes

    def _drawn(self, dice: random.Random) -> Disturbance:
        every = sorted(ALL.values(), key=lambda one: one.name)
        return dice.choices(every, [one.weight for one in every])[0]

    def _strike(self, disturbance: Disturbance, dice: random.Random) -> None:
        name = disturbance.name
        try:
            strike = disturbance.strike(self.arena, dice)
        except _TROUBLE as exc:
            self.note(f"{self._number} {name}: not possible: {str(exc)[:200]}")
            return
        if strike is None:
            return
        self.done[name] += 1
        self.note(f"{self._number} {name}: {strike.about}")
        if strike.undo is not None:
            about = f"{self._number} {name}"
            self._undos.append(_Undo(time.monotonic() + strike.after, about, strike.undo))

    def _attend(self) -> None:
        """Put right what is due for that, and mind the replicas."""
        now = time.monotonic()
        for undo in [undo for undo in self._undos if undo.due <= now]:
            try:
                is_done = undo.act() is not False
            except (*_TROUBLE, NotYetError) as exc:
                is_done, why = False, str(exc)[:300]
                if why != undo.said:
                    self.note(f"{undo.about}: not put right: {why}")
                    undo.said = why
            if is_done:
                self._undos.remove(undo)
                self.note(f"{undo.about}: put right")
            undo.due = time.monotonic() + _AGAIN
        ended = len(self.arena.replicas.exits)
        self.arena.replicas.mind()
        for end in self.arena.replicas.exits[ended:]:
            self.note(f"replica {end.replica} ended by itself with {end.code}: {end.last}")

    def _put_right(self) -> None:
        """Undo everything, and let every shop be declared as its owner wants it."""
        deadline = time.monotonic() + _MOST
        now = time.monotonic()
        for undo in self._undos:
            undo.due = min(undo.due, now)
        while self._undos:
            self._attend()
            self._in_time(deadline, ", ".join(undo.about for undo in self._undos))
        for tenant in self.arena.fleet.tenants:
            while not self._restored(tenant):
                self._attend()
                self._in_time(deadline, f"{tenant.name} as it is declared")
        self.note("everything is put right")

    def _in_time(self, deadline: float, about: str) -> None:
        if time.monotonic() > deadline:
            raise HarnessError(f"not put right within {_MOST:g} s: {about}")
        time.sleep(0.1)

    def _restored(self, tenant: Tenant) -> bool:
        try:
            return self.arena.fleet.restore(tenant)
        except _TROUBLE as exc:
            self.note(f"{tenant.name} is not restored: {exc}")
            return False

    def _longest_wait(self) -> float:
        """Return the seconds until the last of the attempts that are planned."""
        longest = 0.0
        for tenant in self.arena.fleet.tenants:
            body = self.arena.fleet.find(tenant) or {}
            planned = body.get("status", {}).get("nextRetryTime")
            if planned:
                wait = datetime.fromisoformat(planned) - datetime.now(UTC)
                longest = max(longest, min(600.0, wait.total_seconds()))
        return longest

    def _is_ready(self, tenant: Tenant) -> bool:
        final = self._final(tenant, ask=False)
        return final.ready.startswith("True") and final.current

    def _final(self, tenant: Tenant, *, ask: bool = True) -> Final:
        body = self.arena.fleet.find(tenant)
        version = tenant.spec["version"]
        if body is None:
            return Final(tenant.key, version, "nothing: it is not there", current=False)
        ready = objects.condition(body, "Ready")
        possible = (
            self.arena.recorder.possible(tenant.database) if ask and tenant.database else None
        )
        return Final(
            tenant.key,
            version,
            f"{ready.get('status', 'Unknown')} {ready.get('reason', '')}".strip(),
            current=body.get("status", {}).get("observedGeneration")
            == body["metadata"]["generation"],
            message=str(ready.get("message", "")),
            possible=possible,
        )
