-- The sales channel of a cart is kept in a table of its own.
-- flag: sales_channels, medusa_v2
-- locks: cart: access exclusive
-- locks: sales_channel: access exclusive
-- locks: store: access exclusive

create table if not exists "cart_sales_channel" (
  "id" character varying not null,
  "cart_id" character varying not null,
  "sales_channel_id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  constraint "cart_sales_channel_pk" primary key ("cart_id", "sales_channel_id"),
  constraint "cart_sales_channel_cart_id_unique" unique ("cart_id")
);
create index if not exists "IDX_id_cart_sales_channel" on "cart_sales_channel" ("id");

insert into "cart_sales_channel" ("id", "cart_id", "sales_channel_id")
select 'cartsc_' || left(md5(random()::text), 26), "id", "sales_channel_id"
  from "cart"
 where "sales_channel_id" is not null;

alter table if exists "cart" drop constraint if exists "FK_a2bd3c26f42e754b9249ba78fd6";
alter table if exists "store" drop constraint if exists "FK_61b0f48cccbb5f41c750bac7286";
