-- Products can be kept out of all discounts.

alter table "product" add column "discountable" boolean not null default true;
