"""Adopts tables without a ledger: whether they are those of a version, and which rows its ledger has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import RefusedError, VerificationError
from medusa_migrations.plan import basis, observe, proof
from medusa_migrations.plan.findings import joined
from medusa_migrations.postgres import introspect
from medusa_migrations.records import history
from medusa_migrations.run.outcome import Comparison
from medusa_migrations.schema import verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medusa_migrations.catalog.model import Migration
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.observe import DatabaseState
    from medusa_migrations.plan.plan import Plan
    from medusa_migrations.run.context import RunContext
    from medusa_migrations.run.outcome import Outcome


def foresee(
    context: RunContext, outcome: Outcome, observed: DatabaseState, version: Version
) -> tuple[list[Migration], DatabaseState, Plan]:
    """Return the rows of a ledger of *version*, what would be observed with it, and the plan from there.

    Raises as `rows` does, and where that is not the plan that was reviewed.
    """
    names = rows(context, outcome, observed, version)
    then = adopted(context, observed, names, version)
    path = observe.planned(context.conn, context.catalog, then, context.request)
    if context.options.reviewed is not None:
        basis.require_runs(context.options.reviewed, path.steps)
    return names, then, path


def rows(
    context: RunContext, outcome: Outcome, observed: DatabaseState, version: Version
) -> list[Migration]:
    """Return the rows that a ledger of *version* has; write nothing.

    Raises RefusedError where there is a ledger, and VerificationError where the tables are not those
    of that version.
    """
    if not observed.proof.empty:
        raise RefusedError(
            f"there is a ledger already, at {observed.place(context.catalog)}; --baseline is for "
            "tables without one, leave it out",
            reason="LedgerExists",
        )
    names = context.catalog.enabled(version, context.request.flags)
    found = introspect.read(context.conn, context.schema, lambda: verify.tables(context.catalog))
    verdict = verify.verify(context.catalog, version, [m.name for m in names], found)
    if verdict.differences:  # what is harmless as well: it may be another version's
        drift = tuple(map(str, verdict.differences))
        outcome.comparison = Comparison(drift=drift)
        raise VerificationError(
            f"the tables are not those of {version}: {joined(drift)}. Nothing was written; "
            "name the version that made them, and flags that were on with --flag",
            detail="\n".join(f"- {line}" for line in drift),
        )
    return names


def adopted(
    context: RunContext, observed: DatabaseState, names: Sequence[Migration], version: Version
) -> DatabaseState:
    """Return what would be *observed* with a ledger of these *names*, those of *version*."""
    ledger = tuple(migration.name for migration in names)
    return observed._replace(
        ledger=observed.ledger._replace(rows=tuple(enumerate(ledger, 1))),
        proof=proof.prove(context.catalog, ledger),
        named=version if history.why_off(context.conn) is None else None,
    )
