-- Sales channels can list products that live outside the core tables.
-- when: table product_sales_channel
-- locks: product: access exclusive
-- locks: product_sales_channel: access exclusive

alter table if exists "product_sales_channel" drop constraint if exists "FK_5a4d5e1e60f97633547821ec8d6";
