"""Every property that PostgreSQL's catalogs keep of a table and its parts: how it is changed, or why it is harmless."""

from __future__ import annotations

KEY = "FK_49d419fc77d3aed46c835c558ac"
INDEX = "IDX_cf9cc6c3f2e6414b992223fff1"
_INDEX = f'drop index "{INDEX}"; create unique index "{INDEX}" on product '
_LIVE = "where deleted_at is null"
_KEY = f'alter table product drop constraint "{KEY}", add constraint "{KEY}" '
_FOREIGN = "foreign key (collection_id) references product_collection (id)"
_ENUM = "alter type order_status_enum"
_COUNTED = "alter sequence order_display_id_seq"

CHANGED = {
    "pg_class": {
        "relname": "alter table note rename to mine",
        "relnamespace": "create schema mine; alter table note set schema mine",
        "relowner": "alter table note owner to mine_owner; revoke insert on note from mine_owner",
        "relkind": "drop table note cascade; create view note as select 1 as id",
        "relpersistence": "alter table note set unlogged",
        "relrowsecurity": "alter table note enable row level security",
        "relforcerowsecurity": "alter table note enable row level security, force row level security",
        "relhasrules": "create rule mine as on insert to note do instead nothing",
        "relhastriggers": "alter table note disable trigger all; create function mine() returns trigger language plpgsql"
        " as 'begin return null; end'; create trigger mine before insert on note for each row execute function mine()",
        "relhassubclass": "create table mine () inherits (note)",
        "relacl": "alter table note owner to mine_owner; revoke update on note from mine_owner",
        "relnatts": "alter table note drop value",
        "relchecks": "alter table money_amount drop constraint if exists none; alter table product_variant add constraint mine check (true)",
        "relhasindex": f'drop index "{INDEX}"',
        "relreplident": "create publication mine for table note; alter table note replica identity nothing",
    },
    "pg_attribute": {
        "attname": "alter table note rename value to mine",
        "atttypid": "alter table product alter weight type text",
        "atttypmod": "alter table product alter subtitle type varchar(7)",
        "attndims": "alter table product alter weight type integer[] using array[weight]",
        "attlen": "alter table product alter weight type smallint",
        "attbyval": "alter table product alter weight type text",
        "attalign": "alter table product alter weight type text",
        "attnum": "alter table note drop value; alter table note add value varchar not null",
        "attnotnull": "alter table note alter value drop not null",
        "atthasdef": "alter table store alter name drop default",
        "attidentity": 'alter table "order" alter display_id drop default; drop sequence order_display_id_seq;'
        ' alter table "order" alter display_id add generated always as identity',
        "attgenerated": "alter table product drop subtitle; alter table product add subtitle varchar generated always as (title) stored",
        "attisdropped": "alter table note drop value",
        "attcollation": 'alter table product alter handle type varchar collate "C"',
        "attislocal": "create table mine (id varchar not null); alter table note inherit mine",
        "attinhcount": "create table mine (id varchar not null); alter table note inherit mine",
    },
    "pg_attrdef": {
        "adbin": "alter table store alter name set default 'mine'",
        "adnum": "alter table store alter swap_link_template set default 'mine'",
        "adrelid": "alter table store alter name drop default",
    },
    "pg_constraint": {
        "conname": f'alter table product rename constraint "{KEY}" to mine',
        "connamespace": f'alter table product drop constraint "{KEY}"',
        "contype": f"{_KEY} check (true)",
        "condeferrable": f"{_KEY}{_FOREIGN} deferrable",
        "condeferred": f"{_KEY}{_FOREIGN} deferrable initially deferred",
        "convalidated": f"{_KEY}{_FOREIGN} not valid",
        "conenforced": f"{_KEY}{_FOREIGN} not enforced",
        "conrelid": f'alter table product drop constraint "{KEY}"',
        "conindid": 'alter table country drop constraint "PK_bf6e37c231c4f4ea56dcd887269"',
        "confrelid": f"{_KEY}foreign key (collection_id) references product_type (id)",
        "confupdtype": f"{_KEY}{_FOREIGN} on update cascade",
        "confdeltype": f"{_KEY}{_FOREIGN} on delete set null",
        "conkey": f"{_KEY}foreign key (type_id) references product_collection (id)",
        "confkey": f"alter table product_collection add constraint mine unique (handle); {_KEY}foreign key (collection_id) references product_collection (handle)",
        "confdelsetcols": f"{_KEY}{_FOREIGN} on delete set null (collection_id)",
        "conexclop": "alter table product add constraint mine exclude using btree (title with =)",
        "conbin": 'alter table money_amount add constraint mine check (true); alter table "claim_item" drop constraint if exists none',
        "conperiod": "create extension btree_gist; alter table product add mine tsrange not null default '[2026-01-01,)',"
        " add constraint mine_period unique (handle, mine without overlaps)",
    },
    "pg_index": {
        "indexrelid": f'drop index "{INDEX}"',
        "indrelid": f'drop index "{INDEX}"; create unique index "{INDEX}" on customer (email)',
        "indnatts": f"{_INDEX}(handle) include (title) {_LIVE}",
        "indnkeyatts": f"{_INDEX}(handle, title) {_LIVE}",
        "indisunique": f'drop index "{INDEX}"; create index "{INDEX}" on product (handle) {_LIVE}',
        "indnullsnotdistinct": f"{_INDEX}(handle) nulls not distinct {_LIVE}",
        "indisprimary": 'alter table country drop constraint "PK_bf6e37c231c4f4ea56dcd887269"',
        "indisexclusion": "alter table product add constraint mine exclude using btree (title with =)",
        "indimmediate": 'alter table country drop constraint "PK_bf6e37c231c4f4ea56dcd887269", add constraint'
        ' "PK_bf6e37c231c4f4ea56dcd887269" primary key (id) deferrable',
        "indisvalid": f"update pg_index set indisvalid = false where indexrelid = '\"{INDEX}\"'::regclass",
        "indisready": f"update pg_index set indisready = false where indexrelid = '\"{INDEX}\"'::regclass",
        "indkey": f"{_INDEX}(title) {_LIVE}",
        "indcollation": f'{_INDEX}(handle collate "C") {_LIVE}',
        "indclass": f"{_INDEX}(handle text_pattern_ops) {_LIVE}",
        "indoption": f"{_INDEX}(handle desc) {_LIVE}",
        "indexprs": f"{_INDEX}(lower(handle)) {_LIVE}",
        "indpred": f"{_INDEX}(handle)",
    },
    "pg_sequence": {
        "seqtypid": f"{_COUNTED} as smallint",
        "seqincrement": f"{_COUNTED} increment by 3",
        "seqmax": f"{_COUNTED} maxvalue 100",
        "seqcycle": f"{_COUNTED} cycle",
    },
    "pg_enum": {
        "enumtypid": f"{_ENUM} rename to mine",
        "enumsortorder": f"{_ENUM} add value 'mine' before 'pending'",
        "enumlabel": f"{_ENUM} rename value 'archived' to 'mine'",
    },
    "pg_policy": {
        "polname": "create policy mine on note using (true)",
        "polrelid": "create policy mine on note using (true)",
        "polcmd": "alter table note enable row level security; create policy mine on note for select using (true)",
        "polpermissive": "alter table note enable row level security; create policy mine on note as restrictive using (true)",
        "polroles": "alter table note enable row level security; create policy mine on note to mine_server using (true)",
        "polqual": "alter table note enable row level security; create policy mine on note using (value = '')",
        "polwithcheck": "alter table note enable row level security; create policy mine on note using (true) with check (false)",
    },
    "pg_trigger": {
        "tgrelid": "alter table product disable trigger all",
        "tgenabled": "alter table product disable trigger all",
        "tgname": "create function mine() returns trigger language plpgsql as 'begin return new; end';"
        " create trigger mine before insert on note for each row execute function mine()",
    },
    "pg_rewrite": {
        "rulename": "create rule mine as on insert to note do also select 1",
        "ev_class": "create rule mine as on insert to note do also select 1",
        "ev_type": "create rule mine as on update to note do instead nothing",
        "ev_enabled": "create rule mine as on update to note do instead nothing; alter table note enable always rule mine",
        "is_instead": "create rule mine as on delete to note do instead nothing",
        "ev_qual": "create rule mine as on delete to note where old.value = '' do instead nothing",
        "ev_action": "create rule mine as on delete to note do instead select 1",
    },
    "pg_inherits": {
        "inhrelid": "create table mine () inherits (note)",
        "inhparent": "create table mine (id varchar not null); alter table note inherit mine",
    },
}  # fmt: skip
"""By catalog and column: SQL after which `verify` has to name something."""

