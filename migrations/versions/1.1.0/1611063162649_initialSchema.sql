-- The shop itself: products, carts, orders, payments, shipping, returns, swaps and discounts.

create type "cart_type_enum" as enum ('default', 'swap', 'payment_link');

create type "order_status_enum" as enum (
  'pending', 'completed', 'archived', 'canceled', 'requires_action'
);

create type "refund_reason_enum" as enum ('discount', 'return', 'swap', 'other');
create type "return_status_enum" as enum ('requested', 'received', 'requires_action');
create type "discount_rule_type_enum" as enum ('fixed', 'percentage', 'free_shipping');

create type "swap_payment_status_enum" as enum (
  'not_paid', 'awaiting', 'captured', 'canceled', 'difference_refunded', 'partially_refunded',
  'refunded', 'requires_action'
);

create type "order_payment_status_enum" as enum (
  'not_paid', 'awaiting', 'captured', 'partially_refunded', 'refunded', 'canceled',
  'requires_action'
);

create type "shipping_profile_type_enum" as enum ('default', 'gift_card', 'custom');

create type "payment_session_status_enum" as enum (
  'authorized', 'pending', 'requires_more', 'error', 'canceled'
);

create type "swap_fulfillment_status_enum" as enum (
  'not_fulfilled', 'fulfilled', 'shipped', 'canceled', 'requires_action'
);

create type "discount_rule_allocation_enum" as enum ('total', 'item');

create type "order_fulfillment_status_enum" as enum (
  'not_fulfilled', 'partially_fulfilled', 'fulfilled', 'partially_shipped', 'shipped',
  'partially_returned', 'returned', 'canceled', 'requires_action'
);

create type "shipping_option_price_type_enum" as enum ('flat_rate', 'calculated');
create type "shipping_option_requirement_type_enum" as enum ('min_subtotal', 'max_subtotal');

create table "currency" (
  "code" character varying not null,
  "symbol" character varying not null,
  "symbol_native" character varying not null,
  "name" character varying not null,
  constraint "PK_723472e41cae44beb0763f4039c" primary key ("code")
);

create table "discount_rule" (
  "id" character varying not null,
  "description" character varying not null,
  "type" "discount_rule_type_enum" not null,
  "value" integer not null,
  "allocation" "discount_rule_allocation_enum",
  "usage_limit" integer,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_ac2c280de3701b2d66f6817f760" primary key ("id")
);

create table "discount" (
  "id" character varying not null,
  "code" character varying not null,
  "is_dynamic" boolean not null,
  "rule_id" character varying,
  "is_disabled" boolean not null,
  "parent_discount_id" character varying,
  "starts_at" timestamp with time zone not null default current_timestamp,
  "ends_at" timestamp with time zone,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_d05d8712e429673e459e7f1cddb" primary key ("id"),
  constraint "FK_ac2c280de3701b2d66f6817f760" foreign key ("rule_id") references "discount_rule" ("id"),
  constraint "FK_2250c5d9e975987ab212f61a663" foreign key ("parent_discount_id") references "discount" ("id")
);
create unique index "IDX_087926f6fec32903be3c8eedfa" on "discount" ("code");

create table "fulfillment_provider" (
  "id" character varying not null,
  "is_installed" boolean not null default true,
  constraint "PK_beb35a6de60a6c4f91d5ae57e44" primary key ("id")
);

create table "idempotency_key" (
  "id" character varying not null,
  "idempotency_key" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "locked_at" timestamp with time zone,
  "request_method" character varying,
  "request_params" jsonb,
  "request_path" character varying,
  "response_code" integer,
  "response_body" jsonb,
  "recovery_point" character varying not null default 'started',
  constraint "PK_213f125e14469be304f9ff1d452" primary key ("id")
);
create unique index "IDX_a421bf4588d0004a9b0c0fe84f" on "idempotency_key" ("idempotency_key");

create table "image" (
  "id" character varying not null,
  "url" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_d6db1ab4ee9ad9dbe86c64e4cc3" primary key ("id")
);

create table "oauth" (
  "id" character varying not null,
  "display_name" character varying not null,
  "application_name" character varying not null,
  "install_url" character varying,
  "uninstall_url" character varying,
  "data" jsonb,
  constraint "PK_a957b894e50eb16b969c0640a8d" primary key ("id")
);
create unique index "IDX_c49c061b1a686843c5d673506f" on "oauth" ("application_name");

