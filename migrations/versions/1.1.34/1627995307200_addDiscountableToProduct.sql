-- Products can be kept out of all discounts.
-- locks: product: access exclusive

alter table "product" add column "discountable" boolean not null default true;
