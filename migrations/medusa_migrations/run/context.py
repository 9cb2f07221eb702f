"""The context of a run: what it was asked, and what it sees of the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from medusa_migrations.plan import observe
from medusa_migrations.postgres import bounded
from medusa_migrations.records import history

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import Catalog, Note
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.observe import DatabaseState
    from medusa_migrations.plan.plan import Plan, Request
    from medusa_migrations.plan.plan_file import PlanFile
    from medusa_migrations.postgres.address import Address
    from medusa_migrations.run.outcome import Outcome
    from medusa_migrations.run.progress import Progress


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a step may wait and run; times in seconds."""

    lock_wait: float = 600.0
    """How long to wait for another run, and for table locks in all; 0: one try."""
    lock_timeout: float = 5.0
    """How long one try waits for a table lock; the shop queues behind us for that long."""
    statement_timeout: float = 0.0
    """The limit of one statement; 0: none."""
    each: bool = False
    """Commit each item by itself instead of a step at once."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run behaves."""

    schema: str | None = None
    limits: Limits = field(default_factory=Limits)
    run_timeout: float = 3600.0
    """Seconds for the whole run; 0: without limit."""
    baseline: Version | None = None
    on_breaking: bool = False
    """Refuse to cross a breaking version that is not acknowledged."""
    acknowledged: frozenset[Version] = frozenset()
    ask: Callable[[Sequence[Note]], bool] | None = None
    """Asks a person whether to cross these breaking versions; None: nobody is there to be asked."""
    by_whom: str = ""
    """Pod or host, for the history."""
    reviewed: PlanFile | None = None
    """The plan that is applied: nothing else is, and on nothing else than it was made for."""


class RunContext(NamedTuple):
    """What a run knows and may use."""

    command: str
    """As it was called: `migrate`, `seed`, `plan`."""
    conn: Connection[Any]
    address: Address
    schema: str
    """The schema that the shop is in."""
    catalog: Catalog
    request: Request
    options: RunOptions
    progress: Progress


def begin(
    outcome: Outcome,
    conn: Connection[Any],
    address: Address,
    catalog: Catalog,
    request: Request,
    options: RunOptions,
    progress: Progress,
) -> RunContext:
    """Return the context of a run, once it is known which schema the shop is in; note that in *outcome*.

    Raises what `observe.schema_of` raises, and RefusedError for another database than that of the plan.
    """
    bounded.bound(conn, options.run_timeout)
    asked, reviewed = options.schema or address.schema, options.reviewed
    if reviewed is not None:
        from medusa_migrations.plan import basis  # noqa: PLC0415  most runs have no such plan

        basis.require_database(reviewed, basis.where(conn, address, asked or ""))
        asked = asked or reviewed.basis.schema
    outcome.schema = schema = observe.schema_of(conn, asked)
    return RunContext(outcome.command, conn, address, schema, catalog, request, options, progress)


def look(
    context: RunContext, outcome: Outcome, *, adopted: bool = False
) -> tuple[DatabaseState, Plan]:
    """Look at the database, note in *outcome* where it is, and plan from there.

    *adopted*: this run has written a ledger itself, so that it is not as it was planned on.
    """
    conn, catalog, options = context.conn, context.catalog, context.options
    observed = observe.observe(conn, catalog, context.schema)
    if options.baseline is None:
        observe.refuse_unledgered(catalog, observed)
        observe.refuse_ledger_alone(catalog, observed)
    if options.baseline is None or not observed.proof.empty:
        outcome.is_at(observed.place(catalog))
    reviewed = None if adopted else options.reviewed
    if reviewed is not None:
        from medusa_migrations.plan import basis  # noqa: PLC0415  most runs have no such plan

        now = basis.look(conn, context.address, catalog, observed)
        basis.require(reviewed, now)
    path = observe.planned(conn, catalog, observed, context.request)
    if reviewed is not None and options.baseline is None:
        basis.require_runs(reviewed, path.steps)
    return observed, path


def why_several(context: RunContext, observed: DatabaseState) -> Iterator[str]:
    """Say why only a range of versions is known, where a history that cannot be read would tell more."""
    if observed.at is not None or len(observed.proof.possible) < 2:
        return
    if unread := history.why_unreadable(context.conn):
        yield (
            f"the ledger proves {observed.place(context.catalog)}; the history would tell which of them it "
            f"is, and cannot be read: {unread}"
        )
