-- Products go from draft to published; those already there are published.
-- locks: product: access exclusive

create type "product_status_enum" as enum ('draft', 'proposed', 'published', 'rejected');

alter table "product" add column "status" "product_status_enum" not null default 'published';
alter table "product" alter column "status" set default 'draft';
