"""A run: bring a database to a version, once, in transactions, under the lock, and prove it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_migrations.postgres import bounded
from medusa_migrations.run import context as contexts
from medusa_migrations.run import ending

if TYPE_CHECKING:
    from medusa_migrations.run.context import RunContext
    from medusa_migrations.run.outcome import Committed, Outcome


def migrate(context: RunContext, outcome: Outcome) -> Committed | None:
    """Bring the database to the version that is wanted; return what was committed, None for nothing.

    Takes no lock and writes nothing where there is nothing to do. Raises a RunnerError where it
    cannot be done; the database then is as *outcome* has it: at the version it had, or with
    `limits.each` at the last item that was committed.
    """
    outcome.target = context.request.target
    wait, say = context.options.limits.lock_wait, context.progress.say
    observed, path = bounded.patiently(
        context.conn, wait, say, lambda: contexts.look(context, outcome)
    )
    for warning in contexts.why_several(context, observed):
        outcome.warn(warning)
    if path.stays:
        outcome.warn(
            f"the database is at {observed.place(context.catalog)}, newer than {path.target}, and stays "
            f"there: a server of {path.target} works with it"
        )
    if path.stays or (path.nothing and context.options.baseline is None):
        ending.nothing(context, outcome, observed, path)
        return None
    from medusa_migrations.run import approval, under_lock  # noqa: PLC0415  most starts find nothing to do

    return under_lock.run(approval.ask(context, path), outcome)
