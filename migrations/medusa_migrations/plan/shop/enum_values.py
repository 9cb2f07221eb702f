"""Pure: which items name a value of an enum that PostgreSQL takes only once it is committed."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from medusa_migrations.catalog.model import Migration
from medusa_migrations.schema import affected, effects, statements

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from medusa_migrations.catalog.model import DataStep
    from medusa_migrations.schema.statements import Statement


class Uncommitted(NamedTuple):
    """An item that names a value which another one adds to an enum in the same transaction."""

    item: str
    value: str
    type: str
    by: str
    certain: bool
    """Whether the value must be meant: the same text may be a value of another column."""


def added_values(items: Iterable[Migration | DataStep]) -> Iterator[tuple[str, str]]:
    """Yield type and value of each enum value that *items* add."""
    for item in items:
        if isinstance(item, Migration):
            for statement in statements.split(item.statements):
                if added := _added(statement):
                    yield added


def uncommitted(
    transactions: Iterable[Sequence[Migration | DataStep]],
    columns: Mapping[str, Collection[tuple[str, str]]],
) -> Iterator[Uncommitted]:
    """Yield what names a value of an enum in the one of *transactions* that adds it: PostgreSQL refuses that.

    Not where the type is made there as well. *columns* are table and name of those of each enum.
    """
    for items in transactions:
        added: dict[tuple[str, str], str] = {}
        made: set[str] = set()
        if next(added_values(items), None) is None or getattr(items[0], "alone", False):
            continue
        for item in items:
            text = item.statements if isinstance(item, Migration) else item.text
            found: dict[tuple[str, str], bool] = {}
            for statement in statements.split(text):
                for (type_, value), certain in _values(statement, added, columns):
                    found[type_, value] = found.get((type_, value), False) or certain
                made |= {
                    one.name.name for e in effects.of(statement.text) for one in effects.made(e)
                }
                if (new := _added(statement)) and new[0] not in made:
                    added[new] = item.name
            for (type_, value), certain in found.items():
                yield Uncommitted(item.name, value, type_, added[type_, value], certain)


def _added(statement: Statement) -> tuple[str, str] | None:
    """Return type and value of `alter type t add value 'v'`."""
    words = [token.lower() for token in statement.tokens]
    if words[:2] != ["alter", "type"] or ("add", "value") not in itertools.pairwise(words):
        return None
    at = words.index("value")
    label = next((token for token in statement.tokens[at:] if token.startswith("'")), "")
    return (statements.unquoted(statement.tokens[at - 2]), label[1:-1]) if label else None


def _values(
    statement: Statement,
    added: Mapping[tuple[str, str], str],
    columns: Mapping[str, Collection[tuple[str, str]]],
) -> Iterator[tuple[tuple[str, str], bool]]:
    """Yield which of the *added* values the statement names, and whether it must mean them."""
    if not added or statement.words[:2] == ("alter", "type"):
        return
    names = [statements.unquoted(token) for token in statement.tokens]
    tables = affected.affected([statement.text]).tables
    for at, token in enumerate(statement.tokens):
        for type_, value in added:
            if token != f"'{value}'":
                continue
            of = columns.get(type_, ())
            cast = type_ in names[at + 1 : at + 5] and names[at + 1 : at + 2] == ["::"]
            its = {name for table, name in of if table in tables}
            behind = names[at - 1] in ("=", "<", ">", "default")
            if cast or (behind and its.intersection(names[max(at - 4, 0) : at])):
                yield (type_, value), True
            elif its:
                yield (type_, value), False