create table "payment_provider" (
  "id" character varying not null,
  "is_installed" boolean not null default true,
  constraint "PK_ea94f42b6c88e9191c3649d7522" primary key ("id")
);

create table "region" (
  "id" character varying not null,
  "name" character varying not null,
  "currency_code" character varying not null,
  "tax_rate" numeric not null,
  "tax_code" character varying,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_5f48ffc3af96bc486f5f3f3a6da" primary key ("id"),
  constraint "FK_3bdd5896ec93be2f1c62a3309a5" foreign key ("currency_code") references "currency" ("code")
);

create table "country" (
  "id" serial not null,
  "iso_2" character varying not null,
  "iso_3" character varying not null,
  "num_code" integer not null,
  "name" character varying not null,
  "display_name" character varying not null,
  "region_id" character varying,
  constraint "PK_bf6e37c231c4f4ea56dcd887269" primary key ("id"),
  constraint "FK_b1aac8314662fa6b25569a575bb" foreign key ("region_id") references "region" ("id")
);
create unique index "IDX_e78901b1131eaf8203d9b1cb5f" on "country" ("iso_2");

create table "discount_regions" (
  "discount_id" character varying not null,
  "region_id" character varying not null,
  constraint "PK_15974566a8b6e04a7c754e85b75" primary key ("discount_id", "region_id"),
  constraint "FK_f4194aa81073f3fab8aa86906ff" foreign key ("discount_id") references "discount" ("id") on delete cascade,
  constraint "FK_a21a7ffbe420d492eb46c305fec" foreign key ("region_id") references "region" ("id") on delete cascade
);
create index "IDX_f4194aa81073f3fab8aa86906f" on "discount_regions" ("discount_id");
create index "IDX_a21a7ffbe420d492eb46c305fe" on "discount_regions" ("region_id");

create table "region_fulfillment_providers" (
  "region_id" character varying not null,
  "provider_id" character varying not null,
  constraint "PK_5b7d928a1fb50d6803868cfab3a" primary key ("region_id", "provider_id"),
  constraint "FK_c556e14eff4d6f03db593df955e" foreign key ("region_id") references "region" ("id") on delete cascade,
  constraint "FK_37f361c38a18d12a3fa3158d0cf" foreign key ("provider_id") references "fulfillment_provider" ("id") on delete cascade
);
create index "IDX_c556e14eff4d6f03db593df955" on "region_fulfillment_providers" ("region_id");
create index "IDX_37f361c38a18d12a3fa3158d0c" on "region_fulfillment_providers" ("provider_id");

create table "region_payment_providers" (
  "region_id" character varying not null,
  "provider_id" character varying not null,
  constraint "PK_9fa1e69914d3dd752de6b1da407" primary key ("region_id", "provider_id"),
  constraint "FK_8aaa78ba90d3802edac317df869" foreign key ("region_id") references "region" ("id") on delete cascade,
  constraint "FK_3a6947180aeec283cd92c59ebb0" foreign key ("provider_id") references "payment_provider" ("id") on delete cascade
);
create index "IDX_8aaa78ba90d3802edac317df86" on "region_payment_providers" ("region_id");
create index "IDX_3a6947180aeec283cd92c59ebb" on "region_payment_providers" ("provider_id");

create table "shipping_profile" (
  "id" character varying not null,
  "name" character varying not null,
  "type" "shipping_profile_type_enum" not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_c8120e4543a5a3a121f2968a1ec" primary key ("id")
);

create table "product" (
  "id" character varying not null,
  "title" character varying not null,
  "subtitle" character varying,
  "description" character varying,
  "tags" character varying,
  "handle" character varying,
  "is_giftcard" boolean not null default false,
  "thumbnail" character varying,
  "profile_id" character varying not null,
  "weight" integer,
  "length" integer,
  "height" integer,
  "width" integer,
  "hs_code" character varying,
  "origin_country" character varying,
  "mid_code" character varying,
  "material" character varying,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_bebc9158e480b949565b4dc7a82" primary key ("id"),
  constraint "FK_80823b7ae866dc5acae2dac6d2c" foreign key ("profile_id") references "shipping_profile" ("id")
);
create unique index "IDX_db7355f7bd36c547c8a4f539e5" on "product" ("handle");

