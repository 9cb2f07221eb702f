"""Reads the live schema from PostgreSQL's system catalogs; the only module that knows them."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from psycopg import sql

from medusa_migrations.postgres import search_path
from medusa_migrations.schema.expression import normal
from medusa_migrations.schema.model import (
    Column,
    Constraint,
    ConstraintKind,
    Index,
    Schema,
    Table,
    type_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from psycopg import Connection

_COLUMNS = """
    select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           case when c.oid <> all(%(closed)s::oid[]) then pg_get_expr(d.adbin, d.adrelid) end, a.attidentity, a.attgenerated,
           case when a.attcollation <> t.typcollation then {collation} end,
           {unproven},
           case when t.typtype = 'd' then (
             with recursive below (type, modifier, level) as (
               select t.typbasetype, t.typtypmod, 1
               union all
               select d.typbasetype, d.typtypmod, level + 1
                 from below join pg_type d on d.oid = below.type and d.typtype = 'd')
             select format_type(type, modifier) from below order by level desc limit 1) end,
           c.relpersistence = 'u'
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      join pg_type t on t.oid = a.atttypid
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
     where n.nspname = %(schema)s and c.relkind in ('r', 'p')
     order by c.relname, a.attnum
"""
_COLLATION = """
    (select case when pg_collation_is_visible(l.oid) then '' else quote_ident(s.nspname) || '.' end
            || quote_ident(l.collname)
       from pg_collation l join pg_namespace s on s.oid = l.collnamespace
      where l.oid = a.attcollation)
"""
"""As `regcollation` prints it, which PostgreSQL 12 does not have."""
_UNPROVEN = """
    exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'n'
                   and k.conkey = array[a.attnum] and not k.convalidated)
"""
_CONSTRAINTS = """
    select c.relname, k.conname, k.contype,
           case when f.relnamespace = c.relnamespace then f.relname::text else f.oid::regclass::text end,
           k.confdeltype, k.confupdtype,
           case when c.oid <> all(%(closed)s::oid[]) then pg_get_expr(k.conbin, k.conrelid) end,
           array(select a.attname from unnest(k.conkey) with ordinality u (num, i)
                   join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num order by i),
           array(select a.attname from unnest(k.confkey) with ordinality u (num, i)
                   join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num order by i),
           concat_ws(' ', case when {nulls} then 'nulls not distinct' end,
                     case when x.indnkeyatts < x.indnatts then 'include (' || (
                       select string_agg(a.attname, ', ' order by a.attnum)
                         from generate_series(x.indnkeyatts, x.indnatts - 1) u
                         join pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[u]) || ')' end,
                     case when k.confmatchtype = 'f' and cardinality(k.conkey) > 1 then 'match full' end,
                     case when k.condeferrable then 'deferrable' end,
                     case when k.condeferred then 'initially deferred' end,
                     case when k.contype = 'c' and k.connoinherit then 'no inherit' end,
                     {period},
                     case when not {enforced} then 'not enforced'
                          when not k.convalidated then 'not valid' end,
                     case when not x.indisvalid then 'with an invalid index'
                          when not x.indisready then 'with an index that is not ready' end)
      from pg_constraint k
      join pg_class c on c.oid = k.conrelid
      join pg_namespace n on n.oid = c.relnamespace
      left join pg_class f on f.oid = k.confrelid
      left join pg_index x on x.indexrelid = k.conindid and k.contype in ('p', 'u', 'x')
     where n.nspname = %(schema)s and c.relkind in ('r', 'p') and k.contype in ('p', 'u', 'f', 'c', 'x')
