-- Lookups along the relations between tables no longer read whole tables.
-- locks: address: share
-- locks: cart: share
-- locks: claim_image: share
-- locks: claim_order: share
-- locks: country: share
-- locks: customer: share
-- locks: discount: share
-- locks: fulfillment: share
-- locks: gift_card: share
-- locks: gift_card_transaction: share
-- locks: money_amount: share
-- locks: order: share
-- locks: payment: share
-- locks: payment_session: share
-- locks: product: share
-- locks: product_option_value: share
-- locks: product_variant: share
-- locks: refund: share
-- locks: return: share
-- locks: shipping_option: share
-- locks: shipping_option_requirement: share
-- locks: swap: share

create index "IDX_9c9614b2f9d01665800ea8dbff" on "address" ("customer_id");
create index "IDX_242205c81c1152fab1b6e84847" on "cart" ("customer_id");
create index "IDX_484c329f4783be4e18e5e2ff09" on "cart" ("region_id");
create index "IDX_6b9c66b5e36f7c827dfaa092f9" on "cart" ("billing_address_id");
create index "IDX_9d1a161434c610aae7c3df2dc7" on "cart" ("payment_id");
create index "IDX_ced15a9a695d2b5db9dabce763" on "cart" ("shipping_address_id");
create index "IDX_21cbfedd83d736d86f4c6f4ce5" on "claim_image" ("claim_item_id");
create index "IDX_017d58bf8260c6e1a2588d258e" on "claim_order" ("shipping_address_id");
create index "IDX_f49e3974465d3c3a33d449d3f3" on "claim_order" ("order_id");
create index "IDX_b1aac8314662fa6b25569a575b" on "country" ("region_id");
create index "IDX_8abe81b9aac151ae60bf507ad1" on "customer" ("billing_address_id");
create index "IDX_ac2c280de3701b2d66f6817f76" on "discount" ("rule_id");
create index "IDX_a52e234f729db789cf473297a5" on "fulfillment" ("swap_id");
create index "IDX_beb35a6de60a6c4f91d5ae57e4" on "fulfillment" ("provider_id");
create index "IDX_d73e55964e0ff2db8f03807d52" on "fulfillment" ("claim_order_id");
create index "IDX_f129acc85e346a10eed12b86fc" on "fulfillment" ("order_id");
create index "IDX_b6bcf8c3903097b84e85154eed" on "gift_card" ("region_id");
create index "IDX_dfc1f02bb0552e79076aa58dbb" on "gift_card" ("order_id");
create index "IDX_d7d441b81012f87d4265fa57d2" on "gift_card_transaction" ("order_id");
create index "IDX_17a06d728e4cfbc5bd2ddb70af" on "money_amount" ("variant_id");
create index "IDX_b433e27b7a83e6d12ab26b15b0" on "money_amount" ("region_id");
create index "IDX_19b0c6293443d1b464f604c331" on "order" ("shipping_address_id");
create index "IDX_5568d3b9ce9f7abeeb37511ecf" on "order" ("billing_address_id");
create index "IDX_579e01fb94f4f58db480857e05" on "order" ("display_id");
create index "IDX_c99a206eb11ad45f6b7f04f2dc" on "order" ("cart_id");
create index "IDX_cd7812c96209c5bdd48a6b858b" on "order" ("customer_id");
create index "IDX_e1fcce2b18dbcdbe0a5ba9a68b" on "order" ("region_id");
create index "IDX_4665f17abc1e81dd58330e5854" on "payment" ("cart_id");
create index "IDX_c17aff091441b7c25ec3d68d36" on "payment" ("swap_id");
create index "IDX_ea94f42b6c88e9191c3649d752" on "payment" ("provider_id");
create index "IDX_f5221735ace059250daac9d980" on "payment" ("order_id");
create index "IDX_d18ad72f2fb7c87f075825b6f8" on "payment_session" ("provider_id");
create index "IDX_d25ba0787e1510ddc5d442ebcf" on "payment_session" ("cart_id");
create index "IDX_80823b7ae866dc5acae2dac6d2" on "product" ("profile_id");
create index "IDX_7234ed737ff4eb1b6ae6e6d7b0" on "product_option_value" ("variant_id");
create index "IDX_ca67dd080aac5ecf99609960cd" on "product_variant" ("product_id");
create index "IDX_eec9d9af4ca098e19ea6b499ea" on "refund" ("order_id");
create index "IDX_71773d56eb2bacb922bc328339" on "return" ("claim_order_id");
create index "IDX_bad82d7bff2b08b87094bfac3d" on "return" ("swap_id");
create index "IDX_d4bd17f918fc6c332b74a368c3" on "return" ("order_id");
create index "IDX_5c58105f1752fca0f4ce69f466" on "shipping_option" ("region_id");
create index "IDX_a0e206bfaed3cb63c186091734" on "shipping_option" ("provider_id");
create index "IDX_c951439af4c98bf2bd7fb8726c" on "shipping_option" ("profile_id");
create index "IDX_012a62ba743e427b5ebe9dee18" on "shipping_option_requirement" ("shipping_option_id");
create index "IDX_52dd74e8c989aa5665ad2852b8" on "swap" ("order_id");
