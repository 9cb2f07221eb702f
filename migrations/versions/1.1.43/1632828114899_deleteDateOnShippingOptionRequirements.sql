-- Requirements of a shipping option can be soft-deleted.

alter table "shipping_option_requirement" add column "deleted_at" timestamp with time zone;
