-- Each user decides whether usage data is sent and whether it is anonymous.
-- flag: analytics

create table "analytics_config" (
  "id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "user_id" character varying not null,
  "opt_out" boolean not null default false,
  "anonymize" boolean not null default false,
  constraint "PK_93505647c5d7cb479becb810b0f" primary key ("id")
);
create unique index "IDX_379ca70338ce9991f3affdeedf" on "analytics_config" ("id", "user_id") where "deleted_at" is null;
