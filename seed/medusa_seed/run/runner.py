"""A seed: migrate where needed, compare the document with the shop, load it, record it; all or nothing."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors as pg
from psycopg import sql

from medusa_migrations import __version__
from medusa_migrations.contract.errors import (
    LockHeldError,
    RefusedError,
    RunnerError,
    UnreachableError,
)
from medusa_migrations.contract.report import RunState
from medusa_migrations.plan import observe
from medusa_migrations.plan.plan import plan
from medusa_migrations.postgres import bounded, connection, lock, search_path, translation
from medusa_migrations.postgres.deadline import Deadline
from medusa_migrations.preflight import pooler
from medusa_migrations.run import lost_commit, signals
from medusa_migrations.run import runner as migrating
from medusa_migrations.run.outcome import CommitOf, SeedOutcome
from medusa_seed.planning.changes import Counts
from medusa_seed.planning.merge import Policy
from medusa_seed.run import demo, once
from medusa_seed.run.filling import Filling
from medusa_seed.run.once import Skip, When
from medusa_seed.shop import records, tables, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from psycopg import Connection

    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.observe import DatabaseState
    from medusa_migrations.plan.plan import Request
    from medusa_migrations.run.context import RunContext
    from medusa_migrations.run.outcome import Outcome
    from medusa_seed.document.document import Document
    from medusa_seed.document.files import Source
    from medusa_seed.planning.present import Shop

    ShowPasswords = Callable[[Mapping[str, str]], None]
    """Shows passwords that are about to be committed, by the email of who may log in with them."""


@dataclass(frozen=True, slots=True)
class SeedOptions:
    """How a seed behaves."""

    migrate: bool = True
    to: Version | None = None
    """The version to migrate to; None: the one the database is at, the newest for an empty one."""
    policy: Policy = field(default_factory=Policy)
    dry_run: bool = False
    when: When = When.ALWAYS
    demo: bool = False
    """It is the demo shop: for a shop that is not in use, as far as its schema can hold it."""
    agreed: bool = False
    """Fill a shop that is in use with the demo all the same."""


def seed(
    context: RunContext,
    outcome: Outcome,
    source: Source,
    document: Document,
    options: SeedOptions,
    *,
    show: ShowPasswords,
) -> None:
    """Fill the shop with *document*, which was read from *source* and is in order.

    *show* gets the passwords that were made for users of the demo shop before they are committed; where it
    raises, nothing is.

    The request of *context* is how its schema is migrated, but for the target. Raises a RunnerError
    where it cannot be done; then not one row was written, though migrations that came first stay.
    """
    _SeedRun(context, outcome, source, document, options, show).run()


@dataclass(slots=True)
class _SeedRun:
    context: RunContext
    outcome: Outcome
    source: Source
    document: Document
    options: SeedOptions
    show: ShowPasswords
    counts: Counts = field(default_factory=Counts)
    committing: bool = False
    """Whether the commit of the seed is on its way, and its answer has not come."""
    recorded: bool = False
    """Whether a record of the seed is written with it."""
    committed: bool = False
    """Whether its commit was done, though the answer was lost."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def conn(self) -> Connection[Any]:
        return self.context.conn

    @property
    def schema(self) -> str:
        return self.context.schema

    def run(self) -> None:
        for warning in self.document.warnings:
            self.outcome.warn(warning)
        visible.check(self.conn, self.schema)
        observed = self._look()
        if self._skips():
            return
        if self.options.dry_run:
            self._refuse_pending(observed)
            self._load(observed, migrated=False)
            return
        limits = self.context.options.limits
        pooler.require_direct_session(self.conn, self.context.address, limits.lock_timeout)
        with lock.hold(self.conn, wait=limits.lock_wait, say=self.context.progress.say):
            if self._skips():  # another run may have done it while we waited
                return
            migrated = self.options.migrate and self._migrate(self._look())
            self._load(self._look(), migrated=migrated)

    def _look(self) -> DatabaseState:
        observed = bounded.patiently(
            self.conn, self.context.options.limits.lock_wait, self.context.progress.say,
            lambda: observe.observe(self.conn, self.context.catalog, self.schema),
        )  # fmt: skip
        self.outcome.is_at(observed.place(self.context.catalog))
        return observed

    def _skips(self) -> bool:
        """Return whether there is nothing to do, whatever the document asks for; note why."""
        if self.document.empty:
            skip: Skip | None = Skip("the document is empty")
        else:
            skip = once.skip(
                self.options.when,
                "document",
                self.source.checksum,
                lambda: records.latest_checksum(self.conn, self.schema),
                lambda: tables.has_products(self.conn, self.schema),
            )
        if skip is not None:
            self._finish(RunState.NOTHING, recorded=False, why=skip.why, loaded=skip.loaded)
        return skip is not None

    def _is_latest(self) -> bool:
        """Return whether the last seed was one of this very document."""
        return records.latest_checksum(self.conn, self.schema) == self.source.checksum

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
        return self.context.request._replace(target=target, unasked=unasked)

    def _migrate(self, observed: DatabaseState) -> bool:
        """Migrate where that is needed; return whether anything was."""
        context = self.context._replace(request=self._target(observed))
        committed = migrating.migrate(context, self.outcome)
        self.context.progress.end()
        signals.release()  # held since the last commit
        return committed is not None and bool(committed.migrations)

    def _refuse_pending(self, observed: DatabaseState) -> None:
        """Refuse a dry run on a schema that the seed itself would change first."""
        if not self.options.migrate:
            return
        path = plan(self.context.catalog, observed.proof, self._target(observed), at=observed.at)
        count = sum(len(step.items) for step in path.steps)
        if count:
            raise RefusedError(
                f"the schema is at {observed.place(self.context.catalog)}, and {count} migrations and data "
                f"steps to {path.target} come first. A dry run changes nothing: run `medusa-db migrate`, or "
                "add --no-migrate to compare the document with the schema as it is",
                reason="MigrationsPending",
            )

    def _load(self, observed: DatabaseState, *, migrated: bool) -> None:
        off = records.why_off(self.conn)
        remembers = off is None and not self.options.dry_run
        if off is not None:
            self.outcome.history_off = off
            self.outcome.warn(
                f"what is seeded cannot be remembered: {off}. Existing rows count as the "
                "merchant's and stay as they are, unless --overwrite"
            )
        place = str(observed.place(self.context.catalog))
        self.outcome.seeding = True
        self._patiently(lambda: self._fill(place, remembers=remembers))
        done = self.counts.changed or migrated
        self._finish(RunState.DONE if done else RunState.NOTHING, recorded=remembers)
        self._answered()

    def _patiently(self, fill: Callable[[], None]) -> None:
        """Call *fill*, and call it again while the shop has locked a row or a table of it.

        A try that fails is rolled back, so that the shop never waits for us while we wait for it.
        """
        wait, before = self.context.options.limits.lock_wait, len(self.outcome.warnings)

        def attempt() -> None:
            self.counts = Counts()
            del self.outcome.warnings[before:]
            fill()

        def announce() -> None:
            self.context.progress.say(
                f"rolled back, a row or a table is locked by others; trying again for up to {wait:g} s",
                holder=bounded.blockers(self.conn) or "a session that cannot be seen",
            )

        try:
            bounded.retried(wait, attempt, _is_busy, announce)
        except LockHeldError as exc:
            if _is_busy(exc):
                exc.add(
                    f"It was waited for in short tries, for {wait:g} s; no row of the seed remains"
                )
            raise

    def _fill(self, place: str, *, remembers: bool) -> None:
        """Fill the shop in one transaction."""
        made = {}
        with self._transaction():
            shop = tables.read(self.conn, self.schema)
            if self.options.demo:
                made = self._as_demo(shop)
            if remembers:
                records.prepare(self.conn)
            self._filling(place, shop, remembers=remembers).fill()
            if remembers and (self.counts.changed or not self._is_latest()):
                records.record(self.conn, self._record(place))
                self.recorded = True
            if made and not self.options.dry_run:
                self.show(made)

    def _as_demo(self, shop: Shop) -> dict[str, str]:
        """Make the document one for this *shop*; return the passwords of its users."""
        if not (self.options.agreed or self._is_latest()):
            demo.refuse_in_use(shop)
        return demo.make_passwords(self.document, shop)

    def _filling(self, place: str, shop: Shop, *, remembers: bool) -> Filling:
        return Filling(
            conn=self.conn,
            schema=self.schema,
            place=place,
            shop=shop,
            source=self.source,
            document=self.document,
            counts=self.counts,
            progress=self.context.progress,
            warnings=self.outcome.warnings,
            policy=self.options.policy,
            writes=not self.options.dry_run,
            remembers=remembers,
            cuts=self.options.demo,
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Hold everything inside a `with` together, within the limits that were given."""
        # every name that a seed uses has its schema; what triggers of the shop use has not
        path = search_path.of_role(self.conn, self.schema)
        limits = self.context.options.limits
        begin = connection.limited(limits.lock_timeout, limits.statement_timeout, path)
        bounded.name_blockers(self.conn, limits.lock_timeout)
        if self.options.dry_run:
            begin += sql.SQL("; set transaction read only")
        signals.release()
        self.outcome.began, self.recorded = True, False
        with Deadline(self.context.options.run_timeout).running(self.conn):
            try:
                with self.conn.transaction():
                    self.conn.execute(begin)
                    yield
                    if not self.options.dry_run:
                        self._sent()
            except psycopg.Error as exc:  # some constraints are checked at commit
                failed = translation.seeding(
                    exc, self.conn, self.context.address, committing=self.committing
                )
                if not isinstance(failed, UnreachableError):
                    self._answered()
                elif self.committing:
                    self._look_up(failed)
                if self.committed:
                    return
                raise failed from exc

    def _look_up(self, lost: RunnerError) -> None:
        """Find out what became of a commit whose answer was lost; where it was rolled back, add that to *lost*."""

        def is_committed(conn: Connection[Any]) -> bool | None:
            latest = records.latest(conn, self.schema)
            return latest is not None and latest.started_at == self.started

        match self._found(is_committed) if self.recorded else None:
            case True:
                self.committed = True
                self.outcome.warn(
                    "the connection was lost as the seed was committed; a new one shows that it is"
                )
            case False:
                self._answered()
                lost.add(lost_commit.ROLLED_BACK)
            case None:
                pass

    def _found(self, is_committed: Callable[[Connection[Any]], bool | None]) -> bool | None:
        context = self.context
        return lost_commit.look_up(self.conn, context.address, context.command, is_committed)

    def _sent(self) -> None:
        """Note that the commit is on its way: no signal is raised until the seed is reported."""
        signals.hold()
        self.committing = True
        self.outcome.unanswered = CommitOf.SEED

    def _answered(self) -> None:
        """Note that it is known what has become of the commit."""
        self.committing = False
        self.outcome.unanswered = None

    def _record(self, place: str) -> records.Seed:
        return records.Seed(
            schema=self.schema,
            checksum=self.source.checksum,
            document=self.source.name,
            counts=self.counts.to_dict(),
            started_at=self.started,
            version=place,
            runner_version=__version__,
            by_whom=f"@{self.context.options.by_whom}" if self.context.options.by_whom else "",
        )

    def _finish(
        self, state: RunState, *, recorded: bool, why: str = "", loaded: bool = True
    ) -> None:
        self.outcome.state = state
        self.outcome.seed = SeedOutcome(
            checksum=self.source.checksum,
            counts=self.counts.to_dict(),
            loaded=loaded and not self.options.dry_run,
            recorded=recorded,
            dry_run=self.options.dry_run,
            skipped=why,
        )


def _is_busy(exc: Exception) -> bool:
    """Return whether a row or a table that others have locked is what a try failed by."""
    return isinstance(exc, LockHeldError) and isinstance(exc.__cause__, pg.LockNotAvailable)
