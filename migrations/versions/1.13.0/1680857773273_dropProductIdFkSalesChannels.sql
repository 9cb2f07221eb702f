-- Sales channels can list products that live outside the core tables.
-- when: table product_sales_channel

alter table "product_sales_channel" drop constraint "FK_5a4d5e1e60f97633547821ec8d6";
