-- Which variant a price belongs to moves from the price to a table of its own.
-- locks: money_amount: access exclusive

create table if not exists "product_variant_money_amount" (
  "id" character varying not null,
  "money_amount_id" text not null,
  "variant_id" text not null,
  "deleted_at" timestamp with time zone,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  constraint "PK_product_variant_money_amount" primary key ("id")
);

insert into "product_variant_money_amount" ("id", "money_amount_id", "variant_id")
select 'pvma_' || "id", "id", "variant_id" from "money_amount";

create unique index if not exists "idx_product_variant_money_amount_money_amount_id_unique" on "product_variant_money_amount" ("money_amount_id");
create index if not exists "idx_product_variant_money_amount_variant_id" on "product_variant_money_amount" ("variant_id");

alter table "money_amount" drop column "variant_id";