_STORED = "how rows lie on disk; no statement answers otherwise"
_COUNTS = "PostgreSQL's own bookkeeping"
_OTHER = "another object of the catalog stands for it"
HARMLESS = {
    "pg_class": {
        "oid": _COUNTS, "reltype": _OTHER, "reloftype": "a table of a composite type reads and writes as any",
        "relam": _STORED, "relfilenode": _STORED, "reltablespace": _STORED, "relpages": _COUNTS, "reltuples": _COUNTS,
        "relallvisible": _COUNTS, "relallfrozen": _COUNTS, "reltoastrelid": _STORED, "relisshared": "of catalogs only",
        "relispopulated": "of materialized views only", "relispartition": "its parent is named",
        "relrewrite": _COUNTS, "relfrozenxid": _COUNTS, "relminmxid": _COUNTS,
        "reloptions": "fill factor, autovacuum: how fast, not what", "relpartbound": "its parent is named",
    },
    "pg_attribute": {
        "attrelid": _OTHER, "attstattarget": "how exact the planner's figures are", "attcacheoff": _COUNTS,
        "attstorage": _STORED, "attcompression": _STORED, "atthasmissing": _STORED, "attmissingval": _STORED,
        "attacl": "rights on columns add to those on the table", "attoptions": "the planner's figures",
        "attfdwoptions": "of foreign tables only",
    },
    "pg_attrdef": {"oid": _COUNTS},
    "pg_constraint": {
        "oid": _COUNTS, "contypid": "of domains only", "conparentid": "of partitions only",
        "conislocal": _COUNTS, "coninhcount": _COUNTS, "connoinherit": "children are named themselves",
        "conpfeqop": _COUNTS, "conppeqop": _COUNTS, "conffeqop": _COUNTS,
        "confmatchtype": "Medusa's foreign keys have one column, where `match full` means the same",
    },
    "pg_index": {
        "indisclustered": _STORED, "indcheckxmin": _COUNTS, "indislive": "only while an index is dropped",
        "indisreplident": "a publication that refuses updates is named",
    },
    "pg_sequence": {
        "seqrelid": _OTHER, "seqstart": "only `restart` reads it", "seqmin": "it only counts upwards",
        "seqcache": "numbers are left out, as after a rollback",
    },
    "pg_enum": {"oid": _COUNTS},
    "pg_policy": {"oid": _COUNTS},
    "pg_trigger": dict.fromkeys(("oid", "tgparentid", "tgfoid", "tgtype", "tgisinternal", "tgconstrrelid", "tgconstrindid", "tgconstraint", "tgdeferrable", "tginitdeferred", "tgnargs", "tgattr", "tgargs", "tgqual", "tgoldtable", "tgnewtable"), "the shop's own triggers are listed by name, and what their function returns is read"),
    "pg_rewrite": {"oid": _COUNTS},
    "pg_inherits": {
        "inhseqno": "the order of several parents", "inhdetachpending": "of partitions only",
    },
}  # fmt: skip
"""Why nobody has to be told, by catalog and column."""
