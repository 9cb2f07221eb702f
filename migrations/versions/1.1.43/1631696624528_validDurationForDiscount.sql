-- A discount made from a template is valid for a set duration.

alter table "discount" add column "valid_duration" character varying;
