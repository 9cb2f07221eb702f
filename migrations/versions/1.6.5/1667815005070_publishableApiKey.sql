-- Storefronts identify themselves with a publishable key that opens certain sales channels.
-- flag: publishable_api_keys

create table "publishable_api_key" (
  "id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "created_by" character varying,
  "revoked_by" character varying,
  "revoked_at" timestamp with time zone,
  "title" character varying not null,
  constraint "PK_9e613278673a87de92c606b4494" primary key ("id")
);

create table "publishable_api_key_sales_channel" (
  "sales_channel_id" character varying not null,
  "publishable_key_id" character varying not null,
  constraint "PK_68eaeb14bdac8954460054c567c" primary key ("sales_channel_id", "publishable_key_id")
);
