-- Customers can be put into groups.
-- locks: customer: share row exclusive

create table "customer_group" (
  "id" character varying not null,
  "name" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_88e7da3ff7262d9e0a35aa3664e" primary key ("id")
);
create unique index "IDX_c4c3a5225a7a1f0af782c40abc" on "customer_group" ("name") where "deleted_at" is null;

create table "customer_group_customers" (
  "customer_group_id" character varying not null,
  "customer_id" character varying not null,
  constraint "PK_e28a55e34ad1e2d3df9a0ac86d3" primary key ("customer_group_id", "customer_id"),
  constraint "FK_620330964db8d2999e67b0dbe3e" foreign key ("customer_group_id") references "customer_group" ("id") on delete cascade,
  constraint "FK_3c6412d076292f439269abe1a23" foreign key ("customer_id") references "customer" ("id") on delete cascade
);
create index "IDX_620330964db8d2999e67b0dbe3" on "customer_group_customers" ("customer_group_id");
create index "IDX_3c6412d076292f439269abe1a2" on "customer_group_customers" ("customer_id");