create table "discount_rule_products" (
  "discount_rule_id" character varying not null,
  "product_id" character varying not null,
  constraint "PK_351c8c92f5d27283c445cd022ee" primary key ("discount_rule_id", "product_id"),
  constraint "FK_4e0739e5f0244c08d41174ca08a" foreign key ("discount_rule_id") references "discount_rule" ("id") on delete cascade,
  constraint "FK_be66106a673b88a81c603abe7eb" foreign key ("product_id") references "product" ("id") on delete cascade
);
create index "IDX_4e0739e5f0244c08d41174ca08" on "discount_rule_products" ("discount_rule_id");
create index "IDX_be66106a673b88a81c603abe7e" on "discount_rule_products" ("product_id");

create table "product_images" (
  "product_id" character varying not null,
  "image_id" character varying not null,
  constraint "PK_10de97980da2e939c4c0e8423f2" primary key ("product_id", "image_id"),
  constraint "FK_4f166bb8c2bfcef2498d97b4068" foreign key ("product_id") references "product" ("id") on delete cascade,
  constraint "FK_2212515ba306c79f42c46a99db7" foreign key ("image_id") references "image" ("id") on delete cascade
);
create index "IDX_4f166bb8c2bfcef2498d97b406" on "product_images" ("product_id");
create index "IDX_2212515ba306c79f42c46a99db" on "product_images" ("image_id");

create table "product_option" (
  "id" character varying not null,
  "title" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  "product_id" character varying,
  constraint "PK_4cf3c467e9bc764bdd32c4cd938" primary key ("id"),
  constraint "FK_e634fca34f6b594b87fdbee95f6" foreign key ("product_id") references "product" ("id")
);

create table "product_variant" (
  "id" character varying not null,
  "title" character varying not null,
  "product_id" character varying not null,
  "sku" character varying,
  "barcode" character varying,
  "ean" character varying,
  "upc" character varying,
  "inventory_quantity" integer not null,
  "allow_backorder" boolean not null default false,
  "manage_inventory" boolean not null default true,
  "hs_code" character varying,
  "origin_country" character varying,
  "mid_code" character varying,
  "material" character varying,
  "weight" integer,
  "length" integer,
  "height" integer,
  "width" integer,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_1ab69c9935c61f7c70791ae0a9f" primary key ("id"),
  constraint "FK_ca67dd080aac5ecf99609960cd2" foreign key ("product_id") references "product" ("id")
);
create unique index "IDX_f4dc2c0888b66d547c175f090e" on "product_variant" ("sku");
create unique index "IDX_9db95c4b71f632fc93ecbc3d8b" on "product_variant" ("barcode");
create unique index "IDX_7124082c8846a06a857cca386c" on "product_variant" ("ean");
create unique index "IDX_a0a3f124dc5b167622217fee02" on "product_variant" ("upc");

create table "money_amount" (
  "id" character varying not null,
  "currency_code" character varying not null,
  "amount" integer not null,
  "sale_amount" integer,
  "variant_id" character varying,
  "region_id" character varying,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  constraint "PK_022e49a7e21a8dfb820f788778a" primary key ("id"),
  constraint "FK_e15811f81339e4bd8c440aebe1c" foreign key ("currency_code") references "currency" ("code"),
  constraint "FK_17a06d728e4cfbc5bd2ddb70af0" foreign key ("variant_id") references "product_variant" ("id"),
  constraint "FK_b433e27b7a83e6d12ab26b15b03" foreign key ("region_id") references "region" ("id")
);

create table "product_option_value" (
  "id" character varying not null,
  "value" character varying not null,
  "option_id" character varying not null,
  "variant_id" character varying not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_2ab71ed3b21be5800905c621535" primary key ("id"),
  constraint "FK_cdf4388f294b30a25c627d69fe9" foreign key ("option_id") references "product_option" ("id"),
  constraint "FK_7234ed737ff4eb1b6ae6e6d7b01" foreign key ("variant_id") references "product_variant" ("id")
);
create index "IDX_cdf4388f294b30a25c627d69fe" on "product_option_value" ("option_id");

