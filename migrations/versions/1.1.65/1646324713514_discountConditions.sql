-- Discounts apply, or do not apply, to products, types, collections, tags and customer groups.
-- locks: customer_group: share row exclusive
-- locks: discount_rule: share row exclusive
-- locks: product: share row exclusive
-- locks: product_collection: share row exclusive
-- locks: product_tag: share row exclusive
-- locks: product_type: share row exclusive

create type "discount_condition_type_enum" as enum (
  'products', 'product_types', 'product_collections', 'product_tags', 'customer_groups'
);

create type "discount_condition_operator_enum" as enum ('in', 'not_in');

create table "discount_condition" (
  "id" character varying not null,
  "type" "discount_condition_type_enum" not null,
  "operator" "discount_condition_operator_enum" not null,
  "discount_rule_id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_e6b81d83133ddc21a2baf2e2204" primary key ("id"),
  constraint "dctypeuniq" unique ("type", "operator", "discount_rule_id"),
  constraint "FK_efff700651718e452ca9580a624" foreign key ("discount_rule_id") references "discount_rule" ("id")
);
create index "IDX_efff700651718e452ca9580a62" on "discount_condition" ("discount_rule_id");

create table "discount_condition_customer_group" (
  "customer_group_id" character varying not null,
  "condition_id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "metadata" jsonb,
  constraint "PK_cdc8b2277169a16b8b7d4c73e0e" primary key ("customer_group_id", "condition_id"),
  constraint "FK_4d5f98645a67545d8dea42e2eb8" foreign key ("customer_group_id") references "customer_group" ("id") on delete cascade,
  constraint "FK_8486ee16e69013c645d0b8716b6" foreign key ("condition_id") references "discount_condition" ("id") on delete cascade
);
create index "IDX_4d5f98645a67545d8dea42e2eb" on "discount_condition_customer_group" ("customer_group_id");
create index "IDX_8486ee16e69013c645d0b8716b" on "discount_condition_customer_group" ("condition_id");

create table "discount_condition_product" (
  "product_id" character varying not null,
  "condition_id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "metadata" jsonb,
  constraint "PK_994eb4529fdbf14450d64ec17e8" primary key ("product_id", "condition_id"),
  constraint "FK_c759f53b2e48e8cfb50638fe4e0" foreign key ("product_id") references "product" ("id") on delete cascade,
  constraint "FK_f05132301e95bdab4ba1cf29a24" foreign key ("condition_id") references "discount_condition" ("id") on delete cascade
);
create index "IDX_c759f53b2e48e8cfb50638fe4e" on "discount_condition_product" ("product_id");
create index "IDX_f05132301e95bdab4ba1cf29a2" on "discount_condition_product" ("condition_id");

create table "discount_condition_product_collection" (
  "product_collection_id" character varying not null,
  "condition_id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "metadata" jsonb,
  constraint "PK_b3508fc787aa4a38705866cbb6d" primary key ("product_collection_id", "condition_id"),
  constraint "FK_a0b05dc4257abe639cb75f8eae2" foreign key ("product_collection_id") references "product_collection" ("id") on delete cascade,
  constraint "FK_a1c4f9cfb599ad1f0db39cadd5f" foreign key ("condition_id") references "discount_condition" ("id") on delete cascade
);
create index "IDX_a0b05dc4257abe639cb75f8eae" on "discount_condition_product_collection" ("product_collection_id");
create index "IDX_a1c4f9cfb599ad1f0db39cadd5" on "discount_condition_product_collection" ("condition_id");

create table "discount_condition_product_tag" (
  "product_tag_id" character varying not null,
  "condition_id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "metadata" jsonb,
  constraint "PK_a95382c1e62205b121aa058682b" primary key ("product_tag_id", "condition_id"),
  constraint "FK_01486cc9dc6b36bf658685535f6" foreign key ("product_tag_id") references "product_tag" ("id") on delete cascade,
  constraint "FK_fbb2499551ed074526f3ee36241" foreign key ("condition_id") references "discount_condition" ("id") on delete cascade
);
create index "IDX_01486cc9dc6b36bf658685535f" on "discount_condition_product_tag" ("product_tag_id");
create index "IDX_fbb2499551ed074526f3ee3624" on "discount_condition_product_tag" ("condition_id");

create table "discount_condition_product_type" (
  "product_type_id" character varying not null,
  "condition_id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "metadata" jsonb,
  constraint "PK_35d538a5a24399d0df978df12ed" primary key ("product_type_id", "condition_id"),
  constraint "FK_e706deb68f52ab2756119b9e704" foreign key ("product_type_id") references "product_type" ("id") on delete cascade,
  constraint "FK_6ef23ce0b1d9cf9b5b833e52b9d" foreign key ("condition_id") references "discount_condition" ("id") on delete cascade
);
create index "IDX_e706deb68f52ab2756119b9e70" on "discount_condition_product_type" ("product_type_id");
create index "IDX_6ef23ce0b1d9cf9b5b833e52b9" on "discount_condition_product_type" ("condition_id");
