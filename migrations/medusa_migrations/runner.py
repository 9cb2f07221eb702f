"""A run: bring a database to a version, once, in transactions, under the lock, and prove it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from medusa_migrations import history, ledger, live, lock, observe, preflight, verify
from medusa_migrations.catalog import Migration
from medusa_migrations.deadline import Deadline
from medusa_migrations.errors import RefusedError, VerificationError
from medusa_migrations.plan import Plan, Request, plan
from medusa_migrations.steps import Limits, Steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from medusa_migrations.address import Address
    from medusa_migrations.catalog import Catalog, Note
    from medusa_migrations.observe import Observed
    from medusa_migrations.progress import Progress
    from medusa_migrations.report import Report
    from medusa_migrations.version import Version


@dataclass(frozen=True, slots=True)
class Options:
    """How a run behaves."""

    schema: str | None = None
    limits: Limits = field(default_factory=Limits)
    run_timeout: float = 3600.0
    """Seconds for the whole run; 0: without limit."""
    baseline: Version | None = None
    on_breaking: bool = False
    """Refuse to cross a breaking version that is not acknowledged."""
    acknowledged: frozenset[Version] = frozenset()
    by_whom: str = ""
    """Pod or host, for the history."""


def migrate(
    conn: Connection[Any],
    address: Address,
    catalog: Catalog,
    request: Request,
    options: Options,
    progress: Progress,
    report: Report,
) -> None:
    """Bring the database to `request.target`; fill *report* on the way.

    Takes no lock and writes nothing where there is nothing to do. Raises a RunnerError where it
    cannot be done; the database then is at the version it had, or with `limits.each` at the last
    item that was committed.
    """
    _Run(conn, address, catalog, request, options, progress, report).run()


@dataclass(slots=True)
class _Run:
    conn: Connection[Any]
    address: Address
    catalog: Catalog
    request: Request
    options: Options
    progress: Progress
    report: Report

    def run(self) -> None:
        self.report.target = str(self.request.target)
        asked = self.options.schema or self.address.schema
        self.report.schema = observe.schema_of(self.conn, asked)
        observed, path = self._look()
        self.report.before = observed.place(self.catalog)
        if path.nothing and self.options.baseline is None:
            self._finish(observed, path, state="nothing")
            return
        preflight.own_session(self.conn, self.address, self.options.limits.lock_timeout)
        with lock.hold(self.conn, wait=self.options.limits.lock_wait, say=self.progress.say):
            self._locked()

    def _locked(self) -> None:
        deadline = Deadline(self.options.run_timeout)
        steps = Steps(
            self.conn, self.options.limits, deadline, self.progress, self.report,
            datetime.now(UTC), self.options.by_whom,
        )  # fmt: skip
        observed, path = self._look()  # another run may have done it while we waited
        if self.options.baseline is not None:
            self._adopt(steps, observed, self.options.baseline)
            observed, path = self._look()
        if path.nothing:
            self._finish(observed, path, state="done" if self.options.baseline else "nothing")
            return
        self._acknowledged(path)
        with deadline.running(self.conn):
            self._preflight(path)
            before = observed.place(self.catalog)
            for step in path.steps:
                steps.run(step, before)
                before = str(step.target)
        observed = observe.observe(self.conn, self.catalog, self.report.schema)
        self._finish(observed, path, state="done")
        self._verify(observed)

    def _look(self) -> tuple[Observed, Plan]:
        observed = observe.observe(self.conn, self.catalog, self.report.schema)
        if self.options.baseline is None:
            observe.refuse_unledgered(self.catalog, observed)
        request = observe.resume(self.conn, self.catalog, observed, self.request)
        path = plan(self.catalog, observed.proof, request, at=observed.at)
        return observed, path

    def _finish(self, observed: Observed, path: Plan, *, state: str) -> None:
        report = self.report
        report.state = state
        report.after = observed.place(self.catalog)
        report.assumed_done = [step.name for step in path.assumed_done]
        if state == "done":
            report.notes = [short_note(note) for note in path.notes]
        _, waits = observe.waiting(self.conn, self.catalog, observed)
        report.deferred = sorted({*report.deferred, *waits} - {d.name for d in report.data_steps})
        for name in observed.proof.doubled:
            report.warnings.append(
                f"the ledger has {name} more than once, as races of Medusa's own tool leave it; harmless"
            )

    def _acknowledged(self, path: Plan) -> None:
        missing = [n.version for n in path.breaking if n.version not in self.options.acknowledged]
        if self.options.on_breaking and missing:
            first = next(note for note in path.breaking if note.version == missing[0])
            flags = " ".join(f"--acknowledge {version}" for version in missing)
            raise RefusedError(
                f"the way crosses breaking versions ({', '.join(map(str, missing))}). "
                f"{first.version}: {first.summary} Read `medusa-db notes`, then add {flags}",
                reason="NotAcknowledged",
            )

    def _preflight(self, path: Plan) -> None:
        schema = self.report.schema
        migrations = [item for item in path.items if isinstance(item, Migration)]
        findings = preflight.look(self.conn, self.address, schema, migrations)
        for finding in findings:
            if finding.error is None:
                self.report.warnings.append(str(finding))
                self.progress.say(str(finding))
        preflight.raise_for(findings)
        off = history.why_off(self.conn)
        if off:
            self.report.history = f"off: {off}"
            self.progress.say(f"no history is kept: {off}")

    def _adopt(self, steps: Steps, observed: Observed, version: Version) -> None:
        """Write the ledger of *version* for tables that are provably that version's."""
        if not observed.proof.empty:
            raise RefusedError(
                f"there is a ledger already, at {observed.place(self.catalog)}; --baseline is for "
                "tables without one, leave it out",
                reason="LedgerExists",
            )
        schema = self.report.schema
        names = self.catalog.enabled(version, self.request.flags)
        verdict = verify.verify(
            self.catalog, version, [m.name for m in names], live.read(self.conn, schema)
        )
        if not verdict.ok:
            self.report.drift = list(verdict.drift)
            raise VerificationError(
                f"the tables are not those of {version}: {some(verdict.drift)}. Nothing was written; "
                "name the version that made them, and flags that were on with --flag",
                detail="\n".join(f"- {line}" for line in verdict.drift),
            )
        with self.conn.transaction():
            ledger.ensure(self.conn, schema)
            for migration in names:
                ledger.record(self.conn, schema, migration)
            steps.record(f"tables without a ledger (--baseline {version})", str(version), [], [])
        self.progress.say(f"adopted the tables as {version}", ledger_rows=len(names))

    def _verify(self, observed: Observed) -> None:
        found = live.read(self.conn, self.report.schema)
        verdict = verify.verify(self.catalog, self.request.target, observed.proof.applied, found)
        self.report.verified = verdict.ok
        self.report.drift = list(verdict.drift)
        self.report.foreign = list(verdict.foreign)
        self.report.variant = list(verdict.variant)
        if not verdict.ok:
            raise VerificationError(
                f"every migration is applied, and the schema still differs from that of "
                f"{self.request.target}: {some(verdict.drift)}. `medusa-db verify` lists all of it",
                detail="\n".join(f"- {line}" for line in verdict.drift),
            )


def some(lines: Sequence[str], most: int = 3) -> str:
    """Return the first *most* of *lines*, and how many more there are."""
    shown = "; ".join(lines[:most])
    return shown if len(lines) <= most else f"{shown}; and {len(lines) - most} more"


def short_note(note: Note) -> dict[str, Any]:
    """Return what a report says of a note."""
    return {
        "version": str(note.version),
        "severity": str(note.severity),
        "summary": note.summary,
        "url": note.url,
    }
