"""Asks PostgreSQL for the statements that take something out of the way, and for those that bring it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from psycopg import Connection

    from medusa_migrations.schema.dependency import Node

Statements = tuple[str, str]
"""What drops it, and what makes it again: empty where PostgreSQL has no such text."""

_RELATIONS = """
    with grants as (
      select c.oid, string_agg(format('grant %%s on %%s to %%s', privileges, c.oid::regclass, {grantee}), e';\n'
               order by grantee, is_grantable) as text
        from pg_class c cross join lateral (
          select a.grantee, a.is_grantable,
                 string_agg(lower(a.privilege_type), ', ' order by a.privilege_type) as privileges
            from aclexplode(c.relacl) a where a.grantee <> c.relowner group by 1, 2) g
       where c.oid = any(%(pg_class)s)
       group by c.oid
    ), columns as (
      select c.oid, string_agg(concat_ws(e';\n',
               'alter view ' || c.oid::regclass || format(' alter column %%I set default ', a.attname)
                 || pg_get_expr(e.adbin, e.adrelid),
               (select string_agg(format('grant %%s (%%I) on %%s to %%s', lower(privilege_type), a.attname,
                         c.oid::regclass, {grantee}), e';\n' order by grantee, privilege_type)
                  from aclexplode(a.attacl) where grantee <> c.relowner),
               format('comment on column %%s.%%I is ', c.oid::regclass, a.attname)
                 || quote_literal(col_description(a.attrelid, a.attnum))), e';\n' order by a.attnum) as text
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
        left join pg_attrdef e on (e.adrelid, e.adnum) = (a.attrelid, a.attnum)
       where c.oid = any(%(pg_class)s)
         and (e.oid is not null or a.attacl is not null or col_description(a.attrelid, a.attnum) is not null)
       group by c.oid
    ), more as (
      select c.oid, concat_ws(e';\n',
          (select string_agg(pg_get_indexdef(x.indexrelid), e';\n' order by x.indexrelid)
             from pg_index x where x.indrelid = c.oid),
          (select string_agg(pg_get_triggerdef(t.oid), e';\n' order by t.tgname)
             from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal),
          (select string_agg(rtrim(pg_get_ruledef(w.oid), ';'), e';\n' order by w.rulename)
             from pg_rewrite w where w.ev_class = c.oid and w.rulename <> '_RETURN'),
          format('alter %%s %%s owner to %%I', k.kind, c.oid::regclass, pg_get_userbyid(c.relowner)),
          g.text,
          (select format('comment on %%s %%s is %%L', k.kind, c.oid::regclass, d.description)
             from pg_description d
            where d.classoid = 'pg_class'::regclass and d.objoid = c.oid and d.objsubid = 0),
          o.text) as text,
          k.kind
        from pg_class c
        join (values ('v', 'view'), ('m', 'materialized view')) as k(relkind, kind) on k.relkind = c.relkind
        left join grants g on g.oid = c.oid
        left join columns o on o.oid = c.oid
       where c.oid = any(%(pg_class)s)
    )
    select 'pg_class', m.oid::bigint, 0,
           format('drop %%s %%s', m.kind, m.oid::regclass),
           format(e'create %%s %%s%%s as\n%%s%%s', m.kind, m.oid::regclass,
             ' with (' || array_to_string(c.reloptions, ', ') || ')',
             rtrim(pg_get_viewdef(m.oid), ';'),
             case when c.relkind = 'm' and not c.relispopulated then e'\nwith no data' else '' end)
             || coalesce(e';\n' || nullif(m.text, ''), '')
      from more m join pg_class c on c.oid = m.oid
