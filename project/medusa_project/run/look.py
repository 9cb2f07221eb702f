"""Reads the ledgers of Medusa v1 and v2, in whichever schema they are, and counts the rows of what is dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from medusa_project.run.destructive import Loss
from medusa_project.run.ledgers import NAMED_BY, V2_LEDGER, Ledgers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

    from medusa_project.run.destructive import Dropped

_COUNTED = 1_000_000
"""Rows of a table that are counted; more are only known to be more."""


def schemas(conn: Connection[Any], named: str | None) -> tuple[str, ...]:
    """Return the schemas to look in: the one that is *named*, else those of the search path."""
    if named is not None:
        return (named,)
    row = conn.execute("select current_schemas(false)::text[]").fetchone()
    return tuple(row[0]) if row else ()


def ledgers(conn: Connection[Any], where: Sequence[str]) -> Ledgers:
    """Return the ledgers in the schemas *where*; a table of that name that is none does not count."""
    found: dict[str, tuple[str, ...]] = {}
    unfinished: tuple[str, ...] = ()
    for schema, table, columns in _tables(conn, where):
        column = NAMED_BY[table]
        if column not in columns:
            continue
        order = "id" if "id" in columns else column
        query = sql.SQL("select {}::text from {} order by {}").format(
            sql.Identifier(column), sql.Identifier(schema, table), sql.Identifier(order)
        )
        names = tuple(str(name) for (name,) in conn.execute(query))
        found[table] = (*found.get(table, ()), *names)
        if "finished_at" in columns:
            query = sql.SQL(
                "select {0}::text from {1} where finished_at is null order by {0}"
            ).format(sql.Identifier(column), sql.Identifier(schema, table))
            unfinished += tuple(str(name) for (name,) in conn.execute(query))
    return Ledgers(found, unfinished)


def schema_of(conn: Connection[Any], where: Sequence[str]) -> str:
    """Return the schema of the shop: the first one of *where* that has a ledger, else the first one."""
    found = _tables(conn, where)
    return found[0][0] if found else next(iter(where), "public")


def losses(
    conn: Connection[Any], where: Sequence[str], drops: Iterable[Dropped]
) -> tuple[Loss, ...]:
    """Return which of *drops* would drop rows, or the column of a table that has rows."""
    found = []
    for one in drops:
        schema = _holding(conn, [one.schema] if one.schema else where, one)
        if schema is None:
            continue
        query = sql.SQL("select count(*)::int from (select from {} limit {}) counted").format(
            sql.Identifier(schema, one.table), sql.Literal(_COUNTED + 1)
        )
        row = conn.execute(query).fetchone()
        if row and row[0]:
            found.append(Loss(one, min(row[0], _COUNTED), more=row[0] > _COUNTED))
    return tuple(found)


def _holding(conn: Connection[Any], where: Sequence[str], one: Dropped) -> str | None:
    """Return the schema of *where* whose table, or column of it, that is."""
    row = conn.execute(
        """
        select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = any(%(where)s) and c.relname = %(table)s and c.relkind in ('r', 'p')
           and (%(column)s = '' or exists (select from pg_attribute a where a.attrelid = c.oid
                and a.attname = %(column)s and a.attnum > 0 and not a.attisdropped))
         order by array_position(%(where)s::text[], n.nspname::text) limit 1
        """,
        {"where": list(where), "table": one.table, "column": one.column},
    ).fetchone()
    return str(row[0]) if row else None


def unfiltered_indexes(conn: Connection[Any], where: Sequence[str]) -> tuple[str, ...]:
    """Return the statements that give each index of a table of links the predicate that newer versions give it.

    Upgrades leave those of older versions as they are; rows that are marked as deleted are in them.
    """
    schema = schema_of(conn, where)
    links = ledgers(conn, where).names.get(V2_LEDGER, ())
    rows = conn.execute(
        """
        select format('drop index %%I.%%I; %%s where deleted_at is null', n.nspname, c.relname,
                      pg_get_indexdef(c.oid))
          from pg_index i
          join pg_class c on c.oid = i.indexrelid
          join pg_class t on t.oid = i.indrelid
          join pg_namespace n on n.oid = t.relnamespace
         where n.nspname = %s and t.relname = any(%s) and i.indpred is null and not i.indisunique
           and c.relname not like 'IDX\\_id\\_%%' and c.relname not like 'IDX\\_deleted\\_at\\_%%'
           and exists (select from pg_attribute a where a.attrelid = t.oid and a.attname = 'deleted_at')
         order by c.relname
        """,
        [schema, list(links)],
    )
    return tuple(str(statement) for (statement,) in rows)


def _tables(conn: Connection[Any], where: Sequence[str]) -> list[tuple[str, str, list[str]]]:
    rows = conn.execute(
        """
        select n.nspname, c.relname, array_agg(a.attname::text)
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
          join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         where n.nspname = any(%s) and c.relname = any(%s) and c.relkind in ('r', 'p', 'v', 'f')
         group by 1, 2 order by array_position(%s::text[], n.nspname::text), 2
        """,
        [list(where), list(NAMED_BY), list(where)],
    )
    return [(str(schema), str(table), list(columns)) for schema, table, columns in rows]
