-- Events waiting to be sent carry options, such as a delay.
-- locks: staged_job: access exclusive

alter table "staged_job" add column "options" jsonb not null default '{}';
