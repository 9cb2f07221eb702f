"""Pure: what the live tables ask of every row, and which planned rows PostgreSQL would refuse because of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medusa_seed.document.findings import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from medusa_seed.document.findings import Findings, Place
    from medusa_seed.planning.changes import Changes

    Taken = Callable[[str, str, str, Sequence[str]], Mapping[str, str]]
    """Takes table, column, condition and values; returns the id of the row that has each of them now."""

CHECKED = {
    ("product", "id"), ("product", "handle"), ("product_variant", "id"), ("product_variant", "sku"),
    ("product_variant", "barcode"), ("product_variant", "ean"), ("product_variant", "upc"),
    ("product_option", "id"), ("product_option_value", "id"), ("money_amount", "id"), ("product_tag", "id"),
}  # fmt: skip
"""Columns of which the document itself is known to have no value twice."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """What the tables ask that a document may not keep to."""

    longest: Mapping[tuple[str, str], int]
    """Characters that a column holds, where that is bounded."""
    required: Mapping[str, frozenset[str]]
    """By table: columns that are not null."""
    defaults: Mapping[str, frozenset[str]]
    """By table: columns that are not null and get a value where a row gives none."""
    labels: Mapping[tuple[str, str], frozenset[str]]
    """The labels of columns of an enum."""
    unique: Mapping[str, tuple[tuple[str, str], ...]]
    """By table with rows: columns of which no value may occur twice, and the condition for that."""


@dataclass(slots=True)
class ConstraintCheck:
    """Compares planned rows with the constraints, one set of changes after the other."""

    constraints: Constraints
    findings: Findings
    taken: Taken
    made: Callable[[str], bool]
    """Whether an id was made here, and so is nobody else's."""
    _seen: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))

    def check(self, changes: Changes) -> None:
        """Note what of *changes* PostgreSQL would refuse."""
        for table, columns, rows in changes.inserts:
            places = changes.places(table)
            self._missing(table, columns, places)
            for number, column in enumerate(columns):
                values = [row[number] for row in rows]
                self._column(table, column, values, places)
                self._unique(table, column, values, places, [])
        for (table, columns), updates in changes.updates.items():
            places = changes.places(table, columns)
            ids = [row["id"] for row in updates]
            for column in columns:
                values = [row[column] for row in updates]
                self._column(table, column, values, places)
                self._unique(table, column, values, places, ids)

    def _missing(self, table: str, columns: Sequence[str], places: Sequence[Place]) -> None:
        """Find columns that every row must have, that no document gives and that have no default."""
        needed = self.constraints.required.get(table, frozenset())
        given = self.constraints.defaults.get(table, frozenset()) | set(columns)
        for column in sorted(needed - given):
            self.findings.add(
                places[0],
                f"the table {table} of this shop has a column {column} that must have a value and has no "
                "default, and a document cannot give it one; give the column a default",
            )

    def _column(
        self, table: str, column: str, values: Sequence[Any], places: Sequence[Place]
    ) -> None:
        most = self.constraints.longest.get((table, column))
        labels = self.constraints.labels.get((table, column))
        needed = column in self.constraints.required.get(table, ())
        if most is None and labels is None and not needed:
            return
        for value, place in zip(values, places, strict=True):
            if value is None:
                if needed:
                    self.findings.add(
                        place, f"the column {table}.{column} of this shop takes no null"
                    )
            elif most is not None and len(str(value)) > most:
                self.findings.add(
                    place,
                    f"{shown(value)} is longer than the {most} characters that {table}.{column} holds in "
                    "this shop",
                )
            elif labels is not None and value not in labels:
                self.findings.add(
                    place, f"{shown(value)} is none of {', '.join(sorted(labels))}, which {table}.{column} "
                    "takes in this shop",
                )  # fmt: skip

    def _unique(
        self,
        table: str,
        column: str,
        values: Sequence[Any],
        places: Sequence[Place],
        ids: Sequence[str],
    ) -> None:
        """Find values that another row of the shop, or of the document, has; *ids* are those of updates."""
        for name, condition in self.constraints.unique.get(table, ()):
            if name != column:
                continue
            asked = {
                value: number
                for number, value in enumerate(values)
                if type(value) is str and not self.made(value)
            }
            found = self.taken(table, column, condition, list(asked)) if asked else {}
            for value, id_ in found.items():
                if not ids or ids[asked[value]] != id_:
                    self.findings.add(
                        places[asked[value]],
                        f"{shown(value)} is the {column} of a row that the table {table} of this shop has "
                        f"already{'' if column == 'id' else f', {id_}'}; it may be one that was deleted",
                    )
            if (table, column) not in CHECKED and not ids:
                for place, value in self._twice(table, column, values, places):
                    self.findings.add(
                        place,
                        f"{shown(value)} would occur twice as {table}.{column}, which is unique",
                    )

    def _twice(
        self, table: str, column: str, values: Sequence[Any], places: Sequence[Place]
    ) -> Iterator[tuple[Place, str]]:
        seen = self._seen[table, column]
        for value, place in zip(values, places, strict=True):
            if type(value) is not str or self.made(value):
                continue
            if value in seen:
                yield place, value
            seen.add(value)
