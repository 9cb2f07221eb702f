-- Stock is kept per location: variants have inventory items, sales channels have stock locations.
-- locks: fulfillment: access exclusive
-- locks: return: access exclusive
-- locks: store: access exclusive

create table "product_variant_inventory_item" (
  "id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "inventory_item_id" text not null,
  "variant_id" text not null,
  "quantity" integer not null default 1,
  constraint "PK_9a1188b8d36f4d198303b4f7efa" primary key ("id"),
  constraint "UQ_c9be7c1b11a1a729eb51d1b6bca" unique ("variant_id", "inventory_item_id")
);
create index "IDX_c74e8c2835094a37dead376a3b" on "product_variant_inventory_item" ("inventory_item_id");
create index "IDX_bf5386e7f2acc460adbf96d6f3" on "product_variant_inventory_item" ("variant_id");

create table "sales_channel_location" (
  "id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "sales_channel_id" text not null,
  "location_id" text not null,
  constraint "PK_afd2c2c52634bc8280a9c9ee533" primary key ("id")
);
create index "IDX_6caaa358f12ed0b846f00e2dcd" on "sales_channel_location" ("sales_channel_id");
create index "IDX_c2203162ca946a71aeb98390b0" on "sales_channel_location" ("location_id");

alter table "fulfillment" add column "location_id" character varying;

alter table "return" add column "location_id" character varying;

alter table "store" add column "default_location_id" character varying;
