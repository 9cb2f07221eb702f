"""Reads what is there of given names, and what depends on it, from PostgreSQL's `pg_depend`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medusa_migrations.schema.dependency import Edge, Node, Thing
from medusa_migrations.schema.dependents import Existing, Inventory
from medusa_migrations.schema.effects import Space

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

_NAMED = """
    with relation as (
      select c.oid, n.nspname, c.relname, c.relkind, c.relowner, n.nspowner, c.reltype
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relname = any(%(names)s) and n.nspname = any(%(schemas)s)
    ), found (space, parent, name, catalog, oid, sub, kind, owner, above, row_type) as (
      select 'relation', nspname, relname, 'pg_class', oid, 0, case relkind
               when 'r' then 'table' when 'p' then 'table' when 'v' then 'view'
               when 'm' then 'materialized view' when 'S' then 'sequence' when 'f' then 'foreign table'
               when 'c' then 'composite type' else 'index' end, relowner, nspowner, reltype
        from relation
      union all
      select 'column', r.oid::text, a.attname, 'pg_class', r.oid, a.attnum,
             case when a.attinhcount > 0 then 'inherited column' else 'column' end, r.relowner, r.relowner, 0
        from relation r join pg_attribute a on a.attrelid = r.oid
       where a.attname = any(%(names)s) and a.attnum > 0 and not a.attisdropped
      union all
      select 'constraint', r.oid::text, k.conname, 'pg_constraint', k.oid, 0, 'constraint', r.relowner, r.relowner, 0
        from relation r join pg_constraint k on k.conrelid = r.oid
       where k.conname = any(%(names)s)
      union all
      select 'trigger', r.oid::text, t.tgname, 'pg_trigger', t.oid, 0, 'trigger', r.relowner, r.relowner, 0
        from relation r join pg_trigger t on t.tgrelid = r.oid
       where t.tgname = any(%(names)s)
      union all
      select 'policy', r.oid::text, p.polname, 'pg_policy', p.oid, 0, 'policy', r.relowner, r.relowner, 0
        from relation r join pg_policy p on p.polrelid = r.oid
       where p.polname = any(%(names)s)
      union all
      select 'rule', r.oid::text, w.rulename, 'pg_rewrite', w.oid, 0, 'rule', r.relowner, r.relowner, 0
        from relation r join pg_rewrite w on w.ev_class = r.oid
       where w.rulename = any(%(names)s)
      union all
      select 'type', n.nspname, t.typname, 'pg_type', t.oid, 0,
             case t.typtype when 'c' then 'row type' when 'd' then 'domain' when 'e' then 'enum type'
               else 'type' end, t.typowner, n.nspowner, 0
        from pg_type t join pg_namespace n on n.oid = t.typnamespace
       where t.typname = any(%(names)s) and n.nspname = any(%(schemas)s) and (t.typcategory <> 'A' or t.typtype = 'd')
      union all
      select 'routine', n.nspname, p.proname, 'pg_proc', p.oid, 0, 'function', p.proowner, n.nspowner, 0
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where p.proname = any(%(names)s) and n.nspname = any(%(schemas)s)
      union all
      select 'statistics', n.nspname, s.stxname, 'pg_statistic_ext', s.oid, 0, 'statistics object',
             s.stxowner, n.nspowner, 0
        from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace
       where s.stxname = any(%(names)s) and n.nspname = any(%(schemas)s)
      union all
      select 'schema', '', nspname, 'pg_namespace', oid, 0, 'schema', nspowner, nspowner, 0
        from pg_namespace where nspname = any(%(names)s)
      union all
      select 'extension', '', extname, 'pg_extension', oid, 0, 'extension', extowner, extowner, 0
        from pg_extension where extname = any(%(names)s)
      union all
      select 'publication', '', pubname, 'pg_publication', oid, 0, 'publication', pubowner, pubowner, 0
        from pg_publication where pubname = any(%(names)s)
    )
    select space, parent::text, name::text, catalog, oid::bigint, sub::int, kind,
           pg_get_userbyid(owner)::text, pg_has_role(owner, 'usage'), pg_has_role(above, 'usage'),
           row_type::bigint
      from found
