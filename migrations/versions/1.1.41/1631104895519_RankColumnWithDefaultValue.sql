-- Variants have an order; deleting a variant takes its prices and option values along.
-- locks: money_amount: access exclusive
-- locks: product_option_value: access exclusive
-- locks: product_variant: access exclusive

alter table "money_amount"
  drop constraint "FK_17a06d728e4cfbc5bd2ddb70af0",
  add constraint "FK_17a06d728e4cfbc5bd2ddb70af0" foreign key ("variant_id") references "product_variant" ("id") on delete cascade;

alter table "product_option_value"
  drop constraint "FK_7234ed737ff4eb1b6ae6e6d7b01",
  add constraint "FK_7234ed737ff4eb1b6ae6e6d7b01" foreign key ("variant_id") references "product_variant" ("id") on delete cascade;

alter table "product_variant" add column "variant_rank" integer default 0;
