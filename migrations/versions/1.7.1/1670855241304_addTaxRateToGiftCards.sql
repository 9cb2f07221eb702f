-- A gift card keeps the tax rate it was bought with.

alter table "gift_card" add column "tax_rate" real;
