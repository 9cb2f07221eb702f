-- Taxes come from a provider, per product, product type and shipping option, as tax lines.
-- locks: line_item: access exclusive
-- locks: order: access exclusive
-- locks: product: share row exclusive
-- locks: product_type: share row exclusive
-- locks: region: access exclusive
-- locks: shipping_method: share row exclusive
-- locks: shipping_option: share row exclusive

create table "line_item_tax_line" (
  "id" character varying not null,
  "rate" real not null,
  "name" character varying not null,
  "code" character varying,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "metadata" jsonb,
  "item_id" character varying not null,
  constraint "PK_4a0f4322fcd5ce4af85727f89a8" primary key ("id"),
  constraint "FK_5077fa54b0d037e984385dfe8ad" foreign key ("item_id") references "line_item" ("id")
);
create index "IDX_5077fa54b0d037e984385dfe8a" on "line_item_tax_line" ("item_id");

create table "shipping_method_tax_line" (
  "id" character varying not null,
  "rate" real not null,
  "name" character varying not null,
  "code" character varying,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "metadata" jsonb,
  "shipping_method_id" character varying not null,
  constraint "PK_54c94f5908aacbd51cf0a73edb1" primary key ("id"),
  constraint "FK_926ca9f29014af8091722dede08" foreign key ("shipping_method_id") references "shipping_method" ("id")
);
create index "IDX_926ca9f29014af8091722dede0" on "shipping_method_tax_line" ("shipping_method_id");

create table "tax_provider" (
  "id" character varying not null,
  "is_installed" boolean not null default true,
  constraint "PK_b198bf82ba6a317c11763d99b99" primary key ("id")
);

create table "tax_rate" (
  "id" character varying not null,
  "rate" real,
  "code" character varying,
  "name" character varying not null,
  "region_id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "metadata" jsonb,
  constraint "PK_23b71b53f650c0b39e99ccef4fd" primary key ("id"),
  constraint "FK_b95a1e03b051993d208366cb960" foreign key ("region_id") references "region" ("id")
);

create table "product_tax_rate" (
  "product_id" character varying not null,
  "rate_id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_326257ce468df46cd5c8c5922e9" primary key ("product_id", "rate_id"),
  constraint "FK_1d04aebeabb6a89f87e536a124d" foreign key ("product_id") references "product" ("id"),
  constraint "FK_2484cf14c437a04586b07e7dddb" foreign key ("rate_id") references "tax_rate" ("id")
);
create index "IDX_1d04aebeabb6a89f87e536a124" on "product_tax_rate" ("product_id");
create index "IDX_2484cf14c437a04586b07e7ddd" on "product_tax_rate" ("rate_id");

create table "product_type_tax_rate" (
  "product_type_id" character varying not null,
  "rate_id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_ddc9242de1d99bc7674969289f0" primary key ("product_type_id", "rate_id"),
  constraint "FK_25a3138bb236f63d9bb6c8ff111" foreign key ("product_type_id") references "product_type" ("id"),
  constraint "FK_ece65a774192b34253abc4cd672" foreign key ("rate_id") references "tax_rate" ("id")
);
create index "IDX_25a3138bb236f63d9bb6c8ff11" on "product_type_tax_rate" ("product_type_id");
create index "IDX_ece65a774192b34253abc4cd67" on "product_type_tax_rate" ("rate_id");

create table "shipping_tax_rate" (
  "shipping_option_id" character varying not null,
  "rate_id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_bcd93b14d7e2695365d383f5eae" primary key ("shipping_option_id", "rate_id"),
  constraint "FK_f672727ab020df6c50fb64c1a70" foreign key ("shipping_option_id") references "shipping_option" ("id"),
  constraint "FK_346e0016cf045b9980747747645" foreign key ("rate_id") references "tax_rate" ("id")
);
create index "IDX_f672727ab020df6c50fb64c1a7" on "shipping_tax_rate" ("shipping_option_id");
create index "IDX_346e0016cf045b998074774764" on "shipping_tax_rate" ("rate_id");

alter table "line_item" add column "is_return" boolean not null default false;

alter table "order" alter column "tax_rate" drop not null;

alter table "region"
  add column "gift_cards_taxable" boolean not null default true,
  add column "automatic_taxes" boolean not null default true,
  add column "tax_provider_id" character varying,
  add constraint "FK_91f88052197680f9790272aaf5b" foreign key ("tax_provider_id") references "tax_provider" ("id");

update "line_item"
   set "is_return" = true
 where "metadata" ->> 'is_return_line' = 'true';
