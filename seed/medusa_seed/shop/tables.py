"""Reads what a shop has of the things that a document refers to."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from psycopg import DataError, sql
from psycopg.rows import dict_row
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader

from medusa_seed.planning.present import Columns, Shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from psycopg import Connection, Cursor

    from medusa_seed.planning.present import Row

C = TypeVar("C", bound="Cursor[Any]")

_SETTINGS = (
    "store", "user", "region", "shipping_option", "shipping_option_requirement", "shipping_profile",
    "sales_channel", "product_category", "product_collection", "publishable_api_key", "rule_type",
)  # fmt: skip
"""Tables that are read whole: a shop has few of each."""
_MOMENTS = {"created_at", "updated_at", "deleted_at"}
_FRACTIONS = frozenset({700, 701, 1700})
"""The numbers of PostgreSQL's types `real`, `double precision` and `numeric`."""


class _Date(DateLoader):
    def load(self, data: Any) -> Any:
        return _moment(super().load, data)


class _Timestamp(TimestampLoader):
    def load(self, data: Any) -> Any:
        return _moment(super().load, data)


class _Timestamptz(TimestamptzLoader):
    def load(self, data: Any) -> Any:
        return _moment(super().load, data)


def _moment(load: Callable[[Any], Any], data: Any) -> Any:
    """Return the moment that *data* is, or its text: Python has neither `infinity` nor years before 1."""
    try:
        return load(data)
    except DataError:
        return bytes(data).decode()


def by_name(cursor: C) -> C:
    """Have *cursor*, which has fetched nothing yet, return each row by the names of its columns, whatever is in them."""
    cursor.row_factory = dict_row
    for name, loader in (("date", _Date), ("timestamp", _Timestamp), ("timestamptz", _Timestamptz)):
        cursor.adapters.register_loader(name, loader)
    return cursor


def columns(conn: Connection[Any], schema: str) -> Columns:
    """Return what *schema* can hold."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for table, column in conn.execute(
        """
        select c.relname, a.attname from pg_attribute a
          join pg_class c on c.oid = a.attrelid
          join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = %s and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
        """,
        [schema],
    ):
        found[table].add(column)
    return Columns({table: frozenset(names) for table, names in found.items()})


def read(conn: Connection[Any], schema: str) -> Shop:
    """Look at the shop in *schema*; read-only."""
    existing = columns(conn, schema)
    table = _Tables(conn, schema, existing)
    rows = {name: tuple(table.rows(name)) for name in _SETTINGS}
    return Shop(
        columns=existing,
        rows=rows,
        currencies=frozenset(table.values("currency", "code")),
        store_currencies=frozenset(table.values("store_currencies", "currency_code")),
        countries=dict(table.pairs("country", "iso_2", "region_id")),
        providers={
            name: frozenset(table.values(name, "id"))
            for name in ("payment_provider", "fulfillment_provider", "tax_provider")
        },
        region_providers={
            name: _grouped(table.pairs(name, "region_id", "provider_id"))
            for name in ("region_payment_providers", "region_fulfillment_providers")
        },
        types=frozenset(table.values("product_type", "id")),
        has_products=table.any("product"),
        has_orders=table.any("order"),
        default_in_use=any(
            table.any(name, "currency_code", row["default_currency_code"])
            for row in rows["store"][:1]
            for name in ("money_amount", "region", "order")
        ),
        has_images=table.any("image"),
    )


def has_products(conn: Connection[Any], schema: str) -> bool:
    """Return whether the shop in *schema* has a product."""
    return _Tables(conn, schema, columns(conn, schema)).any("product")


def fetch(
    conn: Connection[Any],
    schema: str,
    existing: Columns,
    table: str,
    key: str,
    values: Sequence[str],
) -> list[Row]:
    """Return the rows of *table* whose *key* is among *values*, oldest first, but for those deleted softly.

    When they were made, changed and deleted is not in them: of many rows that is the larger part.
    """
    if not values or not existing.has(table, key):
        return []
    columns = sorted(existing.of(table) - _MOMENTS)
    query = sql.SQL("select {} from {} where {} = any(%s) {} order by {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.Identifier(schema, table),
        sql.Identifier(key),
        _alive(existing, table),
        _by_age(existing, table),
    )
    with by_name(conn.cursor()) as cursor:
        return _plain(cursor.execute(query, [list(values)]))


def _by_age(existing: Columns, table: str) -> sql.Composable:
    """Return what rows of *table* are sorted by: those of one moment as Python sorts their ids."""
    order = {"created_at": sql.SQL("created_at"), "id": sql.SQL('id collate "C"')}
    found = [way for name, way in order.items() if existing.has(table, name)]
    return sql.SQL(", ").join(found or [sql.SQL("1")])


def _alive(existing: Columns, table: str) -> sql.SQL:
    return sql.SQL("and deleted_at is null" if existing.has(table, "deleted_at") else "")


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for key, value in pairs:
        found[key].add(value)
    return {key: frozenset(values) for key, values in found.items()}


def _plain(cursor: Cursor[Row]) -> list[Row]:
    """Return the rows of *cursor*, numbers with a fraction as those of JSON; one that is none is null there."""
    rows = cursor.fetchall()
    for name in [one.name for one in cursor.description or () if one.type_code in _FRACTIONS]:
        for row in rows:
            if row[name] is not None:
                number = float(row[name])
                row[name] = number if math.isfinite(number) else None
    return rows


@dataclass(frozen=True, slots=True)
class _Tables:
    """Reads tables, and finds nothing in those that do not exist."""

    conn: Connection[Any]
    schema: str
    columns: Columns

    def rows(self, table: str) -> list[Row]:
        if not self.columns.of(table):
            return []
        query = sql.SQL("select * from {} where true {} order by {}").format(
            self._name(table),
            _alive(self.columns, table),
            _by_age(self.columns, table),
        )
        with by_name(self.conn.cursor()) as cursor:
            return _plain(cursor.execute(query))

    def values(self, table: str, column: str) -> list[str]:
        if not self.columns.has(table, column):
            return []
        query = sql.SQL("select {} from {} where true {}").format(
            sql.Identifier(column), self._name(table), _alive(self.columns, table)
        )
        return [value for (value,) in self.conn.execute(query)]

    def pairs(self, table: str, one: str, other: str) -> list[tuple[str, str]]:
        if not (self.columns.has(table, one) and self.columns.has(table, other)):
            return []
        query = sql.SQL("select {}, {} from {}").format(
            sql.Identifier(one), sql.Identifier(other), self._name(table)
        )
        return [(key, value) for key, value in self.conn.execute(query)]

    def any(self, table: str, column: str = "", value: str = "") -> bool:
        """Return whether *table* has a row; with a *column* one that has *value* there."""
        if not self.columns.of(table) or (column and not self.columns.has(table, column)):
            return False
        where = (
            sql.SQL("{} = {}").format(sql.Identifier(column), value) if column else sql.SQL("true")
        )
        query = sql.SQL("select exists (select from {} where {} {})").format(
            self._name(table), where, _alive(self.columns, table)
        )
        row = self.conn.execute(query).fetchone()
        return bool(row and row[0])

    def _name(self, table: str) -> sql.Identifier:
        return sql.Identifier(self.schema, table)
