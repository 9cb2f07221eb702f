-- The value of a deleted return reason can be used again.
-- locks: return_reason: access exclusive

drop index if exists "IDX_00605f9d662c06b81c1b60ce24";

create unique index "IDX_return_reason_value" on "return_reason" ("value") where "deleted_at" is null;
