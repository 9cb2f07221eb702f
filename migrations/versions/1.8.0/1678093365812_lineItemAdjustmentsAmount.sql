-- Adjustments of line items may have decimals.

alter table "line_item_adjustment" alter column "amount" type numeric;