create table "shipping_option" (
  "id" character varying not null,
  "name" character varying not null,
  "region_id" character varying not null,
  "profile_id" character varying not null,
  "provider_id" character varying not null,
  "price_type" "shipping_option_price_type_enum" not null,
  "amount" integer,
  "is_return" boolean not null default false,
  "data" jsonb not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_2e56fddaa65f3a26d402e5d786e" primary key ("id"),
  constraint "CHK_7a367f5901ae0a5b0df75aee38" check ("amount" >= 0),
  constraint "FK_5c58105f1752fca0f4ce69f4663" foreign key ("region_id") references "region" ("id"),
  constraint "FK_c951439af4c98bf2bd7fb8726cd" foreign key ("profile_id") references "shipping_profile" ("id"),
  constraint "FK_a0e206bfaed3cb63c1860917347" foreign key ("provider_id") references "fulfillment_provider" ("id")
);

create table "shipping_option_requirement" (
  "id" character varying not null,
  "shipping_option_id" character varying not null,
  "type" "shipping_option_requirement_type_enum" not null,
  "amount" integer not null,
  constraint "PK_a0ff15442606d9f783602cb23a7" primary key ("id"),
  constraint "FK_012a62ba743e427b5ebe9dee18e" foreign key ("shipping_option_id") references "shipping_option" ("id")
);

create table "staged_job" (
  "id" character varying not null,
  "event_name" character varying not null,
  "data" jsonb not null,
  constraint "PK_9a28fb48c46c5509faf43ac8c8d" primary key ("id")
);

create table "store" (
  "id" character varying not null,
  "name" character varying not null default 'Medusa Store',
  "default_currency_code" character varying not null default 'usd',
  "swap_link_template" character varying,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "metadata" jsonb,
  constraint "PK_f3172007d4de5ae8e7692759d79" primary key ("id"),
  constraint "FK_55beebaa09e947cccca554af222" foreign key ("default_currency_code") references "currency" ("code")
);

create table "store_currencies" (
  "store_id" character varying not null,
  "currency_code" character varying not null,
  constraint "PK_0f2bff3bccc785c320a4df836de" primary key ("store_id", "currency_code"),
  constraint "FK_b4f4b63d1736689b7008980394c" foreign key ("store_id") references "store" ("id") on delete cascade,
  constraint "FK_82a6bbb0b527c20a0002ddcbd60" foreign key ("currency_code") references "currency" ("code") on delete cascade
);
create index "IDX_b4f4b63d1736689b7008980394" on "store_currencies" ("store_id");
create index "IDX_82a6bbb0b527c20a0002ddcbd6" on "store_currencies" ("currency_code");

create table "user" (
  "id" character varying not null,
  "email" character varying not null,
  "first_name" character varying,
  "last_name" character varying,
  "password_hash" character varying not null,
  "api_token" character varying,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_cace4a159ff9f2512dd42373760" primary key ("id")
);
create unique index "IDX_e12875dfb3b1d92d7d7c5377e2" on "user" ("email");

create table "address" (
  "id" character varying not null,
  "customer_id" character varying,
  "company" character varying,
  "first_name" character varying,
  "last_name" character varying,
  "address_1" character varying,
  "address_2" character varying,
  "city" character varying,
  "country_code" character varying,
  "province" character varying,
  "postal_code" character varying,
  "phone" character varying,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_d92de1f82754668b5f5f5dd4fd5" primary key ("id"),
  constraint "FK_6df8c6bf969a51d24c1980c4ff4" foreign key ("country_code") references "country" ("iso_2")
);

create table "customer" (
  "id" character varying not null,
  "email" character varying not null,
  "first_name" character varying,
  "last_name" character varying,
  "billing_address_id" character varying,
  "password_hash" character varying,
  "phone" character varying,
  "has_account" boolean not null default false,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_a7a13f4cacb744524e44dfdad32" primary key ("id"),
  constraint "REL_8abe81b9aac151ae60bf507ad1" unique ("billing_address_id"),
  constraint "FK_8abe81b9aac151ae60bf507ad15" foreign key ("billing_address_id") references "address" ("id")
);
create unique index "IDX_fdb2f3ad8115da4c7718109a6e" on "customer" ("email");

