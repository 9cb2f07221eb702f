"""Whether two databases hold the same, ids, times and salts aside: every row of every table.

An id that was made up says nothing, so a row is compared by its other values, by the rows that
it refers to and by the rows that refer to it, and so on outwards until nothing new is learnt.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

Connection = psycopg.Connection[Any]

LEFT_OUT = {
    "staged_job": "events for a server's subscribers: Medusa's seed leaves them behind, ours none",
    "typeorm_metadata": "only Medusa's ORM makes it, and not in every version",
}
"""The tables that are not compared, and why."""

ORDERED = (
    "image",
    "money_amount",
    "product",
    "product_category",
    "product_collection",
    "product_images",
    "product_option",
    "product_option_value",
    "product_variant",
    "region",
    "shipping_option",
    "user",
)
"""Tables whose rows Medusa's API shows as they were written, where nothing else tells an order.

All rows of a seed have the same time, so this is the only order that they have.
"""

MADE_UP = re.compile(r"\b([a-z][a-z-]*_{1,2})[0-9A-HJKMNP-TV-Z]{26}\b")
"""An id as Medusa makes them: a prefix, and a ULID."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what it says, and which ids it names."""

    table: str
    id: str
    """The id that was made up for it; empty where it has none."""
    values: tuple[str, ...]
    """Every column that is not null as `column=text`, with a `*` for each id that was made up."""
    links: tuple[tuple[str, str], ...]
    """Column and id of each other row that it names, in a reference or inside of a text."""

    def __str__(self) -> str:
        return f"{self.table}: {', '.join(self.values)}"


@dataclass(frozen=True, slots=True)
class Shop:
    """All rows of a database, as they lie in their tables, and where its sequences are."""

    rows: tuple[Row, ...]
    sequences: tuple[str, ...]

    def of(self, table: str) -> list[Row]:
        """Return the rows of one table, in the order in which they were written."""
        return [row for row in self.rows if row.table == table]


def read(conn: Connection, *, since: datetime, passwords: Collection[str] = ()) -> Shop:
    """Return what a database holds.

    A time that is not before *since* is given as `now`, a hash of one of *passwords* as that
    password.
    """
    with conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("set timezone to utc")
        cursor.execute("set datestyle to iso")
        cursor.execute("select clock_timestamp()")
        raw = [
            (name, columns, values)
            for name, columns in _tables(cursor)
            for values in _values(cursor, name, columns)
        ]
        sequences = tuple(_sequences(cursor))
    ids = {
        value
        for _, columns, values in raw
        for (column, _), value in zip(columns, values, strict=True)
        if column == "id" and value is not None and MADE_UP.fullmatch(value)
    }
    told = _Teller(ids, since.timestamp(), tuple(passwords))
    rows = tuple(told.row(name, columns, values) for name, columns, values in raw)
    return Shop(rows, sequences)


def difference(left: Shop, right: Shop, *, names: tuple[str, str], most: int = 30) -> str:
    """Return what only one of two shops has, in at most *most* lines; empty when they are alike."""
    lines = [
        *_content_difference(left, right, names),
        *_sequence_difference(left, right, names),
    ] or list(_order_difference(left, right, names))
    more = [f"... and {len(lines) - most} more"] if len(lines) > most else []
    return "\n".join(lines[:most] + more)


def is_hash_of(password: str, stored: str) -> bool:
    """Return whether *stored* is the scrypt container, as base64, of *password*."""
    try:
        raw = base64.b64decode(stored, validate=True)
    except ValueError:
        return False
    if len(raw) != 96 or raw[:7] != b"scrypt\0":
        return False
    log_n, r, p = struct.unpack(">BII", raw[7:16])
    if hashlib.sha256(raw[:48]).digest()[:16] != raw[48:64]:
        return False
    key = hashlib.scrypt(
        password.encode(), salt=raw[16:48], n=2**log_n, r=r, p=p, dklen=64, maxmem=2**27
    )
    return hmac.compare_digest(hmac.digest(key[32:], raw[:64], "sha256"), raw[64:])


Column = tuple[str, str]
"""Name and type."""


def _tables(cursor: psycopg.Cursor[Any]) -> list[tuple[str, list[Column]]]:
    cursor.execute(
        """
        select relname::text, attname::text, atttypid::regtype::text
        from pg_class join pg_attribute on attrelid = pg_class.oid
        where relkind in ('r', 'p') and relnamespace = current_schema()::regnamespace
          and attnum > 0 and not attisdropped and relname <> all(%s)
        order by relname, attname
        """,
        [list(LEFT_OUT)],
    )
    tables: dict[str, list[Column]] = defaultdict(list)
    for table, column, kind in cursor:
        tables[table].append((column, kind))
    return list(tables.items())


