-- The stock a variant needs of an inventory item is called required quantity everywhere.
-- when: column product_variant_inventory_item.quantity
-- locks: product_variant_inventory_item: access exclusive

alter table "product_variant_inventory_item" rename column "quantity" to "required_quantity";