"""
_INDEXES = """
    select i.relname, t.relname, x.indisunique, m.amname,
           array(select case when t.oid <> all(%(closed)s::oid[]) then pg_get_indexdef(x.indexrelid, k, false)
                             else '(not read)' end
                        || case when a.attcollation in (0, coalesce(o.attcollation, 100)) then ''
                                else ' collate ' || {collation} end
                        || case when p.opcdefault then '' else ' ' || p.opcname end
                        || case when m.amname <> 'btree' then ''
                                else case x.indoption[k - 1] & 3
                                     when 0 then '' when 1 then ' desc nulls last'
                                     when 2 then ' nulls first' else ' desc' end end
                   from generate_series(1, x.indnkeyatts) k
                   join pg_opclass p on p.oid = x.indclass[k - 1]
                   join pg_attribute a on a.attrelid = x.indexrelid and a.attnum = k
                   left join pg_attribute o on o.attrelid = x.indrelid and o.attnum = x.indkey[k - 1]
                  order by k),
           case when t.oid <> all(%(closed)s::oid[]) then pg_get_expr(x.indpred, x.indrelid) end,
           concat_ws(' ', case when {nulls} then 'nulls not distinct' end,
                     case when x.indnkeyatts < x.indnatts then 'include (' || (
                       select string_agg(a.attname, ', ' order by a.attnum)
                         from generate_series(x.indnkeyatts, x.indnatts - 1) u
                         join pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[u]) || ')' end,
                     case when not x.indisvalid then 'invalid' when not x.indisready then 'not ready' end)
      from pg_index x
      join pg_class i on i.oid = x.indexrelid
      join pg_class t on t.oid = x.indrelid
      join pg_am m on m.oid = i.relam
      join pg_namespace n on n.oid = t.relnamespace
     where n.nspname = %(schema)s and t.relkind in ('r', 'p', 'm')
       and not exists (select from pg_constraint k
                        where k.conindid = x.indexrelid and k.contype in ('p', 'u', 'x'))
"""
_ENUMS = """
    select t.typname, array(select enumlabel::text from pg_enum e
                             where e.enumtypid = t.oid order by enumsortorder)
      from pg_type t
      join pg_namespace n on n.oid = t.typnamespace
     where n.nspname = %(schema)s and t.typtype = 'e'
"""
_OPERATORS = """
    select o.opcname::text, min(n.nspname::text) from pg_opclass o join pg_namespace n on n.oid = o.opcnamespace
     where n.nspname not in ('pg_catalog', %(schema)s) group by 1
"""
_OTHERS = """
    select c.relname, c.relkind from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = %(schema)s and c.relkind in ('S', 'v', 'm', 'f')
    union all
    select t.typname, 'd' from pg_type t
      join pg_namespace n on n.oid = t.typnamespace
     where n.nspname = %(schema)s and t.typtype = 'd'
"""
_LOCKED = """
    select c.oid::bigint, case when n.nspname = %s and c.relkind in ('r', 'p') then c.relname::text end
      from pg_locks l
      join pg_class c on c.oid = l.relation
      join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'v', 'm', 'f') and l.mode = 'AccessExclusiveLock'
       and l.pid is distinct from pg_backend_pid()
       and l.database = (select oid from pg_database where datname = current_database())