"""
_PARTS = """
    select 'pg_rewrite', w.oid::bigint, 0, format('drop rule %%I on %%s', w.rulename, w.ev_class::regclass),
           rtrim(pg_get_ruledef(w.oid), ';')
             || coalesce(e';\nalter table ' || w.ev_class::regclass || ' ' || {rule} || format(' rule %%I', w.rulename), '')
             || coalesce(e';\ncomment on rule ' || quote_ident(w.rulename) || ' on ' || w.ev_class::regclass || ' is '
                  || quote_literal(obj_description(w.oid, 'pg_rewrite')), '')
      from pg_rewrite w where w.oid = any(%(pg_rewrite)s)
    union all
    select 'pg_trigger', t.oid::bigint, 0, format('drop trigger %%I on %%s', t.tgname, t.tgrelid::regclass),
           pg_get_triggerdef(t.oid)
             || coalesce(e';\nalter table ' || t.tgrelid::regclass || ' ' || {trigger} || format(' trigger %%I', t.tgname), '')
             || coalesce(e';\ncomment on trigger ' || quote_ident(t.tgname) || ' on ' || t.tgrelid::regclass || ' is '
                  || quote_literal(obj_description(t.oid, 'pg_trigger')), '')
      from pg_trigger t where t.oid = any(%(pg_trigger)s)
    union all
    select 'pg_policy', p.oid::bigint, 0, format('drop policy %%I on %%s', p.polname, p.polrelid::regclass),
           format('create policy %%I on %%s as %%s for %%s to %%s', p.polname, p.polrelid::regclass,
             case when p.polpermissive then 'permissive' else 'restrictive' end,
             case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
               when 'd' then 'delete' else 'all' end,
             (select string_agg(case r when 0 then 'public' else quote_ident(pg_get_userbyid(r)) end, ', ')
                from unnest(p.polroles) r))
             || coalesce(' using (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
             || coalesce(' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')
             || coalesce(e';\ncomment on policy ' || quote_ident(p.polname) || ' on ' || p.polrelid::regclass || ' is '
                  || quote_literal(obj_description(p.oid, 'pg_policy')), '')
      from pg_policy p where p.oid = any(%(pg_policy)s)
    union all
    select 'pg_constraint', k.oid::bigint, 0,
           format('alter table %%s drop constraint %%I', k.conrelid::regclass, k.conname),
           format('alter table %%s add constraint %%I %%s', k.conrelid::regclass, k.conname,
             pg_get_constraintdef(k.oid))
             || coalesce(e';\ncomment on constraint ' || quote_ident(k.conname) || ' on ' || k.conrelid::regclass
                  || ' is ' || quote_literal(obj_description(k.oid, 'pg_constraint')), '')
      from pg_constraint k where k.oid = any(%(pg_constraint)s) and k.conrelid <> 0
    union all
    select 'pg_proc', p.oid::bigint, 0,
           format('drop %%s %%s', case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate'
             else 'function' end, p.oid::regprocedure),
           case when p.prokind <> 'a' then pg_get_functiondef(p.oid) || format(e';\nalter %%s %%s owner to %%I',
             case p.prokind when 'p' then 'procedure' else 'function' end, p.oid::regprocedure,
             pg_get_userbyid(p.proowner))
             || coalesce((select format(e';\nrevoke all on %%s %%s from public', {routine}, p.oid::regprocedure)
                  || coalesce(string_agg(format(e';\ngrant execute on %%s %%s to %%s', {routine}, p.oid::regprocedure,
                       {grantee}), '' order by grantee) filter (where grantee <> p.proowner), '')
                  from aclexplode(p.proacl) where p.proacl is not null having count(*) > 0), '')
             || coalesce(e';\ncomment on ' || {routine} || ' ' || p.oid::regprocedure || ' is '
                  || quote_literal(obj_description(p.oid, 'pg_proc')), '')
             else '' end
      from pg_proc p where p.oid = any(%(pg_proc)s)
    union all
    select 'pg_statistic_ext', s.oid::bigint, 0,
           format('drop statistics %%I.%%I', n.nspname, s.stxname), pg_get_statisticsobjdef(s.oid)
      from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace
     where s.oid = any(%(pg_statistic_ext)s)
    union all
    select 'pg_class', i.oid::bigint, 0, format('drop index %%s', i.oid::regclass), pg_get_indexdef(i.oid)
      from pg_class i where i.oid = any(%(pg_class)s) and i.relkind in ('i', 'I')
    union all
    select 'pg_class', a.attrelid::bigint, a.attnum,
           case when a.attgenerated <> '' then format('alter table %%s drop column %%I', a.attrelid::regclass, a.attname)
             else format('alter table %%s alter column %%I type text', a.attrelid::regclass, a.attname) end,
           case when a.attgenerated <> '' then
             format('alter table %%s add column %%I %%s generated always as (%%s)%%s', a.attrelid::regclass,
               a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid),
               case a.attgenerated when 's' then ' stored' else '' end)
             else '' end
      from unnest(%(columns)s::oid[], %(subs)s::int[]) as w(oid, sub)
      join pg_attribute a on a.attrelid = w.oid and a.attnum = w.sub
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    union all
    select 'pg_attrdef', d.oid::bigint, 0,
           format('alter table %%s alter column %%I drop default', d.adrelid::regclass, a.attname),
           format('alter table %%s alter column %%I set default %%s', d.adrelid::regclass, a.attname,
             pg_get_expr(d.adbin, d.adrelid))
      from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
     where d.oid = any(%(pg_attrdef)s)
    union all
    select 'pg_class', i.inhrelid::bigint, 0,
           format('alter table %%s no inherit %%s', i.inhrelid::regclass, i.inhparent::regclass), ''
      from pg_inherits i where i.inhrelid = any(%(pg_class)s) and not exists (
             select from pg_class c where c.oid = i.inhrelid and c.relispartition)
    union all
    select 'pg_publication_rel', r.oid::bigint, 0,
           format('alter publication %%I drop table only %%s', p.pubname, r.prrelid::regclass), {publication}
      from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
     where r.oid = any(%(pg_publication_rel)s)
