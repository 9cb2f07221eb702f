-- Discount rules count how often they were used.

alter table "discount_rule" add column "usage_count" integer not null default 0;
