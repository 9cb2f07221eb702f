"""Pure: what has to happen to bring a database from what its ledger proves to a version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from medusa_migrations.catalog.model import DataStep, Migration, Severity, not_repeated
from medusa_migrations.contract.errors import RefusedError, UsageError
from medusa_migrations.contract.values import some
from medusa_migrations.plan.proof import Gaps, Proof, gaps, newer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from medusa_migrations.catalog.model import Catalog, Note
    from medusa_migrations.catalog.version import Version

Item = Migration | DataStep
Held = Sequence[tuple[str, Sequence[str]]]
"""Modes, strongest first, each with the tables that are locked in it."""


class Request(NamedTuple):
    """What is wanted of a run."""

    target: Version
    flags: Mapping[str, bool]
    """Flags set by hand; the others are as the ledger shows them, else the version's default."""
    stops: tuple[Version, ...] = ()
    own: tuple[Migration, ...] = ()
    """The shop's own migrations."""
    data_steps: bool = True
    asked: tuple[str, ...] = ()
    """Data steps named by hand, run whatever was crossed."""
    resumed: tuple[str, ...] = ()
    """Data steps that an earlier run left waiting and that can be done by now."""
    done: frozenset[str] = frozenset()
    """Data steps that runs of ours have done, where the ledger proves no version."""
    unasked: bool = False
    """Nobody named the target: an empty database is taken there, another one is not upgraded."""
    allow_newer: bool = False
    """A database past the target stays where it is, if a server of the target works with it."""


class Step(NamedTuple):
    """One hop of the upgrade path; one transaction."""

    target: Version
    items: tuple[Item, ...]
    """Pending migrations and data steps in the order in which they run."""

    def parts(self, *, each: bool) -> tuple[tuple[Item, ...], ...]:
        """Return the items of each transaction; *each*: every item has its own.

        One that runs outside of a transaction is a part by itself.
        """
        if each:
            return tuple((item,) for item in self.items)
        found: list[tuple[Item, ...]] = []
        joins = False
        for item in self.items:
            alone = isinstance(item, Migration) and item.alone
            if joins and not alone:
                found[-1] = (*found[-1], item)
            else:
                found.append((item,))
            joins = not alone
        return tuple(found)

    @property
    def migrations(self) -> tuple[Migration, ...]:
        """The pending migrations."""
        return tuple(item for item in self.items if isinstance(item, Migration))

    @property
    def data_steps(self) -> tuple[DataStep, ...]:
        """The data steps."""
        return tuple(item for item in self.items if isinstance(item, DataStep))


class Plan(NamedTuple):
    """The path from what is proven to what is wanted."""

    proof: Proof
    target: Version
    flags: Mapping[str, bool]
    """Every flag with the value this run uses."""
    steps: tuple[Step, ...]
    notes: tuple[Note, ...]
    """The notes of every version that is crossed for certain."""
    maybe_notes: tuple[Note, ...] = ()
    """The notes of versions inside the range that the database is in."""
    assumed_done: tuple[DataStep, ...] = ()
    """Data steps of versions inside that range, or of those that a ledger with gaps shows: they count as done before us."""
    moves: bool = False
    """Whether the history does not name the target yet, though the ledger may prove it already."""
    stays: bool = False
    """Whether the database is past the target, and stays there: a server of the target works with it."""

    @property
    def items(self) -> tuple[Item, ...]:
        """Everything that would run, in order."""
        return tuple(item for step in self.steps for item in step.items)

    def transactions(self, *, each: bool) -> tuple[tuple[Item, ...], ...]:
        """Return what would run in each transaction, in order; *each*: every item has its own."""
        return tuple(part for step in self.steps for part in step.parts(each=each))

    @property
    def nothing(self) -> bool:
        """Whether the database is where it should be, and known to be there."""
        return not self.items and not self.moves

    @property
    def breaking(self) -> tuple[Note, ...]:
        """The breaking notes among those crossed for certain; none for an empty database."""
        return tuple(note for note in self.notes if note.severity is Severity.BREAKING)


