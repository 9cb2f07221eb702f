-- Deleting a category is final; those soft-deleted before are gone, with the places of their
-- products.

delete from "product_category" where "deleted_at" is not null;

alter table "product_category" drop column "deleted_at";

create unique index "IDX_product_category_handle" on "product_category" ("handle");
