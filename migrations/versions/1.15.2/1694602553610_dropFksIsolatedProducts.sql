-- Taxes, discounts and claims can name products that live outside the core tables.
-- flag: medusa_v2
-- locks: claim_item: access exclusive
-- locks: discount_condition_product: access exclusive
-- locks: discount_condition_product_collection: access exclusive
-- locks: discount_condition_product_tag: access exclusive
-- locks: discount_condition_product_type: access exclusive
-- locks: discount_rule_products: access exclusive
-- locks: product: access exclusive
-- locks: product_collection: access exclusive
-- locks: product_tag: access exclusive
-- locks: product_tax_rate: access exclusive
-- locks: product_type: access exclusive
-- locks: product_type_tax_rate: access exclusive
-- locks: product_variant: access exclusive

alter table if exists "claim_item" drop constraint if exists "FK_64980511ca32c8e92b417644afa";

alter table if exists "discount_condition_product" drop constraint if exists "FK_c759f53b2e48e8cfb50638fe4e0";

alter table if exists "discount_condition_product_collection"
  drop constraint if exists "FK_a0b05dc4257abe639cb75f8eae2";

alter table if exists "discount_condition_product_tag" drop constraint if exists "FK_01486cc9dc6b36bf658685535f6";

alter table if exists "discount_condition_product_type" drop constraint if exists "FK_e706deb68f52ab2756119b9e704";

alter table if exists "discount_rule_products" drop constraint if exists "FK_be66106a673b88a81c603abe7eb";

alter table if exists "product_tax_rate" drop constraint if exists "FK_1d04aebeabb6a89f87e536a124d";

alter table if exists "product_type_tax_rate" drop constraint if exists "FK_25a3138bb236f63d9bb6c8ff111";