"""
"""Relations that nobody else can open, or will be able to before whoever waits for it has had them."""
_VIEWS = {"v": "view", "m": "materialized view", "f": "foreign table", "d": "domain"}
_IDENTITIES = {"a": "always", "d": "by default", "": ""}
_RULES = {"a": "no action", "r": "restrict", "c": "cascade", "n": "set null", "d": "set default"}
_KINDS = {
    "p": ConstraintKind.PRIMARY,
    "u": ConstraintKind.UNIQUE,
    "f": ConstraintKind.FOREIGN,
    "c": ConstraintKind.CHECK,
    "x": ConstraintKind.EXCLUSION,
}


def closed(
    conn: Connection[Any], schema: str, medusas: Callable[[], Collection[str]]
) -> tuple[int, ...]:
    """Return the relations that others have locked so that not even their definition can be printed.

    Those of *schema* that *medusas* names are not among them: they matter, and are waited for.
    """
    locked = conn.execute(_LOCKED, [schema]).fetchall()
    matter = medusas() if locked else ()
    return tuple(sorted({oid for oid, name in locked if name is None or name not in matter}))


def read(conn: Connection[Any], schema: str, medusas: Callable[[], Collection[str]]) -> Schema:
    """Return what *schema* consists of; needs no right but to connect.

    To print a default PostgreSQL opens its table, and waits for it where others have locked it. *medusas* names
    the tables that matter; the defaults, checks and keys of others are left out then.
    """
    return read_without(conn, schema, closed(conn, schema, medusas))


def read_without(conn: Connection[Any], schema: str, unread: Sequence[int]) -> Schema:
    """Return what *schema* consists of, but for the defaults, checks and keys of the relations *unread*.

    Names are printed as seen from *schema* itself, whatever the session's search path is.
    """
    with conn.transaction():
        conn.execute(search_path.seen_from(schema))
        return _read(conn, schema, unread)


def _read(conn: Connection[Any], schema: str, unread: Sequence[int]) -> Schema:
    found, parameters = Schema(), {"schema": schema, "closed": list(unread)}
    version = conn.info.server_version
    parts = {
        "collation": _COLLATION,
        "unproven": _UNPROVEN if version >= 180000 else "false",
        "enforced": "k.conenforced" if version >= 180000 else "true",
        "period": "case when k.conperiod then 'with a period' end" if version >= 180000 else "null",
        "nulls": "x.indnullsnotdistinct" if version >= 150000 else "false",
    }
    fitting = {name: sql.SQL(part) for name, part in parts.items()}
    for name, *row, base, unlogged in conn.execute(sql.SQL(_COLUMNS).format(**fitting), parameters):
        column = _column(*row)
        if column.generated.endswith(" virtual") or (column.generated and version < 130000):
            column = dataclasses.replace(column, irrevocable=True)
        if base:
            column = dataclasses.replace(column, base=type_name(base))
        table = found.tables.setdefault(name, Table(name, unlogged=unlogged))
        table.columns[column.name] = column
    for row in conn.execute(sql.SQL(_CONSTRAINTS).format(**fitting), parameters):
        constraint = _constraint(row)
        found.tables[row[0]].constraints[constraint.name] = constraint
    for row in conn.execute(sql.SQL(_INDEXES).format(**fitting), parameters):
        name, table, unique, method, keys, where, options = row
        columns = tuple(normal(key) for key in keys)
        found.indexes[name] = Index(
            name, table, unique, method, columns, normal(where or ""), options,
            keys_sql=tuple(keys), where_sql=where or "",
        )  # fmt: skip
    found.enums = {name: tuple(labels) for name, labels in conn.execute(_ENUMS, parameters)}
    for name, kind in conn.execute(_OTHERS, parameters):
        if kind == "S":
            found.sequences.add(name)
        else:
            found.views[name] = _VIEWS[kind]
    found.extensions = {name for (name,) in conn.execute("select extname from pg_extension")}
    found.operators = dict(conn.execute(_OPERATORS, parameters).fetchall())
    return found


def _column(
    name: str,
    type_: str,
    not_null: bool,  # noqa: FBT001  a row of the query
    default: str | None,
    identity: str,
    generated: str,
    collation: str | None,
    unproven: bool,  # noqa: FBT001
) -> Column:
    generated = generated if default is not None else ""  # one of a table that others have locked
    expression = None if default is None else normal(default)
    stored = {"s": "stored", "v": "virtual", "": ""}[generated]
    return Column(
        name, type_name(type_), not_null, None if generated else expression, collation or "",
        _IDENTITIES[identity], f"{expression} {stored}" if generated else "", unproven,
        default_sql=default,
    )  # fmt: skip


def _constraint(row: tuple[Any, ...]) -> Constraint:
    _, name, contype, references, on_delete, on_update, check, columns, referenced, options = row
    kind = _KINDS[contype]
    if kind is ConstraintKind.CHECK:
        return Constraint(
            name, kind, check=normal(check or "(not read)"), check_sql=check or "", options=options
        )
    if kind is not ConstraintKind.FOREIGN:
        return Constraint(name, kind, tuple(columns), options=options)
    return Constraint(
        name, kind, tuple(columns), references, tuple(referenced), _RULES[on_delete],
        _RULES[on_update], options=options,
    )  # fmt: skip


def has(conn: Connection[Any], schema: str, table: str, column: str | None) -> bool:
    """Return whether *schema* has a table, and that table a column where one is named."""
    row = conn.execute(
        """
        select from pg_attribute a
          join pg_class c on c.oid = a.attrelid
          join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = %s and c.relname = %s and a.attname = coalesce(%s, a.attname)
           and a.attnum > 0 and not a.attisdropped
         limit 1
        """,
        [schema, table, column],
    ).fetchone()
    return row is not None


def is_empty(conn: Connection[Any], schema: str) -> bool:
    """Return whether nothing at all is in *schema*, of whatever kind and whoever made it.

    What is in a schema depends on it, or is a part of something that does.
    """
    row = conn.execute(
        """
        select not exists (select from pg_depend
                            where refclassid = 'pg_namespace'::regclass
                              and refobjid = to_regnamespace(quote_ident(%s)))
        """,
        [schema],
    ).fetchone()
    return row is not None and bool(row[0])


def schema_of_extension(conn: Connection[Any], name: str) -> str | None:
    """Return the schema that the extension *name* is in; None: it is not installed."""
    row = conn.execute(
        "select nspname from pg_extension e join pg_namespace n on n.oid = extnamespace where extname = %s",
        [name],
    ).fetchone()
    return str(row[0]) if row else None


def triggers_of(conn: Connection[Any], functions: Sequence[str]) -> list[str]:
    """Return, in words, the triggers that call one of *functions*, written `schema.name(arguments)`."""
    names = [re.sub(r"\(.*", "", one).rpartition(".")[2].strip('"') for one in functions]
    if not names:
        return []
    rows = conn.execute(
        """
        select format('the trigger %%I on %%s', t.tgname, t.tgrelid::regclass)
          from pg_trigger t join pg_proc p on p.oid = t.tgfoid
         where not t.tgisinternal and p.proname = any(%(names)s)
        union all
        select format('the event trigger %%I', e.evtname)
          from pg_event_trigger e join pg_proc p on p.oid = e.evtfoid
         where p.proname = any(%(names)s)
         order by 1
        """,
        {"names": names},
    )
    return [line for (line,) in rows]


def sizes(
    conn: Connection[Any], schema: str, tables: Sequence[str] | None = None
) -> Mapping[str, tuple[int, int]]:
    """Return each table's live rows (as the statistics have them) and bytes with its indexes.

    Of *tables* only where they are given; a partitioned one has those of its partitions. Where there are no
    statistics, as behind pg_upgrade, the rows are estimated by its pages and the types of its columns. The bytes
    of a table that somebody has locked, or an index of it, are those of the statistics, without its indexes: to
    measure it would be to wait.
    """
    rows = conn.execute(
        """
        with recursive part (name, oid) as (
            select c.relname, c.oid
              from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = %s and c.relkind in ('r', 'p') and (c.relname = any(%s) or %s)
            union all
            select p.name, i.inhrelid
              from part p join pg_class c on c.oid = p.oid and c.relkind = 'p'
              join pg_inherits i on i.inhparent = p.oid
        ), measured as (
            select p.name, c.oid, c.reltuples, c.relpages::bigint * current_setting('block_size')::bigint as pages,
                   exists (select from pg_locks l
                            where l.mode = 'AccessExclusiveLock'
                              and l.pid is distinct from pg_backend_pid()
                              and (l.relation in (c.oid, c.reltoastrelid)
                                   or l.relation in (select indexrelid from pg_index
                                                      where indrelid in (c.oid, c.reltoastrelid)))
                              and l.database = (select oid from pg_database
                                                 where datname = current_database())) as locked
              from part p join pg_class c on c.oid = p.oid and c.relkind <> 'p'
        )
        select p.name,
               coalesce(sum(case when greatest(s.n_live_tup, m.reltuples, 0) > 0
                                 then greatest(s.n_live_tup, m.reltuples)
                                 when not m.locked then pg_relation_size(m.oid) / (
                                     select 28 + coalesce(sum(case when attlen > 0 then attlen
                                                                   when attnotnull then 32 else 8 end), 0)
                                       from pg_attribute
                                      where attrelid = m.oid and attnum > 0 and not attisdropped)
                                 else 0 end), 0)::bigint,
               coalesce(sum(case when m.locked then m.pages else pg_total_relation_size(m.oid) end), 0)::bigint
          from (select distinct name from part) p
          left join measured m on m.name = p.name
          left join pg_stat_all_tables s on s.relid = m.oid
         group by p.name
        """,
        [schema, list(tables or ()), tables is None],
    )
    return {name: (live, size) for name, live, size in rows}


def immediate(conn: Connection[Any], schema: str) -> sql.Composed | None:
    """Return the statement after which no trigger on tables of *schema* waits for the commit; None: none does.

    A table cannot be altered while one waits for its rows. Those that are made later may wait. A
    foreign key that points to a table has triggers on it as well, wherever its own table is.
    """
    names = conn.execute(
        """
        select distinct n.nspname, k.conname from pg_constraint k
          join pg_namespace n on n.oid = k.connamespace
          left join pg_class f on f.oid = k.confrelid
          left join pg_namespace p on p.oid = f.relnamespace
         where k.condeferred and %s in (n.nspname, p.nspname) and has_schema_privilege(n.oid, 'usage')
         order by 1, 2
        """,
        [schema],
    ).fetchall()
    if not names:
        return None
    listed = sql.SQL(", ").join(sql.Identifier(*name) for name in names)
    return sql.SQL("set constraints {} immediate").format(listed)