create table "cart" (
  "id" character varying not null,
  "email" character varying,
  "billing_address_id" character varying,
  "shipping_address_id" character varying,
  "region_id" character varying not null,
  "customer_id" character varying,
  "payment_id" character varying,
  "type" "cart_type_enum" not null default 'default',
  "completed_at" timestamp with time zone,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  "idempotency_key" character varying,
  constraint "PK_c524ec48751b9b5bcfbf6e59be7" primary key ("id"),
  constraint "REL_9d1a161434c610aae7c3df2dc7" unique ("payment_id"),
  constraint "FK_6b9c66b5e36f7c827dfaa092f94" foreign key ("billing_address_id") references "address" ("id"),
  constraint "FK_ced15a9a695d2b5db9dabce763d" foreign key ("shipping_address_id") references "address" ("id"),
  constraint "FK_484c329f4783be4e18e5e2ff090" foreign key ("region_id") references "region" ("id"),
  constraint "FK_242205c81c1152fab1b6e848470" foreign key ("customer_id") references "customer" ("id")
);

create table "cart_discounts" (
  "cart_id" character varying not null,
  "discount_id" character varying not null,
  constraint "PK_10bd412c9071ccc0cf555afd9bb" primary key ("cart_id", "discount_id"),
  constraint "FK_6680319ebe1f46d18f106191d59" foreign key ("cart_id") references "cart" ("id") on delete cascade,
  constraint "FK_8df75ef4f35f217768dc1135458" foreign key ("discount_id") references "discount" ("id") on delete cascade
);
create index "IDX_6680319ebe1f46d18f106191d5" on "cart_discounts" ("cart_id");
create index "IDX_8df75ef4f35f217768dc113545" on "cart_discounts" ("discount_id");

create table "order" (
  "id" character varying not null,
  "status" "order_status_enum" not null default 'pending',
  "fulfillment_status" "order_fulfillment_status_enum" not null default 'not_fulfilled',
  "payment_status" "order_payment_status_enum" not null default 'not_paid',
  "display_id" serial not null,
  "cart_id" character varying,
  "customer_id" character varying not null,
  "email" character varying not null,
  "billing_address_id" character varying,
  "shipping_address_id" character varying,
  "region_id" character varying not null,
  "currency_code" character varying not null,
  "tax_rate" integer not null,
  "canceled_at" timestamp with time zone,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "metadata" jsonb,
  "idempotency_key" character varying,
  constraint "PK_1031171c13130102495201e3e20" primary key ("id"),
  constraint "REL_c99a206eb11ad45f6b7f04f2dc" unique ("cart_id"),
  constraint "FK_c99a206eb11ad45f6b7f04f2dcc" foreign key ("cart_id") references "cart" ("id"),
  constraint "FK_cd7812c96209c5bdd48a6b858b0" foreign key ("customer_id") references "customer" ("id"),
  constraint "FK_5568d3b9ce9f7abeeb37511ecf2" foreign key ("billing_address_id") references "address" ("id"),
  constraint "FK_19b0c6293443d1b464f604c3316" foreign key ("shipping_address_id") references "address" ("id"),
  constraint "FK_e1fcce2b18dbcdbe0a5ba9a68b8" foreign key ("region_id") references "region" ("id"),
  constraint "FK_717a141f96b76d794d409f38129" foreign key ("currency_code") references "currency" ("code")
);

create table "gift_card" (
  "id" character varying not null,
  "code" character varying not null,
  "value" integer not null,
  "balance" integer not null,
  "region_id" character varying not null,
  "order_id" character varying,
  "is_disabled" boolean not null default false,
  "ends_at" timestamp with time zone,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  constraint "PK_af4e338d2d41035042843ad641f" primary key ("id"),
  constraint "REL_dfc1f02bb0552e79076aa58dbb" unique ("order_id"),
  constraint "FK_b6bcf8c3903097b84e85154eed3" foreign key ("region_id") references "region" ("id"),
  constraint "FK_dfc1f02bb0552e79076aa58dbb0" foreign key ("order_id") references "order" ("id")
);
create unique index "IDX_53cb5605fa42e82b4d47b47bda" on "gift_card" ("code");

