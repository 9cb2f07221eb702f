-- A cart remembers where it came from.
-- locks: cart: access exclusive

alter table "cart" add column "context" jsonb;
