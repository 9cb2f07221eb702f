-- Categories have a description.

alter table "product_category" add column "description" text not null default '';
