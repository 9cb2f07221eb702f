-- Puts every product that belongs to no sales channel into the store's default channel.
-- flag: sales_channels
-- ready: select exists (select from "store" where "default_sales_channel_id" is not null) or not exists (select from "product" where "deleted_at" is null and not exists (select from "product_sales_channel" as "link" where "link"."product_id" = "product"."id"))
-- otherwise: The store has no default sales channel yet. Start the server once, it creates one, then run this step again.

-- With the flag medusa_v2 on, from 1.20.0, a link has an id and dates. What the table does not have
-- is passed over; and where this has placed every product, the statement behind it finds none.
insert into "product_sales_channel"
select "link".*
from "product"
cross join (
  select "default_sales_channel_id"
  from "store"
  where "default_sales_channel_id" is not null
  order by "created_at", "id"
  limit 1
) as "first"
cross join lateral jsonb_populate_record(
  null::"product_sales_channel",
  jsonb_build_object(
    'id', 'prodsc_' || left(md5("product"."id" || random()::text), 26),
    'product_id', "product"."id",
    'sales_channel_id', "first"."default_sales_channel_id",
    'created_at', now(),
    'updated_at', now()
  )
) as "link"
where "product"."deleted_at" is null
  and exists (
    select from pg_attribute
    where attrelid = 'product_sales_channel'::regclass and attname = 'id' and not attisdropped
  )
  and not exists (
    select from "product_sales_channel" as "link" where "link"."product_id" = "product"."id"
  )
on conflict ("product_id", "sales_channel_id") do nothing;

insert into "product_sales_channel" ("product_id", "sales_channel_id")
select "product"."id", "first"."default_sales_channel_id"
from "product"
cross join (
  select "default_sales_channel_id"
  from "store"
  where "default_sales_channel_id" is not null
  order by "created_at", "id"
  limit 1
) as "first"
where "product"."deleted_at" is null
  and not exists (
    select from "product_sales_channel" as "link" where "link"."product_id" = "product"."id"
  )
on conflict ("product_id", "sales_channel_id") do nothing;
