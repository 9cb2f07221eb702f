-- Swaps can be allowed for items out of stock, and wait as confirmed until they are captured.
-- locks: cart: access exclusive
-- locks: swap: access exclusive

alter type "swap_payment_status_enum" add value if not exists 'confirmed' after 'captured';

alter table "cart" add column "payment_authorized_at" timestamp with time zone;

alter table "swap" add column "allow_backorder" boolean not null default false;
