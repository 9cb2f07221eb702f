-- Usage and its limit are counted per discount code instead of per rule.
-- locks: discount: access exclusive
-- locks: discount_rule: access exclusive

alter table "discount"
  add column "usage_limit" integer,
  add column "usage_count" integer not null default 0;

alter table "discount_rule"
  drop column "usage_limit",
  drop column "usage_count",
  alter column "description" drop not null;
