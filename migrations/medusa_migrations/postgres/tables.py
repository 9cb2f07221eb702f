"""Looks at what is true of tables and no column says: who may see and write rows, and what comes between."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import sql

from medusa_migrations.schema import drift
from medusa_migrations.schema.drift import Difference, Object
from medusa_migrations.schema.severity import DriftSeverity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg import Connection

_LOOK = r"""
    with tab as (
      select c.*, quote_ident(c.relname) as called
        from pg_class c where c.relnamespace = to_regnamespace(quote_ident(%(schema)s)) and c.relkind in ('r', 'p')
    ), keys as (
      select distinct on (t.oid) t.oid, x.indisprimary as is_primary, x.indkey[:x.indnkeyatts - 1] as columns,
             (select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a
               where a.attrelid = t.oid and a.attnum = any(x.indkey[:x.indnkeyatts - 1])) as names
        from tab t join pg_index x on x.indrelid = t.oid
       where x.indisvalid and x.indimmediate
         and case t.relreplident when 'i' then x.indisreplident else x.indisprimary end
    ), granted as (
      select t.oid, a.grantee from tab t cross join lateral aclexplode(t.relacl) a
       where a.grantee not in (0, t.relowner) and t.relname <> 'migrations'
         and a.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
       group by 1, 2 having count(distinct a.privilege_type) = 4
    ), server as (
      select grantee from granted group by 1
      having count(*) * 2 > (select count(*) from tab where relname <> 'migrations')
    )
    select 'unlogged', relname::text, '', called, '{}'::text[] from tab where relpersistence = 'u'
    union all
    select 'partitioned', relname, '', called, '{}' from tab where relkind = 'p'
    union all
    select 'row security', relname, '', called, array[
             case when relforcerowsecurity then 'forced' else '' end,
             (select count(*) from pg_policy p where p.polrelid = t.oid)::text,
             case when exists (select from pg_policy p where p.polrelid = t.oid and p.polpermissive
                                  and p.polcmd = '*' and p.polroles = '{0}'
                                  and (p.polqual is null or p.polqual::text ~ '^\{CONST :consttype 16 .*:constisnull false .*:constvalue 1 \[ 1 ')
                                  and (p.polwithcheck is null or p.polwithcheck::text ~ '^\{CONST :consttype 16 .*:constisnull false .*:constvalue 1 \[ 1 '))
                   and not exists (select from pg_policy p where p.polrelid = t.oid and not p.polpermissive)
                  then 'open' else '' end]
      from tab t where relrowsecurity
    union all
    select 'policy', t.relname, p.polname, t.called, '{}' from pg_policy p join tab t on t.oid = p.polrelid
    union all
    select 'rule', t.relname, w.rulename, t.called,
           array[case w.ev_type when '2' then 'update' when '3' then 'insert' when '4' then 'delete' else 'select' end,
                 case when w.is_instead then 'instead' else '' end, w.ev_enabled::text, quote_ident(w.rulename),
                 case when w.ev_type = '3' and w.ev_qual = '<>' then 'every insert' else '' end]
      from pg_rewrite w join tab t on t.oid = w.ev_class
    union all
    select 'trigger', t.relname, g.tgname, t.called,
           array[g.tgenabled::text, case when g.tgtype & 3 = 3 then 'before' else '' end,
                 case when l.lanname in ('c', 'internal') then '' else p.prosrc end, quote_ident(g.tgname),
                 case when g.tgtype & 20 <> 0 then 'writes' else '' end,
                 case when l.lanname = 'plpgsql' and g.tgqual is null
                      then concat_ws(' and ', case when g.tgtype & 4 = 4 then 'insert' end,
                                     case when g.tgtype & 16 = 16 and g.tgattr = '' then 'update' end)
                      else '' end,
                 case when g.tgtype & 4 = 4 and g.tgqual is null then 'every insert' else '' end]
      from pg_trigger g join tab t on t.oid = g.tgrelid join pg_proc p on p.oid = g.tgfoid
      join pg_language l on l.oid = p.prolang
     where not g.tgisinternal
    union all
    select distinct 'function', t.relname, p.oid::regprocedure::text, '', '{}'::text[]
      from tab t
      join (select g.tgrelid, g.tgfoid from pg_trigger g where not g.tgisinternal
            union
            select coalesce(y.typrelid, d.refobjid), d.objid from pg_depend d
              left join pg_type y on d.refclassid = 'pg_type'::regclass and y.oid = d.refobjid
             where d.classid = 'pg_proc'::regclass
               and d.refclassid in ('pg_class'::regclass, 'pg_type'::regclass)) f (tab, fun) on f.tab = t.oid
      join pg_proc p on p.oid = f.fun
     where not exists (select from pg_depend e
                        where e.classid = 'pg_proc'::regclass and e.objid = p.oid and e.deptype = 'e')
    union all
    select distinct case v.relkind when 'v' then 'view' else 'materialized view' end, t.relname,
           v.oid::regclass::text, '', '{}'::text[]
      from pg_depend d join pg_rewrite w on d.classid = 'pg_rewrite'::regclass and w.oid = d.objid
      join tab t on d.refclassid = 'pg_class'::regclass and t.oid = d.refobjid
      join pg_class v on v.oid = w.ev_class and v.relkind in ('v', 'm')
    union all
    select 'child', t.relname, i.inhrelid::regclass::text, t.called, '{}'
      from pg_inherits i join tab t on t.oid = i.inhparent join pg_class c on c.oid = i.inhrelid
     where not c.relispartition
    union all
    select 'parent', t.relname, i.inhparent::regclass::text, t.called, '{}'
      from pg_inherits i join tab t on t.oid = i.inhrelid where not t.relispartition
    union all
    select 'publication', t.relname, p.pubname, t.called,
           array[concat_ws(' and ', case when p.pubupdate then 'updates' end, case when p.pubdelete then 'deletes' end),
                 t.relreplident::text, case when k.names is null then '' else k.names end,
                 case when k.is_primary then 'default' else 'full' end, quote_ident(p.pubname)] || {part}
      from pg_publication p
      cross join tab t
      left join pg_publication_rel r on r.prpubid = p.oid and r.prrelid = t.oid
      left join keys k on k.oid = t.oid
     where t.relpersistence = 'p' and (p.puballtables or r.oid is not null {in_schema})
    union all
    select 'event trigger', '', evtname, '', '{}' from pg_event_trigger e
     where e.evtenabled <> 'D' and not exists (select from pg_depend d
             where d.classid = 'pg_event_trigger'::regclass and d.objid = e.oid and d.deptype = 'e')
    union all
    select 'lacks', t.relname, w.rolname, t.called, array_agg(lower(k) order by k) || quote_ident(w.rolname)
      from tab t join pg_roles w on w.oid = t.relowner or w.oid in (table server)
     cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) k
     where t.relname <> 'migrations' and not has_table_privilege(w.oid, t.oid, k)
     group by t.relname, w.rolname, t.called
    union all
    select 'lacks sequence', '', format('%%s the sequence %%s', w.rolname, s.relname), quote_ident(s.relname),
           array[quote_ident(w.rolname), w.rolname, s.relname]
      from pg_class s join pg_roles w on w.oid = s.relowner or w.oid in (table server)
     where s.relnamespace = to_regnamespace(quote_ident(%(schema)s)) and s.relkind = 'S'
       and s.relname not like 'migrations%%' and not has_sequence_privilege(w.oid, s.oid, 'usage')
       and exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = s.oid
                      and d.deptype in ('a', 'i') and d.refobjid in (select oid from tab))
    union all
    select 'lacks schema', '', w.rolname, quote_ident(n.nspname), array[quote_ident(w.rolname), n.nspname]
      from pg_namespace n join pg_roles w on w.oid in (table server)
     where n.nspname = %(schema)s and not has_schema_privilege(w.oid, n.oid, 'usage')
    union all
    select 'disabled', t.relname, '', t.called,
           case when bool_or(not g.tgisinternal and g.tgenabled in ('D', 'R'))
                then array_agg(format('enable trigger %%I', g.tgname) order by g.tgname)
                       filter (where g.tgisinternal and g.tgenabled in ('D', 'R'))
                else array['enable trigger all'] end
      from pg_trigger g join tab t on t.oid = g.tgrelid
     group by t.relname, t.called having bool_or(g.tgisinternal and g.tgenabled in ('D', 'R'))
    union all
    select 'elsewhere', c.relname, n.nspname, format('%%I.%%I', n.nspname, c.relname), array[quote_ident(%(schema)s)]
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and n.nspname <> %(schema)s and c.oid >= 16384  -- none of PostgreSQL's own
       and not exists (select from tab t where t.relname = c.relname)
       and not exists (select from pg_class l where l.relnamespace = n.oid and l.relname = 'migrations')
       and exists (select from pg_constraint k where k.conrelid = c.oid and k.conname ~ '^[A-Z]+_[0-9a-f]{20,}$')
    union all
    select 'refusing', t.relname, k.conname, t.called, array[quote_ident(k.conname)]
      from pg_constraint k join tab t on t.oid = k.conrelid
     where k.contype = 'c' and k.conbin::text ~ '^\{CONST :consttype 16 .*:constisnull false .*:constvalue 1 \[ 0 '
       and coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
    union all
    select 'read only', '', w.rolname, '', array[concat_ws(' ',
             case when s.setrole <> 0 then format('role %%I', w.rolname)
                  when s.setdatabase = 0 then 'role all' end,
             case when s.setdatabase <> 0 and s.setrole <> 0 then 'in' end,
             case when s.setdatabase <> 0 then format('database %%I', current_database()) end)]
      from pg_roles w cross join lateral (
             select s.setrole, s.setdatabase, split_part(c, '=', 2) as value
               from pg_db_role_setting s cross join unnest(s.setconfig) c
              where c like 'default_transaction_read_only=%%' and s.setrole in (0, w.oid)
                and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
              order by s.setrole <> 0 desc, s.setdatabase <> 0 desc limit 1) s
     where w.oid in (select relowner from tab union table server) and s.value::boolean
    union all
    select 'replica', '', current_setting('session_replication_role'), '', '{}'
     where current_setting('session_replication_role') = 'replica'
    order by 1, 2, 3
