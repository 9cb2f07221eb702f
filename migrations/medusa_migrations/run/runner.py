"""A run: bring a database to a version, once, in transactions, under the lock, and prove it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medusa_migrations.run.course import Course


def migrate(course: Course) -> None:
    """Bring the database to the version that is wanted; fill the report on the way.

    Takes no lock and writes nothing where there is nothing to do. Raises a RunnerError where it
    cannot be done; the database then is at the version it had, or with `limits.each` at the last
    item that was committed.
    """
    report = course.report
    report.target = str(course.request.target)
    course.find_schema()
    observed, path = course.look()
    if path.nothing and course.options.baseline is None:
        course.finish(observed, path, state="nothing")
        course.compare(observed)
        return
    from medusa_migrations.run import approval, locked  # noqa: PLC0415  most starts find nothing to do

    locked.run(approval.ask(course, path))
