"""Reads the live schema from PostgreSQL's system catalogs; the only module that knows them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from psycopg import sql

from medusa_migrations.postgres import row_security
from medusa_migrations.schema.model import Column, Constraint, Index, Kind, Schema, Table, type_name
from medusa_migrations.schema.model import expression as normal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from psycopg import Connection

_COLUMNS = """
    select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           case when c.relname <> all(%(closed)s) then pg_get_expr(d.adbin, d.adrelid) end
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
     where n.nspname = %(schema)s and c.relkind in ('r', 'p')
     order by c.relname, a.attnum
"""
_CONSTRAINTS = """
    select c.relname, k.conname, k.contype, f.relname, k.confdeltype, k.confupdtype,
           case when c.relname <> all(%(closed)s) then pg_get_expr(k.conbin, k.conrelid) end,
           array(select a.attname from unnest(k.conkey) with ordinality u (num, i)
                   join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num order by i),
           array(select a.attname from unnest(k.confkey) with ordinality u (num, i)
                   join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num order by i),
           concat_ws(' ', case k.confmatchtype when 'f' then 'match full' end,
                     case when k.condeferrable then 'deferrable' end,
                     case when k.condeferred then 'initially deferred' end,
                     case when not {enforced} then 'not enforced'
                          when not k.convalidated then 'not valid' end)
      from pg_constraint k
      join pg_class c on c.oid = k.conrelid
      join pg_namespace n on n.oid = c.relnamespace
      left join pg_class f on f.oid = k.confrelid
     where n.nspname = %(schema)s and k.contype in ('p', 'u', 'f', 'c')
"""
_INDEXES = """
    select i.relname, t.relname, x.indisunique, m.amname,
           array(select case when t.relname <> all(%(closed)s) then pg_get_indexdef(x.indexrelid, k, false)
                             else '(not read)' end
                        || case when o.opcdefault then '' else ' ' || o.opcname end
                        || case when m.amname <> 'btree' then ''
                                else case x.indoption[k - 1] & 3
                                     when 0 then '' when 1 then ' desc nulls last'
                                     when 2 then ' nulls first' else ' desc' end end
                   from generate_series(1, x.indnkeyatts) k
                   join pg_opclass o on o.oid = x.indclass[k - 1]
                  order by k),
           case when t.relname <> all(%(closed)s) then pg_get_expr(x.indpred, x.indrelid) end, x.indisvalid
      from pg_index x
      join pg_class i on i.oid = x.indexrelid
      join pg_class t on t.oid = x.indrelid
      join pg_am m on m.oid = i.relam
      join pg_namespace n on n.oid = t.relnamespace
     where n.nspname = %(schema)s
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
_SEQUENCES = """
    select c.relname from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = %(schema)s and c.relkind = 'S'
"""
_LOCKED = """
    select c.relname::text from pg_locks l
      join pg_class c on c.oid = l.relation
      join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = %s and c.relkind in ('r', 'p') and l.mode = 'AccessExclusiveLock'
       and l.pid is distinct from pg_backend_pid()
       and l.database = (select oid from pg_database where datname = current_database())
"""
"""Tables that nobody else can open, or will be able to before whoever waits for it has had them."""
_RULES = {"a": "no action", "r": "restrict", "c": "cascade", "n": "set null", "d": "set default"}
_KINDS = {"p": Kind.PRIMARY, "u": Kind.UNIQUE, "f": Kind.FOREIGN, "c": Kind.CHECK}


def read(
    conn: Connection[Any], schema: str, medusas: Callable[[], Collection[str]] | None = None
) -> Schema:
    """Return what *schema* consists of; needs no right but to connect.

    Names are printed as seen from *schema* itself, whatever the session's search path is. To print a default
    PostgreSQL opens its table, and waits for it where others have locked it. Where *medusas* names the tables
    that matter, the defaults, checks and keys of others are left out then.
    """
    locked = {name for (name,) in conn.execute(_LOCKED, [schema])} if medusas else set()
    closed = locked.difference(medusas()) if locked and medusas else set()
    with conn.transaction():
        conn.execute(seen_from(schema))
        return _read(conn, schema, sorted(closed))


def seen_from(*path: str) -> sql.Composed:
    """Return the statements by which, until the transaction ends, names mean those of the schemas *path*.

    Nor does a policy hide rows then: PostgreSQL refuses instead.
    """
    return sql.SQL("set local search_path to {}; {}").format(
        sql.SQL(", ").join(map(sql.Identifier, path)), row_security.OFF
    )


def _read(conn: Connection[Any], schema: str, closed: Sequence[str]) -> Schema:
    found, parameters = Schema(), {"schema": schema, "closed": list(closed)}
    for table, name, type_, not_null, default in conn.execute(_COLUMNS, parameters):
        made = found.tables.setdefault(table, Table(table))
        made.columns[name] = Column(
            name, type_name(type_), not_null, None if default is None else normal(default)
        )
    enforced = "k.conenforced" if conn.info.server_version >= 180000 else "true"
    for row in conn.execute(sql.SQL(_CONSTRAINTS).format(enforced=sql.SQL(enforced)), parameters):
        constraint = _constraint(row)
        found.tables[row[0]].constraints[constraint.name] = constraint
    for name, table, unique, method, keys, where, valid in conn.execute(_INDEXES, parameters):
        predicate = normal(where or "") + ("" if valid else " (invalid)")
        columns = tuple(normal(key) for key in keys)
        found.indexes[name] = Index(name, table, unique, method, columns, predicate)
    found.enums = {name: tuple(labels) for name, labels in conn.execute(_ENUMS, parameters)}
    found.sequences = {name for (name,) in conn.execute(_SEQUENCES, parameters)}
    found.extensions = {name for (name,) in conn.execute("select extname from pg_extension")}
    return found


def _constraint(row: tuple[Any, ...]) -> Constraint:
    _, name, contype, references, on_delete, on_update, check, columns, referenced, options = row
    kind = _KINDS[contype]
    if kind is Kind.CHECK:
        return Constraint(name, kind, check=normal(check or "(not read)"), options=options)
    if kind is not Kind.FOREIGN:
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

    Of *tables* only where they are given: a look at one that somebody has locked waits. Else the bytes of
    such a table are those of the statistics, without its indexes.
    """
    rows = conn.execute(
        """
        select c.relname, greatest(coalesce(s.n_live_tup, 0), c.reltuples, 0)::bigint,
               case when exists (select from pg_locks l
                                  where l.relation = c.oid and l.mode = 'AccessExclusiveLock'
                                    and l.pid is distinct from pg_backend_pid()
                                    and l.database = (select oid from pg_database
                                                       where datname = current_database()))
                    then c.relpages::bigint * current_setting('block_size')::bigint
                    else pg_total_relation_size(c.oid) end
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
          left join pg_stat_all_tables s on s.relid = c.oid
         where n.nspname = %s and c.relkind = 'r' and (c.relname = any(%s) or %s)
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
