-- Tax rates may have decimals.

alter table "order" alter column "tax_rate" type real;

alter table "region" alter column "tax_rate" type real;
