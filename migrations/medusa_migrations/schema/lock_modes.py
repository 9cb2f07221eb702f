"""Pure: which tables items need locked before they begin, and how strongly."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medusa_migrations.catalog.model import Migration
from medusa_migrations.schema import affected, statements

if TYPE_CHECKING:
    from collections.abc import Iterable

    from medusa_migrations.catalog.model import DataStep
    from medusa_migrations.schema.affected import Affected
    from medusa_migrations.schema.statements import Statement

SOURCE = "share row exclusive"
"""The mode in which others may read a table and nobody may change its rows."""

_STRONG = frozenset({"share", "share row exclusive", "exclusive", "access exclusive"})
_CONFLICTS: dict[str, frozenset[str]] = {
    "access share": frozenset({"access exclusive"}),
    "row share": frozenset({"exclusive", "access exclusive"}),
    "row exclusive": _STRONG,
    "share update exclusive": _STRONG | {"share update exclusive"},
    "share": _STRONG - {"share"} | {"row exclusive", "share update exclusive"},
    "share row exclusive": _STRONG | {"row exclusive", "share update exclusive"},
    "exclusive": _STRONG | {"row share", "row exclusive", "share update exclusive"},
}
_CONFLICTS["access exclusive"] = frozenset({*_CONFLICTS, "access exclusive"})
"""From weak to strong (https://www.postgresql.org/docs/current/explicit-locking.html)."""


def conflicts(mode: str) -> frozenset[str]:
    """Return the modes in which nobody else may hold a table that is locked in *mode*."""
    return _CONFLICTS[mode]


def strength(mode: str) -> int:
    """Return how strong *mode* is among the others."""
    return list(_CONFLICTS).index(mode)


def joined(one: str, other: str) -> str:
    """Return the weakest mode that is as good as holding both."""
    both = _CONFLICTS[one] | _CONFLICTS[other]
    return next(mode for mode, against in _CONFLICTS.items() if against >= both)


@dataclass(slots=True)
class Needs:
    """What items lock while they run, as far as it is known beforehand."""

    modes: dict[str, str] = field(default_factory=dict)
    """The mode of each table; some of them are made on the way and are not there yet."""
    sources: dict[str, str] = field(default_factory=dict)
    """Tables whose rows are read and written elsewhere, with the first item that does so."""
    indexes: set[str] = field(default_factory=set)
    """Indexes whose tables are locked in access exclusive mode."""
    parents_of: set[str] = field(default_factory=set)
    """Tables that get rows: what their foreign keys point to must not lose any meanwhile."""

    drops: dict[str, set[str]] = field(default_factory=dict)
    """Tables of which something goes, by these names or altogether: a foreign key that goes locks its parent."""

    def add(self, table: str, mode: str) -> None:
        """Need *table* in *mode* as well."""
        self.modes[table] = joined(self.modes.get(table, "access share"), mode)


def needs(items: Iterable[Migration | DataStep]) -> Needs:
    """Return what *items* need, strongest mode first asked or not: one lock for all of them.

    What Medusa's migrations lock was measured. On top of that, whatever a statement reads to write
    it elsewhere, or changes itself, must stand still from before it is read until the end of the
    transaction: rows committed in between would be passed over, and lost where the copied column
    is dropped. What the shop's own migrations lock is derived from their first words.
    """
    found = Needs()
    for item in items:
        if isinstance(item, Migration):
            found.add("migrations", SOURCE)  # the ledger: no other tool migrates meanwhile
            for lock in item.locks:
                found.add(lock.table, lock.mode)
            text = item.statements
        else:
            text = item.text
        changed = affected.affected([text])
        found.parents_of |= changed.inserted
        if item.version is None:
            _own(found, text)
        else:
            for table in changed.read:
                found.sources.setdefault(table, item.name)
        for table in changed.read | changed.written:
            found.add(table, SOURCE)
    return found


def _own(found: Needs, text: str) -> None:
    for statement in statements.split(text):
        changed = affected.affected([statement.text])
        for table in changed.altered:
            found.add(table, _altering(statement, changed))
        for table in changed.referenced | changed.triggered:
            found.add(table, "share row exclusive")
        if statement.words[0] == "truncate":
            for table in changed.written:
                found.add(table, "access exclusive")
        for table, modes in changed.modes.items():
            for mode in modes:
                if mode in _CONFLICTS:
                    found.add(table, mode)
        for table, names in changed.drops.items():
            found.drops.setdefault(table, set()).update(names or {""})
        found.indexes |= changed.indexes


def _altering(statement: Statement, changed: Affected) -> str:
    """Return the mode of a statement on a table, which is that of its strongest action."""
    words = [token.lower() for token in statement.tokens]
    if words[0] == "create" and "index" in words[1:3]:
        return "share"
    actions = words.count("add") + words.count("drop") + words.count("alter") + words.count("set")
    if changed.referenced and actions == words.count("add") + 1 and "column" not in words:
        keys = sum(pair == ("foreign", "key") for pair in itertools.pairwise(words))
        if keys == words.count("add"):
            return "share row exclusive"
    return "access exclusive"
