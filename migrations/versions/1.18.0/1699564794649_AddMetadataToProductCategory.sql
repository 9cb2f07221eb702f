-- Categories have metadata.

alter table "product_category" add column "metadata" jsonb;
