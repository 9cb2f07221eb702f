-- Orders and products remember their id in an external system.
-- locks: order: access exclusive
-- locks: product: access exclusive

alter table "order" add column "external_id" character varying;

alter table "product" add column "external_id" character varying;
