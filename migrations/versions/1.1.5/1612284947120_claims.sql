-- Customers can claim missing, wrong or broken items and get a refund or a replacement.
-- locks: address: share row exclusive
-- locks: fulfillment: access exclusive
-- locks: line_item: access exclusive
-- locks: order: share row exclusive
-- locks: product_variant: share row exclusive
-- locks: return: access exclusive
-- locks: shipping_method: access exclusive

create type "claim_order_type_enum" as enum ('refund', 'replace');

create type "claim_item_reason_enum" as enum (
  'missing_item', 'wrong_item', 'production_failure', 'other'
);

create type "claim_order_payment_status_enum" as enum ('na', 'not_refunded', 'refunded');

create type "claim_order_fulfillment_status_enum" as enum (
  'not_fulfilled', 'partially_fulfilled', 'fulfilled', 'partially_shipped', 'shipped',
  'partially_returned', 'returned', 'canceled', 'requires_action'
);

alter type "refund_reason_enum" add value if not exists 'claim' after 'swap';

create table "claim_order" (
  "id" character varying not null,
  "payment_status" "claim_order_payment_status_enum" not null default 'na',
  "fulfillment_status" "claim_order_fulfillment_status_enum" not null default 'not_fulfilled',
  "type" "claim_order_type_enum" not null,
  "order_id" character varying not null,
  "shipping_address_id" character varying,
  "refund_amount" integer,
  "canceled_at" timestamp with time zone,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  "idempotency_key" character varying,
  constraint "PK_8981f5595a4424021466aa4c7a4" primary key ("id"),
  constraint "FK_f49e3974465d3c3a33d449d3f31" foreign key ("order_id") references "order" ("id"),
  constraint "FK_017d58bf8260c6e1a2588d258e2" foreign key ("shipping_address_id") references "address" ("id")
);

create table "claim_item" (
  "id" character varying not null,
  "claim_order_id" character varying not null,
  "item_id" character varying not null,
  "variant_id" character varying not null,
  "reason" "claim_item_reason_enum" not null,
  "note" character varying,
  "quantity" integer not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_5679662039bc4c7c6bc7fa1be2d" primary key ("id"),
  constraint "FK_900a9c3834257304396b2b0fe7c" foreign key ("claim_order_id") references "claim_order" ("id"),
  constraint "FK_6e0cad0daef76bb642675910b9d" foreign key ("item_id") references "line_item" ("id"),
  constraint "FK_64980511ca32c8e92b417644afa" foreign key ("variant_id") references "product_variant" ("id")
);
create index "IDX_900a9c3834257304396b2b0fe7" on "claim_item" ("claim_order_id");
create index "IDX_6e0cad0daef76bb642675910b9" on "claim_item" ("item_id");
create index "IDX_64980511ca32c8e92b417644af" on "claim_item" ("variant_id");

create table "claim_image" (
  "id" character varying not null,
  "claim_item_id" character varying not null,
  "url" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_7c49e44bfe8840ca7d917890101" primary key ("id"),
  constraint "FK_21cbfedd83d736d86f4c6f4ce56" foreign key ("claim_item_id") references "claim_item" ("id")
);

create table "claim_tag" (
  "id" character varying not null,
  "value" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_7761180541142a5926501018d34" primary key ("id")
);
create index "IDX_ec10c54769877840c132260e4a" on "claim_tag" ("value");

create table "claim_item_tags" (
  "item_id" character varying not null,
  "tag_id" character varying not null,
  constraint "PK_54ab8ce0f7e99167068188fbd81" primary key ("item_id", "tag_id"),
  constraint "FK_c2c0f3edf39515bd15432afe6e5" foreign key ("item_id") references "claim_item" ("id") on delete cascade,
  constraint "FK_dc9bbf9fcb9ba458d25d512811b" foreign key ("tag_id") references "claim_tag" ("id") on delete cascade
);
create index "IDX_c2c0f3edf39515bd15432afe6e" on "claim_item_tags" ("item_id");
create index "IDX_dc9bbf9fcb9ba458d25d512811" on "claim_item_tags" ("tag_id");

alter table "fulfillment"
  add column "claim_order_id" character varying,
  add constraint "FK_d73e55964e0ff2db8f03807d52e" foreign key ("claim_order_id") references "claim_order" ("id");

alter table "line_item"
  add column "claim_order_id" character varying,
  add constraint "FK_118e3c48f09a7728f41023c94ef" foreign key ("claim_order_id") references "claim_order" ("id");

alter table "return"
  add column "claim_order_id" character varying,
  add constraint "UQ_71773d56eb2bacb922bc3283398" unique ("claim_order_id"),
  add constraint "FK_71773d56eb2bacb922bc3283398" foreign key ("claim_order_id") references "claim_order" ("id");

alter table "shipping_method"
  drop constraint "CHK_3c00b878c1426d119cd70aa065",
  add column "claim_order_id" character varying,
  add constraint "CHK_a7020b08665bbd64d84a6641cf" check ("claim_order_id" is not null or "order_id" is not null or "cart_id" is not null or "swap_id" is not null or "return_id" is not null),
  add constraint "FK_d783a66d1c91c0858752c933e68" foreign key ("claim_order_id") references "claim_order" ("id");

create index "IDX_118e3c48f09a7728f41023c94e" on "line_item" ("claim_order_id");
create index "IDX_d783a66d1c91c0858752c933e6" on "shipping_method" ("claim_order_id");
