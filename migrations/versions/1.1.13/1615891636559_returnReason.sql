-- Returned items carry a reason from a list that the shop maintains, and a note.
-- locks: return_item: access exclusive

create table "return_reason" (
  "id" character varying not null,
  "value" character varying not null,
  "label" character varying not null,
  "description" character varying,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_95fd1172973165790903e65660a" primary key ("id")
);
create unique index "IDX_00605f9d662c06b81c1b60ce24" on "return_reason" ("value");

alter table "return_item"
  add column "reason_id" character varying,
  add column "note" character varying,
  add constraint "FK_d742532378a65022e7ceb328828" foreign key ("reason_id") references "return_reason" ("id");
