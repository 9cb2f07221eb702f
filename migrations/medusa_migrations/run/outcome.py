"""The outcome of a run: what it has come to, noted as it goes on; and the one maker of its report.

Functions return what their callers need. An outcome is only added to: nothing that a run does
depends on what it holds, so that it can be believed however early the run ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from medusa_migrations.contract.errors import (
    Interrupted,
    NotAcknowledgedError,
    RunnerError,
    VerificationError,
)
from medusa_migrations.contract.report import ProvenState, Report, RunState
from medusa_migrations.plan.place import Place, proven
from medusa_migrations.postgres import failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from medusa_migrations.catalog.model import DataStep, Note
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.contract.report import Done


class CommitOf(StrEnum):
    """What a commit is of whose answer is awaited."""

    STEP = "its last transaction"
    SEED = "the seed"
    REPAIR = "the repair"


@dataclass(frozen=True, slots=True)
class Committed:
    """What a run has committed of the schema."""

    migrations: tuple[Done, ...] = ()
    data_steps: tuple[Done, ...] = ()
    deferred: tuple[str, ...] = ()
    """Data steps that are recorded as waiting."""
    baseline: Version | None = None
    """The version whose ledger was written for tables that had none."""

    @property
    def count(self) -> int:
        """How many items that is, those that wait included."""
        return len(self.migrations) + len(self.data_steps) + len(self.deferred)

    @property
    def anything(self) -> bool:
        """Whether something stays when the rest is rolled back."""
        return self.baseline is not None or self.count > 0


class Comparison(NamedTuple):
    """How the schema compares with the version that was wanted."""

    verified: bool | None = None
    """None: it was not compared, or differs only as it did before the run."""
    drift: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    """What differs and is no failure of the run: mostly it did so before."""
    around: tuple[str, ...] = ()
    """Those of them that are about rights, triggers and the like, and did not before."""
    differences: tuple[Mapping[str, str], ...] = ()
    """Everything that differs, the harmless too."""
    foreign: tuple[str, ...] = ()
    variant: tuple[str, ...] = ()


class SeedOutcome(NamedTuple):
    """What became of a seed document."""

    checksum: str
    counts: Mapping[str, Mapping[str, int]]
    loaded: bool
    """Whether what the document asks for is in the shop."""
    recorded: bool
    dry_run: bool = False
    skipped: str = ""
    """Why nothing was done, whatever the document asks for."""

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return (
            {
                "checksum": self.checksum,
                "loaded": self.loaded,
                "counts": {kind: dict(numbers) for kind, numbers in self.counts.items()},
                "recorded": self.recorded,
            }
            | ({"dryRun": True} if self.dry_run else {})
            | ({"skipped": self.skipped} if self.skipped else {})
        )


@dataclass(slots=True)
class Outcome:
    """What a run has come to so far."""

    command: str
    run_id: str = ""
    target: Version | None = None
    schema: str = ""
    before: Place | None = None
    """Where the database was; None: nobody has looked."""
    after: Place = field(default_factory=Place)
    """Where it is, as far as is known."""
    state: RunState = RunState.FAILED
    """As what it ends, where nothing goes wrong any more."""
    began: bool = False
    """Whether it has begun to change something."""
    seeding: bool = False
    """Whether a seed has come to its document: the schema is as it is to be."""
    committed: Committed = field(default_factory=Committed)
    outside: str = ""
    """What stays of a file that runs outside of a transaction, while it does."""
    unanswered: CommitOf | None = None
    """The commit that is on its way: nobody knows what it did until its answer is noted."""
    retries: int = 0
    comparison: Comparison = field(default_factory=Comparison)
    history_off: str = ""
    """Why no history is kept; empty: it is."""
    warnings: list[str] = field(default_factory=list)
    waiting: Sequence[str] | None = None
    """Data steps that wait when the run is over; None: it has not got that far."""
    assumed_done: Sequence[DataStep] = ()
    notes: Sequence[Note] = ()
    seed: SeedOutcome | None = None
    repair: Sequence[str] = ()

    def is_at(self, place: Place) -> None:
        """Note where the database is."""
        self.after = place
        self.before = self.before or place

    def warn(self, text: str) -> None:
        """Note what a person should know."""
        self.warnings.append(text)


class Ending(NamedTuple):
    """With what a run ends: its process, its report and its last line on stderr alike."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""
    state: RunState | None = None
    """Where it is another one than that of the outcome."""
    acknowledge: tuple[str, ...] = ()


