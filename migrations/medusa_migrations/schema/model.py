"""Pure: what a schema consists of, in one normal form for expected and live ones."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from enum import StrEnum

_CAST = re.compile(
    r"::\s*(?:(?:\"[^\"]+\"|\w+)\.)?"
    r"(?:timestamp with(?:out)? time zone|character varying|double precision|\"[^\"]+\"|\w+)(?:\(\d+\))?(?:\[\])?",
    re.IGNORECASE,
)
_PIECE = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\w+|[^\s\w]")


class Kind(StrEnum):
    """The kinds of constraints that Medusa's schema has (not-null is a column's own)."""

    PRIMARY = "primary key"
    UNIQUE = "unique"
    FOREIGN = "foreign key"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    type: str
    """As format_type() prints it, without schema and quotes."""
    not_null: bool = False
    default: str | None = None
    """In the normal form of `expression`."""
    default_sql: str | None = field(default=None, compare=False)
    """As it is written, where our own SQL says so."""
    anywhere: bool = field(default=False, compare=False)
    """Whether it may have been there before its migration, and so at another place in the table."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """One constraint of a table."""

    name: str
    kind: Kind
    columns: tuple[str, ...] = ()
    references: str = ""
    """The table a foreign key points to."""
    referenced: tuple[str, ...] = ()
    on_delete: str = "no action"
    on_update: str = "no action"
    check: str = ""
    check_sql: str = field(default="", compare=False)
    """The check as it is written, where our own SQL says so."""
    options: str = ""
    """What of it is not as usual: `match full`, `deferrable`, `not valid`."""

    def __str__(self) -> str:
        return " ".join(filter(None, (self._rule, self.options)))

    @property
    def _rule(self) -> str:
        if self.kind is Kind.CHECK:
            return f"check {self.check}"
        text = f"{self.kind} ({', '.join(self.columns)})"
        if self.kind is Kind.FOREIGN:
            text += f" references {self.references} ({', '.join(self.referenced)})"
            for when, what in (("delete", self.on_delete), ("update", self.on_update)):
                text += "" if what == "no action" else f" on {when} {what}"
        return text


@dataclass(frozen=True, slots=True)
class Index:
    """One index that no constraint made."""

    name: str
    table: str
    unique: bool
    method: str
    keys: tuple[str, ...]
    """Columns or expressions, each with its operator class where it is not the default."""
    where: str = ""
    keys_sql: tuple[str, ...] = field(default=(), compare=False)
    """The keys as they are written, where our own SQL says so."""
    where_sql: str = field(default="", compare=False)

    def __str__(self) -> str:
        text = f"{'unique ' if self.unique else ''}{self.method} ({', '.join(self.keys)})"
        return text + (f" where {self.where}" if self.where else "")


@dataclass(slots=True)
class Table:
    """One table; columns are in their order."""

    name: str
    columns: dict[str, Column] = field(default_factory=dict)
    constraints: dict[str, Constraint] = field(default_factory=dict)

    def copy(self) -> Table:
        """Return one that can be changed by itself."""
        return Table(self.name, dict(self.columns), dict(self.constraints))


@dataclass(slots=True)
class Schema:
    """The objects of one PostgreSQL schema, by name."""

    tables: dict[str, Table] = field(default_factory=dict)
    indexes: dict[str, Index] = field(default_factory=dict)
    enums: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sequences: set[str] = field(default_factory=set)
    extensions: set[str] = field(default_factory=set)

    def copy(self) -> Schema:
        """Return one that can be changed by itself."""
        return Schema(
            {name: table.copy() for name, table in self.tables.items()},
            dict(self.indexes),
            dict(self.enums),
            set(self.sequences),
            set(self.extensions),
        )


@functools.cache
def expression(text: str) -> str:
    """Return *text* in the normal form in which ours and PostgreSQL's spelling are equal.

    Casts, parentheses, quotes of names, case and spacing go; strings stay as they are. What only
    differs in those means the same wherever Medusa uses it: defaults, checks, index predicates.
    """
    found = _PIECE.findall(_CAST.sub("", text))
    kept = [p if p.startswith("'") else p.strip('"').lower() for p in found if p not in "()"]
    return " ".join(kept)


@functools.cache
def type_name(text: str) -> str:
    """Return a type as format_type() prints it, without a schema and without quotes."""
    text = text.strip().replace('"', "")
    return re.sub(r"^\w+\.", "", text)
