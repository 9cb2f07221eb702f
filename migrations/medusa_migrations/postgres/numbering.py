"""Reads how sequences number columns, and whether they are ahead of the rows: no catalog says that."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import errors as pg
from psycopg import sql

from medusa_migrations.postgres import search_path

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from psycopg import Connection

LOOK = 2.0
"""Seconds that the look for the largest value of a column may take, where no index tells it."""

_SEQUENCES = """
    with tied as (
      select d.adrelid as tab, d.adnum as col, p.refobjid as seq
        from pg_attrdef d
        join pg_depend p on p.classid = 'pg_attrdef'::regclass and p.objid = d.oid
             and p.refclassid = 'pg_class'::regclass
      union
      select p.refobjid, p.refobjsubid, p.objid from pg_depend p
       where p.classid = 'pg_class'::regclass and p.refclassid = p.classid and p.deptype in ('a', 'i')
         and p.refobjsubid > 0
    )
    select s.relname, sn.nspname, t.relname, a.attname, q.seqincrement, q.seqmax, q.seqcycle,
           case a.atttypid when 'smallint'::regtype then 32767 else 2147483647 end, format_type(a.atttypid, null),
           s.relpersistence = 'u',
           exists (select from pg_depend o
                    where o.classid = 'pg_class'::regclass and o.objid = s.oid and o.refobjsubid > 0
                      and o.deptype in ('a', 'i') and ((o.refobjid = t.oid and o.refobjsubid = a.attnum)
                        or s.relname <> concat_ws('_', t.relname, a.attname, 'seq')))
      from tied
      join pg_class t on t.oid = tied.tab and t.relkind in ('r', 'p')
      join pg_namespace n on n.oid = t.relnamespace
      join pg_attribute a on a.attrelid = t.oid and a.attnum = tied.col
      join pg_class s on s.oid = tied.seq and s.relkind = 'S'
      join pg_namespace sn on sn.oid = s.relnamespace
      join pg_sequence q on q.seqrelid = s.oid
     where n.nspname = %(schema)s and t.relname = any(%(tables)s)
     order by 1, 3, 4
"""


class Numbering(NamedTuple):
    """A sequence, the column that it numbers, and how it counts."""

    name: str
    schema: str
    table: str
    column: str
    increment: int
    most: int
    cycles: bool
    usual: int
    """The largest value that any column of Medusa's takes."""
    type: str
    unlogged: bool
    owned: bool
    """By that column, or by another one that it is called after."""


def read(conn: Connection[Any], schema: str, tables: Collection[str]) -> list[Numbering]:
    """Return the sequences that number columns of *tables*."""
    names = {"schema": schema, "tables": list(tables)}
    return [Numbering(*row) for row in conn.execute(_SEQUENCES, names).fetchall()]


def behind(conn: Connection[Any], schema: str, tied: Sequence[Numbering]) -> dict[Numbering, str]:
    """Return those whose next value is one that the column has or has passed (`behind`), or is none (`end`).

    The largest value of a column is asked for in `LOOK` seconds at most, and of no table that others
    have locked; what could not be looked at is not found.
    """
    counting = [one for one in tied if one.increment > 0]
    try:
        return _asked(conn, schema, counting)
    except _NOT_NOW:
        found: dict[Numbering, str] = {}
        for one in counting:
            with suppress(*_NOT_NOW):
                found |= _asked(conn, schema, [one])
        return found


_NOT_NOW = (pg.LockNotAvailable, pg.QueryCanceled, pg.InsufficientPrivilege, pg.UndefinedFunction)


def _asked(conn: Connection[Any], schema: str, tied: Sequence[Numbering]) -> dict[Numbering, str]:
    if not tied:
        return {}
    query = sql.SQL(" union all ").join(
        sql.SQL(
            "select {}, case when is_called then last_value + {} else last_value end"
            " <= (select max({}) from {}), is_called and last_value > {} - {} from {}"
        ).format(
            place,
            one.increment,
            sql.Identifier(one.column),
            sql.Identifier(schema, one.table),
            min(one.most, one.usual),
            one.increment,
            sql.Identifier(one.schema, one.name),
        )
        for place, one in enumerate(tied)
    )
    limits = sql.SQL("set local lock_timeout to '100ms'; set local statement_timeout to {}")
    with conn.transaction():
        conn.execute(search_path.seen_from(schema))
        conn.execute(limits.format(f"{int(LOOK * 1000)}ms"))
        return {
            tied[place]: "behind" if behind else "end"
            for place, behind, ended in conn.execute(query)
            if behind or ended
        }
