"""The context of a run: what it was asked, what it sees of the database, what it reports of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medusa_migrations.catalog.model import not_repeated
from medusa_migrations.contract.errors import VerificationError
from medusa_migrations.contract.report import Proven
from medusa_migrations.plan import observe
from medusa_migrations.plan.findings import joined
from medusa_migrations.preflight import standing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import Catalog, Note
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.contract.report import Report
    from medusa_migrations.plan.observe import DatabaseState
    from medusa_migrations.plan.plan import Plan, Request
    from medusa_migrations.plan.plan_file import PlanFile
    from medusa_migrations.postgres.address import Address
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


@dataclass(frozen=True, slots=True)
class RunContext:
    """Everything a run has at hand."""

    conn: Connection[Any]
    address: Address
    catalog: Catalog
    request: Request
    options: RunOptions
    progress: Progress
    report: Report

    def find_schema(self) -> None:
        """Tell the report which schema the shop is in; refuse another database than that of the plan."""
        asked, reviewed = self.options.schema or self.address.schema, self.options.reviewed
        if reviewed is not None:
            from medusa_migrations.plan import basis  # noqa: PLC0415  most runs have no such plan

            basis.require_database(reviewed, basis.where(self.conn, self.address, asked or ""))
            asked = asked or reviewed.basis.schema
        self.report.schema = observe.schema_of(self.conn, asked)

    def look(self, *, adopted: bool = False) -> tuple[DatabaseState, Plan]:
        """Look at the database, tell the report where it is, and plan from there.

        *adopted* tells that this run has written a ledger itself, so that it is not as it was planned on.
        """
        observed = observe.observe(self.conn, self.catalog, self.report.schema)
        if self.options.baseline is None:
            observe.refuse_unledgered(self.catalog, observed)
            observe.refuse_ledger_alone(self.catalog, observed)
        if self.options.baseline is None or not observed.proof.empty:
            self.tell(observed)
        reviewed = None if adopted else self.options.reviewed
        if reviewed is not None:
            from medusa_migrations.plan import basis  # noqa: PLC0415  most runs have no such plan

            now = basis.look(self.conn, self.address, self.catalog, observed)
            basis.require(reviewed, now)
        path = observe.planned(self.conn, self.catalog, observed, self.request)
        if reviewed is not None and self.options.baseline is None:
            basis.require_runs(reviewed, path.steps)
        return observed, path

    def tell(self, observed: DatabaseState | None) -> None:
        """Tell the report where the database is; None: nobody knows."""
        report = self.report
        report.proven = observe.proven(observed) if observed else Proven()
        report.after = observed.place(self.catalog) if observed else ""
        report.before = report.before or report.after

    def finish(self, observed: DatabaseState, path: Plan, *, state: str) -> None:
        """Tell the report that the run has come to its end."""
        report = self.report
        report.state = state
        self.tell(observed)
        report.assumed_done = [step.name for step in path.assumed_done]
        if state == "done":
            report.notes = [_short(note) for note in path.notes]
        _, waits = observe.waiting(self.conn, self.catalog, observed)
        names = {*report.deferred, *waits} - {d.name for d in report.data_steps}
        left = not_repeated(step for step in self.catalog.data_steps if step.name in names)
        report.deferred = sorted(step.name for step in left)
        for name in observed.proof.doubled:
            report.warnings.append(
                f"the ledger has {name} more than once, as races of Medusa's own tool leave it; harmless"
            )

    def compare(self, observed: DatabaseState) -> None:
        """Tell the report how the schema compares with the version, where nothing had to run.

        Raises VerificationError for what differs since a run that failed its verification, or did
        not come to its end.
        """
        found = standing.look(self.conn, self.catalog, observed)
        if found.unread is not None:
            self.report.warnings.append(str(found.unread))
        if not found.differences:
            return
        from medusa_migrations.preflight import definitions  # noqa: PLC0415  hardly ever needed

        self.report.earlier = [str(one) for one in found.before]
        for one in found.before:
            self.report.warnings.append(str(definitions.stays(one, observed.schema)))
        if found.new:
            self.judge([str(one) for one in found.new])

    def judge(self, drift: Sequence[str]) -> None:
        """Tell the report that a run has left the schema with *drift*; raise VerificationError for any.

        Where only that differs which did before, it is neither verified nor a failure.
        """
        self.report.drift = list(drift)
        self.report.verified = False if drift else (None if self.report.earlier else True)
        if not drift:
            return
        raise VerificationError(
            f"every migration is applied, and the schema still differs from that of {self.report.target}: "
            f"{joined(drift)}. `medusa-db verify` lists all of it",
            detail="\n".join(f"- {line}" for line in drift),
        )


def _short(note: Note) -> dict[str, Any]:
    return {
        "version": str(note.version),
        "severity": str(note.severity),
        "summary": note.summary,
        "url": note.url,
    }
