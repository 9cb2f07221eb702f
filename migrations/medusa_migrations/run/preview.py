"""What a run would do, and whether it would be refused: looks with the eyes of a run, and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import RunnerError
from medusa_migrations.plan import own_locks
from medusa_migrations.plan.findings import raise_for
from medusa_migrations.postgres import live, lock, table_locks
from medusa_migrations.preflight import preflight, standing
from medusa_migrations.records import history
from medusa_migrations.run import approval, baseline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from medusa_migrations.catalog.model import Migration
    from medusa_migrations.plan.findings import Finding
    from medusa_migrations.plan.observe import Observed
    from medusa_migrations.plan.own_locks import OwnLocks
    from medusa_migrations.plan.plan import Held, Item, Plan, Step
    from medusa_migrations.run.course import Course, Options


@dataclass(frozen=True, slots=True)
class Transaction:
    """Items that run, and are committed, together."""

    items: tuple[Item, ...]
    held: Held
    """The tables that are locked when it begins."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would find and do."""

    observed: Observed
    """As it would be with the rows of `adopts`."""
    before: Observed
    """As it is."""
    place: str
    """Where the database is, in words."""
    path: Plan
    options: Options
    steps: tuple[tuple[Step, tuple[Transaction, ...]], ...]
    sizes: Mapping[str, tuple[int, int]]
    """Rows and bytes of each table."""
    own: Mapping[str, OwnLocks]
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


def look(course: Course) -> Preview:
    """Return what `runner.migrate` would do with *course*; fill its report with where the database is.

    Raises what keeps a plan from being made at all: a downgrade, another tool's ledger.
    """
    conn, options = course.conn, course.options
    course.report.target = str(course.request.target)
    course.find_schema()
    before, path = course.look()
    observed = before
    adopts: list[Migration] = []
    if options.baseline is not None:
        adopts, observed, path = baseline.foresee(course, before, options.baseline)
        course.tell(observed)
    nothing = path.nothing and options.baseline is None
    findings = (
        standing.findings(conn, course.catalog, observed)
        if nothing
        else preflight.look(conn, course.address, course.catalog, observed, path.target, path.items)
    )
    return Preview(
        observed=observed,
        before=before,
        place=before.place(course.catalog),
        path=path,
        options=options,
        steps=tuple((step, _transactions(course, step)) for step in path.steps),
        sizes=live.sizes(conn, observed.schema),
        own=own_locks.look(conn, observed.schema, path.items),
        adopts=tuple(adopts),
        findings=tuple(findings),
        warnings=() if nothing else tuple(_warnings(course)),
        refusals=tuple(_refusals(course, path, findings)),
        one_try=table_locks.one_try(
            options.limits.lock_timeout, table_locks.deadlock_timeout(conn)
        ),
    )


def _transactions(course: Course, step: Step) -> tuple[Transaction, ...]:
    parts = [(item,) for item in step.items] if course.options.limits.each else [step.items]
    conn, schema = course.conn, course.report.schema
    return tuple(Transaction(part, table_locks.held(conn, schema, part)) for part in parts)


def _warnings(course: Course) -> Iterator[str]:
    if (holder := lock.holder(course.conn)) is not None:
        yield (
            f"another run holds the lock of this database now ({holder}); this one would wait up to "
            f"{course.options.limits.lock_wait:g} s for it"
        )
    if (off := history.why_off(course.conn)) is not None:
        yield f"no history is kept: {off}"


def _refusals(course: Course, path: Plan, findings: Sequence[Finding]) -> Iterator[RunnerError]:
    """Yield what a run is stopped by, in the order in which it looks."""
    checks: tuple[Callable[[], None], ...] = (
        lambda: approval.require(course, path),
        lambda: raise_for(findings),
    )
    for check in checks:
        try:
            check()
        except RunnerError as exc:
            yield exc
