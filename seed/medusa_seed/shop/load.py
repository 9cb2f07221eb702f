"""Writes planned changes, set by set: COPY for new rows, one statement for updates of a kind."""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.types.json import Jsonb

from medusa_seed.shop import records

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

    from medusa_seed.planning.changes import Changes
    from medusa_seed.planning.present import Columns, Row


def write(
    conn: Connection[Any], schema: str, existing: Columns, changes: Changes, *, remembers: bool
) -> None:
    """Write *changes*, in the transaction that is open."""
    for table, columns, rows in changes.inserts:
        _copy(conn, schema, table, columns, rows)
    for (table, columns), updates in changes.updates.items():
        _update(conn, schema, table, columns, updates, dated=existing.has(table, "updated_at"))
    if changes.countries:
        _countries(conn, schema, changes.countries)
    if remembers:
        records.remember(conn, schema, changes.memories)


def _copy(
    conn: Connection[Any],
    schema: str,
    table: str,
    columns: Sequence[str],
    rows: Iterable[tuple[Any, ...]],
) -> None:
    query = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(schema, table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    lines = map(_line, rows)
    with conn.cursor().copy(query) as copy:
        while piece := "".join(itertools.islice(lines, _PIECE)):
            copy.write(piece)  # the server takes it in while the next one is made


_AT_ONCE = 1_000
"""Rows that are updated in one statement: they are one value of it, which has a bound."""
_PIECE = 500
"""Rows that are sent at a time."""
_SPECIAL = re.compile(r"[\\\t\n\r]").search
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _line(row: tuple[Any, ...]) -> str:
    """Return a row in the text format of COPY."""
    return "\t".join([_field(value) for value in row]) + "\n"


def _field(value: Any) -> str:
    kind = type(value)
    if kind is str:
        text: str = value
        return text.translate(_ESCAPES) if _SPECIAL(text) else text
    if value is None:
        return "\\N"
    if kind is bool:
        return "t" if value else "f"
    if kind is int or kind is float:
        return repr(value)
    return json.dumps(value, ensure_ascii=False).translate(_ESCAPES)


def _update(
    conn: Connection[Any],
    schema: str,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    dated: bool,
) -> None:
    name = sql.Identifier(schema, table)
    sets = [sql.SQL("{0} = new.{0}").format(sql.Identifier(column)) for column in columns]
    sets += [sql.SQL("updated_at = {}").format(sql.SQL("now()"))] * dated
    query = sql.SQL(
        "update {table} old set {sets} from jsonb_populate_recordset(null::{table}, %s) new"
        " where old.id = new.id"
    ).format(table=name, sets=sql.SQL(", ").join(sets))
    for first in range(0, len(rows), _AT_ONCE):
        conn.execute(query, [Jsonb(list(rows[first : first + _AT_ONCE]))])


def _countries(conn: Connection[Any], schema: str, rows: Sequence[tuple[str, str]]) -> None:
    conn.execute(
        sql.SQL(
            "update {} c set region_id = new.region_id"
            " from unnest(%s::text[], %s::text[]) new (iso_2, region_id) where c.iso_2 = new.iso_2"
        ).format(sql.Identifier(schema, "country")),
        [[code for code, _ in rows], [region for _, region in rows]],
    )