"""
_PART = r"""
           case when r.oid is null then '{}' else array[
             (select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a
               where a.attrelid = t.oid and a.attnum = any(r.prattrs)),
             (select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a
               where a.attrelid = t.oid and a.attnum = any(k.columns) and not a.attnum = any(r.prattrs)),
             (select string_agg(distinct quote_ident(a.attname), ', ') from pg_attribute a
               join regexp_matches(r.prqual::text, ':varattno (\d+)', 'g') f (number) on a.attnum = f.number[1]::int2
               where a.attrelid = t.oid and not coalesce(a.attnum = any(k.columns), false)),
             pg_get_expr(r.prqual, r.prrelid)] end"""
"""Which columns and rows a publication takes: its columns, those of the key that are not among them, those of its
condition that are not in the key, its condition."""
_IN_SCHEMA = " or exists (select from pg_publication_namespace m where m.pnpubid = p.oid and m.pnnspid = t.relnamespace)"
_RAISES = re.compile(
    r"^\s*(?:declare\b.*?)?\bbegin\s+raise\s+(?!(?:debug|log|info|notice|warning)\b)", re.I | re.S
)
"""The text of a function that raises an error before it does anything else."""
_HANDLES = re.compile(r"\bexception\s+when\b", re.I)
_RETURNS = re.compile(r"\breturn\s+(\w+|\()", re.IGNORECASE)
_LOST = "what the server writes is lost without an error"
_FOREIGN = (
    "policy",
    "rule",
    "trigger",
    "function",
    "view",
    "materialized view",
    "publication",
    "event trigger",
)
_PARTS = ("policy", "rule", "trigger")


class Surroundings(NamedTuple):
    """What is around the columns of tables."""

    differences: tuple[Difference, ...] = ()
    foreign: tuple[tuple[str, str], ...] = ()
    """Each object of the shop's, with the table it is about; empty: of the database."""
    swallowing: tuple[Difference, ...] = ()
    """Those of the differences by which no row that is inserted into their table comes to stay there."""
    refusing_updates: tuple[Difference, ...] = ()
    """Those by which PostgreSQL refuses every update of their table, whether or not a row matches."""
    refusing_deletes: tuple[Difference, ...] = ()
    """The same of deletes."""
    elsewhere: Mapping[str, str] = MappingProxyType({})
    """Of tables that the schema has not, and that seem to be in another one that has no ledger: what moves them."""


