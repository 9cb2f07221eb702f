"""Pure: which upgrades are drawn: versions, flags of the shop and of the server, data steps."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from ledgers import CATALOG, v
from medusa_flags import RENAMED, VERSIONS, known
from medusa_migrations.schema import verify
from medusa_migrations.schema.model import Schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medusa_migrations.catalog.version import Version

NO_EVIDENCE = ("1.15.1", "medusa_v2")
"""A version and a flag that it knows before there is a migration of it: no ledger shows it."""
STEPS_FROM = ("1.2.1", "1.3.9", "1.6.5")
"""Versions before a data step whose ledgers prove that it was not crossed yet."""
STEPS_TO = "1.7.15"
"""The version whose scripts are the last that an upgrade guide asks for."""

Flags = tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What a merchant does: which shop, to which version, with which flags in the server's environment."""

    before: str
    after: str
    had: Flags = ()
    """Flags that the shop was made with, against the default of its version."""
    asked: Flags = ()
    """Flags that are set for the upgrade."""
    again: bool = False
    """Whether we are given those of *had* again; else the ledger has to show them."""
    data_steps: bool = False

    @property
    def theirs(self) -> dict[str, bool]:
        """The flags that Medusa's server is given: its environment stays as it was, but for *asked*."""
        return dict(self.had) | dict(self.asked)

    @property
    def ours(self) -> dict[str, bool]:
        """The flags that we are given."""
        return self.theirs if self.again else dict(self.asked)

    @property
    def on_the_way(self) -> dict[str, bool]:
        """The flags that Medusa's servers on the way are given: what holds in the end holds from the first step."""
        return CATALOG.defaults(v(self.after)) | self.theirs

    @property
    def kinds(self) -> list[str]:
        """What there is beside versions, in words."""
        kinds = {"with flags": self.had or self.asked, "with data steps": self.data_steps}
        return [kind for kind, drawn in kinds.items() if drawn]

    def crosses(self, version: Version) -> bool:
        """Return whether *version* is on the way."""
        return v(self.before) < version <= v(self.after)

    def __str__(self) -> str:
        def spelled(flags: Flags) -> str:
            return ", ".join(f"{name}={str(on).lower()}" for name, on in flags)

        parts = [f"{self.before} to {self.after}"]
        parts += [f"a shop with {spelled(self.had)}"] if self.had else []
        parts += [f"upgraded with {spelled(self.asked)}"] if self.asked else []
        parts += ["flags named again"] if self.again else []
        return "; ".join([*parts, *(["data steps"] if self.data_steps else [])])


@st.composite
def upgrades(draw: st.DrawFn, versions: Sequence[str], newest: str) -> Upgrade:
    """Draw an upgrade; half of them without flags, and one of six of a shop that data steps are for.

    A flag that is on in the shop is not switched off, which we refuse: no ledger of a version lacks what is left
    out then.
    """
    if draw(st.integers(0, 5)) == 0:
        before = draw(st.sampled_from(STEPS_FROM))
        late = [one for one in versions if v(one) >= v(STEPS_TO)]
        after = draw(st.just(newest) | st.sampled_from([STEPS_TO, *late]))
        data_steps = True
    else:
        place = draw(st.integers(0, len(versions) - 2))
        later = draw(st.just(len(versions) - 1) | st.integers(place + 1, len(versions) - 1))
        before, after, data_steps = versions[place], versions[later], False
    usual = CATALOG.defaults(v(before))
    others = [(one, not usual[one]) for one in _names(before) if (before, one) != NO_EVIDENCE]
    had = draw(_some(others).filter(lambda flags: _can_be(before, flags)))
    present = {one: dict(had).get(one, usual[one]) for one in _names(before)}
    pairs = [(one, on) for one in _names(after) for on in (True, False)]
    asked = draw(_some([(one, on) for one, on in pairs if on or not present.get(one)]))
    again = bool(had) and (not _is_shown(before, had) or draw(st.booleans()))
    return Upgrade(before, after, had, asked, again, data_steps)


def _can_be(version: str, flags: Flags) -> bool:
    """Return whether Medusa's own migrations make such a shop at all."""
    migrations = CATALOG.enabled(v(version), dict(flags))
    return verify.excluding(CATALOG, v(version), [], migrations, Schema()) is None


def _is_shown(before: str, had: Flags) -> bool:
    """Return whether the ledger of such a shop shows that these flags were set by hand.

    It does not where a shop of another version, with other flags, has the same one.
    """
    names = frozenset(one.name for one in CATALOG.enabled(v(before), dict(had)))
    return all(
        flags[name] == on and (on or CATALOG.defaults(version)[name])
        for version, flags in _ledgers()[names]
        for name, on in had
    )


@cache
def _ledgers() -> dict[frozenset[str], list[tuple[Version, dict[str, bool]]]]:
    """Return by the names in its ledger every shop that there can be: its version and its flags."""
    found: dict[frozenset[str], list[tuple[Version, dict[str, bool]]]] = {}
    for version in CATALOG.versions:
        for values in itertools.product((False, True), repeat=len(CATALOG.flags)):
            flags = dict(zip(CATALOG.flags, values, strict=True))
            names = frozenset(one.name for one in CATALOG.enabled(version, flags))
            found.setdefault(names, []).append((version, flags))
    return found


def _names(version: str) -> list[str]:
    return [RENAMED.get(name, name) for name in known(version)]


def _some(pairs: list[tuple[str, bool]]) -> st.SearchStrategy[Flags]:
    """Draw none most of the time, else one or all, each flag once."""
    if not pairs:
        return st.just(())
    one = st.sampled_from(pairs).map(lambda pair: (pair,))
    every = st.just(tuple({name: (name, on) for name, on in reversed(pairs)}.values()))
    return st.just(()) | st.just(()) | st.just(()) | one | one | every


def environment(flags: dict[str, bool]) -> dict[str, bool]:
    """Return *flags* by every name that a package of Medusa has for them."""
    return flags | {old: flags[new] for old, new in RENAMED.items() if new in flags}


assert all(one in VERSIONS for one in (*STEPS_FROM, STEPS_TO))
