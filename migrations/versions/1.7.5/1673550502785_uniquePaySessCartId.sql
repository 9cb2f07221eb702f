-- Payment sessions without a cart no longer count for the one-per-provider rule.
-- locks: payment_session: access exclusive

drop index if exists "UniqPaymentSessionCartIdProviderId";

create unique index "UniqPaymentSessionCartIdProviderId" on "payment_session" ("cart_id", "provider_id") where "cart_id" is not null;
