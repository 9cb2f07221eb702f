-- A gift card keeps the tax rate it was bought with.
-- locks: gift_card: access exclusive

alter table "gift_card" add column if not exists "tax_rate" real;