create table "cart_gift_cards" (
  "cart_id" character varying not null,
  "gift_card_id" character varying not null,
  constraint "PK_2389be82bf0ef3635e2014c9ef1" primary key ("cart_id", "gift_card_id"),
  constraint "FK_d38047a90f3d42f0be7909e8aea" foreign key ("cart_id") references "cart" ("id") on delete cascade,
  constraint "FK_0fb38b6d167793192bc126d835e" foreign key ("gift_card_id") references "gift_card" ("id") on delete cascade
);
create index "IDX_d38047a90f3d42f0be7909e8ae" on "cart_gift_cards" ("cart_id");
create index "IDX_0fb38b6d167793192bc126d835" on "cart_gift_cards" ("gift_card_id");

create table "gift_card_transaction" (
  "id" character varying not null,
  "gift_card_id" character varying not null,
  "order_id" character varying not null,
  "amount" integer not null,
  "created_at" timestamp with time zone not null default now(),
  constraint "PK_cfb5b4ba5447a507aef87d73fe7" primary key ("id"),
  constraint "gcuniq" unique ("gift_card_id", "order_id"),
  constraint "FK_3ff5597f1d7e02bba41541846f4" foreign key ("gift_card_id") references "gift_card" ("id"),
  constraint "FK_d7d441b81012f87d4265fa57d24" foreign key ("order_id") references "order" ("id")
);

create table "order_discounts" (
  "order_id" character varying not null,
  "discount_id" character varying not null,
  constraint "PK_a7418714ffceebc125bf6d8fcfe" primary key ("order_id", "discount_id"),
  constraint "FK_e7b488cebe333f449398769b2cc" foreign key ("order_id") references "order" ("id") on delete cascade,
  constraint "FK_0fc1ec4e3db9001ad60c19daf16" foreign key ("discount_id") references "discount" ("id") on delete cascade
);
create index "IDX_e7b488cebe333f449398769b2c" on "order_discounts" ("order_id");
create index "IDX_0fc1ec4e3db9001ad60c19daf1" on "order_discounts" ("discount_id");

create table "order_gift_cards" (
  "order_id" character varying not null,
  "gift_card_id" character varying not null,
  constraint "PK_49a8ec66a6625d7c2e3526e05b4" primary key ("order_id", "gift_card_id"),
  constraint "FK_e62ff11e4730bb3adfead979ee2" foreign key ("order_id") references "order" ("id") on delete cascade,
  constraint "FK_f2bb9f71e95b315eb24b2b84cb3" foreign key ("gift_card_id") references "gift_card" ("id") on delete cascade
);
create index "IDX_e62ff11e4730bb3adfead979ee" on "order_gift_cards" ("order_id");
create index "IDX_f2bb9f71e95b315eb24b2b84cb" on "order_gift_cards" ("gift_card_id");

create table "payment_session" (
  "id" character varying not null,
  "cart_id" character varying not null,
  "provider_id" character varying not null,
  "is_selected" boolean,
  "status" "payment_session_status_enum" not null,
  "data" jsonb not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "idempotency_key" character varying,
  constraint "PK_a1a91b20f7f3b1e5afb5485cbcd" primary key ("id"),
  constraint "OneSelected" unique ("cart_id", "is_selected"),
  constraint "FK_d25ba0787e1510ddc5d442ebcfa" foreign key ("cart_id") references "cart" ("id")
);

create table "refund" (
  "id" character varying not null,
  "order_id" character varying not null,
  "amount" integer not null,
  "note" character varying,
  "reason" "refund_reason_enum" not null,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "metadata" jsonb,
  "idempotency_key" character varying,
  constraint "PK_f1cefa2e60d99b206c46c1116e5" primary key ("id"),
  constraint "FK_eec9d9af4ca098e19ea6b499eaa" foreign key ("order_id") references "order" ("id")
);

create table "swap" (
  "id" character varying not null,
  "fulfillment_status" "swap_fulfillment_status_enum" not null,
  "payment_status" "swap_payment_status_enum" not null,
  "order_id" character varying not null,
  "difference_due" integer,
  "shipping_address_id" character varying,
  "cart_id" character varying,
  "confirmed_at" timestamp with time zone,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "deleted_at" timestamp with time zone,
  "metadata" jsonb,
  "idempotency_key" character varying,
  constraint "PK_4a10d0f359339acef77e7f986d9" primary key ("id"),
  constraint "REL_402e8182bc553e082f6380020b" unique ("cart_id"),
  constraint "FK_52dd74e8c989aa5665ad2852b8b" foreign key ("order_id") references "order" ("id"),
  constraint "FK_f5189d38b3d3bd496618bf54c57" foreign key ("shipping_address_id") references "address" ("id"),
  constraint "FK_402e8182bc553e082f6380020b4" foreign key ("cart_id") references "cart" ("id")
);

