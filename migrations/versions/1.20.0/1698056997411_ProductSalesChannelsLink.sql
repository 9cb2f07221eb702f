-- The link between a product and a sales channel is a row of its own, with id and dates.
-- flag: medusa_v2
-- locks: product_sales_channel: access exclusive

alter table "product_sales_channel" add column "id" text;

update "product_sales_channel"
   set "id" = 'prodsc_' || left(md5(random()::text), 26);

alter table "product_sales_channel"
  drop constraint "PK_fd29b6a8bd641052628dee19583",
  alter column "id" set not null,
  add column "created_at" timestamp with time zone not null default now(),
  add column "updated_at" timestamp with time zone not null default now(),
  add column "deleted_at" timestamp with time zone,
  add constraint "product_sales_channel_pk" primary key ("id"),
  add constraint "product_sales_channel_product_id_sales_channel_id_unique" unique ("product_id", "sales_channel_id");
