-- A user can exist without a password, for stores that log in elsewhere.
-- locks: user: access exclusive

alter table "user" alter column "password_hash" drop not null;
