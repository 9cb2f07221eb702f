-- Items of an order edit point to the items they replace.
-- flag: order_editing
-- locks: line_item: access exclusive
-- locks: order_edit: share row exclusive

alter table "line_item"
  add column if not exists "original_item_id" character varying,
  add column if not exists "order_edit_id" character varying,
  add constraint "line_item_order_edit_fk" foreign key ("order_edit_id") references "order_edit" ("id"),
  add constraint "line_item_original_item_fk" foreign key ("original_item_id") references "line_item" ("id");

create unique index "unique_li_original_item_id_order_edit_id" on "line_item" ("order_edit_id", "original_item_id") where "original_item_id" is not null and "order_edit_id" is not null;
