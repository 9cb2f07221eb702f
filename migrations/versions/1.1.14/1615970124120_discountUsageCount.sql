-- Discount rules count how often they were used.
-- locks: discount_rule: access exclusive

alter table "discount_rule" add column "usage_count" integer not null default 0;
