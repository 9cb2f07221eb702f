-- The shipping profile of a product moves from the product to a table of its own.
-- locks: product: access exclusive
-- locks: shipping_profile: access exclusive

create table if not exists "product_shipping_profile" (
  "profile_id" text not null,
  "product_id" text not null
);

insert into "product_shipping_profile" ("profile_id", "product_id")
select "profile_id", "id" from "product";

create unique index if not exists "idx_product_shipping_profile_profile_id_product_id_unique" on "product_shipping_profile" ("profile_id", "product_id");
create index if not exists "idx_product_shipping_profile_product_id" on "product_shipping_profile" ("product_id");
create index if not exists "idx_product_shipping_profile_profile_id" on "product_shipping_profile" ("profile_id");

drop index if exists "IDX_80823b7ae866dc5acae2dac6d2";
alter table "product" drop column "profile_id";