def plan(catalog: Catalog, proof: Proof, request: Request, *, at: Version | None = None) -> Plan:
    """Return the plan for *request*.

    A ledger often proves a range of versions; *at* is the one of them that our history names.
    Raises RefusedError where the ledger holds names from after the target (a downgrade), UsageError
    for a data step or a stop that makes no sense, and where an upgrade would be one that nobody asked
    for.
    """
    target = request.target
    if request.unasked:
        _refuse_unasked(catalog, proof, target, at)
    if request.allow_newer and is_newer(catalog, proof, target, at):
        require_works(catalog, proof, target, at)
        return Plan(proof, target, kept_flags(catalog, proof, target), (), (), stays=True)
    _refuse_downgrade(catalog, proof, target, at)
    flags = kept_flags(catalog, proof, target) | dict(request.flags)
    _refuse_switched_off(catalog, proof, target, flags)
    have = set(proof.applied)
    steps: list[Step] = []
    between = _gaps(catalog, proof, target, flags)
    behind = begins = at or proof.latest or between.behind
    for stop in _stops(catalog, proof, request):
        pending = [m for m in catalog.enabled(stop, flags) if m.name not in have]
        last = max(migration.order for migration in catalog.present(stop))
        pending += [
            own
            for own in request.own
            if own.name not in {*proof.foreign, *have} and (stop == target or own.order < last)
        ]
        pending.sort(key=lambda migration: migration.order)
        have |= {migration.name for migration in pending}
        crossed = [] if proof.empty else _crossed(catalog, behind, stop, flags, request.done)
        wanted = crossed if request.data_steps else []
        if stop == target:
            more = (*_asked(catalog, proof, request, flags), *_resumed(catalog, request))
            earlier = {item.name for step in steps for item in step.items}
            wanted = [d for d in dict.fromkeys((*wanted, *more)) if d.name not in earlier]
        steps.append(Step(stop, _interleave(catalog, pending, not_repeated(wanted))))
        behind = stop
    fresh = proof.empty
    runs = {item.name for step in steps for item in step.items}
    runs |= {name for step in steps for item in step.data_steps for name in item.repeats}
    return Plan(
        proof=proof,
        target=target,
        flags=flags,
        steps=tuple(step for step in steps if step.items),
        notes=() if fresh else tuple(catalog.notes_between(begins, target)),
        maybe_notes=() if fresh or at else _inside(catalog, proof, target),
        assumed_done=()
        if fresh
        else tuple(
            step
            for step in catalog.data_steps
            if not at
            and (_within(proof, step.version) or _counts(between, step, request.done))
            and all(flags[flag] for flag in step.flags)
            and step.name not in runs
        ),
        moves=(fresh or not request.unasked) and (at or _only(proof)) != target,
    )


def _only(proof: Proof) -> Version | None:
    """Return the version that the ledger proves by itself; None where it is one of several."""
    return proof.latest if proof.oldest == proof.latest else None


def _refuse_unasked(catalog: Catalog, proof: Proof, target: Version, at: Version | None) -> None:
    here = at or proof.latest
    if proof.empty or here == target:
        return
    place = f"at {at or catalog.spell(proof.versions)}" if here else "between two versions"
    stay = f"--to {here} leaves it there, " if here else ""
    raise UsageError(
        f"no version is named, and the database is {place}: it is not upgraded unasked. Name the "
        f"version of your server: {stay}--to {target} is the newest. Without --to the version counts "
        "that the project in the current folder, or in one above it, has installed"
    )


def is_newer(catalog: Catalog, proof: Proof, wanted: Version, at: Version | None) -> bool:
    """Return whether a database is past *wanted*: versions with the same migrations are not past each other."""
    if newer(catalog, proof.applied, wanted) or (proof.possible and proof.possible[0] > wanted):
        return True
    return at is not None and catalog.breaks_servers(wanted, at) is not None


def require_works(catalog: Catalog, proof: Proof, server: Version, at: Version | None) -> None:
    """Raise RefusedError where a *server* of that version does not work with a database that is newer."""
    ahead = newer(catalog, proof.applied, server)
    reached = at or proof.oldest or max(map(catalog.first_version, ahead))
    if broken := catalog.breaks_servers(server, reached):
        place = at or catalog.spell(proof.versions) or "partial"
        raise RefusedError(
            f"the database is at {place}, and servers older than {broken} do not "
            f"work with it: {server} cannot start. Start a server of {broken} or later",
            reason="OlderServersBreak",
        )


def _refuse_downgrade(catalog: Catalog, proof: Proof, target: Version, at: Version | None) -> None:
    ahead = newer(catalog, proof.applied, target)
    if ahead:
        needed = max(catalog.first_version(name) for name in ahead)
        raise RefusedError(
            f"the ledger holds migrations from after {target}: {some(ahead)}. A downgrade would lose "
            f"data and is not done; ask for {needed} or later, or restore a backup of {target}",
            reason="Downgrade",
        )
    if proof.possible and proof.possible[0] > target:
        raise RefusedError(
            f"the database is at {catalog.spell(proof.versions)}, which is newer than {target}. "
            "A downgrade would lose data and is not done; ask for a later version, or restore a backup",
            reason="Downgrade",
        )
    broken = catalog.breaks_servers(target, at) if at else None
    if broken:
        raise RefusedError(
            f"the database was brought to {at}; servers older than {broken} do not work with it, so it "
            f"is not taken back to {target}. Ask for {broken} or later, or restore a backup",
            reason="Downgrade",
        )


def kept_flags(catalog: Catalog, proof: Proof, target: Version) -> dict[str, bool]:
    """Return every flag for *target*: as the shop has set it by hand, else the default.

    What the ledger shows as on stays on; what it shows as off although the default of its version
    is on was switched off by hand, and stays off.
    """
    kept = dict(proof.flags)
    if proof.flagged is not None:
        usual = catalog.defaults(proof.flagged)
        kept = {name: on for name, on in kept.items() if on or usual[name]}
    return catalog.defaults(target) | kept


