-- Categories have an order below their parent.
-- locks: product_category: access exclusive

alter table "product_category"
  add column "rank" integer not null default 0,
  add constraint "product_category_rank_check" check ("rank" >= 0);

create unique index "UniqProductCategoryParentIdRank" on "product_category" ("parent_category_id", "rank");
