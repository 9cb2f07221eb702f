-- Long jobs, such as imports and exports, are tracked from creation to completion.

create type "batch_job_status_enum" as enum (
  'created', 'processing', 'awaiting_confirmation', 'completed'
);

create table "batch_job" (
  "id" character varying not null,
  "type" text not null,
  "status" "batch_job_status_enum" not null,
  "created_by" text,
  "context" jsonb,
  "result" jsonb,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  constraint "PK_e57f84d485145d5be96bc6d871e" primary key ("id")
);
