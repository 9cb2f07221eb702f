-- Categories have an order below their parent: by age, as far as they are there already.
-- locks: product_category: access exclusive

alter table "product_category"
  add column "rank" integer not null default 0,
  add constraint "product_category_rank_check" check ("rank" >= 0);

update "product_category" as "category"
set "rank" = "sibling"."place"
from (
  select "id", row_number() over (partition by "parent_category_id" order by "created_at", "id") - 1 as "place"
  from "product_category"
  where "parent_category_id" is not null
) as "sibling"
where "sibling"."id" = "category"."id" and "sibling"."place" > 0;

create unique index "UniqProductCategoryParentIdRank" on "product_category" ("parent_category_id", "rank");
