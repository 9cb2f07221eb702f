"""Pure: what a schema consists of, in one normal form for expected and live ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from medusa_migrations.schema import expression


class ConstraintKind(StrEnum):
    """The kinds of constraints of a table (not-null is a column's own)."""

    PRIMARY = "primary key"
    UNIQUE = "unique"
    FOREIGN = "foreign key"
    CHECK = "check"
    EXCLUSION = "exclude"
    """None of Medusa's."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    type: str
    """As format_type() prints it without quotes; with its schema where that is another than the table's."""
    not_null: bool = False
    default: str | None = None
    """In the normal form of `expression`."""
    collation: str = ""
    """Where it is not that of the type."""
    identity: str = ""
    """`always` or `by default`, where it is generated as identity."""
    generated: str = ""
    """Of a generated column: the expression in its normal form, and `stored` or `virtual` behind it."""
    unproven: bool = False
    """Whether rows that were there before may be null, though it is not null (PostgreSQL 18)."""
    default_sql: str | None = field(default=None, compare=False)
    """As it is written, or as PostgreSQL prints it."""
    anywhere: bool = field(default=False, compare=False)
    """Whether it may have been there before its migration, and so at another place in the table."""
    base: str = field(default="", compare=False)
    """Where its type is a domain: the type that this is over, with none in between."""
    irrevocable: bool = field(default=False, compare=False)
    """Whether it is generated, and no statement makes an ordinary column of it: a virtual one has no values that
    could stay, and PostgreSQL 12 has no `drop expression`."""

    @property
    def stored(self) -> str:
        """The type that its values have, which a foreign key or a literal has to fit."""
        return self.base or self.type


@dataclass(frozen=True, slots=True)
class Constraint:
    """One constraint of a table."""

    name: str
    kind: ConstraintKind
    columns: tuple[str, ...] = ()
    references: str = ""
    """The table a foreign key points to; with its schema where that is another one."""
    referenced: tuple[str, ...] = ()
    on_delete: str = "no action"
    on_update: str = "no action"
    check: str = ""
    check_sql: str = field(default="", compare=False)
    """The check as it is written, or as PostgreSQL prints it."""
    options: str = ""
    """What of it is not as usual: `match full`, `deferrable`, `not valid`, `nulls not distinct`."""

    def __str__(self) -> str:
        return " ".join(filter(None, (self._rule, self.options)))

    @property
    def _rule(self) -> str:
        if self.kind is ConstraintKind.CHECK:
            return f"check ({expression.shown(self.check_sql or self.check)})"
        text = f"{self.kind} ({', '.join(self.columns)})"
        if self.kind is ConstraintKind.FOREIGN:
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
    """Columns or expressions, each with its operator class and collation where it is not the default."""
    where: str = ""
    options: str = ""
    """What of it is not as usual: `include (title)`, `nulls not distinct`, `invalid`."""
    keys_sql: tuple[str, ...] = field(default=(), compare=False)
    """The keys as they are written, where our own SQL says so."""
    where_sql: str = field(default="", compare=False)

    def __str__(self) -> str:
        keys = ", ".join(map(expression.shown, self.keys))
        text = f"{'unique ' if self.unique else ''}{self.method} ({keys})"
        text += f" where {expression.shown(self.where)}" if self.where else ""
        return text + (f", {self.options}" if self.options else "")


@dataclass(slots=True)
class Table:
    """One table; columns are in their order."""

    name: str
    columns: dict[str, Column] = field(default_factory=dict)
    constraints: dict[str, Constraint] = field(default_factory=dict)
    unlogged: bool = field(default=False, compare=False)
    """Whether a crash empties it, so that no other one may refer to it."""

    def copy(self) -> Table:
        """Return one that can be changed by itself."""
        return Table(self.name, dict(self.columns), dict(self.constraints), self.unlogged)


@dataclass(slots=True)
class Schema:
    """The objects of one PostgreSQL schema, by name."""

    tables: dict[str, Table] = field(default_factory=dict)
    indexes: dict[str, Index] = field(default_factory=dict)
    enums: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sequences: set[str] = field(default_factory=set)
    extensions: set[str] = field(default_factory=set)
    views: dict[str, str] = field(default_factory=dict)
    """What is called as a table or type may be, and is none: `view`, `materialized view`, `foreign table`, `domain`."""
    operators: dict[str, str] = field(default_factory=dict)
    """The schema of each operator class that is in another one, as where `pg_trgm` is in `extensions`."""

    def copy(self) -> Schema:
        """Return one that can be changed by itself."""
        return Schema(
            {name: table.copy() for name, table in self.tables.items()},
            dict(self.indexes),
            dict(self.enums),
            set(self.sequences),
            set(self.extensions),
            dict(self.views),
            dict(self.operators),
        )


def type_name(text: str) -> str:
    """Return a type as format_type() prints it, without quotes."""
    return text.strip().replace('"', "")
