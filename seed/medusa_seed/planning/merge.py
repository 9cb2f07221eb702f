"""Pure: compares the values of a document with those of the shop: which are written, which stay as a merchant has them.

For every row that was seeded we remember a checksum of each value we wrote. A value that still has that
checksum may be changed; any other has been changed in the shop since, and stays.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Memory = dict[str, str]
"""Checksums of the values we wrote into a row, by column; or by a name for what belongs to the row."""


class IfExists(StrEnum):
    """What becomes of a row that exists already."""

    UPDATE = "update"
    SKIP = "skip"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Policy:
    """How the document and the shop agree."""

    if_exists: IfExists = IfExists.UPDATE
    overwrite: bool = False
    """Whether what a merchant has changed is written over."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What comes of one row."""

    write: dict[str, Any]
    """Values to be written."""
    kept: tuple[str, ...]
    """Columns that stay although the document has another value."""
    memory: Memory | None
    """What to remember of the row from now on; None: nothing, it was not seeded."""


def merge(
    given: Mapping[str, Any],
    existing: Mapping[str, Any],
    memory: Memory | None,
    defaults: Mapping[str, Any],
    policy: Policy,
) -> Merged:
    """Return what comes of a row that is *existing* when the document has *given* for it.

    A row without *memory* was not seeded, or we could not note it: it is the merchant's, unless it is
    already as the document wants it. *defaults* are the values of columns that no document gave yet.
    """
    write: dict[str, Any] = {}
    kept: list[str] = []
    known = dict(memory or {})
    for column, value in given.items():
        found = existing.get(column)
        if same(found, value):
            known[column] = checksum(value)
        elif _may_write(column, found, memory, defaults, policy):
            write[column] = value
            known[column] = checksum(value)
        else:
            kept.append(column)
    seeded = memory is not None or policy.overwrite or not kept
    return Merged(write, tuple(kept), known if seeded else None)


def _may_write(
    column: str,
    found: Any,
    memory: Memory | None,
    defaults: Mapping[str, Any],
    policy: Policy,
) -> bool:
    """Return whether the value *found* may be written over."""
    if policy.if_exists is not IfExists.UPDATE:
        return False
    if policy.overwrite:
        return True
    if memory is None:
        return False
    return checksum(found) == (memory.get(column) or checksum(defaults.get(column)))


def remember(given: Mapping[str, Any]) -> Memory:
    """Return what to remember of a row that was made of *given*."""
    return {column: checksum(value) for column, value in given.items()}


def same(one: Any, other: Any) -> bool:
    """Return whether two values are the same to the shop: 20 and 20.0 are, 1 and true are not."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def checksum(value: Any) -> str:
    """Return a short checksum of a value."""
    kind = type(value)
    if kind is str:
        return f"{zlib.crc32(value.encode()):08x}"
    if kind is int:
        return f"{zlib.crc32(b'%d' % value, 1):08x}"
    if kind is float and value.is_integer():
        return checksum(int(value))
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return f"{zlib.crc32(text.encode(), 1):08x}"
