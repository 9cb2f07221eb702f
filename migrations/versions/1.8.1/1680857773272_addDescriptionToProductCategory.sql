-- Categories have a description.
-- locks: product_category: access exclusive

alter table "product_category" add column if not exists "description" text not null default '';