"""
_TEXTS = {
    "grantee": "case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end"
    " || case when is_grantable then ' with grant option' else '' end",
    "routine": "case p.prokind when 'p' then 'procedure' else 'function' end",
    "trigger": "case t.tgenabled when 'D' then 'disable' when 'R' then 'enable replica' when 'A' then 'enable always' end",
    "rule": "case w.ev_enabled when 'D' then 'disable' when 'R' then 'enable replica' when 'A' then 'enable always' end",
}
_PUBLICATION = """
           format('alter publication %%I add table only %%s', p.pubname, r.prrelid::regclass)
             || coalesce(' (' || (select string_agg(quote_ident(a.attname), ', ' order by a.attnum)
                  from pg_attribute a where a.attrelid = r.prrelid and a.attnum = any(r.prattrs)) || ')', '')
             || coalesce(' where (' || pg_get_expr(r.prqual, r.prrelid) || ')', '')
"""
"""From PostgreSQL 15 on: older ones publish whole tables only, on whose columns nothing depends."""
_NOT_NOW = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
    psycopg.errors.InternalError_,
    psycopg.errors.UndefinedObject,
)
"""What it ends with where a table is locked, or where something is dropped while it is printed."""
_KINDS = (
    "pg_class", "pg_rewrite", "pg_trigger", "pg_policy", "pg_constraint", "pg_proc", "pg_statistic_ext",
    "pg_attrdef", "pg_publication_rel",
)  # fmt: skip


def read(conn: Connection[Any], nodes: Iterable[Node]) -> Mapping[Node, Statements]:
    """Return the statements for each of *nodes* that PostgreSQL can print.

    It opens the tables in question to print them. Where others have locked one, or drop something
    meanwhile, there are none.
    """
    wanted = list(nodes)
    parameters: dict[str, Any] = {
        kind: [node.oid for node in wanted if node.catalog == kind and not node.sub]
        for kind in _KINDS
    }
    columns = [node for node in wanted if node.sub]
    parameters |= {"columns": [n.oid for n in columns], "subs": [n.sub for n in columns]}
    publication = _PUBLICATION if conn.info.server_version >= 150000 else "''"
    texts = {**_TEXTS, "publication": publication}
    found: dict[Node, Statements] = {}
    if not wanted:
        return found
    try:
        with conn.transaction():
            conn.execute("set local lock_timeout to '100ms'; set local search_path to pg_catalog")
            for query in (_RELATIONS, _PARTS):
                for name, text in texts.items():
                    query = query.replace(f"{{{name}}}", text)  # noqa: PLW2901
                for catalog, oid, sub, drop, make in conn.execute(sql.SQL(query), parameters):
                    found[_node(wanted, catalog, oid, sub)] = (drop, make or "")
    except _NOT_NOW:
        return {}
    return found


def _node(wanted: list[Node], catalog: str, oid: int, sub: int) -> Node:
    return next(node for node in wanted if node == (catalog, oid, sub))
