-- What each discount takes off a line item is kept with the item.
-- locks: discount: share row exclusive
-- locks: line_item: share row exclusive

create table "line_item_adjustment" (
  "id" character varying not null,
  "item_id" character varying not null,
  "description" character varying not null,
  "discount_id" character varying,
  "amount" integer not null,
  "metadata" jsonb,
  constraint "PK_2b1360103753df2dc8257c2c8c3" primary key ("id"),
  constraint "FK_be9aea2ccf3567007b6227da4d2" foreign key ("item_id") references "line_item" ("id") on delete cascade,
  constraint "FK_2f41b20a71f30e60471d7e3769c" foreign key ("discount_id") references "discount" ("id")
);
create index "IDX_be9aea2ccf3567007b6227da4d" on "line_item_adjustment" ("item_id");
create unique index "IDX_bf701b88d2041392a288785ada" on "line_item_adjustment" ("discount_id", "item_id") where "discount_id" is not null;
create index "IDX_2f41b20a71f30e60471d7e3769" on "line_item_adjustment" ("discount_id");
