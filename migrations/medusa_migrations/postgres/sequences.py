"""Looks at sequences: whether they number their columns, and are ahead of the rows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import errors as pg
from psycopg import sql

from medusa_migrations.postgres import introspect
from medusa_migrations.schema.drift import Difference, Object
from medusa_migrations.schema.severity import DriftSeverity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

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
    """The largest value that any column of Medusa's takes."""
    type: str
    unlogged: bool
    owned: bool
    """By that column, or by another one that it is called after."""

    @property
    def object(self) -> Object:
        return Object("sequence", self.table, self.name)


def look(conn: Connection[Any], schema: str, tables: Collection[str]) -> list[Difference]:
    """Return what is wrong with the sequences that number columns of *tables*; writes nothing.

    The largest value of a column is asked for in `LOOK` seconds at most, and of no table that others
    have locked; what could not be looked at is not found.
    """
    names = {"schema": schema, "tables": list(tables)}
    tied = [_Tied(*row) for row in conn.execute(_SEQUENCES, names).fetchall()]
    late = _behind(conn, schema, tied)
    return [found for one in tied for found in _sequence(conn, schema, one, late.get(one, ""))]


def _sequence(conn: Connection[Any], schema: str, one: _Tied, where: str) -> Iterator[Difference]:
    sequence = sql.Identifier(one.name)
    if one.schema != schema:
        sequence = sql.Identifier(one.schema, one.name)
    name, about = sequence.as_string(conn), f"sequence {one.name}"
    if one.increment != 1:
        fix = f"alter sequence {name} increment by 1"
        yield Difference(
            one.object,
            f"{about} counts by {one.increment} instead of 1",
            fix=f"{fix} minvalue 1" if one.increment < 0 else fix,
            severity=DriftSeverity.HARMLESS if one.increment > 0 else DriftSeverity.HARMFUL,
            effect=(
                "numbers are left out"
                if one.increment > 0
                else "numbers come twice or become negative"
            ),
        )
    if one.cycles:
        yield Difference(
            one.object, f"{about} begins again at its end", fix=f"alter sequence {name} no cycle",
            effect="numbers come twice",
        )  # fmt: skip
    if one.most < one.usual:
        fix = f"alter sequence {name} as {one.type} no maxvalue"
        said = f"{about} ends at {one.most} instead of {one.usual}"
        effect = "rows that the server adds are refused from that number on"
        yield Difference(one.object, said, fix=fix, effect=effect)
    if not one.owned:
        owner = sql.Identifier(one.table, one.column).as_string(conn)
        fix = f"alter sequence {name} owned by {owner}"
        said = f"{about} is not owned by {one.table}.{one.column}, which it numbers"
        effect = "a dump of that table, or what drops it, leaves the sequence out"
        yield Difference(one.object, said, fix=fix, effect=effect)
    if one.unlogged:
        fix = f"alter sequence {name} set logged"
        effect = "numbers begin again after a crash of the server"
        yield Difference(one.object, f"{about} is unlogged", fix=fix, effect=effect)
    if where:
        query = sql.SQL("select setval({}, (select max({}) from {}))").format(
            sql.Literal(name), sql.Identifier(one.column), sql.Identifier(one.table)
        )
        said = f"{about} is behind {one.table}.{one.column}: it would give values that are there"
        effect = "rows that the server adds are refused, or get a number that another row has"
        if where == "end":
            query = sql.SQL(
                "select setval({}, (select coalesce(max({}), 0) + 1 from {}), false)"
            ).format(sql.Literal(name), sql.Identifier(one.column), sql.Identifier(one.table))
            said = f"{about} is at its end, far from the largest value of {one.table}.{one.column}"
            effect = "rows that the server adds are refused"
        yield Difference(one.object, said, fix=query.as_string(conn), effect=effect)


def _behind(conn: Connection[Any], schema: str, tied: Sequence[_Tied]) -> dict[_Tied, str]:
    """Return those whose next value is one that the column has or has passed (`behind`), or is none (`end`)."""
    counting = [one for one in tied if one.increment > 0]
    try:
        return _asked(conn, schema, counting)
    except _NOT_NOW:
        found: dict[_Tied, str] = {}
        for one in counting:
            with suppress(*_NOT_NOW):
                found |= _asked(conn, schema, [one])
        return found


_NOT_NOW = (pg.LockNotAvailable, pg.QueryCanceled, pg.InsufficientPrivilege, pg.UndefinedFunction)


def _asked(conn: Connection[Any], schema: str, tied: Sequence[_Tied]) -> dict[_Tied, str]:
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
        conn.execute(introspect.seen_from(schema))
        conn.execute(limits.format(f"{int(LOOK * 1000)}ms"))
        return {
            tied[place]: "behind" if behind else "end"
            for place, behind, ended in conn.execute(query)
            if behind or ended
        }
