"""A seed: migrate where needed, hold the document against the shop, load it, record it; all or nothing."""

from __future__ import annotations

import dataclasses
import itertools
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors as pg
from psycopg import sql

from medusa_migrations import __version__, connection, lock, observe, preflight
from medusa_migrations import runner as migrating
from medusa_migrations.deadline import Deadline
from medusa_migrations.errors import FailedError, RefusedError, UnreachableError
from medusa_migrations.plan import plan
from medusa_seed import document as documents
from medusa_seed import fit, groups, load, records, regions, settings, shop
from medusa_seed.changes import Changes, Counts
from medusa_seed.ids import Ids
from medusa_seed.merge import IfExists, Policy
from medusa_seed.model import PRODUCT
from medusa_seed.places import Findings
from medusa_seed.products import plan_products
from medusa_seed.progress import Loading
from medusa_seed.there import Shared
from medusa_seed.work import Work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from medusa_migrations.course import Course
    from medusa_migrations.observe import Observed
    from medusa_migrations.plan import Request
    from medusa_migrations.report import Report
    from medusa_migrations.version import Version
    from medusa_seed.document import Document, Placed
    from medusa_seed.files import Source

BATCH = 500
"""Products that are planned and written at once."""
_OTHERS = (
    pg.InsufficientPrivilege, pg.ReadOnlySqlTransaction, pg.LockNotAvailable, pg.QueryCanceled, pg.DiskFull,
)  # fmt: skip
"""What is wrong with the shop, and not with the seed; the connection knows their sentences."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a seed behaves."""

    migrate: bool = True
    to: Version | None = None
    """The version to migrate to; None: the one the database is at, the newest for an empty one."""
    policy: Policy = field(default_factory=Policy)
    dry_run: bool = False
    once: bool = False
    on_change: bool = False
    cut: bool = False
    """Leave out what the schema cannot hold, instead of refusing it."""


def seed(course: Course, source: Source, document: Document, options: Options) -> None:
    """Fill the shop with *document*, which was read from *source* and is in order.

    The request of *course* says how its schema is migrated, but for the target. Raises a RunnerError
    where it cannot be done; then not one row was written, though migrations that came first stay.
    """
    _Run(course, source, document, options).run()


