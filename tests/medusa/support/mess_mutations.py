"""What becomes of a shop's database in real life: each a small change by hand, with its SQL as data."""

from __future__ import annotations

from dataclasses import dataclass

OWNER, STRANGER = "shopkeeper", "stranger"
"""Who owns the shop, and another role; neither is a superuser."""


class Name(str):
    """A name in a template: quoted by itself, `{0:raw}` as it is, `{0:text}` as a literal.

    `{0:mine}` is one like it, `{2:other}` the other of the two types of a text.
    """

    __slots__ = ()

    def __format__(self, how: str) -> str:
        match how:
            case "raw":
                return str(self)
            case "text":
                return "'" + str(self).replace("'", "''") + "'"
            case "mine":
                return f'"mine_{self[:50]}"'
            case "other":
                return "character varying" if self == "text" else "text"
            case _:
                return '"' + str(self).replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Mutation:
    """A change, and what it can be done to."""

    name: str
    on: str
    """A query for what it can be done to, a row each; the values are `{0}`, `{1}`, ... in *sql*."""
    sql: str
    later: bool = False
    """Whether *on* asks a shop of the later version, for what this one does not have yet."""
    admin: bool = False
    """Whether a superuser does it: other things are the owner's."""
    settings: str = ""
    """A setting that the database has from then on."""
    unforeseeable: str = ""
    """Why a run may fail of it in the middle, and be rolled back: nobody can know it beforehand."""


_HERE = "current_schema()::regnamespace"
ONCE = "select 'all'"
TABLES = f"""
    select relname::text from pg_class
    where relnamespace = {_HERE} and relkind = 'r' and relname not in ('migrations', 'typeorm_metadata')
    order by 1
"""
_COLUMNS = f"""
    select relname::text, attname::text, format_type(atttypid, atttypmod)
    from pg_class join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
    where relnamespace = {_HERE} and relkind = 'r' and relname not in ('migrations', 'typeorm_metadata')
"""
COLUMNS = f"{_COLUMNS} order by 1, 2"
TEXTS = f"{_COLUMNS} and format_type(atttypid, atttypmod) in ('text', 'character varying') order by 1, 2"
NUMBERS = f"{_COLUMNS} and format_type(atttypid, atttypmod) in ('integer', 'numeric', 'real') order by 1, 2"
TIMES = f"{_COLUMNS} and atttypid = 'timestamptz'::regtype order by 1, 2"
REQUIRED = f"{_COLUMNS} and attnotnull order by 1, 2"
OPTIONAL = f"{_COLUMNS} and not attnotnull order by 1, 2"
DEFAULTED = f"{_COLUMNS} and atthasdef order by 1, 2"
KEYED = f"""
    {_COLUMNS} and exists (
        select from pg_constraint where conrelid = pg_class.oid and contype = 'p' and conkey = array[attnum]
    ) order by 1, 2
"""
_CONSTRAINTS = f"""
    select relname::text, conname::text, pg_get_constraintdef(pg_constraint.oid)
    from pg_constraint join pg_class on pg_class.oid = conrelid
    where relnamespace = {_HERE} and relname <> 'migrations'
"""
CONSTRAINTS = f"{_CONSTRAINTS} and contype <> 'n' order by 1, 2"
FOREIGN_KEYS = f"{_CONSTRAINTS} and contype = 'f' order by 1, 2"
INDEXES = f"""
    select own.relname::text, pg_index.indexrelid::regclass::text, pg_get_indexdef(indexrelid)
    from pg_index join pg_class own on own.oid = indrelid
    where relnamespace = {_HERE} and relname <> 'migrations'
      and not exists (select from pg_constraint where conindid = indexrelid)
    order by 1, 2
"""
ENUMS = f"""
    select typname::text, (select min(enumlabel) from pg_enum where enumtypid = pg_type.oid)::text
    from pg_type where typnamespace = {_HERE} and typtype = 'e' order by 1
"""
LABELS = f"""
    select typname::text, enumlabel::text from pg_enum join pg_type on pg_type.oid = enumtypid
    where typnamespace = {_HERE} order by 1, enumsortorder
"""
ENUM_COLUMNS = (
    f"{_COLUMNS} and exists (select from pg_enum where enumtypid = atttypid) order by 1, 2"
)
SEQUENCES = f"""
    select relname::text from pg_class
    where relnamespace = {_HERE} and relkind = 'S' and relname not like 'migrations%' order by 1
"""
LEDGER = "select name::text from migrations order by name desc"
REFERENCED = f"""
    select distinct other.relname::text from pg_constraint join pg_class other on other.oid = confrelid
    where relnamespace = {_HERE} order by 1
"""
UNFORESEEN = "what code of the shop's own does is known only once it runs"

