-- Returns and swaps can be canceled.
-- locks: swap: access exclusive

alter type "return_status_enum" add value if not exists 'canceled';

alter table "swap" add column "canceled_at" timestamp with time zone;
