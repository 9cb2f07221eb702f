"""Pure: which tables and columns the statements of a migration drop."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_NAME = r'(?:"[^"]+"|[\w$]+)(?:\s*\.\s*(?:"[^"]+"|[\w$]+))?'
_TABLE = re.compile(
    rf"\bdrop\s+table\s+(?:if\s+exists\s+)?({_NAME}(?:\s*,\s*{_NAME})*)", re.IGNORECASE
)
_ALTER = re.compile(
    rf"\balter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?({_NAME})\s([^;]*)",
    re.IGNORECASE | re.DOTALL,
)
_COLUMN = re.compile(r"\bdrop\s+(?:column\s+)(?:if\s+exists\s+)?(\"[^\"]+\"|[\w$]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A table that a migration drops, or a column of one."""

    migration: str
    schema: str
    """Empty: the one of the search path."""
    table: str
    column: str = ""
    """Empty: the whole table."""

    @property
    def statement(self) -> str:
        """What does it, as a person would write it."""
        if self.column:
            return f"alter table {self.table} drop column {self.column}"
        return f"drop table {self.table}"


@dataclass(frozen=True, slots=True)
class Loss:
    """What is dropped, and has rows."""

    dropped: Dropped
    rows: int
    more: bool = False
    """Whether there are more than were counted."""

    @property
    def spelled(self) -> str:
        """How messages name it."""
        rows = f"{self.rows:,} rows" if self.rows != 1 else "1 row"
        return f"{self.dropped.migration} ({self.dropped.statement}, which has {'more than ' * self.more}{rows})"

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "migration": self.dropped.migration,
            "says": self.dropped.statement,
            "rows": self.rows,
        }


def dropped(migration: str, text: str) -> tuple[Dropped, ...]:
    """Return what *text*, the part of *migration* that goes forward, drops; each once.

    The text is a program: what it puts together while it runs is not known.
    """
    plain = text.replace('\\"', '"').replace("\\n", " ")
    found = []
    for names in _TABLE.findall(plain):
        found += [Dropped(migration, *_split(name)) for name in re.findall(_NAME, names)]
    for name, actions in _ALTER.findall(plain):
        found += [
            Dropped(migration, *_split(name), _bare(column)) for column in _COLUMN.findall(actions)
        ]
    return tuple(dict.fromkeys(found))


def _split(name: str) -> tuple[str, str]:
    parts = re.findall(r'"[^"]+"|[\w$]+', name)
    return (_bare(parts[0]) if len(parts) > 1 else "", _bare(parts[-1]))


def _bare(name: str) -> str:
    return name[1:-1] if name.startswith('"') else name.lower()
