-- Categories have metadata.
-- locks: product_category: access exclusive

alter table "product_category" add column "metadata" jsonb;