@dataclass(frozen=True, slots=True)
class _Row:
    what: str
    table: str
    name: str
    called: str
    """The table, quoted where it must be."""
    more: list[str] = field(default_factory=list)


def look(conn: Connection[Any], schema: str) -> Surroundings:
    """Return what is not as Medusa makes it around the tables of *schema*; writes nothing."""
    is_newer = conn.info.server_version >= 150000
    look = _LOOK.replace("{in_schema}", _IN_SCHEMA if is_newer else "")
    query = sql.SQL(look.replace("{part}", _PART if is_newer else "'{}'::text[]"))
    rows = [_Row(*row) for row in conn.execute(query, {"schema": schema})]
    foreign = {
        (f"{row.what} {row.name} on {row.table}" if row.what in _PARTS else f"{row.what} {row.name}",
         "" if row.what == "event trigger" else row.table)
        for row in rows
        if row.what in _FOREIGN
    }  # fmt: skip
    found = [(row, one) for row in rows for one in _differences(row)]
    return Surroundings(
        tuple(one for _, one in found),
        tuple(sorted(foreign)),
        tuple(one for row, one in found if one.effect == _LOST and "every insert" in row.more[-1:]),
        tuple(one for row, one in found if row.what == "publication" and "updates" in row.more[0]),
        tuple(one for row, one in found if row.what == "publication" and "deletes" in row.more[0]),
        {
            row.table: f"alter table {row.called} set schema {row.more[0]}"
            for row in rows
            if row.what == "elsewhere"
        },
    )


