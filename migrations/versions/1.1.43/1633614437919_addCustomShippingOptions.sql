-- A single cart can be offered its own shipping price, which claims need for replacements.
-- locks: cart: share row exclusive
-- locks: shipping_option: share row exclusive

alter type "cart_type_enum" add value if not exists 'claim';

create table "custom_shipping_option" (
  "id" character varying not null,
  "price" integer not null,
  "shipping_option_id" character varying not null,
  "cart_id" character varying,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_8dfcb5c1172c29eec4a728420cc" primary key ("id"),
  constraint "UQ_0f838b122a9a01d921aa1cdb669" unique ("shipping_option_id", "cart_id"),
  constraint "FK_44090cb11b06174cbcc667e91ca" foreign key ("shipping_option_id") references "shipping_option" ("id"),
  constraint "FK_93caeb1bb70d37c1d36d6701a7a" foreign key ("cart_id") references "cart" ("id")
);
create index "IDX_44090cb11b06174cbcc667e91c" on "custom_shipping_option" ("shipping_option_id");
create index "IDX_93caeb1bb70d37c1d36d6701a7" on "custom_shipping_option" ("cart_id");
