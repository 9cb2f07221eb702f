-- Staff can attach notes to any resource.

create table "note" (
  "id" character varying not null,
  "value" character varying not null,
  "resource_type" character varying not null,
  "resource_id" character varying not null,
  "author_id" character varying,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_96d0c172a4fba276b1bbed43058" primary key ("id")
);
create index "IDX_f74980b411cf94af523a72af7d" on "note" ("resource_type");
create index "IDX_3287f98befad26c3a7dab088cf" on "note" ("resource_id");
