"""The part of a run that changes the database: alone, under the lock, and proven afterwards."""

from __future__ import annotations

import dataclasses
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import Interrupted, RunnerError
from medusa_migrations.plan import observe, proof
from medusa_migrations.plan.findings import raise_for
from medusa_migrations.postgres import failure, introspect, lock, translation
from medusa_migrations.postgres.deadline import Deadline
from medusa_migrations.preflight import definitions, pooler, preflight, standing
from medusa_migrations.records import history, ledger
from medusa_migrations.run import approval, baseline
from medusa_migrations.run.steps import Steps
from medusa_migrations.schema import verify

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from medusa_migrations.catalog.model import Migration
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.observe import DatabaseState
    from medusa_migrations.plan.plan import Plan
    from medusa_migrations.run.context import RunContext


def run(context: RunContext) -> None:
    """Take the lock and do what is pending then; raise as `runner.migrate` does."""
    limits = context.options.limits
    pooler.require_direct_session(context.conn, context.address, limits.lock_timeout)
    with lock.hold(context.conn, wait=limits.lock_wait, say=context.progress.say):
        _UnderLock(context).run()


@dataclass(frozen=True, slots=True)
class _UnderLock:
    context: RunContext

    def run(self) -> None:
        deadline = Deadline(self.context.options.run_timeout)
        steps = Steps(
            self.context.conn, self.context.options.limits, deadline, self.context.progress, self.context.report,
            datetime.now(UTC), self.context.options.by_whom,
        )  # fmt: skip
        deadline.committed = lambda: steps.stays
        observed, path = self.context.look()  # another run may have done it while we waited
        adopts: list[Migration] = []
        version = self.context.options.baseline
        if version is not None:
            adopts, observed, path = baseline.foresee(self.context, observed, version)
        if path.nothing and version is None:
            self.context.finish(observed, path, state="nothing")
            self.context.compare(observed)
            return
        approval.require(self.context, path)  # another run may have moved it
        with self._says_what_stays(steps), deadline.running(self.context.conn):
            if not path.nothing:
                steps.differed = self._preflight(observed, path)
            if version is not None:
                self._adopt(steps, adopts, version)
                observed, path = self.context.look(adopted=True)
            self._asks_before(path)
            foreseen = self._foresee(observed, path)
            self._steps(steps, observed, path)
        if path.nothing:  # a ledger was adopted, whose tables had been compared
            standing.end(self.context.conn, observed, str(path.target), (), ())
            self.context.finish(observed, path, state="done")
            return
        foreseen.join()
        try:
            observed = observe.observe(
                self.context.conn, self.context.catalog, self.context.report.schema
            )
            self.context.finish(observed, path, state="done")
            self._verify(observed, steps.differed)
        except Interrupted as exc:
            exc.add(
                f"The database is at {self.context.report.after}: every step was committed, and nothing was "
                "verified. `medusa-db verify` does that"
            )
            raise

    @contextmanager
    def _says_what_stays(self, steps: Steps) -> Iterator[None]:
        """Let what goes wrong inside a `with` say what of the run is committed."""
        try:
            with translation.translated(self.context.address, self.context.conn):
                yield
        except (RunnerError, Interrupted) as exc:
            if steps.committed or steps.committing:
                place = self.context.report.after
                exc.add(failure.stays(steps.committed, place, unknown=steps.committing))
            elif steps.adopted:
                exc.add(
                    f"The ledger of --baseline {self.context.options.baseline} stays; leave that out"
                )
            elif isinstance(exc, Interrupted):
                exc.nothing_stays()
            raise

    def _foresee(self, observed: DatabaseState, path: Plan) -> threading.Thread:
        """Work out what the schema should be afterwards, while the server makes it."""
        applied = [*observed.proof.applied, *(item.name for item in path.items)]
        thread = threading.Thread(
            target=verify.foresee, args=(self.context.catalog, path.target, applied), daemon=True
        )
        thread.start()
        return thread

    def _steps(self, steps: Steps, observed: DatabaseState, path: Plan) -> None:
        before = observed.place(self.context.catalog)
        try:
            for step in path.steps:
                steps.run(step, before)
                before = str(step.target)
            if path.moves and before != str(path.target):  # it shares its migrations with `before`
                with steps.committed_at_its_end():
                    steps.record(before, str(path.target), [], [])
        finally:
            self.context.tell(self._left(steps, observed))

    def _left(self, steps: Steps, observed: DatabaseState) -> DatabaseState | None:
        """Return what the steps left behind, without asking the server; None: not known."""
        if steps.committing:
            return None
        committed = [done.name for done in self.context.report.migrations]
        found = proof.prove(self.context.catalog, (*observed.ledger.names, *committed))
        named = steps.recorded or observed.named
        return dataclasses.replace(observed, proof=found, named=named)

    def _asks_before(self, path: Plan) -> None:
        """Tell what the upgrade guides ask before a version, while it is not too late."""
        for note in path.notes:
            for line in note.before:
                self.context.progress.say(f"{note.version} asks beforehand: {line}")

    def _preflight(self, observed: DatabaseState, path: Plan) -> tuple[str, ...]:
        """Refuse what stands in the way; return the differences from before that stay."""
        context = self.context
        findings = preflight.look(
            context.conn, context.address, context.catalog, observed, path.target, path.items
        )
        for finding in findings:
            if finding.error is None:
                self.context.report.warnings.append(str(finding))
                self.context.progress.say(str(finding))
        raise_for(findings)
        off = history.why_off(self.context.conn)
        if off:
            self.context.report.history = f"off: {off}"
            self.context.progress.say(f"no history is kept: {off}")
        return tuple(finding.differs for finding in findings if finding.differs)

    def _adopt(self, steps: Steps, names: Sequence[Migration], version: Version) -> None:
        """Write the ledger of *version* for tables that are provably that version's."""
        schema = self.context.report.schema
        with steps.committed_at_its_end():
            ledger.ensure(self.context.conn, schema)
            for migration in names:
                ledger.record(self.context.conn, schema, migration)
            steps.record(f"tables without a ledger (--baseline {version})", str(version), [], [])
        steps.adopted = True
        self.context.progress.say(f"adopted the tables as {version}", ledger_rows=len(names))

    def _verify(self, observed: DatabaseState, differed: Sequence[str]) -> None:
        """Compare the schema with the target's; what *differed* before the run is not held against it."""
        report, target = self.context.report, self.context.request.target
        conn, catalog = self.context.conn, self.context.catalog
        found, applied = introspect.read(conn, report.schema), observed.proof.applied
        verdict = definitions.compare(conn, catalog, target, applied, report.schema, found)
        report.earlier = [line for line in verdict.drift if line in differed]
        report.foreign = list(verdict.foreign)
        report.variant = list(verdict.variant)
        new = [line for line in verdict.drift if line not in differed]
        standing.end(conn, observed, str(target), report.earlier, new)
        self.context.judge(new)
