-- Batch jobs of 1.1.65 to 1.3.2 get a date for each state and belong to a user; their old status
-- and creator are dropped.
-- when: column batch_job.status
-- locks: batch_job: access exclusive
-- locks: user: share row exclusive

alter table "batch_job"
  drop column "status",
  drop column "created_by",
  add column "dry_run" boolean not null default false,
  add column "pre_processed_at" timestamp with time zone,
  add column "processing_at" timestamp with time zone,
  add column "confirmed_at" timestamp with time zone,
  add column "completed_at" timestamp with time zone,
  add column "canceled_at" timestamp with time zone,
  add column "failed_at" timestamp with time zone,
  add column "created_by" character varying,
  add constraint "FK_cdf30493ba1c9ef207e1e80c10a" foreign key ("created_by") references "user" ("id");

drop type "batch_job_status_enum";
