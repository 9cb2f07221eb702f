-- Products are sorted by collection, type and tags, each in a table of its own instead of one text.
-- locks: product: access exclusive

create table "product_collection" (
  "id" character varying not null,
  "title" character varying not null,
  "handle" character varying,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_49d419fc77d3aed46c835c558ac" primary key ("id")
);
create unique index "IDX_6910923cb678fd6e99011a21cc" on "product_collection" ("handle");

create table "product_tag" (
  "id" character varying not null,
  "value" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_1439455c6528caa94fcc8564fda" primary key ("id")
);

create table "product_tags" (
  "product_id" character varying not null,
  "product_tag_id" character varying not null,
  constraint "PK_1cf5c9537e7198df494b71b993f" primary key ("product_id", "product_tag_id"),
  constraint "FK_5b0c6fc53c574299ecc7f9ee22e" foreign key ("product_id") references "product" ("id") on delete cascade,
  constraint "FK_21683a063fe82dafdf681ecc9c4" foreign key ("product_tag_id") references "product_tag" ("id") on delete cascade
);
create index "IDX_5b0c6fc53c574299ecc7f9ee22" on "product_tags" ("product_id");
create index "IDX_21683a063fe82dafdf681ecc9c" on "product_tags" ("product_tag_id");

create table "product_type" (
  "id" character varying not null,
  "value" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_e0843930fbb8854fe36ca39dae1" primary key ("id")
);

alter table "product"
  drop column "tags",
  add column "collection_id" character varying,
  add column "type_id" character varying,
  add constraint "FK_49d419fc77d3aed46c835c558ac" foreign key ("collection_id") references "product_collection" ("id"),
  add constraint "FK_e0843930fbb8854fe36ca39dae1" foreign key ("type_id") references "product_type" ("id");
