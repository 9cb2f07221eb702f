-- The sales channel of an order is kept in a table of its own.
-- flag: sales_channels, medusa_v2
-- locks: order: access exclusive
-- locks: sales_channel: access exclusive

create table if not exists "order_sales_channel" (
  "id" character varying not null,
  "order_id" character varying not null,
  "sales_channel_id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  constraint "order_sales_channel_pk" primary key ("order_id", "sales_channel_id"),
  constraint "order_sales_channel_order_id_unique" unique ("order_id")
);
create index if not exists "IDX_id_order_sales_channel" on "order_sales_channel" ("id");

insert into "order_sales_channel" ("id", "order_id", "sales_channel_id")
select 'ordersc_' || left(md5(random()::text), 26), "id", "sales_channel_id"
  from "order"
 where "sales_channel_id" is not null;

alter table "order" drop constraint if exists "FK_6ff7e874f01b478c115fdd462eb";
