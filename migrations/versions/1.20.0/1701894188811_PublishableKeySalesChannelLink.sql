-- The link between a publishable key and a sales channel has an id and dates.
-- locks: publishable_api_key_sales_channel: access exclusive

alter table "publishable_api_key_sales_channel" add column if not exists "id" text;

update "publishable_api_key_sales_channel"
   set "id" = 'pksc_' || left(md5(random()::text), 26)
 where "id" is null;

alter table "publishable_api_key_sales_channel"
  alter column "id" set not null,
  add column if not exists "created_at" timestamp with time zone not null default now(),
  add column if not exists "updated_at" timestamp with time zone not null default now(),
  add column if not exists "deleted_at" timestamp with time zone;

create index if not exists "IDX_id_publishable_api_key_sales_channel" on "publishable_api_key_sales_channel" ("id");