create table "fulfillment" (
  "id" character varying not null,
  "swap_id" character varying,
  "order_id" character varying,
  "tracking_numbers" jsonb not null default '[]',
  "data" jsonb not null,
  "shipped_at" timestamp with time zone,
  "canceled_at" timestamp with time zone,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "metadata" jsonb,
  "idempotency_key" character varying,
  "provider_id" character varying,
  constraint "PK_50c102da132afffae660585981f" primary key ("id"),
  constraint "FK_a52e234f729db789cf473297a5c" foreign key ("swap_id") references "swap" ("id"),
  constraint "FK_f129acc85e346a10eed12b86fca" foreign key ("order_id") references "order" ("id"),
  constraint "FK_beb35a6de60a6c4f91d5ae57e44" foreign key ("provider_id") references "fulfillment_provider" ("id")
);

create table "line_item" (
  "id" character varying not null,
  "cart_id" character varying,
  "order_id" character varying,
  "swap_id" character varying,
  "title" character varying not null,
  "description" character varying,
  "thumbnail" character varying,
  "is_giftcard" boolean not null default false,
  "should_merge" boolean not null default true,
  "allow_discounts" boolean not null default true,
  "has_shipping" boolean,
  "unit_price" integer not null,
  "variant_id" character varying,
  "quantity" integer not null,
  "fulfilled_quantity" integer,
  "returned_quantity" integer,
  "shipped_quantity" integer,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "metadata" jsonb,
  constraint "PK_cce6b13e67fa506d1d9618ac68b" primary key ("id"),
  constraint "CHK_c61716c68f5ad5de2834c827d3" check ("fulfilled_quantity" <= "quantity"),
  constraint "CHK_64eef00a5064887634f1680866" check ("quantity" > 0),
  constraint "CHK_91f40396d847f6ecfd9f752bf8" check ("returned_quantity" <= "quantity"),
  constraint "CHK_0cd85e15610d11b553d5e8fda6" check ("shipped_quantity" <= "fulfilled_quantity"),
  constraint "FK_27283ee631862266d0f1c680646" foreign key ("cart_id") references "cart" ("id"),
  constraint "FK_43a2b24495fe1d9fc2a9c835bc7" foreign key ("order_id") references "order" ("id"),
  constraint "FK_3fa354d8d1233ff81097b2fcb6b" foreign key ("swap_id") references "swap" ("id"),
  constraint "FK_5371cbaa3be5200f373d24e3d5b" foreign key ("variant_id") references "product_variant" ("id")
);
create index "IDX_5371cbaa3be5200f373d24e3d5" on "line_item" ("variant_id");
create index "IDX_27283ee631862266d0f1c68064" on "line_item" ("cart_id");
create index "IDX_43a2b24495fe1d9fc2a9c835bc" on "line_item" ("order_id");
create index "IDX_3fa354d8d1233ff81097b2fcb6" on "line_item" ("swap_id");

create table "fulfillment_item" (
  "fulfillment_id" character varying not null,
  "item_id" character varying not null,
  "quantity" integer not null,
  constraint "PK_bc3e8a388de75db146a249922e0" primary key ("fulfillment_id", "item_id"),
  constraint "FK_a033f83cc6bd7701a5687ab4b38" foreign key ("fulfillment_id") references "fulfillment" ("id"),
  constraint "FK_e13ff60e74206b747a1896212d1" foreign key ("item_id") references "line_item" ("id")
);

