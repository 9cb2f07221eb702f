"""Pure: how a live schema differs from another one, object by object."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medusa_migrations.schema.model import Column, Constraint, Index, Schema, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Definition = Column | Constraint | Index | Table | tuple[str, ...]
"""What one object is; the labels of a type."""


@dataclass(frozen=True, slots=True, order=True)
class Object:
    """The address of one object of a schema."""

    kind: str
    table: str
    name: str

    @property
    def part(self) -> bool:
        """Whether it is a part of a table."""
        return self.kind in ("column", "constraint", "index")

    def __str__(self) -> str:
        match self.kind:
            case "column":
                return f"column {self.table}.{self.name}"
            case "constraint" | "index":
                return f"{self.kind} {self.name} on {self.table}"
            case _:
                return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that is not what it should be."""

    object: Object
    sentence: str
    wanted: Definition | None = field(default=None, compare=False)
    """None: there should be no such object, or it is of no more than a name."""
    live: Definition | None = field(default=None, compare=False)
    """None: it is missing, or of no more than a name."""
    fix: str = field(default="", compare=False)
    """The statement that makes it right, where more than the schema tells it."""

    def __str__(self) -> str:
        return self.sentence

    @property
    def is_order(self) -> bool:
        """Whether only the columns of a table are in another order."""
        return isinstance(self.wanted, Table) and self.live is not None


def objects(schema: Schema) -> frozenset[Object]:
    """Return the address of everything in *schema* but extensions."""
    found = {Object("table", name, name) for name in schema.tables}
    for table in schema.tables.values():
        found |= {Object("column", table.name, name) for name in table.columns}
        found |= {Object("constraint", table.name, name) for name in table.constraints}
    found |= {Object("index", index.table, index.name) for index in schema.indexes.values()}
    found |= {Object("type", "", name) for name in schema.enums}
    found |= {Object("sequence", "", name) for name in schema.sequences}
    return frozenset(found)


def between(wanted: Schema, live: Schema) -> list[Difference]:
    """Return how *live* differs from *wanted* in what that has, by their sentences."""
    found: list[Difference] = []
    for table in wanted.tables.values():
        there = live.tables.get(table.name)
        if there is None:
            found.append(_missing(Object("table", table.name, table.name), table))
        else:
            found += of_tables(table, there)
    for index in wanted.indexes.values():
        one = Object("index", index.table, index.name)
        found += _named(f"index {index.name}", one, index, live.indexes.get(index.name))
    for name, labels in wanted.enums.items():
        one, labelled = Object("type", "", name), live.enums.get(name)
        if labelled is None:
            found.append(_missing(one, labels))
        elif labelled != labels:
            said = f"has the values {', '.join(labelled)} instead of {', '.join(labels)}"
            found.append(Difference(one, f"type {name} {said}", labels, labelled))
    found += [_missing_sequence(wanted, name) for name in wanted.sequences - live.sequences]
    for name in wanted.extensions - live.extensions:
        found.append(_missing(Object("extension", "", name), None))
    return sorted(found, key=str)


def of_tables(wanted: Table, live: Table) -> Iterator[Difference]:
    """Yield how the table *live* differs from *wanted*."""
    for column in wanted.columns.values():
        one, there = Object("column", wanted.name, column.name), live.columns.get(column.name)
        if there is None:
            yield _missing(one, column)
        else:
            yield from of_columns(one, column, there)
    fixed = {name for name, column in wanted.columns.items() if not column.anywhere}
    shared = [name for name in wanted.columns if name in live.columns and name in fixed]
    order = [name for name in live.columns if name in fixed]
    if shared != order:
        first = next(a for a, b in zip(shared, order, strict=True) if a != b)
        said = f"table {wanted.name} has its columns in another order from {first} on"
        yield Difference(Object("table", wanted.name, wanted.name), said, wanted, live)
    for constraint in wanted.constraints.values():
        one = Object("constraint", wanted.name, constraint.name)
        what = f"table {wanted.name}: constraint {constraint.name}"
        yield from _named(what, one, constraint, live.constraints.get(constraint.name))


def of_columns(one: Object, wanted: Column, live: Column) -> Iterator[Difference]:
    """Yield how the column *live*, at the address *one*, differs from *wanted*."""
    if wanted.type != live.type:
        yield Difference(one, f"{one} is {live.type} instead of {wanted.type}", wanted, live)
    if wanted.not_null != live.not_null:
        said = "takes null" if wanted.not_null else "does not take null"
        yield Difference(one, f"{one} {said}", wanted, live)
    if wanted.default != live.default:
        has = "no default" if live.default is None else f"the default {live.default}"
        should = "none" if wanted.default is None else wanted.default
        yield Difference(one, f"{one} has {has} instead of {should}", wanted, live)


def _named(
    what: str, one: Object, wanted: Constraint | Index, live: Constraint | Index | None
) -> Iterator[Difference]:
    if live is None:
        yield Difference(one, f"{what} is missing", wanted)
    elif live != wanted:
        yield Difference(one, f"{what} is {live} instead of {wanted}", wanted, live)


def _missing_sequence(wanted: Schema, name: str) -> Difference:
    """Return that the sequence *name* is missing, with the statements that make it again."""
    one = Object("sequence", "", name)
    for table in wanted.tables.values():
        for column in table.columns.values():
            if name in (column.default_sql or "") and f"{table.name}_{column.name}_seq" == name:
                owner = f'"{table.name}"."{column.name}"'
                highest = f'coalesce(max({owner}), 0) + 1, false) from "{table.name}"'
                default = f'alter table "{table.name}" alter column "{column.name}" set default'
                fix = (
                    f'create sequence "{name}" as integer owned by {owner}; '
                    f"select setval('\"{name}\"', {highest}; {default} {column.default_sql}"
                )
                return Difference(one, f"{one} is missing", fix=fix)
    return _missing(one, None)


def _missing(one: Object, wanted: Definition | None) -> Difference:
    return Difference(one, f"{one} is missing", wanted)


def sentences(found: Sequence[Difference]) -> tuple[str, ...]:
    """Return the sentence of each."""
    return tuple(map(str, found))


def by_object(found: Sequence[Difference]) -> Mapping[Object, list[Difference]]:
    """Return them by what they are about, in their order."""
    groups: dict[Object, list[Difference]] = {}
    for one in found:
        groups.setdefault(one.object, []).append(one)
    return groups
