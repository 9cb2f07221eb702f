-- Tax rates may have decimals.
-- locks: order: access exclusive, rewrite
-- locks: region: access exclusive, rewrite

alter table "order" alter column "tax_rate" type real;

alter table "region" alter column "tax_rate" type real;
