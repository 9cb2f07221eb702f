-- The address of a deleted customer can be used again.
-- locks: customer: access exclusive

alter table "customer" drop constraint "UQ_unique_email_for_guests_and_customer_accounts";

create unique index "IDX_unique_email_for_guests_and_customer_accounts" on "customer" ("email", "has_account") where "deleted_at" is null;