def _refuse_switched_off(
    catalog: Catalog, proof: Proof, target: Version, flags: Mapping[str, bool]
) -> None:
    """Raise RefusedError where a flag is off by which the ledger has migrations, and others would be left out.

    Nobody could tell such a ledger from that of a run that ended early.
    """
    gates = {one.name: catalog.gates(one, target) for one in catalog.present(target)}
    on = {flag for name in proof.applied for flag in gates.get(name, ())}
    off = {flag for flag in on if not flags[flag]}
    run = {one.name for one in catalog.enabled(target, flags)}.union(proof.applied)
    with_them = catalog.enabled(target, {**flags, **dict.fromkeys(off, True)})
    left_out = [one.name for one in with_them if one.name not in run]
    if not left_out:
        return
    switched = sorted({flag for name in left_out for flag in gates[name] if flag in off})
    options = " and ".join(f"--flag {flag}=false" for flag in switched)
    variables = " and ".join(f"MEDUSA_FF_{flag.upper()}" for flag in switched)
    what = f"the flag {switched[0]} is" if len(switched) == 1 else f"the flags {some(switched)} are"
    raise RefusedError(
        f"{what} on in this database, as its ledger shows, and cannot be switched off: "
        f"{some(left_out)} would be left out, and the schema would be that of no version. Leave out "
        f"{options}, or what sets {variables}",
        reason="FlagSwitchedOff",
    )


def _stops(catalog: Catalog, proof: Proof, request: Request) -> list[Version]:
    for stop in request.stops:
        if stop not in catalog.versions:
            near = ", ".join(map(str, catalog.nearest(stop)))
            raise UsageError(f"--stop {stop}: no such version; near it are {near}")
    return [
        *sorted(
            stop
            for stop in set(request.stops)
            if stop < request.target and (proof.latest is None or stop > proof.latest)
        ),
        request.target,
    ]


def _gaps(catalog: Catalog, proof: Proof, target: Version, flags: Mapping[str, bool]) -> Gaps:
    """Return between which versions a partial ledger is; of any other, none."""
    if not proof.partial:
        return Gaps(None, None)
    have = set(proof.applied)
    pending = (one for one in catalog.enabled(target, flags) if one.name not in have)
    return gaps(catalog, proof, pending)


def _counts(between: Gaps, step: DataStep, done: Collection[str]) -> bool:
    """Return whether *step* counts as done though a partial ledger does not prove it."""
    if between.behind is None or step.version > between.behind or step.name in done:
        return False
    return between.whole is None or step.version > between.whole


def _crossed(
    catalog: Catalog,
    after: Version | None,
    to: Version,
    flags: Mapping[str, bool],
    done: Collection[str],
) -> list[DataStep]:
    """Return the data steps of the versions above *after*, up to *to*, without those that are *done*."""
    return [
        step
        for step in catalog.data_steps
        if (after is None or step.version > after)
        and step.version <= to
        and step.name not in done
        and all(flags[flag] for flag in step.flags)
    ]


def _asked(
    catalog: Catalog, proof: Proof, request: Request, flags: Mapping[str, bool]
) -> list[DataStep]:
    known = {step.name: step for step in catalog.data_steps}
    for name in request.asked:
        if name not in known:
            raise UsageError(f"--data-step {name}: there are {', '.join(sorted(known))}")
        if known[name].version > request.target:
            raise UsageError(f"--data-step {name} belongs to a version after {request.target}")
        off = [f for f in known[name].flags if not flags[f] and not proof.flags.get(f, False)]
        if off:
            raise UsageError(
                f"--data-step {name} needs tables of the feature flag {off[0]}, which is off here; "
                f"turn it on with --flag {off[0]}=true, or leave the step out"
            )
    return [known[name] for name in request.asked]


def _resumed(catalog: Catalog, request: Request) -> list[DataStep]:
    """Return what waits no longer, but for steps of versions that this run does not reach."""
    return [
        step
        for step in catalog.data_steps
        if step.name in request.resumed and step.version <= request.target
    ]


def _interleave(
    catalog: Catalog, pending: Sequence[Migration], data_steps: Sequence[DataStep]
) -> tuple[Item, ...]:
    """Put each data step behind the last migration of its version, in the order of the ledger."""
    items: list[Item] = list(pending)
    for step in sorted(data_steps, key=lambda step: step.version, reverse=True):
        last = max(migration.order for migration in catalog.present(step.version))
        place = sum(migration.order <= last for migration in pending)
        items.insert(place, step)
    return tuple(items)


def _within(proof: Proof, version: Version) -> bool:
    if proof.oldest is None or proof.latest is None:
        return False
    return proof.oldest <= version <= proof.latest


def _inside(catalog: Catalog, proof: Proof, target: Version) -> tuple[Note, ...]:
    return tuple(
        note
        for note in catalog.notes
        if _within(proof, note.version) and proof.oldest != note.version <= target
    )
