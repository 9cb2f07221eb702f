-- The difference of an order edit is collected or refunded through a payment collection.
-- flag: order_editing
-- locks: money_amount: share
-- locks: order: share
-- locks: order_edit: access exclusive
-- locks: payment: share row exclusive
-- locks: payment_session: access exclusive
-- locks: region: share row exclusive

create type "PAYMENT_COLLECTION_TYPE_ENUM" as enum ('order_edit');

create type "PAYMENT_COLLECTION_STATUS_ENUM" as enum (
  'not_paid', 'awaiting', 'authorized', 'partially_authorized', 'captured', 'partially_captured',
  'refunded', 'partially_refunded', 'canceled', 'requires_action'
);

create table "payment_collection" (
  "id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "type" "PAYMENT_COLLECTION_TYPE_ENUM" not null,
  "status" "PAYMENT_COLLECTION_STATUS_ENUM" not null,
  "description" text,
  "amount" integer not null,
  "authorized_amount" integer,
  "refunded_amount" integer,
  "region_id" character varying not null,
  "currency_code" character varying not null,
  "metadata" jsonb,
  "created_by" character varying not null,
  constraint "PK_payment_collection_id" primary key ("id"),
  constraint "FK_payment_collection_region_id" foreign key ("region_id") references "region" ("id")
);
create index "IDX_payment_collection_region_id" on "payment_collection" ("region_id") where "deleted_at" is null;
create index "IDX_payment_collection_currency_code" on "payment_collection" ("currency_code") where "deleted_at" is null;

create table "payment_collection_payments" (
  "payment_collection_id" character varying not null,
  "payment_id" character varying not null,
  constraint "PK_payment_collection_payments" primary key ("payment_collection_id", "payment_id"),
  constraint "FK_payment_collection_payments_payment_collection_id" foreign key ("payment_collection_id") references "payment_collection" ("id") on delete cascade,
  constraint "FK_payment_collection_payments_payment_id" foreign key ("payment_id") references "payment" ("id") on delete cascade
);
create index "IDX_payment_collection_payments_payment_collection_id" on "payment_collection_payments" ("payment_collection_id");
create index "IDX_payment_collection_payments_payment_id" on "payment_collection_payments" ("payment_id");

create table "payment_collection_sessions" (
  "payment_collection_id" character varying not null,
  "payment_session_id" character varying not null,
  constraint "PK_payment_collection_sessions" primary key ("payment_collection_id", "payment_session_id"),
  constraint "FK_payment_collection_sessions_payment_collection_id" foreign key ("payment_collection_id") references "payment_collection" ("id") on delete cascade,
  constraint "FK_payment_collection_sessions_payment_session_id" foreign key ("payment_session_id") references "payment_session" ("id") on delete cascade
);
create index "IDX_payment_collection_sessions_payment_collection_id" on "payment_collection_sessions" ("payment_collection_id");
create index "IDX_payment_collection_sessions_payment_session_id" on "payment_collection_sessions" ("payment_session_id");

alter table "order_edit"
  add column "payment_collection_id" character varying,
  add constraint "FK_order_edit_payment_collection_id" foreign key ("payment_collection_id") references "payment_collection" ("id");

alter table "payment_session" add column "payment_authorized_at" timestamp with time zone;

create index "IDX_money_amount_currency_code" on "money_amount" ("currency_code");
create index "IDX_order_currency_code" on "order" ("currency_code");
create index "IDX_order_edit_order_id" on "order_edit" ("order_id");
create index "IDX_order_edit_payment_collection_id" on "order_edit" ("payment_collection_id");
create index "IDX_payment_currency_code" on "payment" ("currency_code");
create index "IDX_region_currency_code" on "region" ("currency_code");
