-- A payment session says whether its provider has been contacted; those that hold data have been.
-- locks: payment_session: access exclusive

alter table "payment_session" add column "is_initiated" boolean not null default false;

update "payment_session"
   set "is_initiated" = true
 where jsonb_typeof("data") = 'object'
   and "data" <> '{}';
