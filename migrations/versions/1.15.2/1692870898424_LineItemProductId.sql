-- A line item names its product itself and no longer depends on the variant.
-- flag: medusa_v2
-- locks: line_item: access exclusive
-- locks: product_variant: access exclusive

alter table "line_item"
  drop constraint if exists "FK_5371cbaa3be5200f373d24e3d5b",
  add column if not exists "product_id" text;

update "line_item"
   set "product_id" = "product_variant"."product_id"
  from "product_variant"
 where "product_variant"."id" = "line_item"."variant_id";
