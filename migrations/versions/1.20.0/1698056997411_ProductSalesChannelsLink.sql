-- The link between a product and a sales channel is a row of its own, with id and dates.
-- flag: medusa_v2
-- locks: product_sales_channel: access exclusive

alter table "product_sales_channel" add column if not exists "id" text;

update "product_sales_channel"
   set "id" = 'prodsc_' || left(md5(random()::text), 26)
 where "id" is null;

alter table "product_sales_channel"
  drop constraint if exists "PK_fd29b6a8bd641052628dee19583",
  alter column "id" set not null,
  add column if not exists "created_at" timestamp with time zone not null default now(),
  add column if not exists "updated_at" timestamp with time zone not null default now(),
  add column if not exists "deleted_at" timestamp with time zone,
  add constraint "product_sales_channel_pk" primary key ("id"),
  add constraint "product_sales_channel_product_id_sales_channel_id_unique" unique ("product_id", "sales_channel_id");
