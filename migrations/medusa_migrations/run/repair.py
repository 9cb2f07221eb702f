"""Brings the ledger to what the live schema proves: shows it, or writes it, in one transaction under the lock."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg

from medusa_migrations import __version__
from medusa_migrations.contract.errors import RefusedError
from medusa_migrations.contract.report import RunState
from medusa_migrations.plan import evidence, observe
from medusa_migrations.postgres import introspect, lock, row_security, table_locks, translation
from medusa_migrations.preflight import pooler
from medusa_migrations.records import history, ledger
from medusa_migrations.run import lost_commit, signals
from medusa_migrations.run.outcome import CommitOf
from medusa_migrations.schema import verify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

    from medusa_migrations.catalog.model import Catalog
    from medusa_migrations.plan.evidence import Evidence
    from medusa_migrations.plan.place import Place
    from medusa_migrations.postgres.address import Address
    from medusa_migrations.run.outcome import Outcome
    from medusa_migrations.run.progress import Progress

LOCK_TIMEOUT = 5.0
"""Seconds that the ledger's own table is waited for."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One look at a ledger, or one repair of it."""

    conn: Connection[Any]
    address: Address
    schema: str
    catalog: Catalog
    outcome: Outcome
    flags: Mapping[str, bool]
    by_whom: str = ""

    def look(self) -> Evidence:
        """Return what the schema proves of the ledger, and note where the database is.

        Raises RefusedError where there is no ledger to repair.
        """
        found, _ = self._look()
        if found.nothing:
            self.outcome.state = RunState.NOTHING
        return found

    def _look(self) -> tuple[Evidence, Place]:
        observed = observe.observe(self.conn, self.catalog, self.schema)
        if observed.proof.empty:
            observe.refuse_unledgered(self.catalog, observed)
            raise RefusedError(
                f"the schema {self.schema} is empty: there is no ledger to repair",
                reason="NothingThere",
            )
        here = observed.place(self.catalog)
        self.outcome.is_at(here)
        schema = introspect.read(self.conn, self.schema, lambda: verify.tables(self.catalog))
        return evidence.weigh(self.catalog, observed.ledger.rows, schema, self.flags), here

    def apply(self, *, lock_wait: float, progress: Progress) -> Evidence:
        """Write what is proven; return what was written. Looks again under the lock."""
        if (found := self.look()).nothing:  # no lock is taken for that
            return found
        pooler.require_direct_session(self.conn, self.address, LOCK_TIMEOUT)
        with lock.hold(self.conn, wait=lock_wait, say=progress.say):
            return self._under_lock()

    def _under_lock(self) -> Evidence:
        schema, outcome = self.schema, self.outcome
        started, recorded, committing = datetime.now(UTC), False, False
        outcome.began = True
        try:
            with self.conn.transaction():
                self.conn.execute(row_security.OFF)
                self.conn.execute(  # nobody else writes to it until the end
                    table_locks.statement(schema, "share row exclusive", ["migrations"])
                )
                found, before = self._look()
                if found.nothing:
                    outcome.state = RunState.NOTHING
                    return found
                for gone in found.groundless:
                    ledger.forget(self.conn, schema, gone.name)
                for added in found.missing:
                    ledger.record_at(self.conn, schema, added.migration, added.id)
                ledger.advance(self.conn, schema)
                after = observe.observe(self.conn, self.catalog, schema).place(self.catalog)
                recorded = self._record(found, started, str(before), str(after))
                signals.hold()  # until it is reported
                outcome.unanswered, committing = CommitOf.REPAIR, True
        except psycopg.Error as exc:
            if not committing or not translation.is_lost(exc):
                outcome.unanswered = None
                raise
            self._look_up(exc, found, started if recorded else None)
        outcome.is_at(after)
        outcome.state = RunState.DONE
        outcome.unanswered = None
        return found

    def _look_up(self, exc: psycopg.Error, found: Evidence, recorded: datetime | None) -> None:
        """Find out what became of the commit whose answer was lost, as *exc* says; return where it was done.

        *recorded*: when it began, as the history has it; None: there is no history, and the ledger shows it.
        """

        def is_committed(conn: Connection[Any]) -> bool:
            if recorded is not None:
                return recorded in [run.started_at for run in history.read(conn, self.schema)]
            names = {*ledger.read(conn, self.schema).names}
            added = {one.migration.name for one in found.missing}
            return added <= names and not any(gone.name in names for gone in found.groundless)

        lost = translation.asking(exc, self.address, self.conn)
        match lost_commit.look_up(self.conn, self.address, "repair", is_committed):
            case True:
                self.outcome.warn(
                    "the connection was lost as the repair was committed; a new one shows that it is"
                )
            case False:
                self.outcome.unanswered = None
                lost.add(lost_commit.ROLLED_BACK)
                raise lost from exc
            case None:
                raise lost from exc

    def _record(self, found: Evidence, started: datetime, before: str, after: str) -> bool:
        """Add the repair to the history; return whether there is one."""
        off = history.why_off(self.conn)
        if off is not None:
            self.outcome.history_off = off
            return False
        names = [one.migration.name for one in found.missing]
        gone = [f"-{one.name}" for one in found.groundless]
        history.prepare(self.conn)
        history.record(
            self.conn,
            history.HistoryEntry(
                schema=self.schema,
                command="repair",
                started_at=started,
                finished_at=datetime.now(UTC),
                from_version=before,
                to_version=after,
                migrations=(*names, *gone),
                data_steps=(),
                deferred=(),
                runner_version=__version__,
                checksum=hashlib.sha256("\n".join((*names, *gone)).encode()).hexdigest(),
                by_whom=f"@{self.by_whom}" if self.by_whom else "",
            ),
        )
        return True
