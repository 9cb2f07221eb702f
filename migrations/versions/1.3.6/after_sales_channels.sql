-- Puts every product that belongs to no sales channel into the store's default channel.
-- flag: sales_channels
-- ready: select exists (select from "store" where "default_sales_channel_id" is not null) or not exists (select from "product" where "deleted_at" is null and not exists (select from "product_sales_channel" as "link" where "link"."product_id" = "product"."id"))
-- otherwise: The store has no default sales channel yet. Start the server once, it creates one, then run this step again.

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
