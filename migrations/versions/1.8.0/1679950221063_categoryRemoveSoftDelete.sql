-- Deleting a category is final; the soft-deleted ones are gone, and products have left them.
-- locks: product_category: access exclusive

delete from "product_category" where "deleted_at" is not null;

drop index if exists "IDX_product_category_handle";
alter table "product_category" drop column "deleted_at";

create unique index "IDX_product_category_handle" on "product_category" ("handle");