def _values(
    cursor: psycopg.Cursor[Any], table: str, columns: Sequence[Column]
) -> list[tuple[str | None, ...]]:
    """Read every value as text; a time as seconds, so that it can be held against another."""
    expressions = [
        sql.SQL(
            "extract(epoch from {})::text" if kind == "timestamp with time zone" else "{}::text"
        ).format(sql.Identifier(column))
        for column, kind in columns
    ]
    query = sql.SQL("select {} from {} order by ctid").format(
        sql.SQL(", ").join(expressions), sql.Identifier(table)
    )
    return cursor.execute(query).fetchall()


def _sequences(cursor: psycopg.Cursor[Any]) -> Iterator[str]:
    cursor.execute(
        """
        select sequencename::text, last_value from pg_sequences
        where schemaname = current_schema() order by sequencename
        """
    )
    for name, value in cursor:
        yield f"sequence {name} is at {value}"


@dataclass(frozen=True, slots=True)
class _Teller:
    """Says what a row says, without what is chance."""

    ids: Collection[str]
    since: float
    passwords: tuple[str, ...]

    def row(self, table: str, columns: Sequence[Column], values: Sequence[str | None]) -> Row:
        own, said, links = "", [], []
        for (column, kind), value in zip(columns, values, strict=True):
            if value is None:
                continue
            for found in MADE_UP.finditer(value):
                if column == "id" and found[0] == value:
                    own = value
                elif found[0] in self.ids:
                    links.append((column, found[0]))
            said.append(f"{column}={self._value(column, kind, value)}")
        return Row(table, own, tuple(said), tuple(links))

    def _value(self, column: str, kind: str, value: str) -> str:
        if kind == "timestamp with time zone":
            return "now" if float(value) >= self.since else value
        if column == "password_hash":
            known = [each for each in self.passwords if is_hash_of(each, value)]
            return f"a hash of {known[0]!r}" if known else value
        return MADE_UP.sub(
            lambda found: f"{found[1]}*" if found[0] in self.ids else found[0], value
        )


def _content_difference(left: Shop, right: Shop, names: tuple[str, str]) -> list[str]:
    """Hold values against values first, then what they are linked to, ever further outwards."""
    one, other = _Colours(left), _Colours(right)
    learning = True
    while not (lines := _only(one, other, names[0]) + _only(other, one, names[1])) and learning:
        learning = any([one.look_further(), other.look_further()])
    return sorted(lines)


def _only(here: _Colours, there: _Colours, name: str) -> list[str]:
    left = Counter(there.of_row)
    lines = []
    for row, colour in zip(here.rows, here.of_row, strict=True):
        if left[colour]:
            left[colour] -= 1
        else:
            lines.append(f"{here.told(row)} (only {name})")
    return lines


class _Colours:
    """Gives each row of a shop a colour: rows of one colour are alike as far as we have looked."""

    def __init__(self, shop: Shop) -> None:
        self.rows = shop.rows
        self.of_row = [_digest(row.table, *row.values) for row in shop.rows]
        self.steps = 0
        self._places = {row.id: place for place, row in enumerate(shop.rows) if row.id}
        self._near: list[list[tuple[str, int]]] = [[] for _ in shop.rows]
        for place, row in enumerate(shop.rows):
            for column, target in row.links:
                self._near[place].append((column, self._places[target]))
                self._near[self._places[target]].append((f"{row.table}.{column}", place))

    def look_further(self) -> bool:
        """Let each colour tell of the neighbours' too; return whether it told rows apart."""
        before = len(set(self.of_row))
        self.of_row = [
            _digest(own, *sorted(f"{column} {self.of_row[place]}" for column, place in near))
            for own, near in zip(self.of_row, self._near, strict=True)
        ]
        self.steps += 1
        return len(set(self.of_row)) > before

    def told(self, row: Row) -> str:
        """Return the row, and with it what it refers to once this counts."""
        if not self.steps:
            return str(row)
        near = [
            f"{column} -> {self.rows[self._places[target]]}"[:200] for column, target in row.links
        ]
        return " | ".join([f"linked otherwise: {row}", *near])


def _digest(*parts: str) -> str:
    return hashlib.sha1("\0".join(parts).encode(), usedforsecurity=False).hexdigest()


def _sequence_difference(left: Shop, right: Shop, names: tuple[str, str]) -> list[str]:
    return sorted(
        f"{line} (only {name})"
        for here, there, name in ((left, right, names[0]), (right, left, names[1]))
        for line in set(here.sequences) - set(there.sequences)
    )


def _order_difference(left: Shop, right: Shop, names: tuple[str, str]) -> Iterator[str]:
    """Two shops of equal content; name the first row of each table that is not at its place."""
    one, other = _final(left), _final(right)
    for table in ORDERED:
        for here, there in zip(one[table], other[table], strict=True):
            if here[0] != there[0]:
                yield f"order of {table}: {here[1]} ({names[0]}), {there[1]} ({names[1]})"
                break


def _final(shop: Shop) -> dict[str, list[tuple[str, str]]]:
    colours = _Colours(shop)
    while colours.look_further():
        pass
    tables: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row, colour in zip(colours.rows, colours.of_row, strict=True):
        tables[row.table].append((colour, colours.told(row)))
    return tables