def _differences(row: _Row) -> Iterator[Difference]:
    one = Object("table", row.table, row.table)
    match row.what:
        case "unlogged":
            yield drift.unlogged(row.table, row.called)
        case "partitioned":
            yield Difference(
                one, f"{one} is partitioned", severity=DriftSeverity.HARMLESS,
                effect="the server reads and writes it as any other table",
                hint="no statement makes it a plain table; copy its rows into a new one",
            )  # fmt: skip
        case "row security":
            yield _row_security(one, row)
        case "rule":
            yield from _rule(row)
        case "trigger":
            yield from _trigger(row)
        case "child" | "parent":
            yield _inherited(one, row)
        case "publication" if row.more[0]:
            yield from _publication(one, row)
        case "lacks" | "lacks sequence" | "lacks schema":
            yield _right(one, row)
        case "disabled":
            yield Difference(
                one, f"{one}: triggers of its foreign keys are disabled, so nothing enforces them",
                fix=f"alter table {row.called} {', '.join(row.more)}",
                effect="rows may refer to what is not there, and stay when it goes",
            )  # fmt: skip
        case "refusing":
            yield Difference(
                Object("constraint", row.table, row.name), f"{one}: constraint {row.name} is check (false)",
                fix=f"alter table {row.called} drop constraint {row.more[0]}",
                effect="every row that the server writes is refused",
            )  # fmt: skip
        case "read only" | "replica":
            yield _setting(row)
        case _:
            pass


def _inherited(one: Object, row: _Row) -> Difference:
    if row.what == "child":
        return Difference(
            one, f"{one} has the child {row.name}", fix=f"alter table {row.name} no inherit {row.called}",
            effect="the server reads and changes the rows of both, and no key is unique over both",
        )  # fmt: skip
    return Difference(
        one, f"{one} inherits from {row.name}", fix=f"alter table {row.called} no inherit {row.name}",
        severity=DriftSeverity.HARMLESS, effect="what reads the parent reads its rows as well",
    )  # fmt: skip


def _setting(row: _Row) -> Difference:
    if row.what == "replica":
        return Difference(
            Object("setting", "", "session_replication_role"),
            "sessions of this role fire no triggers: session_replication_role is replica",
            effect="no foreign key is enforced",
            hint="reset the setting for this role or database: alter role ... reset session_replication_role",
        )
    return Difference(
        Object("setting", "", "default_transaction_read_only"),
        f"sessions of the role {row.name} are read-only: default_transaction_read_only is on",
        fix=f"alter {row.more[0]} reset default_transaction_read_only",
        effect="what a server that logs in as that role writes is refused",
    )


def _publication(one: Object, row: _Row) -> Iterator[Difference]:
    """Yield by what PostgreSQL cannot name the rows that are updated or deleted to a subscriber.

    See https://www.postgresql.org/docs/current/logical-replication-publication.html and the pages on
    column lists and row filters beside it.
    """
    published, identity, key, usual, name, *part = row.more
    columns, lacking, beyond, where = part or (None, None, None, None)
    effect = f"the server's {published} of its rows are refused"
    again = f"alter table {row.called} replica identity"
    if identity == "n" or (identity != "f" and not key):
        yield Difference(
            one, f"{one} is in the publication {row.name} and has no replica identity",
            fix=f"{again} {usual}", effect=effect,
        )  # fmt: skip
        if not key:
            return
    if columns and identity == "f":
        yield Difference(
            one, f"{one} has replica identity full, with which the publication {row.name} cannot have a list of its columns",
            fix=f"{again} default" if key and not lacking and not beyond else "",
            hint="publish all of its columns, or give the table a key as its replica identity that is among them",
            effect=effect,
        )  # fmt: skip
        return
    if lacking:
        condition = f" where ({where})" if where else ""
        yield Difference(
            one, f"{one}: the publication {row.name} publishes its columns {columns}, without {lacking} of its replica identity",
            fix=f"alter publication {name} drop table {row.called}; "
            f"alter publication {name} add table {row.called} ({columns}, {lacking}){condition}",
            effect=effect,
        )  # fmt: skip
    if beyond and identity != "f":
        yield Difference(
            one, f"{one}: the condition of the publication {row.name} names {beyond}, which its replica identity has not",
            fix="" if columns else f"{again} full",
            hint="let the condition name columns of the replica identity alone, or publish all columns and make the identity full",
            effect=effect,
        )  # fmt: skip


