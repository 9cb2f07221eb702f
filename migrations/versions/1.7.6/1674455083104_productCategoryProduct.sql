-- A product can be in any number of categories.
-- locks: product: share row exclusive
-- locks: product_category: share row exclusive

create table "product_category_product" (
  "product_category_id" character varying not null,
  "product_id" character varying not null,
  constraint "FK_product_category_id" foreign key ("product_category_id") references "product_category" ("id") on delete cascade,
  constraint "FK_product_id" foreign key ("product_id") references "product" ("id") on delete cascade
);
create unique index "IDX_upcp_product_id_product_category_id" on "product_category_product" ("product_category_id", "product_id");
create index "IDX_pcp_product_category_id" on "product_category_product" ("product_category_id");
create index "IDX_pcp_product_id" on "product_category_product" ("product_id");
