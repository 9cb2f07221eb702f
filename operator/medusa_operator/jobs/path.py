"""Pure: which steps lead from what the database proves to what is declared, and what gates them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa_migrations.catalog import version as versions
from medusa_migrations.catalog.model import Severity
from medusa_operator.resource.reasons import Reason
from medusa_operator.resource.spec import Approval

if TYPE_CHECKING:
    from medusa_migrations.catalog.model import Catalog, Note
    from medusa_migrations.catalog.version import Version
    from medusa_operator.resource.spec import Spec
    from medusa_operator.resource.status import ProvenPlace

MIGRATE = "Migrate"
SEED = "Seed"
VERIFY = "Verify"
"""No step of a path: what is done at rest."""
AVAILABLE = 10
"""Versions that are offered as the next."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What a person must say before a step may begin."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class PathStep:
    """One hop of the path: one Job, where it succeeds at once."""

    type: str
    """`Migrate`, `Seed` or `Verify`."""
    version: Version
    """Where it goes to; for a seed, the version whose schema it fills."""
    target: Version
    """Where the whole path goes to."""
    gate: Gate | None = None

    @property
    def name(self) -> str:
        """Its name in status, run id and annotations."""
        return "seed" if self.seeds else f"{self.type.lower()}-{self.version}"

    @property
    def seeds(self) -> bool:
        """Whether it is a seed."""
        return self.type == SEED

    @property
    def verifies(self) -> bool:
        """Whether it only looks."""
        return self.type == VERIFY

    @property
    def final(self) -> bool:
        """Whether the path ends with it, a seed aside."""
        return self.version == self.target


@dataclass(frozen=True, slots=True)
class Path:
    """What is left to be done, in order."""

    steps: tuple[PathStep, ...] = ()

    @property
    def next(self) -> PathStep | None:
        """The step that comes next."""
        return self.steps[0] if self.steps else None


def plan(
    catalog: Catalog, spec: Spec, proven: ProvenPlace | None, *, applied: bool, seed_due: bool
) -> Path:
    """Return the path from what is *proven* to what *spec* declares.

    *applied* says that the spec's identity is applied, so that no migration step is left. A database
    that nobody has looked at gets the first target at once: the runner refuses where it must, and
    reports where it is.
    """
    steps = [] if applied else _hops(catalog, spec, proven)
    if seed_due:
        steps.append(PathStep(SEED, spec.version, spec.version))
    return Path(tuple(steps))


def here(proven: ProvenPlace | None) -> Version | None:
    """Return the one version that counts as the database's; None where none is proven."""
    if proven is None or proven.state != "version":
        return None
    return versions.parse(proven.at or proven.newest)


def too_old(catalog: Catalog, proven: ProvenPlace | None, wanted: Version) -> bool:
    """Return whether *wanted* is older than anything that *proven* can be; none of the same schema is."""
    if proven is None or proven.state != "version":
        return False
    at = versions.parse(proven.at)
    if at is not None and wanted < at and catalog.breaks_servers(wanted, at):
        return True  # the same schema, and rows that the older server cannot read
    if fits(catalog, proven, wanted):
        return False
    oldest = versions.parse(proven.oldest)
    return oldest is not None and wanted < oldest


def fits(catalog: Catalog, proven: ProvenPlace, wanted: Version) -> bool:
    """Return whether a database that proves this can be at *wanted*.

    Flags set by hand make a version look like its neighbour: 1.6.0 with analytics has the migrations
    of 1.6.1. So it also fits where all that *wanted* runs in any case is there, and nothing later.
    """
    oldest, newest = versions.parse(proven.oldest or ""), versions.parse(proven.newest or "")
    if proven.state != "version" or oldest is None or newest is None:
        return False
    if proven.at == str(wanted) or oldest <= wanted <= newest:
        return True
    have = {migration.name for migration in catalog.enabled(oldest, {})}
    least = catalog.enabled(wanted, dict.fromkeys(catalog.flags, False))
    return {migration.name for migration in least} <= have <= catalog.ever(wanted)


def breaking(catalog: Catalog, after: Version | None, to: Version) -> list[Note]:
    """Return the breaking notes of the versions above *after* up to *to*."""
    return [n for n in catalog.notes_between(after, to) if n.severity is Severity.BREAKING]


def available(catalog: Catalog, at: Version | None) -> tuple[str, ...]:
    """Return what can come after *at*: the newest version of each minor, and always the newest of all."""
    last: dict[tuple[int, int], Version] = {}
    for version in catalog.versions:
        if at is not None and version > at:
            last[version.major, version.minor] = version
    found = list(last.values())
    return tuple(map(str, found if len(found) <= AVAILABLE else (*found[:9], found[-1])))


def _hops(catalog: Catalog, spec: Spec, proven: ProvenPlace | None) -> list[PathStep]:
    target = spec.version
    state = proven.state if proven is not None else "unknown"
    at = here(proven)
    stops = () if state == "empty" else sorted(set(spec.upgrade.stops))
    hops = [v for v in stops if v < target and (at is None or v > at)] + [target]
    steps: list[PathStep] = []
    after = at
    for version in hops:
        unread = _unread(catalog, spec, after, version) if state in ("version", "partial") else []
        if unread and spec.server is None and not _gated(steps):
            steps += _up_to(catalog, spec, after, unread[0].version)
        steps.append(PathStep(MIGRATE, version, target, _gate(spec, version, unread)))
        after = version
    return steps


def _gated(steps: list[PathStep]) -> bool:
    return any(step.gate is not None for step in steps)


def _unread(catalog: Catalog, spec: Spec, after: Version | None, to: Version) -> list[Note]:
    """Return the breaking notes on the way that nobody has acknowledged, where that matters."""
    if spec.upgrade.approval is Approval.AUTOMATIC:
        return []
    known = spec.upgrade.acknowledged
    return [note for note in breaking(catalog, after, to) if note.version not in known]


def _up_to(catalog: Catalog, spec: Spec, after: Version | None, gate: Version) -> list[PathStep]:
    """Return the step to the newest version before *gate*, where that is a step forward."""
    before = max((version for version in catalog.versions if version < gate), default=None)
    if spec.upgrade.approval is Approval.MANUAL or after is None or before is None:
        return []
    return [PathStep(MIGRATE, before, spec.version)] if before > after else []


def _gate(spec: Spec, version: Version, unread: list[Note]) -> Gate | None:
    if unread:
        first = unread[0]
        names = ", ".join(str(note.version) for note in unread)
        return Gate(
            Reason.AWAITING_ACKNOWLEDGEMENT,
            f"{first.version} is breaking: {first.summary} Read status.upgradeNotes, then add "
            f"{names} to spec.upgrade.acknowledged",
        )
    if spec.upgrade.approval is Approval.MANUAL and version not in spec.upgrade.acknowledged:
        return Gate(
            Reason.AWAITING_APPROVAL,
            f"the step to {version} waits for approval: add {version} to spec.upgrade.acknowledged",
        )
    return None