def _right(one: Object, row: _Row) -> Difference:
    if row.what == "lacks":
        *lacking, role = row.more
        rights = ", ".join(lacking)
        return Difference(
            one, f"{one}: the role {row.name} may not {rights}",
            fix=f"grant {rights} on {row.called} to {role}",
            effect="a server that logs in as that role is refused",
        )  # fmt: skip
    if row.what == "lacks schema":
        role, schema = row.more
        return Difference(
            Object("schema", "", schema), f"schema {schema}: the role {row.name} may not use it",
            fix=f"grant usage on schema {row.called} to {role}",
            effect="a server that logs in as that role finds none of its tables",
        )  # fmt: skip
    role, name, sequence = row.more
    return Difference(
        Object("sequence", "", sequence), f"sequence {sequence}: the role {name} may not use it",
        fix=f"grant usage on sequence {row.called} to {role}",
        effect="rows that a server adds as that role get no number, and are refused",
    )  # fmt: skip


def _row_security(one: Object, row: _Row) -> Difference:
    forced, policies, is_open = row.more
    how = "forced" if forced else "enabled"
    number = int(policies)
    by = "without a policy" if not number else f"with {number} polic{'y' if number == 1 else 'ies'}"
    who = "every role but superusers" if forced else "a server that does not own it"
    effect = (
        f"{who} sees none of its rows" if not number else f"{who} sees only what the policies show"
    )
    fix = f"alter table {row.called} disable row level security"
    return Difference(
        one, f"{one}: row security is {how}, {by}",
        fix=f"{fix}, no force row level security" if forced else fix,
        severity=DriftSeverity.HARMLESS if is_open else DriftSeverity.HARMFUL,
        effect="the policies show every row" if is_open else effect,
    )  # fmt: skip


def _rule(row: _Row) -> Iterator[Difference]:
    event, instead, enabled, name, _ = row.more
    if instead and enabled in ("O", "A"):
        yield Difference(
            Object("rule", row.table, row.name),
            f"rule {row.name} on {row.table} does something else instead of an {event}".replace(
                "an delete", "a delete"
            ),
            fix=f"alter table {row.called} disable rule {name}",
            effect=_LOST,
        )


def _trigger(row: _Row) -> Iterator[Difference]:
    enabled, before, source, name, writes, always_on, _ = row.more
    if not source or enabled not in ("O", "A"):
        return
    text = re.sub(r"--[^\n]*|/\*.*?\*/", "", source, flags=re.DOTALL)
    if always_on and _RAISES.match(text) and not _HANDLES.search(text):
        yield Difference(
            Object("trigger", row.table, row.name),
            f"trigger {row.name} on {row.table} refuses every {always_on}: its function raises an error",
            fix=f"alter table {row.called} disable trigger {name}",
            effect="what the server writes is refused",
        )
        return
    if not before:
        return
    returned = {word.lower() for word in _RETURNS.findall(text)}
    if returned == {"old"} and writes:  # there is none of a row that is inserted
        always, why = True, "returns the old row"
    elif "null" in returned:
        always = returned <= {"null", "old"} if writes else returned == {"null"}
        why = "returns null" if always else "returns null in some cases"
    else:
        return
    yield Difference(
        Object("trigger", row.table, row.name),
        f"trigger {row.name} on {row.table} {'lets no row through' if always else 'may drop rows'}: "
        f"its function {why}",
        fix=f"alter table {row.called} disable trigger {name}",
        severity=DriftSeverity.HARMFUL if always else DriftSeverity.HARMLESS,
        effect=(
            _LOST
            if always
            else "a guess from the text of the function: whether rows of the server are lost depends on it"
        ),
    )


def about(found: Sequence[tuple[str, str]], tables: frozenset[str] | set[str]) -> list[str]:
    """Return the foreign objects of *found* that are about one of *tables*, or about the database."""
    return sorted({what for what, table in found if not table or table in tables})
