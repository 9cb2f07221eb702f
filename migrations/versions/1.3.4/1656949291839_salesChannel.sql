-- Products, carts and orders belong to sales channels; the store has a default one.
-- flag: sales_channels
-- locks: cart: access exclusive
-- locks: order: access exclusive
-- locks: product: share row exclusive
-- locks: store: access exclusive

create table "sales_channel" (
  "id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "name" character varying not null,
  "description" character varying,
  "is_disabled" boolean not null default false,
  constraint "PK_d1eb0b923ea5a0eb1e0916191f1" primary key ("id")
);

create table "product_sales_channel" (
  "product_id" character varying not null,
  "sales_channel_id" character varying not null,
  constraint "PK_fd29b6a8bd641052628dee19583" primary key ("product_id", "sales_channel_id"),
  constraint "FK_5a4d5e1e60f97633547821ec8d6" foreign key ("product_id") references "product" ("id") on delete cascade on update cascade,
  constraint "FK_37341bad297fe5cca91f921032b" foreign key ("sales_channel_id") references "sales_channel" ("id") on delete cascade on update cascade
);
create index "IDX_5a4d5e1e60f97633547821ec8d" on "product_sales_channel" ("product_id");
create index "IDX_37341bad297fe5cca91f921032" on "product_sales_channel" ("sales_channel_id");

alter table "cart"
  add column "sales_channel_id" character varying,
  add constraint "FK_a2bd3c26f42e754b9249ba78fd6" foreign key ("sales_channel_id") references "sales_channel" ("id");

alter table "order"
  add column "sales_channel_id" character varying,
  add constraint "FK_6ff7e874f01b478c115fdd462eb" foreign key ("sales_channel_id") references "sales_channel" ("id");

alter table "store"
  add column "default_sales_channel_id" character varying,
  add constraint "UQ_61b0f48cccbb5f41c750bac7286" unique ("default_sales_channel_id"),
  add constraint "FK_61b0f48cccbb5f41c750bac7286" foreign key ("default_sales_channel_id") references "sales_channel" ("id");
