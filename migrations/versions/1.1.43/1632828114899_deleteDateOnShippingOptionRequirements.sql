-- Requirements of a shipping option can be soft-deleted.
-- locks: shipping_option_requirement: access exclusive

alter table "shipping_option_requirement" add column "deleted_at" timestamp with time zone;