MUTATIONS = (
    # constraints
    Mutation("drop a constraint", CONSTRAINTS, "alter table {0} drop constraint {1}"),
    Mutation("rename a constraint", CONSTRAINTS, "alter table {0} rename constraint {1} to {1:mine}"),
    Mutation(
        "a foreign key not valid", FOREIGN_KEYS,
        "alter table {0} drop constraint {1}; alter table {0} add constraint {1} {2:raw} not valid",
    ),
    Mutation("a foreign key deferred", FOREIGN_KEYS, "alter table {0} alter constraint {1} deferrable initially deferred"),
    Mutation("a foreign key twice", FOREIGN_KEYS, "alter table {0} add constraint {1:mine} {2:raw}"),
    Mutation("a check of one's own", COLUMNS, "alter table {0} add constraint mine_check check ({1} is not null or true)"),
    Mutation("a check on a number", NUMBERS, "alter table {0} add constraint mine_number check ({1} > -10) not valid"),
    Mutation("unique of one's own", KEYED, "alter table {0} add constraint mine_unique unique ({1})"),
    # indexes
    Mutation("drop an index", INDEXES, "drop index {1:raw}"),
    Mutation("rename an index", INDEXES, "alter index {1:raw} rename to mine_index"),
    Mutation("add an index", COLUMNS, "create index mine_on on {0} ({1})"),
    Mutation("add an index on an expression", TEXTS, "create index mine_lower on {0} (lower({1})) where {1} is not null"),
    Mutation("add a unique index", COLUMNS, "create unique index mine_one on {0} ({1})"),
    Mutation("an invalid index", INDEXES, "update pg_index set indisvalid = false where indexrelid = '{1:raw}'::regclass", admin=True),
    Mutation("cluster a table", INDEXES, "alter table {0} cluster on {1:raw}"),
    # what depends on tables and columns
    Mutation("a view", COLUMNS, "create view mine_view as select {1} from {0}"),
    Mutation("a view of all columns", TABLES, "create view mine_all as select * from {0}"),
    Mutation("a view on a view", TABLES, "create view mine_first as select * from {0}; create view mine_second as select * from mine_first"),
    Mutation("a materialized view", COLUMNS, "create materialized view mine_materialized as select {1}, count(*) from {0} group by 1"),
    Mutation("a view in another schema", COLUMNS, "create schema reports; create view reports.one as select {1} from {0}"),
    Mutation("a rule", COLUMNS, "create table mine_log (at timestamptz); create rule mine_rule as on update to {0} where new.{1} is null do also insert into mine_log values (now())"),
    Mutation("a rule that swallows updates", TABLES, "create rule mine_swallow as on update to {0} do instead nothing", unforeseeable=UNFORESEEN),
    Mutation("a function on columns", COLUMNS, "create function mine_rows() returns bigint begin atomic select count({1}) from {0}; end"),
    Mutation("a function of a row", TABLES, "create function mine_of({0}) returns int language sql as 'select 1'"),
    Mutation("a column of a row type", TABLES, "create table mine_rows (it {0})"),
    Mutation("statistics", KEYED, "create statistics mine_statistics on {1}, created_at from {0}"),
    Mutation("statistics on an expression", TEXTS, "create statistics mine_expression on (lower({1})) from {0}"),
    Mutation("a generated column", TEXTS, "alter table {0} add mine_generated text generated always as (upper({1})) stored"),
    Mutation("a publication of a table", TABLES, "create publication mine_table for table {0}", admin=True),
    Mutation("a publication of columns", COLUMNS, "create publication mine_columns for table {0} ({1})", admin=True),
    Mutation("a publication with a filter", KEYED, "create publication mine_filter for table {0} where ({1} is not null)", admin=True),
    Mutation("a publication of everything", ONCE, "create publication mine_everything for all tables", admin=True),
    Mutation("a child table", TABLES, "create table mine_child (own text) inherits ({0})"),
    Mutation("a default of an enum elsewhere", ENUMS, "create table mine_enum (it {0} default {1:text})"),
    Mutation("a domain over an enum", ENUMS, "create domain mine_domain as {0}"),
    Mutation("a function of an enum", ENUMS, "create function mine_takes({0}) returns int language sql as 'select 1'"),
    # a plugin's own
    Mutation("a plugin's table", KEYED, "create table plugin_notes (id text primary key, ref {2:raw} references {0} ({1})); insert into plugin_notes select {1}::text, {1} from {0} limit 3"),
    Mutation("a plugin's table that cascades", KEYED, "create table plugin_cascade (ref {2:raw} references {0} ({1}) on delete cascade); insert into plugin_cascade select {1} from {0}"),
    Mutation("a column of one's own", TABLES, "alter table {0} add mine_note text"),
    Mutation("a column of one's own with a default", TABLES, "alter table {0} add mine_default int not null default 7"),
    Mutation("a column of one's own that is required", TABLES, "alter table {0} add mine_required text not null default 'x'; alter table {0} alter mine_required drop default"),
    Mutation("a column that refers to a plugin's table", TABLES, "create table plugin_target (id text primary key); alter table {0} add mine_target text references plugin_target (id)"),
    # rows and their guards
    Mutation("a policy that is not enabled", TABLES, "create policy mine_policy on {0} using (true)"),
    Mutation("a policy on a column", COLUMNS, "create policy mine_column on {0} using ({1} is not null)"),
    Mutation("row security", TABLES, "alter table {0} enable row level security"),
    Mutation("row security forced", TABLES, "alter table {0} enable row level security; alter table {0} force row level security"),
    Mutation("row security forced that shows all", TABLES, "alter table {0} enable row level security; alter table {0} force row level security; create policy mine_shows on {0} using (true)"),
    Mutation("a trigger", TABLES, "create function mine_trigger() returns trigger language plpgsql as 'begin return new; end'; create trigger mine_trigger before insert or update on {0} for each row execute function mine_trigger()"),
    Mutation("a trigger of columns", COLUMNS, "create function mine_of_columns() returns trigger language plpgsql as 'begin return new; end'; create trigger mine_of_columns before update of {1} on {0} for each row execute function mine_of_columns()"),
    Mutation("a trigger with a condition", COLUMNS, "create function mine_when() returns trigger language plpgsql as 'begin return new; end'; create trigger mine_when before update on {0} for each row when (new.{1} is distinct from old.{1}) execute function mine_when()"),
    Mutation("a trigger that swallows", TABLES, "create function mine_swallows() returns trigger language plpgsql as 'begin return null; end'; create trigger mine_swallows before insert or update or delete on {0} for each row execute function mine_swallows()", unforeseeable=UNFORESEEN),
    Mutation("a trigger that refuses", TABLES, "create function mine_refuses() returns trigger language plpgsql as 'begin raise exception ''not here''; end'; create trigger mine_refuses before insert or update or delete on {0} for each row execute function mine_refuses()", unforeseeable=UNFORESEEN),
    Mutation("a trigger of truncate", TABLES, "create function mine_truncate() returns trigger language plpgsql as 'begin raise exception ''not here''; end'; create trigger mine_truncate before truncate on {0} execute function mine_truncate()"),
    Mutation("a deferred trigger", TABLES, "create function mine_deferred() returns trigger language plpgsql as 'begin return null; end'; create constraint trigger mine_deferred after insert or update or delete on {0} deferrable initially deferred for each row execute function mine_deferred()"),
    Mutation("an audit", TABLES, "create table mine_audit (at timestamptz, what text); create function mine_audit() returns trigger language plpgsql as 'begin insert into mine_audit values (now(), tg_op); return null; end'; create trigger mine_audit after insert or update or delete on {0} for each row execute function mine_audit()"),
    Mutation("triggers disabled", TABLES, "alter table {0} disable trigger all", admin=True),
    Mutation("an event trigger", ONCE, "create function mine_event() returns event_trigger language plpgsql as 'begin perform tg_tag; end'; create event trigger mine_event on ddl_command_end execute function mine_event()", admin=True),
    Mutation("an event trigger that forbids drops", ONCE, "create function mine_forbids() returns event_trigger language plpgsql as 'begin raise exception ''% is not allowed'', tg_tag; end'; create event trigger mine_forbids on sql_drop execute function mine_forbids()", admin=True, unforeseeable=UNFORESEEN),
    # owners and rights
    Mutation("another owner of a table", TABLES, "alter table {0} owner to stranger", admin=True),
    Mutation("another owner of a type", ENUMS, "alter type {0} owner to stranger", admin=True),
    Mutation("another owner of a sequence", SEQUENCES, "alter sequence {0} owned by none; alter sequence {0} owner to stranger", admin=True),
    Mutation("another owner of the ledger", ONCE, "alter table migrations owner to stranger; grant all on migrations to shopkeeper", admin=True),
    Mutation("another owner with all rights", TABLES, "alter table {0} owner to stranger; grant all on {0} to shopkeeper", admin=True),
    Mutation("rights withdrawn", TABLES, "revoke insert, update, delete on {0} from shopkeeper", admin=True),
    Mutation("rights to read withdrawn", TABLES, "revoke select on {0} from shopkeeper", admin=True),
    Mutation("rights given", TABLES, "grant select, insert on {0} to stranger"),
    Mutation("rights on a column given", COLUMNS, "grant select ({1}) on {0} to stranger"),
    # types and columns
    Mutation("a wider text", TEXTS, "alter table {0} alter {1} type {2:other}"),
    Mutation("a bounded text", TEXTS, "alter table {0} alter {1} type varchar(500)"),
    Mutation("a bigger number", NUMBERS, "alter table {0} alter {1} type bigint"),
    Mutation("a numeric", NUMBERS, "alter table {0} alter {1} type numeric"),
    Mutation("a time without zone", TIMES, "alter table {0} alter {1} type timestamp"),
    Mutation("a text instead of an enum", ENUM_COLUMNS, "alter table {0} alter {1} drop default; alter table {0} alter {1} type text"),
    Mutation("a domain", TEXTS, "create domain mine_text as text; alter table {0} alter {1} type mine_text"),
    Mutation("a collation", TEXTS, "alter table {0} alter {1} type {2:raw} collate \"C\""),
    Mutation("an enum's value of one's own", ENUMS, "alter type {0} add value 'mine'"),
    Mutation("an enum's value that comes later", LABELS, "alter type {0} add value if not exists {1:text}", later=True),
    Mutation("a column made generated", TEXTS, "alter table {0} drop {1}; alter table {0} add {1} {2:raw} generated always as ('mine') stored"),
    Mutation("an enum's value renamed", ENUMS, "alter type {0} rename value {1:text} to 'mine'"),
    Mutation("an enum renamed", ENUMS, "alter type {0} rename to mine_renamed"),
    Mutation("a column renamed", COLUMNS, "alter table {0} rename {1} to mine_column"),
    Mutation("a column dropped", COLUMNS, "alter table {0} drop {1}"),
    Mutation("a table renamed", TABLES, "alter table {0} rename to mine_table"),
    Mutation("a table dropped", TABLES, "drop table {0} cascade"),
    Mutation("not null dropped", REQUIRED, "alter table {0} alter {1} drop not null"),
    Mutation("not null set", OPTIONAL, "alter table {0} alter {1} set not null"),
    Mutation("a default dropped", DEFAULTED, "alter table {0} alter {1} drop default"),
    Mutation("a default set", TEXTS, "alter table {0} alter {1} set default 'mine'"),
    Mutation("a comment", COLUMNS, "comment on column {0}.{1} is 'mine'"),
    Mutation("unlogged", TABLES, "alter table {0} set unlogged"),
    Mutation("storage parameters", TABLES, "alter table {0} set (fillfactor = 70, autovacuum_enabled = off)"),
    Mutation("replica identity", TABLES, "alter table {0} replica identity full"),
    # what Medusa makes later
    Mutation("a column that comes later", COLUMNS, "alter table {0} add {1} {2:raw}", later=True),
    Mutation("a column that comes later, of another type", COLUMNS, "alter table {0} add {1} bytea", later=True),
    Mutation("a column that comes later, required", COLUMNS, "alter table {0} add {1} {2:raw} not null", later=True),
    Mutation("a table that comes later", TABLES, "create table {0} (id character varying not null primary key)", later=True),
    Mutation("a view called as a table that comes later", TABLES, "create view {0} as select 1 as id", later=True),
    Mutation("a constraint that comes later", CONSTRAINTS, "alter table {0} add constraint {1} {2:raw}", later=True),
    Mutation("a check called as a constraint that comes later", CONSTRAINTS, "alter table {0} add constraint {1} check (true)", later=True),
    Mutation("an index that comes later", INDEXES, "{2:raw}", later=True),
    Mutation("another index called as one that comes later", INDEXES, "create index {1:raw} on product (id)", later=True),
    Mutation("a type that comes later", ENUMS, "create type {0} as enum ({1:text})", later=True),
    Mutation("a sequence called as a table that comes later", TABLES, "create sequence {0}", later=True),
    Mutation("a sequence that comes later", SEQUENCES, "create sequence {0}", later=True),
    # the ledger
    Mutation("a ledger row deleted", LEDGER, "delete from migrations where name = {0:text}"),
    Mutation("a ledger row twice", LEDGER, "insert into migrations (timestamp, name) select timestamp, name from migrations where name = {0:text}"),
    Mutation("a ledger row renamed", LEDGER, "update migrations set name = name || '_old' where name = {0:text}"),
    Mutation("a ledger row of a plugin", ONCE, "insert into migrations (timestamp, name) values (1650000000000, 'plugin1650000000000')"),
    Mutation("another timestamp in the ledger", LEDGER, "update migrations set timestamp = 1 where name = {0:text}"),
    Mutation("the ledger without a default", ONCE, "alter table migrations alter id drop default"),
    Mutation("the ledger without a key", ONCE, 'alter table migrations drop constraint "PK_8c82d7f526340ab734260ea46be"'),
    Mutation("the ledger's sequence behind", ONCE, "select setval(pg_get_serial_sequence('migrations', 'id'), 1, false)"),
    Mutation("the ledger's sequence of no column", ONCE, "alter sequence migrations_id_seq owned by none"),
    Mutation("the ledger's ids backwards", ONCE, "update migrations set id = -id"),
    Mutation("the ledger under row security", ONCE, "alter table migrations enable row level security; alter table migrations force row level security"),
    Mutation("a column of the ledger", ONCE, "alter table migrations add mine text not null default 'x'"),
    Mutation("the ledger empty", ONCE, "delete from migrations"),
    Mutation("an index on the ledger's names", ONCE, "create unique index mine_names on migrations (name)"),
    # the extension, schemas, sequences, rows
    Mutation("the extension in a schema of its own", ONCE, "create schema extensions; create extension pg_trgm schema extensions", admin=True),
    Mutation("the extension in a schema that may be used", ONCE, "create schema extensions; grant usage on schema extensions to public; create extension pg_trgm schema extensions", admin=True),
    Mutation("the extension moved", ONCE, "create schema moved; alter extension pg_trgm set schema moved", admin=True),
    Mutation("the extension moved where it may be used", ONCE, "create schema moved; grant usage on schema moved to public; alter extension pg_trgm set schema moved", admin=True),
    Mutation("the extension beforehand", ONCE, "create extension pg_trgm"),
    Mutation("the extension of an administrator", ONCE, "create extension pg_trgm", admin=True),
    Mutation("may not create in the database", ONCE, "do $$begin execute format('revoke create on database %I from shopkeeper', current_database()); end$$", admin=True),
    Mutation("a sequence behind its rows", SEQUENCES, "select setval({0:text}, 1, false)"),
    Mutation("a table emptied", TABLES, "delete from {0}"),
    Mutation("a table emptied with what refers to it", TABLES, "truncate {0} cascade"),
    Mutation("soft-deleted rows", TIMES, "update {0} set {1} = '2020-01-01'"),
    Mutation("texts emptied", TEXTS, "update {0} set {1} = ''"),
    Mutation("values forgotten", OPTIONAL, "update {0} set {1} = null"),
    # settings of the database
    *(
        Mutation(f"the setting {setting}", ONCE, "", settings=setting)
        for setting in (
            "standard_conforming_strings = off",
            "transform_null_equals = on",
            "default_transaction_isolation = serializable",
            "row_security = off",
            "timezone = 'Asia/Kolkata'",
            "datestyle = 'SQL, DMY'",
            "bytea_output = escape",
            "search_path = public, pg_catalog",
            "search_path = pg_catalog, public",
            'search_path = "$user", public, extensions',
            "statement_timeout = '30s'",
            "check_function_bodies = off",
            "default_transaction_deferrable = on",
            "enable_seqscan = off",
            "array_nulls = off",
            "quote_all_identifiers = on",
            "client_min_messages = error",
            "lc_messages = 'C'",
            "xmloption = document",
            "extra_float_digits = 0",
            "intervalstyle = iso_8601",
            "client_encoding = 'LATIN1'",
            "default_toast_compression = lz4",
        )
    ),
    Mutation(
        "a schema of one's own", ONCE,
        "alter schema public rename to shop; create schema public; grant usage on schema public to public",
        admin=True, settings="search_path = shop, public",
    ),
)  # fmt: skip
BY_NAME = {mutation.name: mutation for mutation in MUTATIONS}
