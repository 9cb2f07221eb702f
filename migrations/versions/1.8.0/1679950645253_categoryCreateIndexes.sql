-- The tree of categories that a storefront shows is found quickly.
-- locks: product_category: share

create index "IDX_product_category_active_public" on "product_category" ("parent_category_id", "is_active", "is_internal") where "is_active" is true and "is_internal" is false;
