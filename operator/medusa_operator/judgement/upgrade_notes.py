"""Pure: what the upgrade guides ask between two versions, short enough for a status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_migrations.catalog import version as versions
from medusa_migrations.catalog.model import Severity
from medusa_operator.resource.status import UpgradeNote

if TYPE_CHECKING:
    from medusa_migrations.catalog.model import Catalog, Note
    from medusa_migrations.catalog.version import Version

MOST = 20
"""Notes that are reported; what asks least, and of that the oldest, is left out."""
BUDGET = 12_000
"""Characters of all of them; beyond it, what to do is left to the guide."""
SENTENCE = 320
_WEIGHT = {Severity.BREAKING: 2, Severity.ACTION: 1, Severity.INFO: 0}


def crossed(catalog: Catalog, previous: str, to: Version) -> tuple[UpgradeNote, ...]:
    """Return the notes of the versions above *previous* up to *to*, ascending.

    An empty database, or one that nobody has looked at, crosses nothing; one that is partial may
    cross everything.
    """
    after = versions.parse(previous)
    if after is None and previous != "partial":
        return ()
    found = catalog.notes_between(after, to)
    chosen = sorted(found, key=lambda n: (_WEIGHT[n.severity], n.version), reverse=True)[:MOST]
    room = BUDGET - sum(len(note.summary) + len(note.url) for note in chosen)
    notes: list[UpgradeNote] = []
    for note in chosen:
        actions = _actions(note)
        length = sum(map(len, actions))
        if length > room:
            actions = ()
        else:
            room -= length
        notes.append(
            UpgradeNote(
                str(note.version), str(note.severity), note.summary[:SENTENCE], actions, note.url
            )
        )
    return tuple(sorted(notes, key=lambda note: versions.parse(note.version) or to))


def _actions(note: Note) -> tuple[str, ...]:
    before = [f"Before: {text}" for text in note.before]
    after = [f"After: {text}" for text in note.after]
    commands = [f"{command.when} {command.run}" for command in note.commands]
    return tuple(text[:SENTENCE] for text in (*before, *after, *commands))[:8]
