-- A cart can be paid again after its payment was canceled.
-- locks: payment: access exclusive

alter table "payment" drop constraint "REL_4665f17abc1e81dd58330e5854";

create index "IDX_aac4855eadda71aa1e4b6d7684" on "payment" ("cart_id") where "canceled_at" is not null;
create unique index "UniquePaymentActive" on "payment" ("cart_id") where "canceled_at" is null;
