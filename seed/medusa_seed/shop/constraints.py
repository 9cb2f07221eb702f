"""Reads what the tables of a shop ask of every row, and which values they have already."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from psycopg import sql

from medusa_seed.planning.changes import ORDER
from medusa_seed.planning.constraints import Constraints

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection

    from medusa_seed.planning.present import Columns

_COLUMNS = """
    select c.relname, a.attname,
           case when t.typname in ('varchar', 'bpchar') and a.atttypmod > 4 then a.atttypmod - 4 end,
           a.attnotnull, a.atthasdef or a.attidentity <> '',
           case t.typtype when 'e' then
             array(select e.enumlabel::text from pg_enum e where e.enumtypid = t.oid) end
      from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
      join pg_type t on t.oid = a.atttypid
     where n.nspname = %s and c.relname = any(%s) and c.relkind in ('r', 'p')
       and a.attnum > 0 and not a.attisdropped
"""
_UNIQUE = """
    select c.relname, a.attname, coalesce(pg_get_expr(i.indpred, i.indrelid), 'true')
      from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute a on (a.attrelid, a.attnum) = (c.oid, i.indkey[0])
      join pg_type t on t.oid = a.atttypid
     where n.nspname = %s and c.relname = any(%s) and i.indisunique and i.indisvalid
       and i.indnkeyatts = 1 and t.typname in ('varchar', 'text', 'bpchar')
"""
_CONDITIONS = ("true", "(deleted_at IS NULL)")
"""Conditions of unique indexes that every new row meets."""


def read(conn: Connection[Any], schema: str, columns: Columns) -> Constraints:
    """Return what the tables of *schema* ask; *columns* are theirs."""
    longest: dict[tuple[str, str], int] = {}
    labels: dict[tuple[str, str], frozenset[str]] = {}
    required: defaultdict[str, set[str]] = defaultdict(set)
    defaults: defaultdict[str, set[str]] = defaultdict(set)
    names = list(ORDER)
    for table, column, most, needed, default, words in conn.execute(_COLUMNS, [schema, names]):
        if most is not None:
            longest[table, column] = most
        if words is not None:
            labels[table, column] = frozenset(words)
        if needed:
            required[table].add(column)
            if default:
                defaults[table].add(column)
    unique: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for table, column, condition in conn.execute(_UNIQUE, [schema, names]):
        own = condition == f"({column} IS NOT NULL)"
        if columns.has(table, "id") and (condition in _CONDITIONS or own):
            unique[table].append((column, condition))
    return Constraints(
        longest,
        {table: frozenset(found) for table, found in required.items()},
        {table: frozenset(found) for table, found in defaults.items()},
        labels,
        {
            table: tuple(dict.fromkeys(found))
            for table, found in unique.items()
            if _has_rows(conn, schema, table)
        },
    )


def taken(
    conn: Connection[Any],
    schema: str,
    table: str,
    column: str,
    condition: str,
    values: Sequence[str],
) -> Mapping[str, str]:
    """Return the id of the row of *table*, deleted or not, that has each of *values* as its *column*."""
    name = sql.Identifier(column)
    query = sql.SQL("select {0}, id from {1} where {0} = any(%s) and ").format(
        name, sql.Identifier(schema, table)
    ) + sql.SQL(condition)
    return dict(conn.execute(query, [list(values)]).fetchall())


def _has_rows(conn: Connection[Any], schema: str, table: str) -> bool:
    query = sql.SQL("select exists (select from {})").format(sql.Identifier(schema, table))
    row = conn.execute(query).fetchone()
    return bool(row and row[0])
