-- Prices can belong to variants that live outside the core tables.
-- locks: money_amount: access exclusive
-- locks: product_variant: access exclusive

alter table if exists "money_amount" drop constraint if exists "FK_17a06d728e4cfbc5bd2ddb70af0";
