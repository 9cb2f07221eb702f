"""The end of a run: what waits, and how the schema compares with the version that was wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_migrations.catalog.model import not_repeated
from medusa_migrations.contract.errors import VerificationError
from medusa_migrations.contract.report import RunState
from medusa_migrations.plan import observe
from medusa_migrations.plan.findings import joined
from medusa_migrations.preflight import standing
from medusa_migrations.run.outcome import Comparison

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.observe import DatabaseState
    from medusa_migrations.plan.plan import Plan
    from medusa_migrations.run.context import RunContext
    from medusa_migrations.run.outcome import Committed, Outcome


def nothing(context: RunContext, outcome: Outcome, observed: DatabaseState, path: Plan) -> None:
    """Note that nothing had to run, and how the schema compares with the version.

    Raises VerificationError for what differs since a run that failed its verification, or did
    not come to its end.
    """
    outcome.state = RunState.NOTHING
    _finish(context, outcome, observed, path)
    found = standing.look(context.conn, context.catalog, observed)
    for one in standing.told(found, observed.schema):
        if one.error is None:
            outcome.warn(str(one))
    if not found.differences:
        return
    from medusa_migrations.schema import fixes  # noqa: PLC0415  hardly ever needed

    described = tuple(fixes.described(one, observed.schema) for one in found.differences)
    before, new = tuple(map(str, found.before)), tuple(map(str, found.new))
    if new:
        judge(
            outcome,
            Comparison(verified=False, drift=new, earlier=before, differences=described),
            path.target,
        )
    outcome.comparison = Comparison(earlier=before, differences=described)


def done(
    context: RunContext,
    outcome: Outcome,
    observed: DatabaseState,
    path: Plan,
    committed: Committed,
) -> None:
    """Note that all of *path* is *committed*."""
    outcome.state = RunState.DONE
    outcome.notes = path.notes
    _finish(context, outcome, observed, path, committed)


def judge(outcome: Outcome, found: Comparison, target: Version) -> None:
    """Note how the schema compares with *target* after a run; raise VerificationError where it differs.

    What differed before the run as well is no failure, and nothing verified either.
    """
    outcome.comparison = found
    if not found.drift:
        return
    raise VerificationError(
        f"every migration is applied, and the schema still differs from that of {target}: "
        f"{joined(found.drift)}. `medusa-db verify` lists all of it",
        detail="\n".join(f"- {line}" for line in found.drift),
    )


def _finish(
    context: RunContext,
    outcome: Outcome,
    observed: DatabaseState,
    path: Plan,
    committed: Committed | None = None,
) -> None:
    outcome.is_at(observed.place(context.catalog))
    outcome.assumed_done = path.assumed_done
    outcome.waiting = _waiting(context, observed, committed)
    for name in observed.proof.doubled:
        outcome.warn(
            f"the ledger has {name} more than once, as races of Medusa's own tool leave it; harmless"
        )


def _waiting(
    context: RunContext, observed: DatabaseState, committed: Committed | None
) -> Sequence[str]:
    """Return the data steps that wait from here on."""
    _, waits = observe.waiting(context.conn, context.catalog, observed)
    deferred = committed.deferred if committed else ()
    done = {step.name for step in committed.data_steps} if committed else set()
    names = {*deferred, *waits} - done
    left = not_repeated(step for step in context.catalog.data_steps if step.name in names)
    return sorted(step.name for step in left)
