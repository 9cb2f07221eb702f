"""Looks at what no definition says: whether foreign keys hold, and sequences lead their columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import errors as pg
from psycopg import sql

from medusa_migrations.postgres import introspect
from medusa_migrations.schema.drift import Difference, Object

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from psycopg import Connection

LOOK = 2.0
"""Seconds that the look for the largest value of a column may take, where no index tells it."""

_TRIGGERS = """
    select c.relname, c.oid::regclass::text,
           bool_or(not t.tgisinternal and t.tgenabled in ('D', 'R')),
           array_agg(format('enable trigger %%I', t.tgname) order by t.tgname)
             filter (where t.tgisinternal and t.tgenabled in ('D', 'R'))
      from pg_trigger t
      join pg_class c on c.oid = t.tgrelid
      join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = %(schema)s and c.relname = any(%(tables)s)
     group by c.relname, c.oid
    having bool_or(t.tgisinternal and t.tgenabled in ('D', 'R'))
     order by 1
"""
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
           case when q.seqtypid = 'smallint'::regtype then 32767
                when q.seqtypid = 'integer'::regtype then 2147483647
                else 9223372036854775807 end,
           exists (select from pg_depend o
                    where o.classid = 'pg_class'::regclass and o.objid = s.oid
                      and o.refobjid = t.oid and o.refobjsubid = a.attnum and o.deptype in ('a', 'i'))
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


@dataclass(frozen=True, slots=True)
class _Tied:
    """A sequence, the column that it numbers, and how it counts."""

    name: str
    schema: str
    table: str
    column: str
    increment: int
    most: int
    cycles: bool
    usual: int
    """The largest value of its type."""
    owned: bool

    @property
    def object(self) -> Object:
        return Object("sequence", self.table, self.name)


def look(conn: Connection[Any], schema: str, tables: Collection[str]) -> list[Difference]:
    """Return what is wrong with the keys and sequences of *tables*; writes nothing.

    The largest value of a column is asked for in `LOOK` seconds at most, and of no table that others
    have locked; what could not be looked at is not found.
    """
    names = {"schema": schema, "tables": list(tables)}
    found: list[Difference] = []
    for table, spelled, others, triggers in conn.execute(_TRIGGERS, names):
        enabled = triggers if others else ["enable trigger all"]
        said = f"table {table}: triggers of its foreign keys are disabled, so nothing enforces them"
        fix = f"alter table {spelled} {', '.join(enabled)}"
        found.append(Difference(Object("table", table, table), said, fix=fix))
    for row in conn.execute(_SEQUENCES, names).fetchall():
        found += _sequence(conn, schema, _Tied(*row))
    return found


def _sequence(conn: Connection[Any], schema: str, one: _Tied) -> Iterator[Difference]:
    sequence = sql.Identifier(one.name)
    if one.schema != schema:
        sequence = sql.Identifier(one.schema, one.name)
    name, about = sequence.as_string(conn), f"sequence {one.name}"
    if one.increment != 1:
        fix = f"alter sequence {name} increment by 1"
        yield Difference(one.object, f"{about} counts by {one.increment} instead of 1", fix=fix)
    if one.cycles:
        yield Difference(
            one.object, f"{about} begins again at its end", fix=f"alter sequence {name} no cycle"
        )
    if one.most < one.usual:
        fix = f"alter sequence {name} no maxvalue"
        said = f"{about} ends at {one.most} instead of {one.usual}"
        yield Difference(one.object, said, fix=fix)
    if not one.owned:
        owner = sql.Identifier(one.table, one.column).as_string(conn)
        fix = f"alter sequence {name} owned by {owner}"
        said = f"{about} is not owned by {one.table}.{one.column}, which it numbers"
        yield Difference(one.object, said, fix=fix)
    if one.increment > 0 and _is_behind(conn, schema, one):
        query = sql.SQL("select setval({}, (select max({}) from {}))").format(
            sql.Literal(name), sql.Identifier(one.column), sql.Identifier(one.table)
        )
        said = f"{about} is behind {one.table}.{one.column}: it would give values that are there"
        yield Difference(one.object, said, fix=query.as_string(conn))


def _is_behind(conn: Connection[Any], schema: str, one: _Tied) -> bool:
    """Return whether the next value is one that the column has, or has passed."""
    query = sql.SQL(
        "select case when is_called then last_value + {} else last_value end"
        " <= (select max({}) from {}) from {}"
    ).format(
        one.increment,
        sql.Identifier(one.column),
        sql.Identifier(schema, one.table),
        sql.Identifier(one.schema, one.name),
    )
    limits = sql.SQL("set local lock_timeout to '100ms'; set local statement_timeout to {}")
    try:
        with conn.transaction():
            conn.execute(introspect.seen_from(schema))
            conn.execute(limits.format(f"{int(LOOK * 1000)}ms"))
            row = conn.execute(query).fetchone()
    except (pg.LockNotAvailable, pg.QueryCanceled, pg.InsufficientPrivilege, pg.UndefinedFunction):
        return False
    return bool(row and row[0])
