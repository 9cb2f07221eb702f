-- Staff can edit the items of a placed order, on request and with confirmation.
-- flag: order_editing
-- locks: line_item: share row exclusive
-- locks: order: share row exclusive

create type "order_item_change_type_enum" as enum ('item_add', 'item_remove', 'item_update');

create table "order_edit" (
  "id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "order_id" character varying not null,
  "internal_note" character varying,
  "created_by" character varying not null,
  "requested_by" character varying,
  "requested_at" timestamp with time zone,
  "confirmed_by" character varying,
  "confirmed_at" timestamp with time zone,
  "declined_by" character varying,
  "declined_reason" character varying,
  "declined_at" timestamp with time zone,
  "canceled_by" character varying,
  "canceled_at" timestamp with time zone,
  constraint "PK_58ab6acf2e84b4e827f5f846f7a" primary key ("id"),
  constraint "FK_1f3a251488a91510f57e1bf93cd" foreign key ("order_id") references "order" ("id")
);

create table "order_item_change" (
  "id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "type" "order_item_change_type_enum" not null,
  "order_edit_id" character varying not null,
  "original_line_item_id" character varying,
  "line_item_id" character varying,
  constraint "PK_d6eb138f77ffdee83567b85af0c" primary key ("id"),
  constraint "UQ_5b7a99181e4db2ea821be0b6196" unique ("order_edit_id", "original_line_item_id"),
  constraint "UQ_da93cee3ca0dd50a5246268c2e9" unique ("order_edit_id", "line_item_id"),
  constraint "REL_5f9688929761f7df108b630e64" unique ("line_item_id"),
  constraint "FK_44feeebb258bf4cfa4cc4202281" foreign key ("order_edit_id") references "order_edit" ("id"),
  constraint "FK_b4d53b8d03c9f5e7d4317e818d9" foreign key ("original_line_item_id") references "line_item" ("id"),
  constraint "FK_5f9688929761f7df108b630e64a" foreign key ("line_item_id") references "line_item" ("id")
);
