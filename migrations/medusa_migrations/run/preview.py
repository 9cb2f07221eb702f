"""What a run would do, and whether it would be refused: looks as a run does, and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa_migrations.catalog.model import Migration
from medusa_migrations.contract.errors import RunnerError
from medusa_migrations.plan.findings import raise_for
from medusa_migrations.plan.shop import locks as shop_locks
from medusa_migrations.postgres import introspect, lock, table_locks
from medusa_migrations.preflight import preflight, standing
from medusa_migrations.records import history
from medusa_migrations.run import approval, baseline
from medusa_migrations.run import context as contexts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from medusa_migrations.plan.findings import Finding
    from medusa_migrations.plan.observe import DatabaseState
    from medusa_migrations.plan.place import Place
    from medusa_migrations.plan.plan import Held, Item, Plan, Step
    from medusa_migrations.plan.shop.locks import ShopLocks
    from medusa_migrations.run.context import RunContext, RunOptions
    from medusa_migrations.run.outcome import Outcome


@dataclass(frozen=True, slots=True)
class PlannedTransaction:
    """Items that run, and are committed, together."""

    items: tuple[Item, ...]
    held: Held
    """The tables that are locked when it begins."""

    @property
    def outside(self) -> bool:
        """Whether it is none: a file whose statements are each committed by themselves."""
        return any(isinstance(item, Migration) and item.alone for item in self.items)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would find and do."""

    observed: DatabaseState
    """As it would be with the rows of `adopts`."""
    before: DatabaseState
    """As it is."""
    place: Place
    """Where the database is."""
    start: Place
    """Where it would be with the rows of `adopts`: the plan begins there."""
    path: Plan
    options: RunOptions
    steps: tuple[tuple[Step, tuple[PlannedTransaction, ...]], ...]
    sizes: Mapping[str, tuple[int, int]]
    """Rows and bytes of each table."""
    own: Mapping[str, ShopLocks]
    """What migrations of the shop's own lock, by their names."""
    adopts: tuple[Migration, ...]
    """The rows of the ledger that `--baseline` would write."""
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    refusals: tuple[RunnerError, ...]
    """What the run would fail with before it writes anything; the first one is what it would end with."""
    one_try: float
    """Seconds that a try to lock all tables of a transaction may take."""

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to do."""
        return self.path.nothing and self.options.baseline is None


def look(context: RunContext, outcome: Outcome) -> Preview:
    """Return what `runner.migrate` would do with *context*; note in *outcome* where the database is.

    Raises what keeps a plan from being made at all: a downgrade, another tool's ledger.
    """
    conn, options = context.conn, context.options
    outcome.target = context.request.target
    before, path = contexts.look(context, outcome)
    observed = before
    adopts: list[Migration] = []
    if options.baseline is not None:
        adopts, observed, path = baseline.foresee(context, outcome, before, options.baseline)
        outcome.is_at(observed.place(context.catalog))
    nothing = path.nothing and options.baseline is None
    findings = (
        standing.findings(conn, context.catalog, observed)
        if nothing
        else preflight.look(
            conn,
            context.address,
            context.catalog,
            observed,
            path.target,
            path.items,
            adopts,
            path.transactions(each=options.limits.each),
        )
    )
    return Preview(
        observed=observed,
        before=before,
        place=before.place(context.catalog),
        start=observed.place(context.catalog),
        path=path,
        options=options,
        steps=tuple((step, _transactions(context, step)) for step in path.steps),
        sizes=introspect.sizes(conn, observed.schema),
        own=shop_locks.look(conn, observed.schema, path.items),
        adopts=tuple(adopts),
        findings=tuple(findings),
        warnings=(
            *contexts.why_several(context, before),
            *(() if nothing else _warnings(context)),
        ),
        refusals=tuple(_refusals(context, path, findings)),
        one_try=table_locks.one_try(
            options.limits.lock_timeout, table_locks.deadlock_timeout(conn)
        ),
    )


def _transactions(context: RunContext, step: Step) -> tuple[PlannedTransaction, ...]:
    parts = step.parts(each=context.options.limits.each)
    return tuple(_transaction(context, part) for part in parts)


def _transaction(context: RunContext, items: tuple[Item, ...]) -> PlannedTransaction:
    found = PlannedTransaction(items, ())
    if found.outside:  # each statement takes its own locks
        return found
    locks = table_locks.of_items(context.conn, context.schema, items)
    return PlannedTransaction(items, table_locks.groups(locks))


def _warnings(context: RunContext) -> Iterator[str]:
    if (holder := lock.holder(context.conn)) is not None:
        yield (
            f"another run holds the lock of this database now ({holder}); this one would wait up to "
            f"{context.options.limits.lock_wait:g} s for it"
        )
    if (off := history.why_off(context.conn)) is not None:
        yield f"no history is kept: {off}"


def _refusals(
    context: RunContext, path: Plan, findings: Sequence[Finding]
) -> Iterator[RunnerError]:
    """Yield what a run is stopped by, in the order in which it looks."""
    checks: tuple[Callable[[], None], ...] = (
        lambda: approval.require(context, path),
        lambda: raise_for(findings),
    )
    for check in checks:
        try:
            check()
        except RunnerError as exc:
            yield exc
