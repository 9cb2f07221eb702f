"""Brings the ledger to what the live schema proves: shows it, or writes it, in one transaction under the lock."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from medusa_migrations import __version__
from medusa_migrations.contract.errors import RefusedError
from medusa_migrations.plan import evidence, observe
from medusa_migrations.plan.evidence import Evidence
from medusa_migrations.postgres import introspect, lock, row_security, table_locks
from medusa_migrations.preflight import pooler
from medusa_migrations.records import history, ledger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

    from medusa_migrations.catalog.model import Catalog
    from medusa_migrations.contract.report import Report
    from medusa_migrations.postgres.address import Address
    from medusa_migrations.run.progress import Progress

LOCK_TIMEOUT = 5.0
"""Seconds that the ledger's own table is waited for."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One look at a ledger, or one repair of it."""

    conn: Connection[Any]
    address: Address
    catalog: Catalog
    report: Report
    flags: Mapping[str, bool]
    by_whom: str = ""

    def look(self) -> Evidence:
        """Return what the schema proves of the ledger, and tell the report where the database is.

        Raises RefusedError where there is no ledger to repair.
        """
        schema = self.report.schema
        observed = observe.observe(self.conn, self.catalog, schema)
        if observed.proof.empty:
            observe.refuse_unledgered(self.catalog, observed)
            raise RefusedError(
                f"the schema {schema} is empty: there is no ledger to repair", reason="NothingThere"
            )
        self.report.proven = observe.proven(observed)
        self.report.after = observed.place(self.catalog)
        self.report.before = self.report.before or self.report.after
        rows = ledger.rows(self.conn, schema)
        return evidence.weigh(self.catalog, rows, introspect.read(self.conn, schema), self.flags)

    def apply(self, *, lock_wait: float, progress: Progress) -> Evidence:
        """Write what is proven; return what was written. Looks again under the lock."""
        schema = self.report.schema
        if self.look().nothing:  # no lock is taken for that
            self.report.state = "nothing"
            return Evidence((), (), ())
        pooler.require_direct_session(self.conn, self.address, LOCK_TIMEOUT)
        with lock.hold(self.conn, wait=lock_wait, say=progress.say):
            before = self.report.before
            with self.conn.transaction():
                self.conn.execute(row_security.OFF)
                self.conn.execute(  # nobody else writes to it until the end
                    table_locks.statement(schema, "share row exclusive", ["migrations"])
                )
                found = self.look()
                if found.nothing:
                    self.report.state = "nothing"
                    return found
                for gone in found.groundless:
                    ledger.forget(self.conn, schema, gone.name)
                for added in found.missing:
                    ledger.record_at(self.conn, schema, added.migration, added.id)
                ledger.advance(self.conn, schema)
                after = observe.observe(self.conn, self.catalog, schema)
                self._record(found, before, after.place(self.catalog))
            self.report.proven = observe.proven(after)
            self.report.after = after.place(self.catalog)
            self.report.state = "done"
        return found

    def _record(self, found: Evidence, before: str, after: str) -> None:
        off = history.why_off(self.conn)
        if off is not None:
            self.report.history = f"off: {off}"
            return
        names = [one.migration.name for one in found.missing]
        gone = [f"-{one.name}" for one in found.groundless]
        history.prepare(self.conn)
        history.record(
            self.conn,
            history.HistoryEntry(
                schema=self.report.schema,
                command="repair",
                started_at=datetime.now(UTC),
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