"""

_REACHED = """
    with recursive catalog as (
      select oid, relname::text as name from pg_class
       where relnamespace = 'pg_catalog'::regnamespace and relkind = 'r'
    ), reached (catalog, oid, sub) as (
      select c.oid, s.oid, s.sub
        from unnest(%(catalogs)s::text[], %(oids)s::oid[], %(subs)s::int[]) as s(catalog, oid, sub)
        join catalog c on c.name = s.catalog
      union
      select x.* from reached r cross join lateral (
        select d.classid, d.objid, d.objsubid from pg_depend d
         where d.refclassid = r.catalog and d.refobjid = r.oid and (r.sub = 0 or d.refobjsubid = r.sub)
        union all
        select d.refclassid, d.refobjid, d.refobjsubid from pg_depend d
         where d.classid = r.catalog and d.objid = r.oid and d.objsubid = r.sub and d.deptype = 'i'
           and (r.catalog in ('pg_rewrite'::regclass, 'pg_attrdef'::regclass)
                or (r.catalog = 'pg_class'::regclass and r.sub = 0))
        union all
        select 'pg_type'::regclass, c.reltype, 0 from pg_class c
         where r.catalog = 'pg_class'::regclass and r.sub > 0 and c.oid = r.oid and c.relkind = 'c'
        union all
        select r.catalog, c.oid, 0 from pg_class c
         where r.catalog = 'pg_class'::regclass and r.sub > 0 and c.oid = r.oid and c.relkind in ('v', 'm')
        union all
        select r.catalog, a.attrelid, a.attnum from pg_inherits i
          join pg_attribute p on p.attrelid = i.inhparent and p.attnum = r.sub
          join pg_attribute a on a.attrelid = i.inhrelid and a.attname = p.attname and not a.attisdropped
         where r.catalog = 'pg_class'::regclass and r.sub > 0 and i.inhparent = r.oid
      ) x
    )
    select c.name, r.oid::bigint, r.sub::int, o.type, o.identity,
           coalesce(g.tgisinternal, k.contype not in ('c', 'f', 'p', 'u', 'x'), false),
           coalesce(n.nspname, '')::text, coalesce(t.relname, '')::text,
           coalesce(k.conname, i.relname, '')::text,
           (select json_agg(json_build_array(rc.name, d.refobjid::bigint, d.refobjsubid, d.deptype))
              from pg_depend d join catalog rc on rc.oid = d.refclassid
             where d.classid = r.catalog and d.objid = r.oid and d.objsubid = r.sub
               and (d.deptype in ('i', 'e') or exists (
                     select from reached x where x.catalog = d.refclassid and x.oid = d.refobjid))),
           (select json_agg(json_build_array(c.name, p.attrelid::bigint, p.attnum,
                     case when a.attislocal or a.attinhcount > 1 then 'retyped' else 'inherited' end))
              from pg_inherits h
              join pg_attribute a on a.attrelid = h.inhrelid and a.attnum = r.sub
              join pg_attribute p on p.attrelid = h.inhparent and p.attname = a.attname
             where h.inhrelid = r.oid and r.sub > 0 and c.name = 'pg_class')
      from reached r
      join catalog c on c.oid = r.catalog
      cross join lateral pg_identify_object(r.catalog, r.oid, r.sub) o
      left join pg_constraint k on c.name = 'pg_constraint' and k.oid = r.oid
      left join pg_trigger g on c.name = 'pg_trigger' and g.oid = r.oid
      left join pg_index x on c.name = 'pg_class' and x.indexrelid = r.oid
      left join pg_class i on i.oid = x.indexrelid
      left join pg_class t on t.oid = coalesce(k.conrelid, x.indrelid, g.tgrelid)
      left join pg_namespace n on n.oid = t.relnamespace
"""


def named(conn: Connection[Any], names: Iterable[str], schemas: Sequence[str]) -> Inventory:
    """Return what is there by one of *names*: in *schemas*, in a table there, or in the database."""
    found = Inventory()
    parameters = {"names": list(names), "schemas": list(schemas)}
    for row in conn.execute(_NAMED, parameters):
        space, parent, name, catalog, oid, sub, kind, owner, owned, may_drop, row_type = row
        node, row_of = Node(catalog, oid, sub), Node("pg_type", row_type)
        entry = Existing(
            node, parent, name, kind, owner, owned, owned or may_drop, row_of if row_type else None
        )
        found.names.setdefault((Space(space), parent, name), []).append(entry)
    return found


def add_dependents(conn: Connection[Any], inventory: Inventory, seeds: Iterable[Node]) -> None:
    """Add to *inventory* everything that depends on one of *seeds*, however far away."""
    nodes = list(seeds)
    parameters = {
        "catalogs": [node.catalog for node in nodes],
        "oids": [node.oid for node in nodes],
        "subs": [node.sub for node in nodes],
    }
    for row in conn.execute(_REACHED, parameters):
        catalog, oid, sub, kind, identity, inner, schema, table, name, depends, inherits = row
        node = Node(catalog, oid, sub)
        inventory.graph.things[node] = Thing(
            node, kind or "", identity or "", inner, schema, table, name
        )
        for on_catalog, on_oid, on_sub, how in [*(depends or ()), *(inherits or ())]:
            inventory.graph.add(Edge(node, how, Node(on_catalog, on_oid, on_sub)))
