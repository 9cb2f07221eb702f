"""Pure: which rows are gone through while tables are locked, and about how long that takes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from medusa_migrations.catalog.model import Migration
from medusa_migrations.schema import affected, statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from medusa_migrations.catalog.model import DataStep
    from medusa_migrations.schema.statements import Statement

SECONDS_PER_MILLION: Mapping[str, float] = {
    "copies": 6.0,  # with the two indexes of the table they go to
    "indexes": 1.5,
    "checks": 1.4,
    "updates": 30.0,
    "rewrites": 10.0,
}
"""As measured with PostgreSQL 15 on two busy cores; a larger server needs less."""


@dataclass(frozen=True, slots=True)
class Work:
    """Rows of one table that are gone through."""

    kind: str
    """A key of SECONDS_PER_MILLION."""
    table: str
    rows: int
    times: int

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        return SECONDS_PER_MILLION[self.kind] * self.rows * self.times / 1_000_000


def work(items: Iterable[Migration | DataStep], sizes: Mapping[str, tuple[int, int]]) -> list[Work]:
    """Return what *items* do to every row of tables that are there, longest first.

    *sizes* gives rows and bytes of each. What the functions of a shop do is not known.
    """
    found: Counter[tuple[str, str]] = Counter()
    for item in items:
        text = item.statements if isinstance(item, Migration) else item.text
        for statement in statements.split(text):
            found.update(_work(statement))
        if isinstance(item, Migration):
            found.update(("rewrites", lock.table) for lock in item.locks if lock.rewrite)
    all_ = [
        Work(kind, table, sizes[table][0], times)
        for (kind, table), times in found.items()
        if table in sizes
    ]
    return sorted(all_, key=lambda one: (-one.seconds, one.kind, one.table))


def _work(statement: Statement) -> Iterator[tuple[str, str]]:
    """Yield kind and table of everything a statement does to all rows of a table."""
    words = [token.lower() for token in statement.tokens]
    changed = affected.affected([statement.text])
    if words[0] in ("update", "delete"):
        yield from (("updates", table) for table in changed.written)
    elif changed.read:
        yield from (("copies", table) for table in changed.read)
    elif words[0] == "create" and "index" in words[1:3]:
        yield from (("indexes", table) for table in changed.altered)
    elif words[:2] == ["alter", "table"]:
        for pair in pairwise(words):
            if pair in (("foreign", "key"), ("set", "not"), ("check", "(")):
                yield from (("checks", table) for table in changed.altered)
            elif pair in (("primary", "key"), ("unique", "(")):
                yield from (("indexes", table) for table in changed.altered)