def failed(outcome: Outcome, exc: BaseException, *, as_result: bool = False) -> Ending:
    """Return with what a run ends that *exc* ended; add to *exc* what of it is committed.

    *as_result*: whoever started the run counts this refusal as a result.
    """
    match exc:
        case RunnerError():
            if (more := _stays(outcome)) and not isinstance(exc, VerificationError):
                exc.add(more)
            state = RunState.REFUSED if as_result else RunState.FAILED
            return Ending(
                exit_code=0 if as_result else exc.exit_code,
                reason=exc.reason,
                message=str(exc),
                # what was verified is committed
                state=None if isinstance(exc, VerificationError) else state,
                acknowledge=exc.versions if isinstance(exc, NotAcknowledgedError) else (),
            )
        case Interrupted():
            if more := _stays(outcome):
                exc.add(more)
            elif outcome.began:
                exc.nothing_stays()
            return Ending(exc.exit_code, "Interrupted", exc.text, RunState.FAILED)
        case _:
            message = f"{type(exc).__name__}: {exc}"
            return Ending(1, RunnerError.default_reason, message, RunState.FAILED)


def _stays(outcome: Outcome) -> str:
    """Return a sentence about what stays of a run that failed; empty where nothing does."""
    committed = outcome.committed
    match outcome.unanswered:
        case CommitOf.SEED:
            unknown = _not_known(CommitOf.SEED, "what the shop was seeded with last")
        case None:
            unknown = ""
        case of:
            return _not_known(of, "where the database is")
    if outcome.seeding and committed.migrations:
        done = len(committed.migrations)
        migrated = f"What was migrated before the seed stays ({done} migrations): the database is at {outcome.after} now"
        return f"{unknown}. {migrated}" if unknown else migrated
    if unknown or outcome.seeding:
        return unknown
    if outcome.outside:
        return outcome.outside
    if committed.count:
        return failure.stays(committed.count, str(outcome.after), unknown=False)
    if committed.baseline is not None:
        return f"The ledger of --baseline {committed.baseline} stays; leave that out"
    return ""


def _not_known(of: CommitOf, what: str) -> str:
    return (
        f"Whether {of} was committed is not known, for the answer was lost: the same command finds out, and "
        f"`medusa-db status` shows {what}"
    )


def report(outcome: Outcome, ending: Ending, seconds: float) -> Report:
    """Return the report of a run with this *outcome*, which took so many *seconds*."""
    committed, compared = outcome.committed, outcome.comparison
    after = Place() if outcome.unanswered else outcome.after
    waiting = committed.deferred if outcome.waiting is None else outcome.waiting
    return Report(
        command=outcome.command,
        run_id=outcome.run_id,
        target=str(outcome.target or ""),
        schema=outcome.schema,
        before=_words(outcome.before),
        proven_before=proven(outcome.before or Place()),
        after=_words(after),
        proven=proven(after),
        state=ending.state or outcome.state,
        migrations=committed.migrations,
        data_steps=committed.data_steps,
        deferred=tuple(waiting),
        assumed_done=tuple(step.name for step in outcome.assumed_done),
        notes=tuple(note.brief() for note in outcome.notes),
        warnings=tuple(outcome.warnings),
        drift=compared.drift,
        earlier=compared.earlier,
        differences=compared.differences,
        foreign=compared.foreign,
        variant=compared.variant,
        verified=compared.verified,
        history=f"off: {outcome.history_off}" if outcome.history_off else "on",
        seconds=seconds,
        retries=outcome.retries,
        exit_code=ending.exit_code,
        reason=ending.reason,
        message=ending.message,
        acknowledge=ending.acknowledge,
        seed=outcome.seed.to_dict() if outcome.seed else {},
        repair=tuple(outcome.repair),
    )


def running(outcome: Outcome) -> Report:
    """Return the report of a run that has begun: it stays where the process is killed outright."""
    message = "the run has not come to its end, or was killed"
    return Report(
        outcome.command,
        run_id=outcome.run_id,
        state=RunState.RUNNING,
        message=message,
    )


def _words(place: Place | None) -> str:
    return "" if place is None or place.state is ProvenState.UNKNOWN else str(place)
