-- A cart remembers where it came from.

alter table "cart" add column "context" jsonb;
