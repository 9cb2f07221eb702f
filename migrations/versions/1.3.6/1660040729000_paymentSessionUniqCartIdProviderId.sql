-- A cart has at most one payment session per provider.
-- locks: payment_session: share

create unique index "UniqPaymentSessionCartIdProviderId" on "payment_session" ("cart_id", "provider_id");
