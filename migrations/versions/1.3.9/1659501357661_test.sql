-- Currencies, regions, price lists and shipping options say whether their prices include tax.
-- flag: tax_inclusive_pricing
-- locks: currency: access exclusive
-- locks: line_item: access exclusive
-- locks: price_list: access exclusive
-- locks: region: access exclusive
-- locks: shipping_method: access exclusive
-- locks: shipping_option: access exclusive

alter table "currency" add column "includes_tax" boolean not null default false;

alter table "line_item" add column "includes_tax" boolean not null default false;

alter table "price_list" add column "includes_tax" boolean not null default false;

alter table "region" add column "includes_tax" boolean not null default false;

alter table "shipping_method" add column "includes_tax" boolean not null default false;

alter table "shipping_option" add column "includes_tax" boolean not null default false;
