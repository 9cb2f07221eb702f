-- Products can be arranged in a tree of categories.

create table "product_category" (
  "id" character varying not null,
  "name" text not null,
  "handle" text not null,
  "parent_category_id" character varying,
  "mpath" text,
  "is_active" boolean default false,
  "is_internal" boolean default false,
  "deleted_at" timestamp with time zone,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  constraint "PK_qgguwbn1cwstxk93efl0px9oqwt" primary key ("id")
);
create unique index "IDX_product_category_handle" on "product_category" ("handle") where "deleted_at" is null;
create index "IDX_product_category_path" on "product_category" ("mpath");
