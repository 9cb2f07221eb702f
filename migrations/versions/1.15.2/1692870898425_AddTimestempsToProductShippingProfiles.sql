-- The shipping profile of a product has dates of creation, change and deletion.
-- flag: medusa_v2
-- locks: product_shipping_profile: access exclusive

alter table "product_shipping_profile"
  add column "created_at" timestamp with time zone not null default now(),
  add column "updated_at" timestamp with time zone not null default now(),
  add column "deleted_at" timestamp with time zone;
