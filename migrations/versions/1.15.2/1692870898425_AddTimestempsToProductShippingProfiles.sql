-- The shipping profile of a product has dates of creation, change and deletion.
-- flag: medusa_v2
-- locks: product_shipping_profile: access exclusive

alter table "product_shipping_profile"
  add column if not exists "created_at" timestamp with time zone not null default now(),
  add column if not exists "updated_at" timestamp with time zone not null default now(),
  add column if not exists "deleted_at" timestamp with time zone;
