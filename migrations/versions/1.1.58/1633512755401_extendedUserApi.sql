-- Users have a role and can invite others; the address of a deleted user can be used again.
-- locks: store: access exclusive
-- locks: user: access exclusive

create type "user_role_enum" as enum ('admin', 'member', 'developer');
create type "invite_role_enum" as enum ('admin', 'member', 'developer');

create table "invite" (
  "id" character varying not null,
  "user_email" character varying not null,
  "role" "invite_role_enum" default 'member',
  "accepted" boolean not null default false,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  "token" character varying not null,
  "expires_at" timestamp with time zone not null default now(),
  constraint "PK_fc9fa190e5a3c5d80604a4f63e1" primary key ("id")
);
create unique index "IDX_6b0ce4b4bcfd24491510bf19d1" on "invite" ("user_email");

drop index "IDX_e12875dfb3b1d92d7d7c5377e2";

alter table "store" add column "invite_link_template" character varying;

alter table "user" add column "role" "user_role_enum" default 'member';

create unique index "IDX_ba8de19442d86957a3aa3b5006" on "user" ("email") where "deleted_at" is null;
