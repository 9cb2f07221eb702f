-- Return reasons can be grouped below a parent reason.
-- locks: return_reason: access exclusive

alter table "return_reason"
  add column "parent_return_reason_id" character varying,
  add constraint "FK_2250c5d9e975987ab212f61a657" foreign key ("parent_return_reason_id") references "return_reason" ("id");
