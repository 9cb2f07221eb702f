-- Adjustments of line items may have decimals.
-- locks: line_item_adjustment: access exclusive, rewrite

alter table "line_item_adjustment" alter column "amount" type numeric;
