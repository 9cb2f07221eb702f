-- Staff can put together a draft order and let the customer pay it through a link.
-- locks: cart: share row exclusive
-- locks: order: access exclusive
-- locks: shipping_option: access exclusive
-- locks: store: access exclusive

create type "draft_order_status_enum" as enum ('open', 'completed');

alter type "cart_type_enum" add value if not exists 'draft_order' after 'swap';

create table "draft_order" (
  "id" character varying not null,
  "status" "draft_order_status_enum" not null default 'open',
  "display_id" serial not null,
  "cart_id" character varying,
  "order_id" character varying,
  "canceled_at" timestamp with time zone,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "completed_at" timestamp with time zone,
  "metadata" jsonb,
  "idempotency_key" character varying,
  constraint "PK_f478946c183d98f8d88a94cfcd7" primary key ("id"),
  constraint "REL_5bd11d0e2a9628128e2c26fd0a" unique ("cart_id"),
  constraint "REL_8f6dd6c49202f1466ebf21e77d" unique ("order_id"),
  constraint "FK_5bd11d0e2a9628128e2c26fd0a6" foreign key ("cart_id") references "cart" ("id"),
  constraint "FK_8f6dd6c49202f1466ebf21e77da" foreign key ("order_id") references "order" ("id")
);
create index "IDX_e87cc617a22ef4edce5601edab" on "draft_order" ("display_id");
create index "IDX_5bd11d0e2a9628128e2c26fd0a" on "draft_order" ("cart_id");
create index "IDX_8f6dd6c49202f1466ebf21e77d" on "draft_order" ("order_id");

alter table "order"
  add column "draft_order_id" character varying,
  add constraint "UQ_727b872f86c7378474a8fa46147" unique ("draft_order_id"),
  add constraint "FK_727b872f86c7378474a8fa46147" foreign key ("draft_order_id") references "draft_order" ("id");

alter table "shipping_option" add column "admin_only" boolean not null default false;

alter table "store" add column "payment_link_template" character varying;
