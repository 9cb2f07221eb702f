-- Notifications sent through a provider are kept, so that they can be looked up and sent again.
-- locks: customer: share row exclusive

create table "notification_provider" (
  "id" character varying not null,
  "is_installed" boolean not null default true,
  constraint "PK_0425c2423e2ce9fdfd5c23761d9" primary key ("id")
);

create table "notification" (
  "id" character varying not null,
  "event_name" character varying,
  "resource_type" character varying not null,
  "resource_id" character varying not null,
  "customer_id" character varying,
  "to" character varying not null,
  "data" jsonb not null,
  "parent_id" character varying,
  "provider_id" character varying,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  constraint "PK_705b6c7cdf9b2c2ff7ac7872cb7" primary key ("id"),
  constraint "FK_b5df0f53a74b9d0c0a2b652c88d" foreign key ("customer_id") references "customer" ("id"),
  constraint "FK_371db513192c083f48ba63c33be" foreign key ("parent_id") references "notification" ("id"),
  constraint "FK_0425c2423e2ce9fdfd5c23761d9" foreign key ("provider_id") references "notification_provider" ("id")
);
create index "IDX_df1494d263740fcfb1d09a98fc" on "notification" ("resource_type");
create index "IDX_ea6a358d9ce41c16499aae55f9" on "notification" ("resource_id");
create index "IDX_b5df0f53a74b9d0c0a2b652c88" on "notification" ("customer_id");
