-- The indexes of prices and option values get speaking names.
-- locks: money_amount: access exclusive
-- locks: product_option_value: access exclusive

drop index if exists "IDX_17a06d728e4cfbc5bd2ddb70af";
drop index if exists "IDX_b433e27b7a83e6d12ab26b15b0";
drop index if exists "IDX_7234ed737ff4eb1b6ae6e6d7b0";
drop index if exists "IDX_cdf4388f294b30a25c627d69fe";

create index if not exists "idx_money_amount_region_id" on "money_amount" ("region_id");
create index if not exists "idx_money_amount_variant_id" on "money_amount" ("variant_id");
create index if not exists "idx_product_option_value_option_id" on "product_option_value" ("option_id");
create index if not exists "idx_product_option_value_variant_id" on "product_option_value" ("variant_id");
