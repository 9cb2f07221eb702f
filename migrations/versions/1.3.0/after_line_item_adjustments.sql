-- Gives the items of earlier orders the discount amounts that order totals are computed from here on.
-- warn: select count(*) from (select from "line_item" as "item" join "order_discounts" as "used" on "used"."order_id" = "item"."order_id" join "discount" on "discount"."id" = "used"."discount_id" and "discount"."deleted_at" is null join "discount_rule" as "rule" on "rule"."id" = "discount"."rule_id" and "rule"."deleted_at" is null where "rule"."type" = 'fixed' group by "item"."order_id" having coalesce(sum("item"."quantity"::bigint * "item"."unit_price") filter (where "item"."allow_discounts"), 0) = 0) as "hollow"
-- says: {count} orders have a fixed discount but nothing it could apply to; its adjustments there are 0.

insert into "line_item_adjustment" ("id", "item_id", "description", "discount_id", "amount")
select
  'lia_' || (
    select string_agg(
      substr(
        '0123456789ABCDEFGHJKMNPQRSTVWXYZ',
        1 + case
          when "place" < 10 then ((extract(epoch from now()) * 1000)::bigint >> (45 - 5 * "place")) & 31
          else floor(random() * 32)::bigint
        end::integer,
        1
      ),
      '' order by "place"
    )
    from generate_series(0, 25) as "place"
    where "pair"."item_id" >= '' -- without a look at the row, one id would be drawn for all rows
  ),
  "item_id",
  'discount',
  "discount_id",
  coalesce(
    round(
      "worth" * case "type"
        when 'percentage' then "value"::double precision / 100
        when 'fixed' then least("value", "discountable")::double precision / nullif("discountable", 0)
      end
    ),
    0
  )
from (
  select
    "item"."id" as "item_id",
    "discount"."id" as "discount_id",
    "rule"."type",
    "rule"."value",
    "item"."quantity"::bigint * "item"."unit_price" as "worth",
    (
      sum("item"."quantity"::bigint * "item"."unit_price") filter (where "item"."allow_discounts")
      over (partition by "item"."order_id", "discount"."id")
    )::bigint as "discountable"
  from "order_discounts" as "used"
  join "discount" on "discount"."id" = "used"."discount_id" and "discount"."deleted_at" is null
  join "discount_rule" as "rule" on "rule"."id" = "discount"."rule_id" and "rule"."deleted_at" is null
  join "line_item" as "item" on "item"."order_id" = "used"."order_id"
  where "rule"."type" <> 'free_shipping'
) as "pair"
on conflict ("discount_id", "item_id") where "discount_id" is not null do nothing;
