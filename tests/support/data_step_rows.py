"""All rows of a shop, and two shops compared but for new ids and the time of writing."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from data_step_shop import CLOSED

if TYPE_CHECKING:
    from collections.abc import Iterator

Tables = dict[str, list[dict[str, Any]]]

_ULID = re.compile(r"(?:lia|discon)_([0-7][0-9A-HJKMNP-TV-Z]{25})")
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def take(url: str) -> Tables:
    """Return the rows of every table; a table that is not there has none."""
    tables: Tables = defaultdict(list)
    with psycopg.connect(url) as conn, conn.cursor(row_factory=dict_row) as cursor:
        names = "select tablename from pg_tables where schemaname = current_schema order by 1"
        for (table,) in conn.execute(names).fetchall():
            cursor.execute(sql.SQL("select * from {}").format(sql.Identifier(table)))
            tables[table] = cursor.fetchall()
    return tables


def differences(theirs: Tables, ours: Tables) -> list[str]:
    """Return each row that only one side has; a new id or moment is like any other new one."""
    left, right = Counter(_alike(theirs)), Counter(_alike(ours))
    return [f"only Medusa's: {row}" for row in (left - right).elements()] + [
        f"only ours: {row}" for row in (right - left).elements()
    ]


def new_ids(tables: Tables) -> list[str]:
    """Return the ids that carry a ULID: a filled shop has none."""
    rows = [*tables["line_item_adjustment"], *tables["discount_condition"]]
    return [row["id"] for row in rows if _ULID.fullmatch(row["id"])]


def moment_of(identifier: str) -> float:
    """Return the seconds since 1970 that a new id carries."""
    match = _ULID.fullmatch(identifier)
    assert match is not None, identifier
    milliseconds = 0
    for letter in match[1][:10]:
        milliseconds = milliseconds * 32 + _ALPHABET.index(letter)
    return milliseconds / 1000


def _alike(tables: Tables) -> Iterator[str]:
    names = {row["id"]: "new" for row in tables["line_item_adjustment"]}
    names |= {
        row["id"]: f"new condition of {row['discount_rule_id']}"
        for row in tables["discount_condition"]
    }

    def alike(value: object) -> object:
        if isinstance(value, datetime) and value > CLOSED:
            return "new"
        if isinstance(value, str) and _ULID.fullmatch(value):
            return names.get(value, value)
        return value

    for table, rows in tables.items():
        for row in rows:
            yield f"{table}: { {column: alike(value) for column, value in row.items()} }"