create table "payment" (
  "id" character varying not null,
  "swap_id" character varying,
  "cart_id" character varying,
  "order_id" character varying,
  "amount" integer not null,
  "currency_code" character varying not null,
  "amount_refunded" integer not null default 0,
  "provider_id" character varying not null,
  "data" jsonb not null,
  "captured_at" timestamp with time zone,
  "canceled_at" timestamp with time zone,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "metadata" jsonb,
  "idempotency_key" character varying,
  constraint "PK_fcaec7df5adf9cac408c686b2ab" primary key ("id"),
  constraint "REL_c17aff091441b7c25ec3d68d36" unique ("swap_id"),
  constraint "REL_4665f17abc1e81dd58330e5854" unique ("cart_id"),
  constraint "FK_c17aff091441b7c25ec3d68d36c" foreign key ("swap_id") references "swap" ("id"),
  constraint "FK_4665f17abc1e81dd58330e58542" foreign key ("cart_id") references "cart" ("id"),
  constraint "FK_f5221735ace059250daac9d9803" foreign key ("order_id") references "order" ("id"),
  constraint "FK_f41553459a4b1491c9893ebc921" foreign key ("currency_code") references "currency" ("code")
);

create table "return" (
  "id" character varying not null,
  "status" "return_status_enum" not null default 'requested',
  "swap_id" character varying,
  "order_id" character varying,
  "shipping_data" jsonb,
  "refund_amount" integer not null,
  "received_at" timestamp with time zone,
  "created_at" timestamp with time zone not null default now(),
  "updated_at" timestamp with time zone not null default now(),
  "metadata" jsonb,
  "idempotency_key" character varying,
  constraint "PK_c8ad68d13e76d75d803b5aeebc4" primary key ("id"),
  constraint "REL_bad82d7bff2b08b87094bfac3d" unique ("swap_id"),
  constraint "FK_bad82d7bff2b08b87094bfac3d6" foreign key ("swap_id") references "swap" ("id"),
  constraint "FK_d4bd17f918fc6c332b74a368c36" foreign key ("order_id") references "order" ("id")
);

create table "return_item" (
  "return_id" character varying not null,
  "item_id" character varying not null,
  "quantity" integer not null,
  "is_requested" boolean not null default true,
  "requested_quantity" integer,
  "received_quantity" integer,
  "metadata" jsonb,
  constraint "PK_46409dc1dd5f38509b9000c3069" primary key ("return_id", "item_id"),
  constraint "FK_7edab75b4fc88ea6d4f2574f087" foreign key ("return_id") references "return" ("id"),
  constraint "FK_87774591f44564effd8039d7162" foreign key ("item_id") references "line_item" ("id")
);

create table "shipping_method" (
  "id" character varying not null,
  "shipping_option_id" character varying not null,
  "order_id" character varying,
  "cart_id" character varying,
  "swap_id" character varying,
  "return_id" character varying,
  "price" integer not null,
  "data" jsonb not null,
  constraint "PK_b9b0adfad3c6b99229c1e7d4865" primary key ("id"),
  constraint "REL_1d9ad62038998c3a85c77a53cf" unique ("return_id"),
  constraint "CHK_3c00b878c1426d119cd70aa065" check ("order_id" is not null or "cart_id" is not null or "swap_id" is not null or "return_id" is not null),
  constraint "CHK_64c6812fe7815be30d688df513" check ("price" >= 0),
  constraint "FK_fc963e94854bff2714ca84cd193" foreign key ("shipping_option_id") references "shipping_option" ("id"),
  constraint "FK_5267705a43d547e232535b656c2" foreign key ("order_id") references "order" ("id"),
  constraint "FK_d92993a7d554d84571f4eea1d13" foreign key ("cart_id") references "cart" ("id"),
  constraint "FK_fb94fa8d5ca940daa2a58139f86" foreign key ("swap_id") references "swap" ("id"),
  constraint "FK_1d9ad62038998c3a85c77a53cfb" foreign key ("return_id") references "return" ("id")
);
create index "IDX_fc963e94854bff2714ca84cd19" on "shipping_method" ("shipping_option_id");
create index "IDX_5267705a43d547e232535b656c" on "shipping_method" ("order_id");
create index "IDX_d92993a7d554d84571f4eea1d1" on "shipping_method" ("cart_id");
create index "IDX_fb94fa8d5ca940daa2a58139f8" on "shipping_method" ("swap_id");
create index "IDX_1d9ad62038998c3a85c77a53cf" on "shipping_method" ("return_id");

alter table "address"
  add constraint "FK_9c9614b2f9d01665800ea8dbff7" foreign key ("customer_id") references "customer" ("id");

alter table "cart"
  add constraint "FK_9d1a161434c610aae7c3df2dc7e" foreign key ("payment_id") references "payment" ("id");
