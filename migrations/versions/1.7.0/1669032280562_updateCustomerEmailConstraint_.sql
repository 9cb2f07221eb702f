-- A guest and a registered customer may share one email address.
-- locks: customer: access exclusive

drop index "IDX_fdb2f3ad8115da4c7718109a6e";

alter table "customer"
  add constraint "UQ_unique_email_for_guests_and_customer_accounts" unique ("email", "has_account");
