-- Searching for part of a title, description or SKU uses an index.
-- extension: pg_trgm
-- locks: product: share
-- locks: product_collection: share
-- locks: product_variant: share

create index if not exists "idx_gin_product_description" on "product" using gin ("description" gin_trgm_ops) where "deleted_at" is null;
create index if not exists "idx_gin_product_title" on "product" using gin ("title" gin_trgm_ops) where "deleted_at" is null;
create index if not exists "idx_gin_product_collection" on "product_collection" using gin ("title" gin_trgm_ops) where "deleted_at" is null;
create index if not exists "idx_gin_product_variant_sku" on "product_variant" using gin ("sku" gin_trgm_ops) where "deleted_at" is null;
create index if not exists "idx_gin_product_variant_title" on "product_variant" using gin ("title" gin_trgm_ops) where "deleted_at" is null;
