"""A seed: migrate where needed, hold the document against the shop, load it, record it; all or nothing."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from medusa_migrations import __version__
from medusa_migrations.contract.errors import (
    Interrupted,
    RefusedError,
    RunnerError,
    UnreachableError,
)
from medusa_migrations.plan import observe
from medusa_migrations.plan.plan import plan
from medusa_migrations.postgres import bounded, lock, search_path, translation
from medusa_migrations.postgres.deadline import Deadline
from medusa_migrations.preflight import pooler
from medusa_migrations.run import runner as migrating
from medusa_migrations.run.steps import limited
from medusa_seed.planning.changes import Counts
from medusa_seed.planning.merge import Policy
from medusa_seed.run import demo
from medusa_seed.run.filling import Filling
from medusa_seed.shop import records, tables, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from medusa_migrations.catalog.version import Version
    from medusa_migrations.contract.report import Report
    from medusa_migrations.plan.observe import DatabaseState
    from medusa_migrations.plan.plan import Request
    from medusa_migrations.run.context import RunContext
    from medusa_seed.document.document import Document
    from medusa_seed.document.files import Source

_UNKNOWN = (
    "Whether the seed was committed is not known, for the answer was lost: `medusa-db status` tells what the shop "
    "was seeded with last"
)


@dataclass(frozen=True, slots=True)
class SeedOptions:
    """How a seed behaves."""

    migrate: bool = True
    to: Version | None = None
    """The version to migrate to; None: the one the database is at, the newest for an empty one."""
    policy: Policy = field(default_factory=Policy)
    dry_run: bool = False
    once: bool = False
    on_change: bool = False
    demo: bool = False
    """It is the demo shop: for a shop that is not in use, as far as its schema can hold it."""
    agreed: bool = False
    """Fill a shop that is in use with the demo all the same."""


def seed(
    context: RunContext, source: Source, document: Document, options: SeedOptions
) -> dict[str, str]:
    """Fill the shop with *document*, which was read from *source* and is in order.

    Return the passwords that were made for users of the demo shop, by their email.

    The request of *context* says how its schema is migrated, but for the target. Raises a RunnerError
    where it cannot be done; then not one row was written, though migrations that came first stay.
    """
    run = _Run(context, source, document, options)
    run.run()
    return run.passwords


@dataclass(slots=True)
class _Run:
    context: RunContext
    source: Source
    document: Document
    options: SeedOptions
    counts: Counts = field(default_factory=Counts)
    passwords: dict[str, str] = field(default_factory=dict)
    """Those of the demo's users that were made and written."""
    committing: bool = False
    """Whether the commit of the seed is on its way, and its answer not yet there."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def conn(self) -> Connection[Any]:
        return self.context.conn

    @property
    def report(self) -> Report:
        return self.context.report

    def run(self) -> None:
        bounded.bound(self.conn, self.context.options.run_timeout)
        asked = self.context.options.schema or self.context.address.schema
        self.report.schema = observe.schema_of(self.conn, asked)
        self.report.warnings += self.document.warnings
        visible.check(self.conn, self.report.schema)
        observed = self._look()
        if self._skips():
            return
        if self.options.dry_run:
            self._refuse_pending(observed)
            self._load(observed)
            return
        limits = self.context.options.limits
        pooler.require_direct_session(self.conn, self.context.address, limits.lock_timeout)
        with lock.hold(self.conn, wait=limits.lock_wait, say=self.context.progress.say):
            if self._skips():  # another run may have done it while we waited
                return
            if self.options.migrate:
                self._migrate(self._look())
            self._load(self._look())

    def _look(self) -> DatabaseState:
        observed = observe.observe(self.conn, self.context.catalog, self.report.schema)
        self.context.tell(observed)
        return observed

    def _skips(self) -> bool:
        """Return whether there is nothing to do, whatever the document says; tell so."""
        why, loaded = "", False
        if self.document.empty:
            why = "the document is empty"
        elif self.options.once or self.options.on_change:
            if self._is_latest():
                why, loaded = "this very document was the last one seeded", True
            elif self.options.once and records.latest(self.conn, self.report.schema) is not None:
                why = "the shop was seeded before"
            elif self.options.once and tables.read(self.conn, self.report.schema).has_products:
                why = "the shop has products"
        if why:
            self._finish("nothing", recorded=False, why=why, loaded=loaded)
        return bool(why)

    def _is_latest(self) -> bool:
        """Return whether the last seed was one of this very document."""
        latest = records.latest(self.conn, self.report.schema)
        return latest is not None and latest.checksum == self.source.checksum

    def _target(self, observed: DatabaseState) -> Request:
        target = self.options.to or observed.at or observed.proof.latest
        if target is None:
            if not observed.proof.empty:
                raise RefusedError(
                    "the names in the ledger belong together in no version, so none is known to seed for; "
                    "name it with --to, or leave the schema as it is with --no-migrate",
                    reason="NoVersion",
                )
            target = self.context.catalog.newest
        unasked = self.options.to is None
        return dataclasses.replace(self.context.request, target=target, unasked=unasked)

    def _migrate(self, observed: DatabaseState) -> None:
        request = self._target(observed)
        migrating.migrate(dataclasses.replace(self.context, request=request))
        self.context.progress.end()

    def _refuse_pending(self, observed: DatabaseState) -> None:
        """Refuse a dry run on a schema that the seed itself would change first."""
        if not self.options.migrate:
            return
        path = plan(self.context.catalog, observed.proof, self._target(observed), at=observed.at)
        count = sum(len(step.items) for step in path.steps)
        if count:
            raise RefusedError(
                f"the schema is at {self.report.after}, and {count} migrations and data steps to "
                f"{path.target} come first. A dry run changes nothing: run `medusa-db migrate`, or add "
                "--no-migrate to hold the document against the schema as it is",
                reason="MigrationsPending",
            )

    def _load(self, observed: DatabaseState) -> None:
        off = records.why_off(self.conn)
        remembers = off is None and not self.options.dry_run
        if off is not None:
            self.report.history = f"off: {off}"
            self.report.warnings.append(
                f"what is seeded cannot be remembered: {off}. Rows that are there already count as the "
                "merchant's and stay as they are, unless --overwrite"
            )
        made = {}
        with self._says_what_stays(), self._transaction():
            if self.options.demo:
                made = self._as_demo()
            if remembers:
                records.prepare(self.conn)
            self._filling(observed, remembers=remembers).fill()
            if remembers and (self.counts.changed or not self._is_latest()):
                records.record(self.conn, self._record())
        self.passwords = {} if self.options.dry_run else made
        done = self.counts.changed or bool(self.report.migrations)
        self._finish("done" if done else "nothing", recorded=remembers)

    def _as_demo(self) -> dict[str, str]:
        """Make the document one for this shop; return the passwords of its users."""
        there = tables.read(self.conn, self.report.schema)
        if not (self.options.agreed or self._is_latest()):
            demo.refuse_in_use(there)
        return demo.make_passwords(self.document, there)

    def _filling(self, observed: DatabaseState, *, remembers: bool) -> Filling:
        return Filling(
            conn=self.conn,
            schema=self.report.schema,
            place=observed.place(self.context.catalog),
            source=self.source,
            document=self.document,
            counts=self.counts,
            progress=self.context.progress,
            warnings=self.report.warnings,
            policy=self.options.policy,
            writes=not self.options.dry_run,
            remembers=remembers,
            cuts=self.options.demo,
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Hold everything inside a `with` together, within the limits that were given."""
        # every name that a seed uses has its schema; what triggers of the shop use has not
        path = search_path.of_role(self.conn, self.report.schema)
        begin = limited(self.context.options.limits, path)
        if self.options.dry_run:
            begin += sql.SQL("; set transaction read only")
        with Deadline(self.context.options.run_timeout).running(self.conn):
            try:
                with self.conn.transaction():
                    self.conn.execute(begin)
                    yield
                    self.committing = not self.options.dry_run
                self.committing = False
            except psycopg.Error as exc:  # some constraints are checked at commit
                failed = translation.seeding(
                    exc, self.conn, self.context.address, committing=self.committing
                )
                self.committing = self.committing and isinstance(failed, UnreachableError)
                raise failed from exc

    @contextmanager
    def _says_what_stays(self) -> Iterator[None]:
        """Let what goes wrong inside a `with` say what of the run is committed, or may be."""
        try:
            yield
        except (RunnerError, Interrupted) as exc:
            if self.committing:
                exc.add(_UNKNOWN)
            if done := len(self.report.migrations):
                exc.add(
                    f"What was migrated before the seed stays ({done} migrations): the database is at "
                    f"{self.report.after} now"
                )
            elif isinstance(exc, Interrupted) and not self.committing:
                exc.nothing_stays()
            raise

    def _record(self) -> records.Seed:
        return records.Seed(
            schema=self.report.schema,
            checksum=self.source.checksum,
            document=self.source.name,
            counts=self.counts.to_dict(),
            started_at=self.started,
            version=self.report.after,
            runner_version=__version__,
            by_whom=f"@{self.context.options.by_whom}" if self.context.options.by_whom else "",
        )

    def _finish(self, state: str, *, recorded: bool, why: str = "", loaded: bool = True) -> None:
        self.report.state = state
        self.report.seed = {
            "checksum": self.source.checksum,
            "loaded": loaded and not self.options.dry_run,
            "counts": self.counts.to_dict(),
            "recorded": recorded,
        }
        if self.options.dry_run:
            self.report.seed["dryRun"] = True
        if why:
            self.report.seed["skipped"] = why
