-- Long jobs, such as imports and exports, are tracked from creation to completion.
-- locks: user: share row exclusive

create table "batch_job" (
  "id" character varying not null,
  "type" text not null,
  "created_by" character varying,
  "context" jsonb,
  "result" jsonb,
  "dry_run" boolean not null default false,
  "created_at" timestamp with time zone not null default now(),
  "pre_processed_at" timestamp with time zone,
  "confirmed_at" timestamp with time zone,
  "processing_at" timestamp with time zone,
  "completed_at" timestamp with time zone,
  "failed_at" timestamp with time zone,
  "canceled_at" timestamp with time zone,
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  constraint "PK_e57f84d485145d5be96bc6d871e" primary key ("id"),
  constraint "FK_fa53ca4f5fd90605b532802a626" foreign key ("created_by") references "user" ("id")
);
