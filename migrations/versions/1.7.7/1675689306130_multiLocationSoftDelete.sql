-- Links to stock locations and inventory items can be soft-deleted.
-- locks: product_variant_inventory_item: access exclusive
-- locks: sales_channel_location: access exclusive

drop index "IDX_bf5386e7f2acc460adbf96d6f3";
drop index "IDX_c74e8c2835094a37dead376a3b";
drop index "IDX_6caaa358f12ed0b846f00e2dcd";
drop index "IDX_c2203162ca946a71aeb98390b0";

alter table "product_variant_inventory_item" add column "deleted_at" timestamp with time zone;

alter table "sales_channel_location" add column "deleted_at" timestamp with time zone;

create index "IDX_product_variant_inventory_item_inventory_item_id" on "product_variant_inventory_item" ("inventory_item_id") where "deleted_at" is null;
create index "IDX_product_variant_inventory_item_variant_id" on "product_variant_inventory_item" ("variant_id") where "deleted_at" is null;
create index "IDX_sales_channel_location_location_id" on "sales_channel_location" ("location_id") where "deleted_at" is null;
create index "IDX_sales_channel_location_sales_channel_id" on "sales_channel_location" ("sales_channel_id") where "deleted_at" is null;
