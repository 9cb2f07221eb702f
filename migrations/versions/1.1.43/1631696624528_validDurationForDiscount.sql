-- A discount made from a template is valid for a set duration.
-- locks: discount: access exclusive

alter table "discount" add column "valid_duration" character varying;