@dataclass(slots=True)
class _Run:
    course: Course
    source: Source
    document: Document
    options: Options
    counts: Counts = field(default_factory=Counts)
    lacking: fit.Unheld = field(default_factory=dict)
    """What the live schema cannot hold, and is left out."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def conn(self) -> Connection[Any]:
        return self.course.conn

    @property
    def report(self) -> Report:
        return self.course.report

    def run(self) -> None:
        asked = self.course.options.schema or self.course.address.schema
        self.report.schema = observe.schema_of(self.conn, asked)
        self.report.warnings += self.document.warnings
        observed = self._look()
        if self._skips():
            return
        if self.options.dry_run:
            self._refuse_pending(observed)
            self._load(observed)
            return
        limits = self.course.options.limits
        preflight.own_session(self.conn, self.course.address, limits.lock_timeout)
        with lock.hold(self.conn, wait=limits.lock_wait, say=self.course.progress.say):
            if self._skips():  # another run may have done it while we waited
                return
            if self.options.migrate:
                self._migrate(observed)
            self._load(self._look())

    def _look(self) -> Observed:
        observed = observe.observe(self.conn, self.course.catalog, self.report.schema)
        self.course.tell(observed)
        return observed

    def _skips(self) -> bool:
        """Return whether there is nothing to do, whatever the document says; tell so."""
        why = ""
        if self.document.empty:
            why = "the document is empty"
        elif self.options.once or self.options.on_change:
            latest = records.latest(self.conn, self.report.schema)
            if self.options.on_change and latest == self.source.checksum:
                why = "this very document was the last one seeded"
            elif self.options.once and latest is not None:
                why = "the shop was seeded before"
            elif self.options.once and shop.read(self.conn, self.report.schema).has_products:
                why = "the shop has products"
        if why:
            self._finish("nothing", recorded=False, why=why)
        return bool(why)

    def _target(self, observed: Observed) -> Request:
        target = self.options.to or observed.at or observed.proof.latest
        if target is None:
            if not observed.proof.empty:
                raise RefusedError(
                    "the names in the ledger belong together in no version, so none is known to seed for; "
                    "name it with --to, or leave the schema as it is with --no-migrate",
                    reason="NoVersion",
                )
            target = self.course.catalog.newest
        return dataclasses.replace(self.course.request, target=target)

    def _migrate(self, observed: Observed) -> None:
        request = self._target(observed)
        migrating.migrate(dataclasses.replace(self.course, request=request))
        self.course.progress.end()

    def _refuse_pending(self, observed: Observed) -> None:
        """Refuse a dry run on a schema that the seed itself would change first."""
        if not self.options.migrate:
            return
        path = plan(self.course.catalog, observed.proof, self._target(observed), at=observed.at)
        count = sum(len(step.items) for step in path.steps)
        if count:
            raise RefusedError(
                f"the schema is at {self.report.after}, and {count} migrations and data steps to "
                f"{path.target} come first. A dry run changes nothing: run `medusa-db migrate`, or add "
                "--no-migrate to hold the document against the schema as it is",
                reason="MigrationsPending",
            )

    def _load(self, observed: Observed) -> None:
        off = records.why_off(self.conn)
        remembers = off is None and not self.options.dry_run
        if off is not None:
            self.report.history = f"off: {off}"
            self.report.warnings.append(
                f"what is seeded cannot be remembered: {off}. Rows that are there already count as the "
                "merchant's and stay as they are, unless --overwrite"
            )
        with self._transaction():
            if remembers:
                records.prepare(self.conn)
            self._plan_and_write(observed, remembers=remembers)
            latest = records.latest(self.conn, self.report.schema)
            if remembers and (self.counts.changed or latest != self.source.checksum):
                records.record(self.conn, self._record())
        done = self.counts.changed or bool(self.report.migrations)
        self._finish("done" if done else "nothing", recorded=remembers)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Hold everything inside a `with` together, within the limits that were given."""
        limits = self.course.options.limits
        settings_ = sql.SQL(
            "set local lock_timeout to {}; set local statement_timeout to {};"
            " set local search_path to {}{}"
        ).format(
            sql.Literal(f"{int(limits.lock_timeout * 1000)}ms"),
            sql.Literal(f"{int(limits.statement_timeout * 1000)}ms"),
            sql.Identifier(self.report.schema),
            sql.SQL("; set transaction read only" if self.options.dry_run else ""),
        )
        try:
            with (
                Deadline(self.course.options.run_timeout).running(self.conn),
                self.conn.transaction(),
            ):
                self.conn.execute(settings_)
                yield
        except _OTHERS:
            raise
        except psycopg.Error as exc:  # some constraints are checked at commit
            raise self._failure(exc) from exc

    def _failure(self, exc: psycopg.Error) -> FailedError | UnreachableError:
        if self.conn.broken or self.conn.closed or connection.is_lost(exc):
            return UnreachableError(
                "the connection to the database was lost; the server rolls back what was not committed. "
                "Run the same command again",
                reason="ConnectionLost",
            )
        said = exc.diag.message_primary or str(exc)
        return FailedError(
            f"the seed failed and was rolled back, no row of it remains: {said} "
            f"(SQLSTATE {exc.sqlstate})",
            reason="SeedFailed",
            detail="\n".join(filter(None, (exc.diag.message_detail, exc.diag.message_hint))),
        )

    def _plan_and_write(self, observed: Observed, *, remembers: bool) -> None:
        there = shop.read(self.conn, self.report.schema)
        if not there.columns.of("store"):
            raise RefusedError(
                f"there is no shop in the schema {self.report.schema}: it has no table store. Migrate it "
                "first, or leave out --no-migrate",
                reason="NoShop",
            )
        findings = Findings()
        work = Work(
            there, self.options.policy, Ids(), Changes(self.counts), findings, self._memories(),
            self.report.warnings,
        )  # fmt: skip
        self._hold(work, observed)
        self._plan_settings(work)
        fit.check_references(work, self.document)
        if there.has_products:
            for key, owned in self.document.uses.owned.items():
                owners = load.owners(self.conn, self.report.schema, key, list(owned))
                fit.check_owned(findings, self.document.uses, key, owners)
        findings.raise_if_any(self.source.name)
        self._write(work, remembers=remembers)
        self._products(work, remembers=remembers)
        findings.raise_if_any(self.source.name)

    def _hold(self, work: Work, observed: Observed) -> None:
        """Refuse, or cut, what the live schema cannot hold of the document."""
        place = observed.place(self.course.catalog)
        self.lacking = fit.unheld(work.columns, self.document)
        if self.lacking and self.options.cut:
            fit.cut(self.document, self.lacking)
            left_out = ", ".join(f"{key} of a {kind}" for kind, key in self.lacking)
            self.report.warnings.append(f"left out, as {place} cannot hold it: {left_out}")
            return
        fit.check_keys(work.findings, self.document, self.lacking, place)
        work.findings.raise_if_any(self.source.name)

    def _memories(self) -> dict[tuple[str, str], dict[str, str]]:
        found = {}
        for table in ("store", "user", "region", "shipping_option", "product_category",
                      "product_collection", "publishable_api_key", "rule_type"):  # fmt: skip
            found.update(records.memories(self.conn, self.report.schema, table))
        return found

    def _plan_settings(self, work: Work) -> None:
        currencies = settings.plan_store(work, self.document)
        settings.plan_users(work, self.document)
        regions.plan_regions(work, self.document, currencies)
        regions.plan_shipping_options(work, self.document)
        groups.plan_categories(work, self.document)
        groups.plan_collections(work, self.document)
        settings.plan_keys(work, self.document)
        settings.plan_rule_types(work, self.document)

    def _products(self, work: Work, *, remembers: bool) -> None:
        schema = self.report.schema
        shared = Shared()
        load.shared(self.conn, schema, work.columns, shared)
        products = documents.products(self.document, self.source.pieces)
        with Loading(self.course.progress, self.document.products) as loading:
            while batch := self._cut(list(itertools.islice(products, BATCH))):
                load.images(self.conn, work, schema, batch, shared)
                there = load.look(self.conn, work, schema, batch)
                work.changes = Changes(self.counts)
                plan_products(work, batch, there, shared)
                if not work.findings.count:
                    self._write(work, remembers=remembers)
                loading.advance(len(batch))

    def _cut(self, batch: list[Placed]) -> list[Placed]:
        if not self.lacking:
            return batch
        return [one._replace(says=fit.cut_entry(one.says, PRODUCT, self.lacking)) for one in batch]

    def _write(self, work: Work, *, remembers: bool) -> None:
        changes = work.changes
        if changes.existing and self.options.policy.if_exists is IfExists.FAIL:
            raise RefusedError(
                f"the shop has {', '.join(changes.existing)} already, and --if-exists fail asks for none "
                "of them; no row was written",
                reason="Exists",
            )
        if not self.options.dry_run:
            load.write(self.conn, self.report.schema, work.columns, changes, remembers=remembers)

    def _record(self) -> records.Seed:
        return records.Seed(
            schema=self.report.schema,
            checksum=self.source.checksum,
            document=self.source.name,
            counts=self.counts.to_dict(),
            started_at=self.started,
            version=self.report.after,
            runner_version=__version__,
            by_whom=f"@{self.course.options.by_whom}" if self.course.options.by_whom else "",
        )

    def _finish(self, state: str, *, recorded: bool, why: str = "") -> None:
        self.report.state = state
        self.report.seed = {
            "checksum": self.source.checksum,
            "counts": self.counts.to_dict(),
            "recorded": recorded,
        }
        if self.options.dry_run:
            self.report.seed["dryRun"] = True
        if why:
            self.report.seed["skipped"] = why
