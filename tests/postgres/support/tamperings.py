"""What hands do to the schema of a shop, as data: the SQL, how grave it is, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tampering:
    """A change of a database at 1.20.11 by hand, and what `verify` has to find."""

    sql: str
    severity: str
    """`harmful`, `harmless`, `foreign` (listed as an object of the shop's) or `same` (nothing to say)."""
    says: str = ""
    """A part of what is said of it."""
    fixed: bool = True
    """Whether all fixes together make it right; else each difference has a hint."""
    fixed_since: int = 0
    """The first version of PostgreSQL that has statements for it."""
    since: int = 0
    """The first version of PostgreSQL that knows it."""
    upgrade: str = ""
    """What an upgrade from 1.12.3 does with it: `reported` (it succeeds, names it, and leaves it as it is), `quiet`
    (it succeeds, and says nothing), `fixed` (it makes it right itself), `refused` (before anything is written, with
    what is in the way), `new` (it is not possible in 1.12.3).
    """
    refusal: str = ""
    """A part of what is said where it is refused. PostgreSQL does not name what has called a function."""


def _t(
    sql: str,
    severity: str,
    says: str = "",
    *,
    fixed: bool = True,
    fixed_since: int = 0,
    since: int = 0,
    upgrade: str = "",
    refusal: str = "",
) -> Tampering:
    usual = REPORTED if severity == HARMFUL else QUIET
    return Tampering(
        sql, severity, says, fixed, fixed_since, since, upgrade or usual, refusal or says
    )


FUNCTION = "create function mine() returns trigger language plpgsql as $$begin {} end$$; "
COLLECTION = "FK_49d419fc77d3aed46c835c558ac"
PRODUCT_KEY = "PK_bebc9158e480b949565b4dc7a82"
HARMFUL, HARMLESS, FOREIGN, SAME = "harmful", "harmless", "foreign", "same"
REPORTED, QUIET, FIXED, REFUSED, NEW = "reported", "quiet", "fixed", "refused", "new"

TAMPERINGS = [
    # keys that are not enforced
    _t("alter table product disable trigger all", HARMFUL, "triggers of its foreign keys are disabled"),
    _t("alter table product_collection disable trigger all", HARMFUL, "triggers of its foreign keys are disabled"),
    _t(f'alter table product drop constraint "{COLLECTION}"', HARMFUL, "is missing"),
    _t(f'alter table product drop constraint "{COLLECTION}"; alter table product add constraint "{COLLECTION}" foreign key (collection_id) references product_collection (id) not valid', HARMFUL, "not valid"),
    _t(f'alter table product drop constraint "{COLLECTION}"; alter table product add constraint "{COLLECTION}" foreign key (collection_id) references product_collection (id) not enforced', HARMFUL, "not enforced", since=18),
    _t(f'alter table product alter constraint "{COLLECTION}" deferrable initially deferred', HARMFUL, "deferrable initially deferred"),
    _t(f'alter table product alter constraint "{COLLECTION}" deferrable', HARMFUL, "deferrable"),
    _t(f'alter table product drop constraint "{COLLECTION}", add constraint "{COLLECTION}" foreign key (collection_id) references product_collection (id) on delete cascade', HARMFUL, "on delete cascade"),
    _t(f'alter table product drop constraint "{COLLECTION}", add constraint "{COLLECTION}" foreign key (collection_id) references product_collection (id) on update cascade', HARMFUL, "on update cascade"),
    _t(f'alter table product drop constraint "{COLLECTION}", add constraint "{COLLECTION}" foreign key (collection_id) references product_type (id)', HARMFUL, "references product_type (id)"),
    _t(f'create schema oth; create table oth.product_collection (id varchar primary key); alter table product drop constraint "{COLLECTION}", add constraint "{COLLECTION}" foreign key (collection_id) references oth.product_collection (id)', HARMFUL, "references oth.product_collection (id)"),
    _t(f'alter table product rename constraint "{COLLECTION}" to mine', HARMLESS, "is called mine"),
    _t(f'alter table product drop constraint "{COLLECTION}", add constraint "{COLLECTION}" check (collection_id is null or true)', HARMFUL, "is check ("),
    _t('alter table country drop constraint "PK_bf6e37c231c4f4ea56dcd887269"', HARMFUL, "is missing"),
    _t('alter table country drop constraint "PK_bf6e37c231c4f4ea56dcd887269", add constraint "PK_bf6e37c231c4f4ea56dcd887269" primary key (id) deferrable', HARMFUL, "deferrable"),
    _t('alter table country drop constraint "PK_bf6e37c231c4f4ea56dcd887269", add constraint "PK_bf6e37c231c4f4ea56dcd887269" primary key (id) include (name)', HARMFUL, "include (name)"),
    _t('alter table country drop constraint "PK_bf6e37c231c4f4ea56dcd887269", add constraint "PK_bf6e37c231c4f4ea56dcd887269" primary key (id, iso_2)', HARMFUL, "primary key (id, iso_2)"),
    _t(f"update pg_index set indisvalid = false where indexrelid = '\"{PRODUCT_KEY}\"'::regclass", HARMFUL, "invalid"),
    _t(f"update pg_index set indisready = false where indexrelid = '\"{PRODUCT_KEY}\"'::regclass", HARMFUL, "not ready"),
    # rows that vanish
    _t(FUNCTION.format("return null;") + "create trigger mine before insert on product for each row execute function mine()", HARMFUL, "lets no row through"),
    _t(FUNCTION.format("return null;") + "create trigger mine before update or delete on customer for each row execute function mine()", HARMFUL, "lets no row through"),
    _t(FUNCTION.format("return old;") + "create trigger mine before insert or update on product for each row execute function mine()", HARMFUL, "lets no row through: its function returns the old row"),
    _t(FUNCTION.format("return old;") + "create trigger mine before delete on product for each row execute function mine()", FOREIGN, "trigger mine on product"),
    _t(FUNCTION.format("if tg_op = 'DELETE' then return old; end if; return new;") + "create trigger mine before insert or update or delete on product for each row execute function mine()", FOREIGN, "trigger mine on product"),
    _t(FUNCTION.format("if new.title = '' then return null; end if; return new;") + "create trigger mine before insert on product for each row execute function mine()", HARMLESS, "may drop rows"),
    _t(FUNCTION.format("return new;") + "create trigger mine before insert on product for each row execute function mine()", FOREIGN, "trigger mine on product"),
    _t(FUNCTION.format("return null;") + "create trigger mine after insert on product for each row execute function mine()", FOREIGN, "function mine()"),
    _t(FUNCTION.format("return null;") + "create constraint trigger mine after insert on product deferrable for each row execute function mine()", FOREIGN, "trigger mine on product"),
    _t("create rule mine as on insert to product do instead nothing", HARMFUL, "something else instead of an insert"),
    _t("create rule mine as on delete to product do instead nothing", HARMFUL, "something else instead of a delete"),
    _t("create rule mine as on update to product where new.title = '' do instead nothing", HARMFUL, "something else instead of an update"),
    _t("create table mine (id text); create rule mine as on insert to product do also insert into mine values (new.id)", FOREIGN, "rule mine on product"),
    _t("alter table product enable row level security", HARMFUL, "row security is enabled, without a policy"),
    _t("alter table product enable row level security; alter table product force row level security", HARMFUL, "row security is forced, without a policy"),
    _t("alter table product enable row level security; create policy mine on product using (title <> '')", HARMFUL, "row security is enabled, with 1 policy"),
    _t("alter table product enable row level security; create policy mine on product using (true)", HARMLESS, "row security is enabled, with 1 policy"),
    _t("alter table product enable row level security; create policy mine on product for select using (true)", HARMFUL, "row security is enabled"),
    _t("alter table product enable row level security; create policy mine on product using (true); create policy more on product as restrictive using (title <> '')", HARMFUL, "row security is enabled"),
    _t("create policy mine on product using (true)", FOREIGN, "policy mine on product"),
    _t("alter table product_tags set unlogged", HARMFUL, "table product_tags is unlogged"),
    _t("create table mine () inherits (product)", HARMFUL, "has the child mine"),
    _t("create table mine (id varchar not null); alter table product inherit mine", HARMLESS, "inherits from mine"),
    # what server's writes run into
    _t("alter table customer add x text not null", HARMFUL, "column customer.x is not Medusa's, and is not null without a default"),
    _t("alter table customer add x text not null default 'y'", FOREIGN, "column customer.x"),
    _t("alter table customer add x text", FOREIGN, "column customer.x"),
    _t("alter table customer add x int not null generated always as identity", FOREIGN, "column customer.x"),
    _t("alter table customer add x text not null generated always as (coalesce(email, '')) stored", FOREIGN, "column customer.x"),
    _t("create extension btree_gist; alter table product add constraint mine exclude using gist (handle with =)", FOREIGN, "constraint mine on product"),
    _t("alter table product add constraint mine exclude using btree (title with =)", FOREIGN, "constraint mine on product"),
    _t("alter table product add constraint mine check (title <> '')", FOREIGN, "constraint mine on product"),
    _t("alter table product add constraint mine unique (title)", FOREIGN, "constraint mine on product"),
    _t("create table mine (id varchar primary key); alter table product add constraint mine foreign key (title) references mine (id)", FOREIGN, "constraint mine on product"),
    _t("create unique index mine on product (title)", FOREIGN, "index mine on product"),
    _t("create publication mine for table product; alter table product replica identity nothing", HARMFUL, "has no replica identity"),
    _t('alter table country drop constraint "PK_bf6e37c231c4f4ea56dcd887269"; create publication mine for table country', HARMFUL, "has no replica identity"),
    _t("create publication mine for all tables", HARMFUL, "has no replica identity"),
    _t("create publication mine for tables in schema public", HARMFUL, "has no replica identity", since=15),
    _t("create publication mine; alter publication mine add tables in schema public", HARMFUL, "has no replica identity", since=15),
    _t("create publication mine for table product", FOREIGN, "publication mine"),
    _t("create publication mine for table product (id, title)", FOREIGN, "publication mine", since=15),
    _t("create publication mine for table product where (id <> '')", FOREIGN, "publication mine", since=15),
    _t("create publication mine for table product (title) where (title <> '') with (publish = 'insert')", FOREIGN, "publication mine", since=15),
    _t("create publication mine for table product (title, handle)", HARMFUL, "publishes its columns title, handle, without id of its replica identity", since=15),
    _t("create publication mine for table product (title) where (id <> '')", HARMFUL, "publishes its columns title, without id", since=15),
    _t("create publication mine for table product where (title <> '')", HARMFUL, "the condition of the publication mine names title", since=15),
    _t("create publication mine for table product (id, title) where (title <> '')", HARMFUL, "the condition of the publication mine names title", since=15, fixed=False),
    _t("alter table product replica identity full; create publication mine for table product (id, title)", HARMFUL, "has replica identity full", since=15),
    _t("alter table product replica identity full; create publication mine for table product (title)", HARMFUL, "has replica identity full", since=15, fixed=False),
    _t("alter table product replica identity full; create publication mine for table product where (title <> '')", FOREIGN, "publication mine", since=15),
    _t("create unique index mine_title on product (title); alter table product replica identity using index mine_title; create publication mine for table product (id, handle)", HARMFUL, "without title of its replica identity", since=15),
    _t("create function mine() returns event_trigger language plpgsql as 'begin end'; create event trigger mine on ddl_command_start execute function mine()", FOREIGN, "event trigger mine"),
    # types
    _t("create schema oth; create type oth.order_status_enum as enum ('pending', 'completed'); alter table \"order\" alter status drop default, alter status type oth.order_status_enum using status::text::oth.order_status_enum, alter status set default 'pending'", HARMFUL, "is oth.order_status_enum instead of order_status_enum"),
    _t("alter table store alter name type text", HARMLESS, "column store.name is text instead of character varying"),
    _t("alter table product alter subtitle type varchar(255)", HARMLESS, "character varying(255)"),
    _t("alter table product alter subtitle type varchar(3)", HARMFUL, "character varying(3)"),
    _t("alter table product alter subtitle type char(20)", HARMFUL, "character(20)"),
    _t("alter table money_amount alter amount type bigint", HARMFUL, "is bigint instead of integer"),
    _t("alter table money_amount alter amount type smallint", HARMFUL, "is smallint instead of integer"),
    _t("alter table money_amount alter amount type numeric", HARMFUL, "is numeric instead of integer"),
    _t("alter table money_amount alter amount type real", HARMFUL, "is real instead of integer"),
    _t("alter table product alter created_at type timestamp", HARMFUL, "without time zone"),
    _t("alter table product alter created_at type timestamptz(3)", HARMLESS, "is timestamp(3) with time zone"),
    _t("alter table product alter created_at type timestamptz(0)", HARMFUL, "is timestamp(0) with time zone"),
    _t("alter table product alter created_at type date", HARMFUL, "is date instead of"),
    _t("alter table product alter metadata type json", HARMFUL, "is json instead of jsonb"),
    _t("alter table product alter metadata type text", HARMFUL, "is text instead of jsonb"),
    _t("create domain mine as text check (value <> ''); alter table product alter subtitle type mine", HARMFUL, "is mine instead of"),
    _t("alter table product alter status drop default, alter status type text", HARMFUL, "is text instead of product_status_enum"),
    _t("alter table product alter subtitle type text[] using array[subtitle]", HARMFUL, "is text[] instead of", fixed=False),
    _t("alter table product alter weight type integer[] using array[weight]", HARMFUL, "is integer[] instead of", fixed=False),
    _t("alter table product alter handle type text collate \"C\"", HARMFUL, 'has the collation "C"'),
    _t("alter table product alter handle type varchar collate \"C\"", HARMFUL, 'has the collation "C"'),
    _t("alter type order_status_enum add value 'lost'", HARMLESS, "has the values", fixed=False),
    _t("alter type order_status_enum add value 'lost' before 'completed'", HARMLESS, "has the values", fixed=False),
    _t("alter type order_status_enum rename value 'archived' to 'kept'", HARMFUL, "has the values", fixed=False),
    _t("alter type order_status_enum rename to mine", HARMFUL, "type order_status_enum is missing"),
    _t("alter type order_status_enum rename to mine; create domain order_status_enum as text", HARMFUL, "type order_status_enum is missing: a domain is called so", fixed=False),
    # nulls and defaults
    _t("alter table store alter swap_link_template set not null", HARMFUL, "does not take null"),
    _t("alter table store alter default_currency_code drop not null", HARMFUL, "takes null"),
    _t("alter table store alter default_currency_code drop not null; alter table store add constraint mine not null default_currency_code not valid", HARMFUL, "its not null is not valid", since=18),
    _t("alter table store alter name set default 'x'", HARMFUL, "has the default 'x' instead of 'Medusa Store'"),
    _t("alter table store alter name set default 'Medusa Store::text'", HARMFUL, "has the default 'Medusa Store::text' instead of 'Medusa Store'"),
    _t("alter table store alter name set default 'Medusa Store'::varchar(3)", HARMFUL, "::character varying(3)"),
    _t("alter table store alter name drop default", HARMFUL, "has no default instead of 'Medusa Store'"),
    _t("alter table store alter swap_link_template set default 'x'", HARMFUL, "has the default 'x' instead of none"),
    _t("alter table product alter created_at set default current_timestamp", HARMLESS, "has the default current_timestamp instead of now()"),
    _t("alter table product alter created_at set default clock_timestamp()", HARMFUL, "has the default clock_timestamp() instead of now()"),
    _t("alter table product alter created_at drop default", HARMFUL, "has no default instead of now()"),
    _t("alter table product alter is_giftcard set default true", HARMFUL, "has the default true instead of false"),
    _t("alter table product alter is_giftcard set default not true", HARMFUL, "has the default not true instead of false"),
    _t("alter table product drop subtitle; alter table product add subtitle varchar generated always as (title) stored", HARMFUL, "is generated always as (title) stored", fixed_since=13),
    _t("alter table product drop subtitle; alter table product add subtitle varchar generated always as (title) virtual", HARMFUL, "is generated always as (title) virtual", since=18, fixed=False),
    # indexes
    _t('drop index "IDX_cf9cc6c3f2e6414b992223fff1"', HARMFUL, "is missing"),
    _t('drop index "IDX_cf9cc6c3f2e6414b992223fff1"', HARMFUL, "is missing"),
    _t('alter index "IDX_cf9cc6c3f2e6414b992223fff1" rename to mine', HARMLESS, "is called mine"),
    _t('drop index "IDX_cf9cc6c3f2e6414b992223fff1"; create index "IDX_cf9cc6c3f2e6414b992223fff1" on product (handle) where deleted_at is null', HARMFUL, "instead of unique btree (handle)"),
    _t('drop index "IDX_cf9cc6c3f2e6414b992223fff1"; create unique index "IDX_cf9cc6c3f2e6414b992223fff1" on product (handle)', HARMFUL, "instead of unique btree (handle) where deleted_at is null"),
    _t('drop index "IDX_cf9cc6c3f2e6414b992223fff1"; create unique index "IDX_cf9cc6c3f2e6414b992223fff1" on product (handle) where deleted_at is not null', HARMFUL, "where deleted_at is not null"),
    _t('drop index "IDX_cf9cc6c3f2e6414b992223fff1"; create unique index "IDX_cf9cc6c3f2e6414b992223fff1" on product ((handle::varchar(3))) where deleted_at is null', HARMFUL, "handle::character varying(3)"),
    _t('drop index "IDX_cf9cc6c3f2e6414b992223fff1"; create unique index "IDX_cf9cc6c3f2e6414b992223fff1" on product (lower(handle)) where deleted_at is null', HARMFUL, "lower(handle)"),
    _t('drop index "IDX_cf9cc6c3f2e6414b992223fff1"; create unique index "IDX_cf9cc6c3f2e6414b992223fff1" on product (handle, title) where deleted_at is null', HARMFUL, "(handle, title)"),
    _t('drop index "IDX_cf9cc6c3f2e6414b992223fff1"; create unique index "IDX_cf9cc6c3f2e6414b992223fff1" on product (handle) include (title) where deleted_at is null', HARMFUL, "include (title)"),
    _t('drop index "IDX_cf9cc6c3f2e6414b992223fff1"; create unique index "IDX_cf9cc6c3f2e6414b992223fff1" on product (handle) nulls not distinct where deleted_at is null', HARMFUL, "nulls not distinct", since=15),
    _t('drop index "IDX_cf9cc6c3f2e6414b992223fff1"; create unique index "IDX_cf9cc6c3f2e6414b992223fff1" on product (handle collate "C") where deleted_at is null', HARMFUL, "collate C"),
    _t('drop index "IDX_cf9cc6c3f2e6414b992223fff1"; create unique index "IDX_cf9cc6c3f2e6414b992223fff1" on product (handle desc) where deleted_at is null', HARMFUL, "handle desc"),
    _t('drop index "IDX_cf9cc6c3f2e6414b992223fff1"; create unique index "IDX_cf9cc6c3f2e6414b992223fff1" on product (handle text_pattern_ops) where deleted_at is null', HARMFUL, "text_pattern_ops"),
    _t('drop index "IDX_cf9cc6c3f2e6414b992223fff1"; create unique index "IDX_cf9cc6c3f2e6414b992223fff1" on customer (email)', HARMFUL, "on customer instead of", fixed=False),
    _t("update pg_index set indisvalid = false where indexrelid = '\"IDX_cf9cc6c3f2e6414b992223fff1\"'::regclass", HARMFUL, "invalid instead of"),
    _t("update pg_index set indisready = false where indexrelid = '\"IDX_cf9cc6c3f2e6414b992223fff1\"'::regclass", HARMFUL, "not ready instead of"),
    _t("drop index idx_gin_product_title; create index idx_gin_product_title on product (title)", HARMFUL, "is btree (title) instead of gin (title gin_trgm_ops)"),
    _t("create schema oth; alter extension pg_trgm set schema oth; drop index idx_gin_product_title", HARMFUL, "is missing"),
    _t('create schema "it\'s ""mine"""; alter extension pg_trgm set schema "it\'s ""mine"""; drop index idx_gin_product_title; create index idx_gin_product_title on product (title)', HARMFUL, "is btree (title) instead of gin (title gin_trgm_ops)"),
    _t("create index mine on product (lower(title))", FOREIGN, "index mine on product"),
    _t('alter table discount_condition_product add constraint mine check (true)', FOREIGN, "constraint mine on discount_condition_product"),
    # sequences
    _t("alter sequence order_display_id_seq increment by -1 minvalue -5", HARMFUL, "counts by -1"),
    _t("alter sequence order_display_id_seq increment by 2", HARMLESS, "counts by 2"),
    _t("alter sequence order_display_id_seq maxvalue 100", HARMFUL, "ends at 100"),
    _t("alter sequence order_display_id_seq as smallint", HARMFUL, "ends at 32767"),
    _t("alter sequence order_display_id_seq maxvalue 100 cycle", HARMFUL, "begins again"),
    _t("alter sequence order_display_id_seq cycle", HARMFUL, "begins again"),
    _t("select setval('order_display_id_seq', 2147483647)", HARMFUL, "order_display_id_seq is at its end"),
    _t("alter sequence order_display_id_seq cache 50", SAME),
    _t("alter sequence order_display_id_seq start 100", SAME),
    _t("alter sequence order_display_id_seq owned by none", HARMFUL, "is not owned by"),
    _t("alter sequence order_display_id_seq owned by draft_order.display_id", HARMFUL, "is not owned by order.display_id"),
    _t("alter sequence order_display_id_seq set unlogged", HARMFUL, "is unlogged", since=15),
    _t("create schema oth; create sequence oth.order_display_id_seq; alter table \"order\" alter display_id set default nextval('oth.order_display_id_seq')", HARMFUL, "has the default nextval('oth.order_display_id_seq')"),
    _t("alter sequence order_display_id_seq rename to gone", HARMFUL, "sequence order_display_id_seq is missing"),
    _t("select setval('country_id_seq', 1, false); select 1", HARMFUL, "is behind country.id"),
    _t('alter table "order" alter display_id drop default', HARMFUL, "has no default instead of nextval('order_display_id_seq')"),
    _t('alter table "order" alter display_id set default 7', HARMFUL, "has the default 7 instead of"),
    _t("alter table \"order\" alter display_id set default nextval('draft_order_display_id_seq')", HARMFUL, "draft_order_display_id_seq"),
    _t('alter table "order" alter display_id drop default; drop sequence order_display_id_seq; alter table "order" alter display_id add generated by default as identity', HARMLESS, "is generated by default as identity"),
    _t('alter table "order" alter display_id drop default; drop sequence order_display_id_seq; alter table "order" alter display_id add generated always as identity', HARMLESS, "is generated always as identity"),
    # tables and columns
    _t("drop table note cascade", HARMFUL, "table note is missing"),
    _t("alter table note rename to mine", HARMFUL, "the table mine has its columns and keys"),
    _t("alter table note rename to \"it's \"\"mine\"\"\"", HARMFUL, "has its columns and keys"),
    _t("alter table note rename to mine; create view note as select * from mine", HARMFUL, "a view is called so", fixed=False),
    _t("alter table store drop column swap_link_template", HARMFUL, "column store.swap_link_template is missing"),
    _t("alter table store rename swap_link_template to \"mi\"\"ne\"", HARMFUL, "column store.swap_link_template is missing: the column mi\"ne is in its place"),
    _t("alter table customer rename email to mail", HARMFUL, "column customer.email is missing: the column mail is in its place", upgrade=REFUSED),
    _t("alter table store drop swap_link_template; alter table store add mine varchar", HARMFUL, "column store.swap_link_template is missing"),
    _t("alter table migrations alter name type varchar(100)", HARMFUL, "column migrations.name"),
    _t("alter table image drop url, drop metadata; alter table image add metadata jsonb, add url varchar not null default ''; alter table image alter url drop default", HARMLESS, "columns in another order", fixed=False),
    _t("alter table product add profile_id varchar", HARMLESS, "column product.profile_id is left over from another version", fixed=False, upgrade=NEW),
    _t("alter table product add profile_id varchar not null", HARMFUL, "column product.profile_id is left over from another version", fixed=False, upgrade=NEW),
    _t("drop extension pg_trgm cascade", HARMFUL, "extension pg_trgm is missing"),
    # Medusa's ledger
    _t("alter table migrations alter id drop default", HARMFUL, "column migrations.id has no default", upgrade=FIXED),
    _t('alter table migrations drop constraint "PK_8c82d7f526340ab734260ea46be"', HARMFUL, "table migrations: constraint PK_8c82d7f526340ab734260ea46be is missing"),
    _t("alter table migrations set unlogged", HARMFUL, "table migrations is unlogged"),
    _t("select setval('migrations_id_seq', 1)", HARMFUL, "migrations_id_seq is behind", upgrade=FIXED),
    _t("alter sequence migrations_id_seq increment by -1 minvalue -500", HARMFUL, "migrations_id_seq counts by -1", upgrade=REFUSED),
    _t("alter sequence migrations_id_seq maxvalue 100000", HARMFUL, "migrations_id_seq ends at 100000"),
    _t("do $$ begin execute format('alter sequence migrations_id_seq maxvalue %s', (select max(id) + 2 from migrations)); end $$", HARMFUL, "migrations_id_seq ends at", upgrade=REFUSED),
    _t("select setval('migrations_id_seq', 2147483647)", HARMFUL, "migrations_id_seq is at its end", upgrade=REFUSED),
    _t(FUNCTION.format("return null;") + "create trigger mine before insert on migrations for each row execute function mine()", HARMFUL, "trigger mine on migrations lets no row through", upgrade=REFUSED),
    _t(FUNCTION.format("return null;") + "create trigger mine before delete or update on migrations for each row execute function mine()", HARMFUL, "trigger mine on migrations lets no row through"),
    _t(FUNCTION.format("return null;") + "create trigger mine before insert on migrations for each row when (new.name = '') execute function mine()", HARMFUL, "trigger mine on migrations lets no row through"),
    _t("create rule mine as on insert to migrations do instead nothing", HARMFUL, "rule mine on migrations", upgrade=REFUSED),
    _t("create table mine (name text); create rule mine as on insert to migrations do instead insert into mine values (new.name)", HARMFUL, "rule mine on migrations", upgrade=REFUSED),
    _t("create rule mine as on delete to migrations do instead nothing", HARMFUL, "rule mine on migrations"),
    _t("alter table migrations add x text not null default ''; alter table migrations alter x drop default", HARMFUL, "column migrations.x", upgrade=REFUSED),
    _t("alter table migrations add x text", FOREIGN, "column migrations.x"),
    _t(FUNCTION.format("raise exception 'frozen by the shop';") + "create trigger mine before insert on migrations for each row execute function mine()", FOREIGN, "trigger mine on migrations", upgrade=REFUSED),
    _t(FUNCTION.format("raise exception 'frozen by the shop';") + "create trigger mine after insert on migrations execute function mine()", FOREIGN, "trigger mine on migrations", upgrade=REFUSED),
    _t(FUNCTION.format("raise exception 'frozen by the shop';") + "create constraint trigger mine after insert on migrations deferrable initially deferred for each row execute function mine()", FOREIGN, "trigger mine on migrations", upgrade=REFUSED),
    _t(FUNCTION.format("if new.name like 'Publishable%' then raise exception 'frozen by the shop'; end if; return new;") + "create trigger mine before insert on migrations for each row execute function mine()", FOREIGN, "trigger mine on migrations", upgrade=REFUSED),
    _t(FUNCTION.format("if new.name like 'Publishable%' then return null; end if; return new;") + "create trigger mine before insert on migrations for each row execute function mine()", HARMLESS, "migrations", upgrade=REFUSED),
    _t(FUNCTION.format("perform set_config('mine.seen', new.name, true); return new;") + "create trigger mine before insert on migrations for each row execute function mine()", FOREIGN, "trigger mine on migrations"),
    _t("create table mine (id serial, name text); " + FUNCTION.format("insert into mine (name) values (new.name); return new;") + "create trigger mine after insert on migrations for each row execute function mine()", FOREIGN, "trigger mine on migrations"),
    _t("alter table migrations add constraint mine check (timestamp < 1692953518123) not valid", FOREIGN, "constraint mine on migrations", upgrade=REFUSED),
    _t("alter table migrations add constraint mine check (name <> '')", FOREIGN, "constraint mine on migrations"),
    _t("alter table migrations add constraint mine unique (name)", FOREIGN, "constraint mine on migrations"),
    _t("create table mine (name varchar primary key); insert into mine select distinct name from migrations; alter table migrations add constraint mine foreign key (name) references mine", FOREIGN, "constraint mine on migrations", upgrade=REFUSED),
    _t("select set_config('mine.made', 'now', false); create function mine(text) returns text language plpgsql immutable as $$begin if current_setting('mine.made', true) is distinct from 'now' then raise exception 'frozen by the shop'; end if; return $1; end$$; create index mine on migrations (mine(name))", FOREIGN, "index mine on migrations", upgrade=REFUSED, refusal="more migrations: frozen by the shop"),
    _t("alter table migrations alter timestamp type integer using 1", HARMFUL, "column migrations.timestamp is integer", upgrade=REFUSED),
    _t("alter table migrations alter timestamp type varchar(5) using '1'", HARMFUL, "column migrations.timestamp is character varying(5)", upgrade=REFUSED),
    _t("alter table migrations alter timestamp type numeric", HARMFUL, "column migrations.timestamp is numeric"),
    _t("alter table migrations alter id type bigint", HARMLESS, "column migrations.id is bigint"),
    # rights
    _t("alter table product owner to mine_owner; revoke insert on product from mine_owner", HARMFUL, "the role mine_owner may not insert"),
    _t("grant all on all tables in schema public to mine_server; revoke select on product from mine_server", HARMFUL, "the role mine_server may not select"),
    _t("grant all on all tables in schema public to mine_server", HARMFUL, "sequence order_display_id_seq: the role mine_server may not use it"),
    _t("grant all on all tables in schema public to mine_server; grant all on all sequences in schema public to mine_server", SAME, upgrade=REPORTED),
    _t("grant all on all tables in schema public to mine_server; grant all on all sequences in schema public to mine_server; revoke usage on schema public from public", HARMFUL, "schema public: the role mine_server may not use it"),
    _t("grant all on all tables in schema public to mine_server; grant all on all sequences in schema public to mine_server; revoke select on product from mine_server; grant select on product to mine_owner; grant mine_owner to mine_server", SAME, upgrade=REPORTED),
    _t("grant all on all tables in schema public to mine_server; revoke select on product from mine_server; grant select on product to mine_owner; grant mine_owner to mine_server; revoke mine_owner from mine_server", HARMFUL, "the role mine_server may not select"),
    _t("grant select on all tables in schema public to mine_server", SAME),
    _t("alter table product owner to mine_owner", SAME),
    # what is nobody's harm
    _t("create table loyalty (id serial primary key, note text)", FOREIGN, "table loyalty"),
    _t("create table plugin (id varchar references product (id))", FOREIGN, "table plugin"),
    _t("create extension file_fdw; create server mine foreign data wrapper file_fdw; create foreign table mine (id varchar default 'x' not null, check (id <> '')) server mine options (filename '/dev/null')", SAME),
    _t("create extension file_fdw; create server mine foreign data wrapper file_fdw; create foreign table mine () inherits (product) server mine options (filename '/dev/null')", HARMFUL, "has the child mine"),
    _t("create type mood as enum ('good')", FOREIGN, "type mood"),
    _t("create view mine as select id from product", FOREIGN, "view mine"),
    _t("create schema reports; create view reports.mine as select id from product", FOREIGN, "view reports.mine"),
    _t("create materialized view mine as select id from product", FOREIGN, "materialized view mine"),
    _t("create function mine(product) returns int language sql as 'select 1'", FOREIGN, "function mine(product)"),
    _t("create function mine() returns bigint begin atomic select count(*) from product; end", FOREIGN, "function mine()", since=14),
    _t("comment on table product is 'mine'", SAME),
    _t("alter table product set (fillfactor = 70)", SAME),
    _t("alter table product alter title set statistics 500", SAME),
    _t("alter table product alter metadata set storage external", SAME),
    _t("alter table product cluster on \"PK_bebc9158e480b949565b4dc7a82\"", SAME),
    _t("alter table product replica identity full", SAME),
    _t("create statistics mine on title, handle from product", SAME),
    _t("create table other (product_id varchar)", FOREIGN, "table other"),
    _t("create sequence mine", SAME),
]  # fmt: skip
