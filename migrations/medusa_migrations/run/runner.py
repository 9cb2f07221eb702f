"""A run: bring a database to a version, once, in transactions, under the lock, and prove it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_migrations.postgres import bounded, busy

if TYPE_CHECKING:
    from medusa_migrations.run.context import RunContext


def migrate(context: RunContext) -> None:
    """Bring the database to the version that is wanted; fill the report on the way.

    Takes no lock and writes nothing where there is nothing to do. Raises a RunnerError where it
    cannot be done; the database then is at the version it had, or with `limits.each` at the last
    item that was committed.
    """
    report = context.report
    report.target = str(context.request.target)
    bounded.bound(context.conn, context.options.run_timeout)
    context.find_schema()
    limits = context.options.limits
    observed, path = busy.patiently(
        context.conn, limits.lock_wait, context.progress.say, context.look
    )
    if path.nothing and context.options.baseline is None:
        context.finish(observed, path, state="nothing")
        context.compare(observed)
        return
    from medusa_migrations.run import approval, under_lock  # noqa: PLC0415  most starts find nothing to do

    under_lock.run(approval.ask(context, path))
