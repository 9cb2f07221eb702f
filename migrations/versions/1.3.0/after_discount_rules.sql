-- Turns the products that a discount rule names into a condition of the rule, as discounts need it here.
-- warn: select count(*) from "discount_rule" as "rule" where "deleted_at" is not null and exists (select from "discount_rule_products" as "named" where "named"."discount_rule_id" = "rule"."id")
-- says: {count} deleted discount rules name products; they get no condition, and their rows stay as they are.
-- warn: select count(*) from "discount_rule" as "rule" where "deleted_at" is null and exists (select from "discount_rule_products" as "named" where "named"."discount_rule_id" = "rule"."id") and exists (select from "discount_condition" as "condition" where "condition"."discount_rule_id" = "rule"."id" and "type" = 'products' and "operator" = 'in' and "condition"."deleted_at" is not null)
-- says: {count} discount rules name products, but their condition on products was deleted; it stays deleted.

insert into "discount_condition" ("id", "type", "operator", "discount_rule_id")
select
  'discon_' || (
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
    where "rule"."id" >= '' -- without a look at the row, one id would be drawn for all rows
  ),
  'products',
  'in',
  "rule"."id"
from "discount_rule" as "rule"
where "rule"."deleted_at" is null
  and exists (
    select from "discount_rule_products" as "named" where "named"."discount_rule_id" = "rule"."id"
  )
on conflict ("type", "operator", "discount_rule_id") do nothing;

insert into "discount_condition_product" ("product_id", "condition_id")
select "named"."product_id", "condition"."id"
from "discount_rule_products" as "named"
join "discount_rule" as "rule" on "rule"."id" = "named"."discount_rule_id" and "rule"."deleted_at" is null
join "discount_condition" as "condition"
  on "condition"."discount_rule_id" = "rule"."id" and "condition"."deleted_at" is null
on conflict ("product_id", "condition_id") do nothing;
