"""The part of a run that changes the database: alone, under the lock, and proven afterwards."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from medusa_migrations.plan import observe, place, proof
from medusa_migrations.plan.findings import raise_for
from medusa_migrations.postgres import bounded, introspect, lock, translation
from medusa_migrations.postgres.deadline import Deadline
from medusa_migrations.preflight import comparison, definitions, pooler, preflight, standing
from medusa_migrations.records import history
from medusa_migrations.run import approval, baseline, ending
from medusa_migrations.run import context as contexts
from medusa_migrations.run.outcome import Comparison
from medusa_migrations.run.steps import Steps
from medusa_migrations.schema import fixes, verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medusa_migrations.catalog.model import Migration
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.observe import DatabaseState
    from medusa_migrations.plan.place import Place
    from medusa_migrations.plan.plan import Plan
    from medusa_migrations.run.context import RunContext
    from medusa_migrations.run.outcome import Committed, Outcome

_TURN = 0.0005
"""Seconds after which a thread that computes lets the one go on whose statement the server has answered; Python's
own 5 ms for each of dozens of answers would be longer than the statements take."""


def run(context: RunContext, outcome: Outcome) -> Committed | None:
    """Take the lock and do what is pending then; return and raise as `runner.migrate` does."""
    limits = context.options.limits
    pooler.require_direct_session(context.conn, context.address, limits.lock_timeout)
    with lock.hold(context.conn, wait=limits.lock_wait, say=context.progress.say):
        return _UnderLock(context, outcome).run()


@dataclass(frozen=True, slots=True)
class _UnderLock:
    context: RunContext
    outcome: Outcome

    def run(self) -> Committed | None:
        context, outcome = self.context, self.outcome
        deadline = Deadline(context.options.run_timeout)
        steps = Steps(context, outcome, deadline, datetime.now(UTC))
        deadline.committed = lambda: steps.committed.anything
        observed, path = contexts.look(context, outcome)  # another run may have done it by now
        adopts: list[Migration] = []
        version = context.options.baseline
        if version is not None:
            adopts, observed, path = baseline.foresee(context, outcome, observed, version)
        if path.nothing and version is None:
            ending.nothing(context, outcome, observed, path)
            return None
        approval.require(context, path)  # another run may have moved it
        outcome.began = True
        with (
            translation.translated(context.address, context.conn),
            deadline.running(context.conn),
        ):
            steps.differed = self._preflight(observed, path, adopts)
            if version is not None:
                self._adopt(steps, adopts, version)
                observed, path = contexts.look(context, outcome, adopted=True)
            self._asks_before(path)
            foreseen = self._foresee(observed, path)
            self._steps(steps, observed, path)
        if path.nothing:  # a ledger was adopted, whose tables had been compared
            standing.end(context.conn, observed, str(path.target), (), ())
            ending.done(context, outcome, observed, path, steps.committed)
            return steps.committed
        foreseen.join()
        observed = observe.observe(context.conn, context.catalog, context.schema)
        ending.done(context, outcome, observed, path, steps.committed)
        self._verify(observed, steps.differed)
        return steps.committed

    def _foresee(self, observed: DatabaseState, path: Plan) -> threading.Thread:
        """Work out what the schema should be afterwards, while the server makes it."""
        applied = [*observed.proof.applied, *(item.name for item in path.items)]
        sys.setswitchinterval(_TURN)
        thread = threading.Thread(
            target=verify.foresee, args=(self.context.catalog, path.target, applied), daemon=True
        )
        thread.start()
        return thread

    def _steps(self, steps: Steps, observed: DatabaseState, path: Plan) -> None:
        before = str(observed.place(self.context.catalog))
        try:
            for step in path.steps:
                steps.run(step, before)
                before = str(step.target)
            if path.moves and before != str(path.target):  # it shares its migrations with `before`
                steps.move(before, path.target)
        finally:
            self.outcome.is_at(self._left(steps, observed))

    def _left(self, steps: Steps, observed: DatabaseState) -> Place:
        """Return where the steps left the database, without asking the server."""
        names = (done.name for done in steps.committed.migrations)
        found = proof.prove(self.context.catalog, (*observed.ledger.names, *names))
        return place.locate(self.context.catalog, found, steps.recorded or observed.named)

    def _asks_before(self, path: Plan) -> None:
        """Log what the upgrade guides ask before a version, while it is not too late."""
        for note in path.notes:
            for line in note.before:
                self.context.progress.say(f"{note.version} asks beforehand: {line}")

    def _preflight(
        self, observed: DatabaseState, path: Plan, adopts: Sequence[Migration]
    ) -> tuple[str, ...]:
        """Refuse what stands in the way; return the differences from before that stay."""
        context = self.context
        findings = preflight.look(
            context.conn,
            context.address,
            context.catalog,
            observed,
            path.target,
            path.items,
            adopts,
            path.transactions(each=context.options.limits.each),
        )
        for finding in findings:
            if finding.error is None:
                self.outcome.warn(str(finding))
                context.progress.say(str(finding))
        raise_for(findings)
        off = history.why_off(context.conn)
        if off:
            self.outcome.history_off = off
            context.progress.say(f"no history is kept: {off}")
        return tuple(finding.differs for finding in findings if finding.differs)

    def _adopt(self, steps: Steps, names: Sequence[Migration], version: Version) -> None:
        """Write the ledger of *version* for tables that are provably that version's."""
        steps.adopt(names, version)
        self.context.progress.say(f"adopted the tables as {version}", ledger_rows=len(names))

    def _verify(self, observed: DatabaseState, differed: Sequence[str]) -> None:
        """Compare the schema with the target's; what *differed* before the run is no failure of it."""
        context, target = self.context, self.context.request.target
        conn, schema = context.conn, context.schema
        found = bounded.patiently(
            conn, context.options.limits.lock_wait, context.progress.say,
            lambda: introspect.read(conn, schema, lambda: verify.tables(context.catalog)),
        )  # fmt: skip
        live = comparison.beside(conn, schema, found)
        verdict = comparison.compare(context.catalog, target, observed.proof.applied, live)
        allowed = {*differed, *verdict.around}
        earlier = tuple(line for line in verdict.drift if line in allowed)
        new = tuple(line for line in verdict.drift if line not in allowed)
        for one in verdict.differences:
            if one.harmful and str(one) in verdict.around and str(one) not in differed:
                self.outcome.warn(str(definitions.found_after(one, schema)))
        standing.end(conn, observed, str(target), earlier, new)
        compared = Comparison(
            verified=False if new else None if earlier else True,
            drift=new,
            earlier=earlier,
            around=tuple(line for line in earlier if line not in differed),
            differences=tuple(fixes.described(one, schema) for one in verdict.differences),
            foreign=tuple(verdict.foreign),
            variant=tuple(verdict.variant),
        )
        ending.judge(self.outcome, compared, target)
