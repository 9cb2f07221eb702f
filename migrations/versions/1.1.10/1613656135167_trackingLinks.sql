-- A fulfillment has any number of tracking links.
-- locks: fulfillment: share row exclusive

create table "tracking_link" (
  "id" character varying not null,
  "url" character varying,
  "tracking_number" character varying not null,
  "fulfillment_id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  "idempotency_key" character varying,
  constraint "PK_fcfd77feb9012ec2126d7c0bfb6" primary key ("id"),
  constraint "FK_471e9e4c96e02ba209a307db32b" foreign key ("fulfillment_id") references "fulfillment" ("id")
);
