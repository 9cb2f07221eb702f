"""Pure: which version, or versions, the names in a ledger prove."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from medusa_migrations.catalog.model import Catalog, Migration
    from medusa_migrations.catalog.version import Version


class Proof(NamedTuple):
    """What a ledger proves of the database it is in."""

    versions: tuple[Version, ...]
    """The versions whose set it holds, ascending; empty: no version, so the ledger is partial."""
    possible: tuple[Version, ...]
    """Every version that fits at all, with flags set by hand: 1.6.0 with analytics on looks like 1.6.1."""
    flags: Mapping[str, bool]
    """Flags as the ledger shows them; one that left no trace is not named."""
    flagged: Version | None
    """The version of which these are the flags; None: none is proven."""
    applied: tuple[str, ...]
    """Medusa's own names, in ledger order, each once."""
    foreign: tuple[str, ...]
    """Names of plugins and of the shop itself."""
    doubled: tuple[str, ...]
    """Names with more than one row, which races of Medusa's own tool leave behind."""

    @property
    def empty(self) -> bool:
        """Whether none of Medusa's migrations was applied."""
        return not self.applied

    @property
    def partial(self) -> bool:
        """Whether the names belong together in no version."""
        return bool(self.applied) and not self.versions

    @property
    def oldest(self) -> Version | None:
        """The lowest version it can be at."""
        return self.versions[0] if self.versions else None

    @property
    def latest(self) -> Version | None:
        """The highest version it can be at."""
        return self.versions[-1] if self.versions else None


def prove(catalog: Catalog, names: Iterable[str], at: Version | None = None) -> Proof:
    """Return what *names*, a ledger in its order, proves.

    Where it is known that a run has ended *at* one of the possible versions, the flags are those of that: at 1.6.0
    analytics is off by default, and at 1.6.1 the same ledger shows that it was switched off by hand.

    A version is proven where everything it runs is applied and nothing is applied that came later.
    Of these count the ones that explain the ledger best: without names that were withdrawn, and
    with as few flags set by hand as can be.
    """
    rows = list(names)
    applied = tuple(name for name in dict.fromkeys(rows) if catalog.knows(name))
    have = frozenset(applied)
    fits: dict[tuple[int, bool], list[Version]] = {}
    latest = max((catalog.first_version(name) for name in have), default=None)
    for version in catalog.versions:
        if latest is None or version < latest:  # nothing is applied, or something that came later
            continue
        flags = shown_flags(catalog, version, have)
        wanted = {migration.name for migration in catalog.enabled(version, flags)}
        if wanted <= have:
            defaults = catalog.defaults(version)
            by_hand = sum(flags[name] != defaults[name] for name in flags)
            fits.setdefault((by_hand, wanted != have), []).append(version)
    proven = fits[min(fits)] if fits else []
    possible = tuple(sorted(version for found in fits.values() for version in found))
    flagged = at if at in possible else proven[-1] if proven else None
    return Proof(
        versions=tuple(proven),
        possible=possible,
        flags=shown_flags(catalog, flagged, have) if flagged else _between(catalog, have),
        flagged=flagged,
        applied=applied,
        foreign=tuple(name for name in dict.fromkeys(rows) if not catalog.knows(name)),
        doubled=tuple(name for name, count in Counter(rows).items() if count > 1),
    )


class Gaps(NamedTuple):
    """Between which versions a partial ledger is."""

    whole: Version | None
    """The last version of which it holds every name; None: of none."""
    behind: Version | None
    """The version whose data steps, and those before, count as done; None: none of them."""


def gaps(catalog: Catalog, proof: Proof, pending: Iterable[Migration]) -> Gaps:
    """Return where a database is whose ledger proves no version, and of which *pending* are to run.

    Where all that is beyond the last whole version ran before everything that is pending, a run has ended early,
    which began there. Else rows are missing in the midst, and the database had reached the version from whose set
    the fewest names differ, the last one of several. Neither the order of releases nor that of timestamps tells:
    1.2.0 came after 1.1.65 and has less, and releases have brought timestamps older than what was there.
    """
    have = frozenset(proof.applied)
    sets = {
        version: catalog.enabled(version, shown_flags(catalog, version, have))
        for version in catalog.versions
    }
    whole = max((one for one, run in sets.items() if {m.name for m in run} <= have), default=None)
    beyond = have - (catalog.ever(whole) if whole else frozenset())
    first = min((migration.order for migration in pending), default=None)
    if first is not None and all(catalog.texts[name][-1].order < first for name in beyond):
        return Gaps(whole, whole)
    differ = {version: len({m.name for m in run} ^ have) for version, run in sets.items()}
    return Gaps(whole, max(differ, key=lambda version: (-differ[version], version)))


def shown_flags(catalog: Catalog, version: Version, have: frozenset[str]) -> dict[str, bool]:
    """Return the flags of *version* as the applied names show them.

    A flag is on where a migration that only it gates is applied; a flag that gates something and
    left nothing is off; a flag that only gates together with others that are off is not named.
    """
    shown: dict[str, bool] = {}
    for migration in catalog.present(version):
        gates = catalog.gates(migration, version)
        if migration.name in have:
            shown.update(dict.fromkeys(gates, True))
        elif len(gates) == 1:
            shown.setdefault(gates[0], False)
    return shown


def newer(catalog: Catalog, applied: Sequence[str], target: Version) -> tuple[str, ...]:
    """Return the applied names that came only after *target*."""
    return tuple(name for name in applied if name not in catalog.ever(target))


def _between(catalog: Catalog, have: frozenset[str]) -> dict[str, bool]:
    """Return the flags that a ledger shows which proves no version.

    A flag is off only where that is certain: its default was on, and a migration ran whose turn came after
    that of one which only this flag gates. Else that one may just not have run yet.
    """
    on = {flag for name in have for flag in catalog.texts[name][-1].flags}
    shown = dict.fromkeys(on, True)
    for name, texts in catalog.texts.items():
        left_out = texts[-1]
        if name not in have and len(left_out.flags) == 1 and on.isdisjoint(left_out.flags):
            (flag,) = left_out.flags
            if _was_passed(catalog, left_out, flag, have):
                shown[flag] = False
    return shown


def _was_passed(catalog: Catalog, left_out: Migration, flag: str, have: frozenset[str]) -> bool:
    """Return whether a migration ran behind *left_out*, in a version in which *flag* is on by default."""
    since = catalog.first_version(left_out.name)
    for name in have:
        ran_since = catalog.first_version(name)
        behind = ran_since >= since and catalog.texts[name][-1].order > left_out.order
        if behind and catalog.defaults(ran_since).get(flag, False):
            return True
    return False
