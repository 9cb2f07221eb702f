-- Deleting a line item takes its tax lines along, as it does its adjustments.
-- locks: line_item: access exclusive
-- locks: line_item_adjustment: access exclusive
-- locks: line_item_tax_line: access exclusive

alter table "line_item_tax_line"
  drop constraint if exists "FK_5077fa54b0d037e984385dfe8ad",
  add constraint "FK_5077fa54b0d037e984385dfe8ad" foreign key ("item_id") references "line_item" ("id") on delete cascade;

alter table "line_item_adjustment"
  drop constraint if exists "FK_be9aea2ccf3567007b6227da4d2",
  add constraint "FK_be9aea2ccf3567007b6227da4d2" foreign key ("item_id") references "line_item" ("id") on delete cascade;
