-- Deleting a line item takes its tax lines along.
-- locks: line_item: access exclusive
-- locks: line_item_tax_line: access exclusive

alter table "line_item_tax_line"
  drop constraint "FK_5077fa54b0d037e984385dfe8ad",
  add constraint "FK_5077fa54b0d037e984385dfe8ad" foreign key ("item_id") references "line_item" ("id") on delete cascade;
