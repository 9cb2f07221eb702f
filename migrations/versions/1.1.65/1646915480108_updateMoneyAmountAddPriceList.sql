-- Price lists replace the sale price: per quantity, per customer group, for a period.
-- locks: customer_group: share row exclusive
-- locks: money_amount: access exclusive

create type "price_list_type_enum" as enum ('sale', 'override');
create type "price_list_status_enum" as enum ('active', 'draft');

create table "price_list" (
  "id" character varying not null,
  "name" character varying not null,
  "description" character varying not null,
  "type" "price_list_type_enum" not null default 'sale',
  "status" "price_list_status_enum" not null default 'draft',
  "starts_at" timestamp with time zone,
  "ends_at" timestamp with time zone,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  constraint "PK_52ea7826468b1c889cb2c28df03" primary key ("id")
);

create table "price_list_customer_groups" (
  "price_list_id" character varying not null,
  "customer_group_id" character varying not null,
  constraint "PK_1afcbe15cc8782dc80c05707df9" primary key ("price_list_id", "customer_group_id"),
  constraint "FK_52875734e9dd69064f0041f4d92" foreign key ("price_list_id") references "price_list" ("id") on delete cascade on update cascade,
  constraint "FK_c5516f550433c9b1c2630d787a7" foreign key ("customer_group_id") references "customer_group" ("id") on delete cascade
);
create index "IDX_52875734e9dd69064f0041f4d9" on "price_list_customer_groups" ("price_list_id");
create index "IDX_c5516f550433c9b1c2630d787a" on "price_list_customer_groups" ("customer_group_id");

alter table "money_amount"
  drop column "sale_amount",
  add column "min_quantity" integer,
  add column "max_quantity" integer,
  add column "price_list_id" character varying,
  add constraint "FK_f249976b079375499662eb80c40" foreign key ("price_list_id") references "price_list" ("id") on delete cascade;
